"""Reads the complete body of a request, with bounds on size and time."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from drivesal.review.server.request_head import RefusedError, header_of, printable

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

BODY_LIMIT = 64 * 1024
"""Maximum bytes of a request's body."""
BODY_SECONDS = 30.0
"""Maximum time to receive a body."""


async def read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The complete body, or None if the client disconnected.

    Raises RefusedError as soon as the body is known to be too large, and if it takes too long.
    """
    expected = f"a body of at most {BODY_LIMIT:,} bytes"
    length = header_of(scope, "content-length") or "0"
    if not re.fullmatch("[0-9]+", length, re.ASCII):
        raise RefusedError(400, "content-length to be a number", f"it is {printable(length)}", "correct it")
    if len(length.lstrip("0")) > 18 or int(length) > BODY_LIMIT:
        raise RefusedError(413, expected, f"content-length is {printable(length)}", "send less")
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
        actual = f"only {len(body):,} bytes arrived"
        raise RefusedError(408, f"the body within {BODY_SECONDS:g} s", actual, "send it again") from None


def replay_body(body: bytes, receive: Receive) -> Receive:
    """A `receive` that first returns the body, which has already been read, in one piece."""
    pending = True

    async def replay() -> Message:
        nonlocal pending
        if pending:
            pending = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay
