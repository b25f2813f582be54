"""One thread that computes what the page asks for: the latest view first, none for ever last, and what nobody
waits for not at all.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, Self


class Tick(Protocol):
    """What a computation calls between calls of the network."""

    def __call__(self, share: float, what: str = "") -> None:
        """Is told the share done, 0..1, of the whole or of a part that `what` names for the person. Raises
        `DroppedError` where nobody waits.
        """


VIEW, AHEAD = 0, 1
"""What is looked at, and what may be looked at next."""
REST_S = 0.2
"""How soon after a view another one is expected."""


class DroppedError(Exception):
    """Nobody waits for what was being computed."""


@dataclass(eq=False, slots=True)
class Job:
    """Something to compute; `waiting` counts who waits for its `future`."""

    key: Hashable
    what: str
    compute: Callable[[Tick], Any]
    priority: int
    number: int
    future: Future[Any] = field(default_factory=Future)
    waiting: int = 1
    share: float = 0.0
    part: str = ""
    running: bool = False


class Work:
    """Runs jobs one at a time in a thread of its own.

    Of those that wait, views go before what is ahead. Of several the latest and the one that has waited longest
    take turns: what is looked at now comes soon, and none waits for more than twice those before it. Who
    asks for the key of a job that is already there waits for that one.
    """

    def __init__(self) -> None:
        self._jobs: dict[Hashable, Job] = {}
        self._change = threading.Condition()
        self._count = 0
        self._closed = False
        self._oldest_next = False
        self._last_view_s = -REST_S
        self._thread = threading.Thread(target=self._run, name="review-work", daemon=True)
        self._thread.start()

    def ask(self, key: Hashable, what: str, compute: Callable[[Tick], Any], priority: int = VIEW) -> Job:
        """The job of this key, a new one where there is none; `drop` it when its result is not wanted any more.

        `compute(tick)` runs in the thread of work; `what` names it for the person. After `close` every job is
        cancelled.
        """
        with self._change:
            self._count += 1
            if self._closed:
                late = Job(key, what, compute, priority, self._count)
                late.future.cancel()
                return late
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = Job(key, what, compute, priority, self._count)
            else:
                job.waiting += 1
                job.priority, job.number = min(job.priority, priority), self._count
            self._change.notify_all()
            return job

    def drop(self, job: Job) -> None:
        """Waits for the job no more; the last who does so ends it."""
        with self._change:
            job.waiting -= 1
            if job.waiting <= 0 and not job.running and self._jobs.get(job.key) is job:
                del self._jobs[job.key]
                job.future.cancel()

    @property
    def now(self) -> tuple[str, float] | None:
        """What is being computed and the share of it that is done; None where nothing is."""
        with self._change:
            running = (job for job in self._jobs.values() if job.running)
            return next(((job.part or job.what, job.share) for job in running), None)

    def wait_for_views(self, timeout_s: float) -> None:
        """Returns when no view waits or is computed nor was for REST_S, at the latest after `timeout_s`."""
        end = time.monotonic() + timeout_s
        with self._change:
            while not self._closed:
                now = time.monotonic()
                if any(job.priority == VIEW for job in self._jobs.values()):
                    until = end
                else:
                    until = min(end, self._last_view_s + REST_S)
                if now >= until:
                    return
                self._change.wait(until - now)

    def close(self) -> None:
        """Ends the thread; what waits is cancelled. Safe to call twice."""
        with self._change:
            self._closed = True
            for job in self._jobs.values():
                job.waiting = 0
                if not job.running:
                    job.future.cancel()
            self._change.notify_all()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            error: BaseException | None
            try:
                result, error = job.compute(functools.partial(self._tick, job)), None
            except BaseException as raised:  # whoever waits for it gets it
                result, error = None, raised
            with self._change:
                self._leave(job)
                if error is None:
                    job.future.set_result(result)
                elif isinstance(error, DroppedError):
                    job.future.cancel()
                    job.future.set_running_or_notify_cancel()
                else:
                    job.future.set_exception(error)
                self._change.notify_all()

    def _next(self) -> Job | None:
        """The job to run now, waited for; None when the work is closed."""
        with self._change:
            self._change.wait_for(lambda: self._closed or bool(self._jobs))
            if self._closed:
                return None
            priority = min(job.priority for job in self._jobs.values())
            waiting = [job for job in self._jobs.values() if job.priority == priority]
            # they stand in the order in which they were first asked for
            job = waiting[0] if self._oldest_next else max(waiting, key=lambda one: one.number)
            self._oldest_next = not self._oldest_next and len(waiting) > 1
            job.running = True
            return job

    def _tick(self, job: Job, share: float, what: str = "") -> None:
        with self._change:
            job.share, job.part = share, what
            # what is ahead will be asked for again when it comes into view
            better = job.priority == AHEAD and any(one.priority == VIEW for one in self._jobs.values())
            if job.waiting <= 0 or better:
                self._leave(job)  # now, or who asks for its key meanwhile would end with it
                raise DroppedError

    def _leave(self, job: Job) -> None:
        if job.priority == VIEW:
            self._last_view_s = time.monotonic()
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
