"""The job queue: order of jobs, sharing, cancellation."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Iterator

import pytest

from drivesal.review.compute.job_queue import AHEAD, VIEW, JobQueue


@pytest.fixture
def jobs() -> Iterator[JobQueue]:
    with JobQueue() as queue:
        yield queue


class Gate:
    """Blocks the thread until it is opened, so that the queued jobs are known."""

    def __init__(self, jobs: JobQueue) -> None:
        self._open, self.entered = threading.Event(), threading.Event()
        self.job = jobs.submit("gate", "gate", self._hold)
        assert self.entered.wait(5)

    def _hold(self, tick: object) -> None:
        self.entered.set()
        self._open.wait(5)

    def open(self) -> None:
        self._open.set()
        self.job.future.result(5)


def test_the_newest_view_runs_first_and_prefetching_last(jobs: JobQueue) -> None:
    order: list[str] = []
    gate = Gate(jobs)
    submitted = [
        jobs.submit(name, name, lambda tick, name=name: order.append(name), priority)
        for name, priority in (("ahead", AHEAD), ("first", VIEW), ("second", VIEW))
    ]
    gate.open()
    concurrent.futures.wait([job.future for job in submitted], 5)
    assert order == ["second", "first", "ahead"]


def test_requests_with_the_same_key_share_one_job(jobs: JobQueue) -> None:
    counted: list[int] = []
    gate = Gate(jobs)
    one, other = (jobs.submit("key", "it", lambda tick: counted.append(1) or 7) for _ in range(2))
    assert one is other
    gate.open()
    assert one.future.result(5) == 7
    assert counted == [1]
    jobs.release(one)
    assert jobs.submit("key", "it", lambda tick: 8).future.result(5) == 8


def test_a_job_without_waiting_requests_is_not_run(jobs: JobQueue) -> None:
    counted: list[int] = []
    gate = Gate(jobs)
    job = jobs.submit("key", "it", lambda tick: counted.append(1))
    also = jobs.submit("key", "it", lambda tick: counted.append(1))
    jobs.release(job)
    assert not also.future.cancelled()  # the other request still waits
    jobs.release(also)
    assert job.future.cancelled()
    gate.open()
    jobs.submit("later", "later", lambda tick: None).future.result(5)
    assert counted == []


def test_a_running_job_reports_its_share_and_stops_when_released(jobs: JobQueue) -> None:
    reported, go = threading.Event(), threading.Event()

    def compute(tick) -> None:
        for i in range(10):
            tick(i / 10)
            reported.set()
            go.wait(5)

    job = jobs.submit("key", "slow thing", compute)
    assert reported.wait(5)
    assert jobs.now == ("slow thing", 0.0)
    jobs.release(job)
    go.set()
    with pytest.raises(concurrent.futures.CancelledError):
        job.future.result(5)
    assert jobs.now is None


def test_a_view_preempts_prefetching(jobs: JobQueue) -> None:
    running, go = threading.Event(), threading.Event()

    def compute(tick) -> None:
        running.set()
        go.wait(5)
        tick(0.5)

    ahead = jobs.submit("ahead", "ahead", compute, AHEAD)
    assert running.wait(5)
    view = jobs.submit("view", "view", lambda tick: 3)
    go.set()
    assert view.future.result(5) == 3
    assert ahead.future.cancelled()


def test_a_prefetched_frame_that_comes_into_view_is_not_preempted(jobs: JobQueue) -> None:
    running, go = threading.Event(), threading.Event()

    def compute(tick) -> int:
        running.set()
        go.wait(5)
        tick(0.5)
        return 4

    ahead = jobs.submit("frame", "frame", compute, AHEAD)
    assert running.wait(5)
    view = jobs.submit("frame", "frame", compute, VIEW)
    other = jobs.submit("other", "other", lambda tick: 5)
    go.set()
    assert view.future.result(5) == ahead.future.result(5) == 4
    assert other.future.result(5) == 5


def test_an_error_is_passed_on_and_the_thread_continues(jobs: JobQueue) -> None:
    def fail(tick) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        jobs.submit("a", "a", fail).future.result(5)
    assert jobs.submit("b", "b", lambda tick: 1).future.result(5) == 1


def test_waiting_for_views_ends_when_none_is_left(jobs: JobQueue) -> None:
    jobs.wait_for_views(5)
    gate = Gate(jobs)
    started = time.monotonic()
    jobs.wait_for_views(0.05)
    assert 0.04 < time.monotonic() - started < 2
    threading.Timer(0.1, gate.open).start()
    jobs.wait_for_views(5)
    assert gate.job.future.done()


def test_closing_cancels_queued_jobs_and_ends_the_thread() -> None:
    jobs = JobQueue()
    gate = Gate(jobs)
    waiting = jobs.submit("w", "w", lambda tick: 1)
    threading.Timer(0.1, gate._open.set).start()
    jobs.close()
    assert waiting.future.cancelled()
    assert not any(thread.name == "review-jobs" for thread in threading.enumerate())


def test_a_request_while_a_released_job_unwinds_gets_a_new_job(jobs: JobQueue) -> None:
    go, unwinding, on = threading.Event(), threading.Event(), threading.Event()

    def compute(tick) -> None:
        go.wait(5)
        try:
            tick(0.5)
        finally:
            unwinding.set()
            on.wait(5)

    dropped = jobs.submit("key", "it", compute)
    while jobs.now is None:
        time.sleep(0.01)
    jobs.release(dropped)
    go.set()
    assert unwinding.wait(5)
    again = jobs.submit("key", "it", lambda tick: 7)
    on.set()
    assert again.future.result(5) == 7


def test_a_request_after_closing_is_cancelled() -> None:
    jobs = JobQueue()
    jobs.close()
    assert jobs.submit("key", "it", lambda tick: 1).future.cancelled()
    jobs.close()


def test_the_oldest_job_is_not_starved_by_newer_views(jobs: JobQueue) -> None:
    order: list[str] = []
    gate = Gate(jobs)
    submitted = [jobs.submit(n, n, lambda tick, n=n: order.append(n)) for n in ("a", "b", "c", "d", "e")]
    gate.open()
    concurrent.futures.wait([job.future for job in submitted], 5)
    assert order == ["e", "a", "d", "b", "c"]
    order.clear()
    gate = Gate(jobs)
    oldest = jobs.submit("oldest", "oldest", lambda tick: order.append("oldest"))

    def another(tick: object, count: int = 0) -> None:
        order.append("newer")
        if not oldest.future.done() and count < 50:
            for _ in range(2):  # more than can be run
                jobs.submit(object(), "newer", lambda tick: another(tick, count + 1))

    jobs.submit(object(), "newer", another)
    gate.open()
    oldest.future.result(5)
    assert order.index("oldest") <= 3


def test_a_step_of_a_job_has_its_own_title(jobs: JobQueue) -> None:
    reported, go = threading.Event(), threading.Event()

    def compute(tick) -> None:
        tick(0.25, "a step")
        reported.set()
        go.wait(5)

    job = jobs.submit("key", "the whole", compute)
    assert reported.wait(5)
    assert jobs.now == ("a step", 0.25)
    go.set()
    job.future.result(5)


def test_background_work_waits_for_a_while_after_a_view(jobs: JobQueue) -> None:
    jobs.submit("view", "view", lambda tick: None).future.result(5)
    started = time.monotonic()
    jobs.wait_for_views(5)
    assert 0.1 < time.monotonic() - started < 3
