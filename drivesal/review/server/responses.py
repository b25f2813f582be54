"""What goes back from the server: headers on every response, the redirect after signing in, refusals."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from drivesal.review.server.request_head import RefusedError, target_of

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

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

_FIXED = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_DROPPED = {name for name, _ in _FIXED} | {b"server"}


def with_headers(send: Send) -> Send:
    """`send` with our headers on the response."""

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(key, value) for key, value in message.get("headers", []) if key.lower() not in _DROPPED]
            if not any(key.lower() == b"cache-control" for key, _ in kept):
                kept.append((b"cache-control", CACHE_CONTROL.encode()))
            message = {**message, "headers": [*kept, *_FIXED]}
        await send(message)

    return dressed


async def redirect(scope: Scope, send: Send, cookie: str) -> None:
    """Back to the same URL without the token, which would stay in the browser's history, with the cookie."""
    parts = scope["query_string"].decode("latin-1").split("&")
    rest = "&".join(part for part in parts if unquote_plus(part.partition("=")[0]) != "token").encode("latin-1")
    path = target_of({**scope, "query_string": b""})
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


async def refuse(refusal: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
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
