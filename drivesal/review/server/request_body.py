"""The body of a request: whole, of bounded size, within a bounded time."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from drivesal.review.server.request_head import RefusedError, header_of, shown

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

BODY_LIMIT = 64 * 1024
"""Bytes of a request's body."""
BODY_SECONDS = 30.0
"""How long a body may take to come."""


async def whole_body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, or None where the client went away. Raises RefusedError for a large one, as soon as it
    is known to be, and for a slow one.
    """
    expected = f"a body of at most {BODY_LIMIT:,} bytes"
    announced = header_of(scope, "content-length") or "0"
    if not re.fullmatch("[0-9]+", announced, re.ASCII):
        raise RefusedError(400, "content-length to be a number", f"it is {shown(announced)}", "mend it")
    if len(announced.lstrip("0")) > 18 or int(announced) > BODY_LIMIT:
        raise RefusedError(413, expected, f"content-length is {shown(announced)}", "send less")
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


def replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` with the body that was read before, in one piece."""
    waiting = True

    async def replayed() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed
