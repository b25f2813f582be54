"""Runs the page's requests in one thread: the newest view first, without starvation, dropping unused jobs."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, Self


class Tick(Protocol):
    """Progress callback that a computation calls between calls of the network."""

    def __call__(self, share: float, what: str = "") -> None:
        """Report the share done, 0..1, of the whole or of a step whose title for the user is `what`.

        Raises `DroppedError` if no request waits for the result.
        """


VIEW, AHEAD = 0, 1
"""Priorities: frames in view, and frames that are prefetched because they may come into view."""
REST_S = 0.2
"""Time after a view in which another one is expected."""


class DroppedError(Exception):
    """No request waits for the running computation."""


@dataclass(eq=False, slots=True)
class Job:
    """A computation; `waiting` counts the requests that wait for its `future`."""

    key: Hashable
    title: str
    compute: Callable[[Tick], Any]
    priority: int
    number: int
    future: Future[Any] = field(default_factory=Future)
    waiting: int = 1
    share: float = 0.0
    step: str = ""
    running: bool = False


class JobQueue:
    """Runs jobs one at a time in its own thread.

    Jobs of priority VIEW run before those of priority AHEAD. Among equals the newest and the oldest take turns:
    the current view comes soon, and no job waits for more than twice the jobs that were there before it. A
    request with the key of a queued or running job shares that job.
    """

    def __init__(self) -> None:
        self._jobs: dict[Hashable, Job] = {}
        self._change = threading.Condition()
        self._count = 0
        self._closed = False
        self._oldest_next = False
        self._last_view_s = -REST_S
        self._thread = threading.Thread(target=self._run, name="review-jobs", daemon=True)
        self._thread.start()

    def submit(self, key: Hashable, title: str, compute: Callable[[Tick], Any], priority: int = VIEW) -> Job:
        """The job with this key, created if necessary; `release` it when its result is no longer needed.

        `compute(tick)` runs in the queue's thread; `title` describes it to the user. After `close` every new
        job is cancelled.
        """
        with self._change:
            self._count += 1
            if self._closed:
                cancelled = Job(key, title, compute, priority, self._count)
                cancelled.future.cancel()
                return cancelled
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = Job(key, title, compute, priority, self._count)
            else:
                job.waiting += 1
                job.priority, job.number = min(job.priority, priority), self._count
            self._change.notify_all()
            return job

    def release(self, job: Job) -> None:
        """Stop waiting for the job; without waiting requests the job is cancelled."""
        with self._change:
            job.waiting -= 1
            if job.waiting <= 0 and not job.running and self._jobs.get(job.key) is job:
                del self._jobs[job.key]
                job.future.cancel()

    @property
    def now(self) -> tuple[str, float] | None:
        """Title and share done of the running job; None if there is none."""
        with self._change:
            running = (job for job in self._jobs.values() if job.running)
            return next(((job.step or job.title, job.share) for job in running), None)

    def wait_for_views(self, timeout_s: float) -> None:
        """Wait until no view has been queued or running for REST_S, at most `timeout_s`."""
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
        """Cancel the queued jobs and end the thread. Safe to call twice."""
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
            except BaseException as raised:  # passed on through the future
                result, error = None, raised
            with self._change:
                self._remove(job)
                if error is None:
                    job.future.set_result(result)
                elif isinstance(error, DroppedError):
                    job.future.cancel()
                    job.future.set_running_or_notify_cancel()
                else:
                    job.future.set_exception(error)
                self._change.notify_all()

    def _next(self) -> Job | None:
        """Wait for the next job to run; None when the queue is closed."""
        with self._change:
            self._change.wait_for(lambda: self._closed or bool(self._jobs))
            if self._closed:
                return None
            priority = min(job.priority for job in self._jobs.values())
            waiting = [job for job in self._jobs.values() if job.priority == priority]
            # in the order of their first request
            job = waiting[0] if self._oldest_next else max(waiting, key=lambda job: job.number)
            self._oldest_next = not self._oldest_next and len(waiting) > 1
            job.running = True
            return job

    def _tick(self, job: Job, share: float, what: str = "") -> None:
        with self._change:
            job.share, job.step = share, what
            # a prefetched frame is requested again when it comes into view
            preempted = job.priority == AHEAD and any(other.priority == VIEW for other in self._jobs.values())
            if job.waiting <= 0 or preempted:
                self._remove(job)  # at once, or a new request with its key would be cancelled together with it
                raise DroppedError

    def _remove(self, job: Job) -> None:
        if job.priority == VIEW:
            self._last_view_s = time.monotonic()
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
