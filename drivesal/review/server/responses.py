"""Security headers of all responses, the redirect after sign-in, and rejections."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from drivesal.review.server.request_head import RefusedError, target_of

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

LINGER_BYTES, LINGER_SECONDS = 1 << 20, 1.0
"""Limits for reading on after an early rejection: some clients read the response only after sending all."""

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",  # the styles of the charts' library are handled in page/js/sheets.js
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
"""Headers of every response; they replace those of the app."""
CACHE_CONTROL = "no-store"
"""Default of every response if the app sets no other."""

_FIXED = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_REPLACED = {name for name, _ in _FIXED} | {b"server"}


def with_headers(send: Send) -> Send:
    """A `send` that adds the security headers to the response."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(key, value) for key, value in message.get("headers", []) if key.lower() not in _REPLACED]
            if not any(key.lower() == b"cache-control" for key, _ in kept):
                kept.append((b"cache-control", CACHE_CONTROL.encode()))
            message = {**message, "headers": [*kept, *_FIXED]}
        await send(message)

    return send_with_headers


async def redirect(scope: Scope, send: Send, cookie: str) -> None:
    """Set the cookie and redirect to the URL without the token, which would stay in the browser's history."""
    parameters = scope["query_string"].decode("latin-1").split("&")
    query = "&".join(item for item in parameters if unquote_plus(item.partition("=")[0]) != "token")
    rest = query.encode("latin-1")
    path = target_of({**scope, "query_string": b""})
    # two leading slashes would name another host
    location = b"/" + path.lstrip(b"/\\") + (b"?" + rest if rest else b"")
    scope["query_string"] = rest  # keeps the token out of the server's log, which is written with the response
    headers = [
        (b"location", location),
        (b"set-cookie", cookie.encode()),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def refuse(refusal: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with the reason. If the request has a body, close the connection afterwards, so that the rest of
    the body is neither read nor parsed as another request.
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
    """Read and discard for a short time: closing a connection with unread bytes resets it, and the reset can
    destroy the response in transit.
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
