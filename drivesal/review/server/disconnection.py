"""Waits for the result of a request, and stops as soon as the client disconnects."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from drivesal.review.compute.job_queue import AHEAD, VIEW

if TYPE_CHECKING:
    from drivesal.review.compute.job_queue import JobQueue

_POLL_S = 0.2
"""Interval in which the connection is checked."""


class DisconnectedError(Exception):
    """The client no longer waits for the response."""


async def is_disconnected(request: Request) -> bool:
    """Whether the client has disconnected. The first check may receive the request itself, hence the second."""
    return await request.is_disconnected() or await request.is_disconnected()


async def jpeg_response(request: Request, slots: asyncio.Semaphore, draw: Callable[[], bytes]) -> Response:
    """The JPEG of `draw`, which runs in a thread if the client still waits when a slot is free."""
    async with slots:
        if await is_disconnected(request):
            raise DisconnectedError
        return Response(await run_in_threadpool(draw), media_type="image/jpeg")


async def job_result(
    request: Request, jobs: JobQueue, title: str, key: Any, compute: Any, ahead: bool = False
) -> Any:
    """The result of `compute(tick)` from the job queue; the job is released when the client disconnects."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    job = jobs.submit(key, title, compute, AHEAD if ahead else VIEW)

    def wake(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the server's event loop has ended, and the request with it
            loop.call_soon_threadsafe(done.set)

    job.future.add_done_callback(wake)
    try:
        while not done.is_set():
            try:
                await asyncio.wait_for(done.wait(), _POLL_S)
            except TimeoutError:
                if await is_disconnected(request):
                    raise DisconnectedError from None
        return job.future.result()
    finally:
        jobs.release(job)
