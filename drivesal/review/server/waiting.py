"""How a request waits for what it asked: until it is there, or the page waits no more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from drivesal.review.compute.work import AHEAD, VIEW

if TYPE_CHECKING:
    from drivesal.review.compute.work import Work

_LOOKED_AFTER_S = 0.2
"""How often it is looked whether the page still waits."""


class GoneError(Exception):
    """The page waits no more."""


async def gone(request: Request) -> bool:
    """Whether the page waits no more. The first look may see the request itself."""
    return await request.is_disconnected() or await request.is_disconnected()


async def drawn(request: Request, turns: asyncio.Semaphore, draw: Callable[[], bytes]) -> Response:
    """The JPEG that `draw` gives in a thread, where the page still waits when its turn comes."""
    async with turns:
        if await gone(request):
            raise GoneError
        return Response(await run_in_threadpool(draw), media_type="image/jpeg")


async def result(request: Request, work: Work, what: str, key: Any, compute: Any, ahead: bool = False) -> Any:
    """What `compute(tick)` gives in the thread of work; ended when the page waits no more."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    job = work.ask(key, what, compute, AHEAD if ahead else VIEW)

    def wake(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended, and with it who waited
            loop.call_soon_threadsafe(ended.set)

    job.future.add_done_callback(wake)
    try:
        while not ended.is_set():
            try:
                await asyncio.wait_for(ended.wait(), _LOOKED_AFTER_S)
            except TimeoutError:
                if await gone(request):
                    raise GoneError from None
        return job.future.result()
    finally:
        work.drop(job)
