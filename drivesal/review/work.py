"""One thread that computes what the page asks for: the latest view first, what nobody waits for not at all."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

Tick = Callable[[float], None]
"""Is told the share done, 0..1, between calls of the network; raises `DroppedError` where nobody waits."""

VIEW, AHEAD = 0, 1
"""What is looked at, and what may be looked at next."""


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
    running: bool = False


class Work:
    """Runs jobs one at a time in a thread of its own.

    Of those that wait, views go before what is ahead, and the latest before the earlier. Who asks for the key
    of a job that is already there waits for that one.
    """

    def __init__(self) -> None:
        self._jobs: dict[Hashable, Job] = {}
        self._change = threading.Condition()
        self._count = 0
        self._closed = False
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
            return next(((job.what, job.share) for job in self._jobs.values() if job.running), None)

    def wait_for_views(self, timeout_s: float) -> None:
        """Returns when no view waits or is computed, at the latest after `timeout_s`."""
        with self._change:
            self._change.wait_for(
                lambda: self._closed or all(job.priority != VIEW for job in self._jobs.values()), timeout_s
            )

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
            job = min(self._jobs.values(), key=lambda one: (one.priority, -one.number))
            job.running = True
            return job

    def _tick(self, job: Job, share: float) -> None:
        with self._change:
            job.share = share
            # what is ahead will be asked for again when it comes into view
            better = job.priority == AHEAD and any(one.priority == VIEW for one in self._jobs.values())
            if job.waiting <= 0 or better:
                self._leave(job)  # now, or who asks for its key meanwhile would end with it
                raise DroppedError

    def _leave(self, job: Job) -> None:
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
