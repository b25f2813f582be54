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

import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from drivesal.errors import OptionError
from drivesal.review.server.request_body import replayed, whole_body
from drivesal.review.server.request_head import (
    Authority,
    RefusedError,
    authority,
    cookies,
    header_of,
    shown,
    target_of,
)
from drivesal.review.server.responses import redirect, refuse, with_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

READING = {"GET", "HEAD", "OPTIONS"}
"""Methods that change nothing."""
URL_LIMIT = 8 * 1024
"""Bytes of a path with its query, as they were sent."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = {"", "0.0.0.0", "::"}


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
    if not everywhere or authority(own) is not None:  # systems let a machine's name be anything
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
        dressed = with_headers(send)
        try:
            host = self._check_address(scope)
            self._check_origin(scope, host)
            cookie = self._sign_in(scope, self._token) if self._token is not None else None
            self._check_change(scope)
            body = await whole_body(scope, receive)
        except RefusedError as refusal:
            await refuse(refusal, scope, receive, dressed)
            return
        if body is None:
            return
        if cookie is not None:
            await redirect(scope, dressed, cookie)
        else:
            await self._app(scope, replayed(body, receive), dressed)

    def _check_address(self, scope: Scope) -> Authority:
        """The host and port that were asked for, which are ours."""
        if "websocket" in (header_of(scope, "upgrade") or "").lower():
            raise RefusedError(400, "plain HTTP", "a WebSocket was asked for", "use the page's own calls")
        target = target_of(scope)
        if len(target) > URL_LIMIT:
            came = f"it has {len(target):,}"
            raise RefusedError(414, f"a URL of at most {URL_LIMIT:,} bytes", came, "shorten it")
        if not target.startswith(b"/") or re.search(rb"[^\x21-\x7e]", target):
            raise RefusedError(400, "a path like /", f"{shown(target)} was asked for", "ask for a path")
        sent = header_of(scope, "host")
        host = authority(sent or "")
        if host is None or not (host in self._allowed or self._is_own(host, scope)):
            came = "none was sent" if not sent else f"it is {shown(sent)}"
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
        origin, site = header_of(scope, "origin"), header_of(scope, "sec-fetch-site")
        if origin is not None:
            scheme, _, rest = origin.partition("://")
            if scheme.lower() != "http" or authority(rest) != host:
                raise RefusedError(
                    403, "Origin to be this page's", f"it is {shown(origin)}", "use the page itself"
                )
        if site in (None, "same-origin", "none"):
            return
        followed = header_of(scope, "sec-fetch-mode") == "navigate" and scope["method"] in ("GET", "HEAD")
        if not (followed and header_of(scope, "sec-fetch-dest") == "document"):
            expected = "a request from this page, or a link that a person follows"
            raise RefusedError(403, expected, f"Sec-Fetch-Site is {shown(site or '')}", "use the page itself")

    def _sign_in(self, scope: Scope, token: bytes) -> str | None:
        """The cookie to set where the token came in the URL. Raises RefusedError without the right token."""
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        asked = [one.encode() for one in query.get("token", [])] if scope["method"] in ("GET", "HEAD") else []
        given = asked or cookies(scope, self._cookie)
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
        if header_of(scope, "origin") is None and header_of(scope, "sec-fetch-site") is None:
            expected = f"Origin or Sec-Fetch-Site with {shown(scope['method'])}"
            raise RefusedError(
                403, expected, "neither was sent", "use the page, or send the Origin of this server"
            )
        kind = (header_of(scope, "content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            came = f"it is {shown(kind)}" if kind else "none was sent"
            raise RefusedError(415, "content-type application/json", came, "send JSON")


def _named(name: str, port: int) -> Authority:
    """A name from the command line, with the port that was bound where it has none of its own."""
    try:
        plain = f"[{ipaddress.IPv6Address(name.strip('[]').partition('%')[0])}]"  # browsers know no zones
    except ValueError:
        plain = name
    found = authority(plain, port)
    if found is None:
        raise OptionError("the name of a host, like 192.168.1.5 or box.local", f"it is {name!r}", "mend it")
    return found
