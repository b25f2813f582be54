"""The thread of work: the latest view first, what nobody waits for not at all."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Iterator

import pytest

from drivesal.review.compute.work import AHEAD, VIEW, Work


@pytest.fixture
def work() -> Iterator[Work]:
    with Work() as made:
        yield made


class Gate:
    """Holds the thread until it is opened, so that what waits is known."""

    def __init__(self, work: Work) -> None:
        self._open, self.entered = threading.Event(), threading.Event()
        self.job = work.ask("gate", "gate", self._hold)
        assert self.entered.wait(5)

    def _hold(self, tick: object) -> None:
        self.entered.set()
        self._open.wait(5)

    def open(self) -> None:
        self._open.set()
        self.job.future.result(5)


def test_the_latest_view_goes_first_and_what_is_ahead_last(work: Work) -> None:
    order: list[str] = []
    gate = Gate(work)
    jobs = [
        work.ask(name, name, lambda tick, name=name: order.append(name), priority)
        for name, priority in (("ahead", AHEAD), ("first", VIEW), ("second", VIEW))
    ]
    gate.open()
    concurrent.futures.wait([job.future for job in jobs], 5)
    assert order == ["second", "first", "ahead"]


def test_one_key_is_computed_once_for_all_who_wait(work: Work) -> None:
    counted: list[int] = []
    gate = Gate(work)
    one, other = (work.ask("key", "it", lambda tick: counted.append(1) or 7) for _ in range(2))
    assert one is other
    gate.open()
    assert one.future.result(5) == 7
    assert counted == [1]
    work.drop(one)
    assert work.ask("key", "it", lambda tick: 8).future.result(5) == 8


def test_what_nobody_waits_for_is_not_computed(work: Work) -> None:
    counted: list[int] = []
    gate = Gate(work)
    job = work.ask("key", "it", lambda tick: counted.append(1))
    also = work.ask("key", "it", lambda tick: counted.append(1))
    work.drop(job)
    assert not also.future.cancelled()  # the other one still waits
    work.drop(also)
    assert job.future.cancelled()
    gate.open()
    work.ask("later", "later", lambda tick: None).future.result(5)
    assert counted == []


def test_what_is_being_computed_tells_its_share_and_ends_when_it_is_dropped(work: Work) -> None:
    told, go = threading.Event(), threading.Event()

    def compute(tick) -> None:
        for i in range(10):
            tick(i / 10)
            told.set()
            go.wait(5)

    job = work.ask("key", "slow thing", compute)
    assert told.wait(5)
    assert work.now == ("slow thing", 0.0)
    work.drop(job)
    go.set()
    with pytest.raises(concurrent.futures.CancelledError):
        job.future.result(5)
    assert work.now is None


def test_a_view_ends_what_is_ahead(work: Work) -> None:
    running, go = threading.Event(), threading.Event()

    def compute(tick) -> None:
        running.set()
        go.wait(5)
        tick(0.5)

    ahead = work.ask("ahead", "ahead", compute, AHEAD)
    assert running.wait(5)
    view = work.ask("view", "view", lambda tick: 3)
    go.set()
    assert view.future.result(5) == 3
    assert ahead.future.cancelled()


def test_what_is_ahead_and_comes_into_view_goes_on(work: Work) -> None:
    running, go = threading.Event(), threading.Event()

    def compute(tick) -> int:
        running.set()
        go.wait(5)
        tick(0.5)
        return 4

    ahead = work.ask("frame", "frame", compute, AHEAD)
    assert running.wait(5)
    view = work.ask("frame", "frame", compute, VIEW)
    other = work.ask("other", "other", lambda tick: 5)
    go.set()
    assert view.future.result(5) == ahead.future.result(5) == 4
    assert other.future.result(5) == 5


def test_an_error_reaches_who_waits_and_the_thread_goes_on(work: Work) -> None:
    def fail(tick) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work.ask("a", "a", fail).future.result(5)
    assert work.ask("b", "b", lambda tick: 1).future.result(5) == 1


def test_waiting_for_views_ends_when_none_is_left(work: Work) -> None:
    work.wait_for_views(5)
    gate = Gate(work)
    started = time.monotonic()
    work.wait_for_views(0.05)
    assert 0.04 < time.monotonic() - started < 2
    threading.Timer(0.1, gate.open).start()
    work.wait_for_views(5)
    assert gate.job.future.done()


def test_closing_cancels_what_waits_and_ends_the_thread() -> None:
    work = Work()
    gate = Gate(work)
    waiting = work.ask("w", "w", lambda tick: 1)
    threading.Timer(0.1, gate._open.set).start()
    work.close()
    assert waiting.future.cancelled()
    assert not any(thread.name == "review-work" for thread in threading.enumerate())


def test_who_asks_while_a_dropped_job_unwinds_gets_one_of_his_own(work: Work) -> None:
    go, unwinding, on = threading.Event(), threading.Event(), threading.Event()

    def compute(tick) -> None:
        go.wait(5)
        try:
            tick(0.5)
        finally:
            unwinding.set()
            on.wait(5)

    dropped = work.ask("key", "it", compute)
    while work.now is None:
        time.sleep(0.01)
    work.drop(dropped)
    go.set()
    assert unwinding.wait(5)
    again = work.ask("key", "it", lambda tick: 7)
    on.set()
    assert again.future.result(5) == 7


def test_who_asks_after_the_end_is_not_kept_waiting() -> None:
    work = Work()
    work.close()
    assert work.ask("key", "it", lambda tick: 1).future.cancelled()
    work.close()


def test_what_waits_longest_is_not_put_off_for_ever_by_newer_views(work: Work) -> None:
    order: list[str] = []
    gate = Gate(work)
    jobs = [work.ask(n, n, lambda tick, n=n: order.append(n)) for n in ("a", "b", "c", "d", "e")]
    gate.open()
    concurrent.futures.wait([job.future for job in jobs], 5)
    assert order == ["e", "a", "d", "b", "c"]
    order.clear()
    gate = Gate(work)
    oldest = work.ask("oldest", "oldest", lambda tick: order.append("oldest"))

    def another(tick: object, count: int = 0) -> None:
        order.append("newer")
        if not oldest.future.done() and count < 50:
            for _ in range(2):  # more than can be done
                work.ask(object(), "newer", lambda tick: another(tick, count + 1))

    work.ask(object(), "newer", another)
    gate.open()
    oldest.future.result(5)
    assert order.index("oldest") <= 3


def test_a_part_of_a_computation_has_its_own_name(work: Work) -> None:
    told, go = threading.Event(), threading.Event()

    def compute(tick) -> None:
        tick(0.25, "a part")
        told.set()
        go.wait(5)

    job = work.ask("key", "the whole", compute)
    assert told.wait(5)
    assert work.now == ("a part", 0.25)
    go.set()
    job.future.result(5)


def test_a_rest_follows_a_view_before_the_background_goes_on(work: Work) -> None:
    work.ask("view", "view", lambda tick: None).future.result(5)
    started = time.monotonic()
    work.wait_for_views(5)
    assert 0.1 < time.monotonic() - started < 3
