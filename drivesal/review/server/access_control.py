"""Access control for the review server: origin and size of requests, and security headers of responses.

A page of another site must neither read the frames of a drive nor write notes on it. Therefore:

- `Host` must be one of the server's names, with its port. This rejects foreign names that resolve to this
  machine (DNS rebinding).
- `Origin`, if present, must be the page's own. `Sec-Fetch-Site` may be `cross-site` or `same-site` only if the
  user follows a link. Browsers omit that header for plain HTTP to another machine; there the token's cookie
  (SameSite=Strict) and Cross-Origin-Resource-Policy protect.
- Requests that change something must come from the page itself, as JSON.
- If other machines can reach the server, a token is required.

The page must call `fetch` in the default mode: with `mode: "same-origin"` and `Referrer-Policy: no-referrer`,
browsers send `Origin: null`, which is rejected. uvicorn itself responds to malformed HTTP and to a request head
over 16 KiB. Run it with `server_header=False`, or it adds its name to the headers after this middleware.
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
from drivesal.review.server.request_body import read_body, replay_body
from drivesal.review.server.request_head import (
    Authority,
    RefusedError,
    authority,
    cookies,
    header_of,
    printable,
    target_of,
)
from drivesal.review.server.responses import redirect, refuse, with_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
"""HTTP methods that change nothing."""
URL_LIMIT = 8 * 1024
"""Maximum bytes of path and query as sent."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ALL_INTERFACES = {"", "0.0.0.0", "::"}


def new_token() -> str:
    """A new token of 256 random bits that is safe in URLs."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached only from this machine.

    False for an unknown name, so that a token is required.
    """
    name = host.strip("[]").lower()
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str, additional: Iterable[str] = ()) -> list[str]:
    """The names that `Host` may have for a server bound to `host`.

    These are the loopback names if it listens there, `host` itself, this machine's name if it listens on all
    interfaces, and the `additional` ones (a name, or name:port for a tunnel or a container with another port).
    """
    all_interfaces = host in _ALL_INTERFACES
    names = [*LOOPBACK] if all_interfaces or is_loopback(host) else []
    own = socket.gethostname() if all_interfaces else host
    if not all_interfaces or authority(own) is not None:  # a machine's name may be invalid in a URL
        names.append(own)
    return [*dict.fromkeys([*names, *additional])]


class AccessControl:
    """ASGI middleware around the whole app. Wrap the app in it: with `add_middleware`, responses to failures of
    the app itself would bypass it.

    `port` is the bound port, `names` come from `allowed_hosts`. With a `token`, a `Host` that is the address of
    the connection itself is accepted too, because it cannot be a foreign name. `token` is None if the server is
    bound to loopback. Raises OptionError for an invalid name.

    The app receives complete bodies of at most `BODY_LIMIT` bytes.
    """

    def __init__(
        self, app: ASGIApp, port: int, names: Iterable[str] = LOOPBACK, token: str | None = None
    ) -> None:
        self._app = app
        self._port = port
        self._allowed = {_allowed_authority(name, port) for name in names}
        self._token = None if token is None else token.encode()
        self._cookie = f"drivesal_review_{port}"  # all ports of a host share their cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an ASGI request on to the app, or reject it with the reason in JSON."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "WebSocket is not supported"})
            return
        send = with_headers(send)
        try:
            host = self._check_address(scope)
            self._check_origin(scope, host)
            cookie = self._sign_in(scope, self._token) if self._token is not None else None
            self._check_change(scope)
            body = await read_body(scope, receive)
        except RefusedError as refusal:
            await refuse(refusal, scope, receive, send)
            return
        if body is None:
            return
        if cookie is not None:
            await redirect(scope, send, cookie)
        else:
            await self._app(scope, replay_body(body, receive), send)

    def _check_address(self, scope: Scope) -> Authority:
        """The requested host and port, if they are this server's. Raises RefusedError."""
        if "websocket" in (header_of(scope, "upgrade") or "").lower():
            raise RefusedError(400, "plain HTTP", "a WebSocket was requested", "send plain HTTP requests")
        target = target_of(scope)
        if len(target) > URL_LIMIT:
            actual = f"it has {len(target):,}"
            raise RefusedError(414, f"a URL of at most {URL_LIMIT:,} bytes", actual, "shorten it")
        if not target.startswith(b"/") or re.search(rb"[^\x21-\x7e]", target):
            raise RefusedError(400, "a path like /", f"{printable(target)} was requested", "request a path")
        sent = header_of(scope, "host")
        host = authority(sent or "")
        if host is None or not (host in self._allowed or self._is_connection_address(host, scope)):
            actual = "none was sent" if not sent else f"it is {printable(sent)}"
            do = f"open http://{self._main_address()}/, or name the host when starting `drivesal review`"
            expected = f"Host to be {self._main_address()} or another name of this server"
            raise RefusedError(400, expected, actual, do)
        return host

    def _is_connection_address(self, host: Authority, scope: Scope) -> bool:
        """Whether this is the local address of the connection itself, and a token is required."""
        if self._token is None or not scope.get("server"):
            return False
        try:
            address = ipaddress.ip_address(scope["server"][0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return host == (str(address), self._port)

    def _main_address(self) -> str:
        """An address for the user to open, preferably a loopback name without colons."""
        name, port = min(self._allowed, key=lambda one: (not is_loopback(one[0]), ":" in one[0], one))
        return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"

    def _check_origin(self, scope: Scope, host: Authority) -> None:
        """Raises RefusedError if the request comes from a page of another origin."""
        origin, site = header_of(scope, "origin"), header_of(scope, "sec-fetch-site")
        if origin is not None:
            scheme, _, rest = origin.partition("://")
            if scheme.lower() != "http" or authority(rest) != host:
                raise RefusedError(
                    403, "Origin to be this page's", f"it is {printable(origin)}", "use the page itself"
                )
        if site in (None, "same-origin", "none"):
            return
        navigates = header_of(scope, "sec-fetch-mode") == "navigate" and scope["method"] in ("GET", "HEAD")
        if not (navigates and header_of(scope, "sec-fetch-dest") == "document"):
            expected = "a request from this page, or a link that the user follows"
            actual = f"Sec-Fetch-Site is {printable(site or '')}"
            raise RefusedError(403, expected, actual, "use the page itself")

    def _sign_in(self, scope: Scope, token: bytes) -> str | None:
        """The cookie to set if the URL contains the token. Raises RefusedError without the right token."""
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        in_url = [value.encode() for value in query.get("token", [])]
        if scope["method"] not in ("GET", "HEAD"):
            in_url = []
        candidates = in_url or cookies(scope, self._cookie)
        if any(secrets.compare_digest(candidate, token) for candidate in candidates):
            return f"{self._cookie}={token.decode()}; HttpOnly; SameSite=Strict; Path=/" if in_url else None
        raise RefusedError(
            401,
            "the token of this review",
            "it is wrong" if candidates else "none was sent",
            "paste the whole address that `drivesal review` printed, with ?token=…, into the address bar of a "
            "browser that accepts cookies",
            [(b"www-authenticate", b"Token")],
        )

    def _check_change(self, scope: Scope) -> None:
        """Raises RefusedError if a request that changes something is not from the page itself or not JSON."""
        if scope["method"] in SAFE_METHODS:
            return
        if header_of(scope, "origin") is None and header_of(scope, "sec-fetch-site") is None:
            expected = f"Origin or Sec-Fetch-Site with {printable(scope['method'])}"
            raise RefusedError(
                403, expected, "neither was sent", "use the page, or send the Origin of this server"
            )
        kind = (header_of(scope, "content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            actual = f"it is {printable(kind)}" if kind else "none was sent"
            raise RefusedError(415, "content-type application/json", actual, "send JSON")


def _allowed_authority(name: str, port: int) -> Authority:
    """A name from the command line with its own port or, without one, the bound port."""
    try:
        # browsers send no IPv6 zone
        host = f"[{ipaddress.IPv6Address(name.strip('[]').partition('%')[0])}]"
    except ValueError:
        host = name
    result = authority(host, port)
    if result is None:
        raise OptionError("the name of a host, like 192.168.1.5 or box.local", f"it is {name!r}", "correct it")
    return result
