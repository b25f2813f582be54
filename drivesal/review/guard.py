"""What every request to the review's server passes first: who may ask, how much, and what a browser may do with
the answer.

A page of another site must neither read the frames of a drive nor write notes on it, and so:

- `Host` must be a name of ours with our port: a foreign name that was made to point at this machine (DNS
  rebinding) is turned away.
- `Origin`, where sent, must be the page's own. `Sec-Fetch-Site` may be `cross-site` or `same-site` only on a
  link that a person follows. Browsers leave that header out towards plain HTTP on another machine: there the
  token's cookie (SameSite=Strict) and Cross-Origin-Resource-Policy stand in.
- What changes something must come from the page itself, as JSON.
- Where the server can be reached from other machines, a token is needed.

The page must call `fetch` in its usual mode: with `mode: "same-origin"` under `Referrer-Policy: no-referrer`,
browsers send `Origin: null`, which is turned away. uvicorn answers malformed HTTP, and a request head over its
own 16 KiB, itself. Run it with `server_header=False`, or it adds its name after us.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import secrets
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, quote, unquote_plus

from drivesal.errors import DrivesalError, OptionError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 64 * 1024
"""Bytes of a request's body."""
URL_LIMIT = 8 * 1024
"""Bytes of a path with its query, as they were sent."""
BODY_SECONDS = 30.0
"""How long a body may take to come."""
LINGER_BYTES, LINGER_SECONDS = 1 << 20, 1.0
"""How much is still read after an early refusal, for clients that look at the answer only when all is sent."""

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",  # what the charts' library wants beyond it is in page/js/sheets.js
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "font-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
"""The Content-Security-Policy, by directive."""

HEADERS = {
    "content-security-policy": "; ".join(f"{name} {sources}" for name, sources in POLICY.items()),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
"""On every response, whatever the app set."""
CACHE_CONTROL = "no-store"
"""On every response where the app set no other."""

READING = {"GET", "HEAD", "OPTIONS"}
"""Methods that change nothing."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = {"", "0.0.0.0", "::"}
_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)

_FIXED = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_DROPPED = {name for name, _ in _FIXED} | {b"server"}

Authority = tuple[str, int]
"""A host's name in lower case, an IPv6 address in its shortest form and without brackets; and a port."""


class RefusedError(DrivesalError):
    """A request that is not answered: the status, the reason, and headers of its own."""

    def __init__(
        self, status: int, expected: str, came: str, do: str, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(expected, came, do)
        self.status, self.headers = status, list(headers)


def new_token() -> str:
    """A fresh token of 256 random bits, for URLs as it is."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached from this machine only; False for a name that is not
    known, so that a token is asked for.
    """
    name = host.strip("[]").lower()
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def names_of(host: str, others: Iterable[str] = ()) -> list[str]:
    """The names that requests may come under, for a server bound to `host`: loopback's where it listens there,
    `host` itself, this machine's name where it listens on every address, and `others` (a name, or name:port for
    a tunnel or a container that shows another port).
    """
    everywhere = host in _EVERYWHERE
    names = [*LOOPBACK] if everywhere or is_loopback(host) else []
    own = socket.gethostname() if everywhere else host
    if not everywhere or _authority(own) is not None:  # systems let a machine's name be anything
        names.append(own)
    return [*dict.fromkeys([*names, *others])]


class Guard:
    """ASGI middleware around the whole app. Wrap the app in it: `add_middleware` would leave the answers to the
    app's own failures outside.

    `port` is the one that was bound, `names` those of `names_of`. Beyond them, a `Host` that is the very
    address the connection came in on is let through where `token` is given: it cannot be a foreign name.
    `token` is None where the server is bound to loopback. Raises OptionError for a name that cannot be one.

    The app gets whole bodies only, of at most `BODY_LIMIT` bytes.
    """

    def __init__(
        self, app: ASGIApp, port: int, names: Iterable[str] = LOOPBACK, token: str | None = None
    ) -> None:
        self._app = app
        self._port = port
        self._allowed = {_named(name, port) for name in names}
        self._token = None if token is None else token.encode()
        self._cookie = f"drivesal_review_{port}"  # cookies are shared by all ports of a host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it: passed on to the app, or answered with a reason in JSON."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "there is no WebSocket here"})
            return
        dressed = _dressed(send)
        try:
            host = self._check_address(scope)
            self._check_origin(scope, host)
            cookie = self._sign_in(scope, self._token) if self._token is not None else None
            self._check_change(scope)
            body = await _body(scope, receive)
        except RefusedError as refusal:
            await _refuse(refusal, scope, receive, dressed)
            return
        if body is None:
            return
        if cookie is not None:
            await _redirect(scope, dressed, cookie)
        else:
            await self._app(scope, _replayed(body, receive), dressed)

    def _check_address(self, scope: Scope) -> Authority:
        """The host and port that were asked for, which are ours."""
        if "websocket" in (_header(scope, "upgrade") or "").lower():
            raise RefusedError(400, "plain HTTP", "a WebSocket was asked for", "use the page's own calls")
        target = _target(scope)
        if len(target) > URL_LIMIT:
            came = f"it has {len(target):,}"
            raise RefusedError(414, f"a URL of at most {URL_LIMIT:,} bytes", came, "shorten it")
        if not target.startswith(b"/") or re.search(rb"[^\x21-\x7e]", target):
            raise RefusedError(400, "a path like /", f"{_shown(target)} was asked for", "ask for a path")
        sent = _header(scope, "host")
        host = _authority(sent or "")
        if host is None or not (host in self._allowed or self._is_own(host, scope)):
            came = "none was sent" if not sent else f"it is {_shown(sent)}"
            do = f"open http://{self._ours()}/, or name the host when starting `drivesal review`"
            raise RefusedError(400, f"Host to be {self._ours()} or another name of this server", came, do)
        return host

    def _is_own(self, host: Authority, scope: Scope) -> bool:
        """Whether this is the very address that the connection came in on."""
        if self._token is None or not scope.get("server"):
            return False
        try:
            address = ipaddress.ip_address(scope["server"][0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return host == (str(address), self._port)

    def _ours(self) -> str:
        """An address to open, the plainest first."""
        name, port = min(self._allowed, key=lambda one: (not is_loopback(one[0]), ":" in one[0], one))
        return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"

    def _check_origin(self, scope: Scope, host: Authority) -> None:
        """Raises RefusedError where a page of another origin asks."""
        origin, site = _header(scope, "origin"), _header(scope, "sec-fetch-site")
        if origin is not None:
            scheme, _, rest = origin.partition("://")
            if scheme.lower() != "http" or _authority(rest) != host:
                raise RefusedError(
                    403, "Origin to be this page's", f"it is {_shown(origin)}", "use the page itself"
                )
        if site in (None, "same-origin", "none"):
            return
        followed = _header(scope, "sec-fetch-mode") == "navigate" and scope["method"] in ("GET", "HEAD")
        if not (followed and _header(scope, "sec-fetch-dest") == "document"):
            expected = "a request from this page, or a link that a person follows"
            raise RefusedError(403, expected, f"Sec-Fetch-Site is {_shown(site or '')}", "use the page itself")

    def _sign_in(self, scope: Scope, token: bytes) -> str | None:
        """The cookie to set where the token came in the URL. Raises RefusedError without the right token."""
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        asked = [one.encode() for one in query.get("token", [])] if scope["method"] in ("GET", "HEAD") else []
        given = asked or _cookies(scope, self._cookie)
        if any(secrets.compare_digest(one, token) for one in given):
            return f"{self._cookie}={token.decode()}; HttpOnly; SameSite=Strict; Path=/" if asked else None
        raise RefusedError(
            401,
            "the token of this review",
            "a wrong one came" if given else "none came",
            "paste the whole address that `drivesal review` printed, with ?token=…, into the address bar of a "
            "browser that keeps cookies",
            [(b"www-authenticate", b"Token")],
        )

    def _check_change(self, scope: Scope) -> None:
        """Raises RefusedError where what changes something did not come from the page itself, as JSON."""
        if scope["method"] in READING:
            return
        if _header(scope, "origin") is None and _header(scope, "sec-fetch-site") is None:
            expected = f"Origin or Sec-Fetch-Site with {_shown(scope['method'])}"
            raise RefusedError(
                403, expected, "neither was sent", "use the page, or send the Origin of this server"
            )
        kind = (_header(scope, "content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            came = f"it is {_shown(kind)}" if kind else "none was sent"
            raise RefusedError(415, "content-type application/json", came, "send JSON")


def _named(name: str, port: int) -> Authority:
    """A name from the command line, with the port that was bound where it has none of its own."""
    try:
        plain = f"[{ipaddress.IPv6Address(name.strip('[]').partition('%')[0])}]"  # browsers know no zones
    except ValueError:
        plain = name
    found = _authority(plain, port)
    if found is None:
        raise OptionError("the name of a host, like 192.168.1.5 or box.local", f"it is {name!r}", "mend it")
    return found


def _authority(text: str, port: int = 80) -> Authority | None:
    """What a Host header names, with `port` where it has none, or None where it cannot be read."""
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None:
        return None
    name = found["name"]
    if name.startswith("["):
        try:
            name = str(ipaddress.IPv6Address(name[1:-1]))
        except ValueError:
            return None
    number = port if found["port"] is None else int(found["port"])
    return name.removesuffix("."), number


def _header(scope: Scope, name: str) -> str | None:
    """The header's value, or None. Raises RefusedError where it was sent twice."""
    wanted = name.encode()
    values = [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == wanted]
    if len(values) > 1:
        raise RefusedError(400, f"one {name} header", f"{len(values)} were sent", "send one")
    return values[0] if values else None


def _cookies(scope: Scope, name: str) -> list[bytes]:
    """The values of every cookie of this name (browsers send one a path)."""
    lines = [value for key, value in scope["headers"] if key.lower() == b"cookie"]
    pairs = [pair.strip().partition(b"=") for line in lines for pair in line.split(b";")]
    return [value for key, _, value in pairs if key == name.encode()]


def _target(scope: Scope) -> bytes:
    """Path and query as they were sent."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope["query_string"]
    return path + b"?" + query if query else cast("bytes", path)


def _shown(sent: str | bytes) -> str:
    """What a request sent, for a message: short, and nothing that is not ASCII."""
    text = sent.decode("latin-1") if isinstance(sent, bytes) else sent
    return ascii(text if len(text) <= 60 else text[:60] + "...")


def _dressed(send: Send) -> Send:
    """`send` with our headers on the response."""

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(key, value) for key, value in message.get("headers", []) if key.lower() not in _DROPPED]
            if not any(key.lower() == b"cache-control" for key, _ in kept):
                kept.append((b"cache-control", CACHE_CONTROL.encode()))
            message = {**message, "headers": [*kept, *_FIXED]}
        await send(message)

    return dressed


async def _redirect(scope: Scope, send: Send, cookie: str) -> None:
    """Back to the same URL without the token, which would stay in the browser's history, with the cookie."""
    parts = scope["query_string"].decode("latin-1").split("&")
    rest = "&".join(part for part in parts if unquote_plus(part.partition("=")[0]) != "token").encode("latin-1")
    path = _target({**scope, "query_string": b""})
    # Two slashes would name another host.
    location = b"/" + path.lstrip(b"/\\") + (b"?" + rest if rest else b"")
    scope["query_string"] = rest  # the server's own log reads it when the response starts
    headers = [
        (b"location", location),
        (b"set-cookie", cookie.encode()),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, or None where the client went away. Raises RefusedError for a large one, as soon as it
    is known to be, and for a slow one.
    """
    expected = f"a body of at most {BODY_LIMIT:,} bytes"
    announced = _header(scope, "content-length") or "0"
    if not re.fullmatch("[0-9]+", announced, re.ASCII):
        raise RefusedError(400, "content-length to be a number", f"it is {_shown(announced)}", "mend it")
    if len(announced.lstrip("0")) > 18 or int(announced) > BODY_LIMIT:
        raise RefusedError(413, expected, f"content-length is {_shown(announced)}", "send less")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                if len(body) > BODY_LIMIT:
                    raise RefusedError(413, expected, "more was sent", "send less")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        came = f"{len(body):,} bytes of it came"
        raise RefusedError(408, f"the body within {BODY_SECONDS:g} s", came, "send it again") from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` with the body that was read before, in one piece."""
    waiting = True

    async def replayed() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed


async def _refuse(refusal: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the reason. Where the request has a body, the connection is closed after it, so that the
    rest of the body is neither read nor taken for a next request.
    """
    body = json.dumps({"error": str(refusal)}, ensure_ascii=False).encode()
    sent = {key.lower(): value for key, value in scope["headers"]}
    closing = sent.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in sent
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *refusal.headers,
        *([(b"connection", b"close")] if closing else []),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": closing})
    if closing:
        await _linger(receive)
        await send({"type": "http.response.body", "body": b""})


async def _linger(receive: Receive) -> None:
    """Reads on for a moment, into nothing: a connection that is closed with bytes unread is reset, and the
    reset can destroy the answer on its way.
    """
    count = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while count < LINGER_BYTES:
                message = await receive()
                count += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
