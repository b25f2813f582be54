import threading
import time

import pytest

from drivesal.errors import Stopped
from drivesal.io.stages import Ahead


def stages_running():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ahead-")]


def test_items_arrive_in_order():
    with Ahead(range(100)) as items:
        assert list(items) == list(range(100))
    assert not stages_running()


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), Stopped()])
def test_an_exception_arrives_after_the_items_before_it(error):
    def source():
        yield from (1, 2, 3)
        raise error

    received = []
    with pytest.raises(type(error)), Ahead(source()) as items:
        received.extend(items)
    assert received == [1, 2, 3]
    assert not stages_running()


def test_a_chain_stops_whichever_stage_fails():
    def failing(items, at):
        for i, item in enumerate(items):
            if i == at:
                raise RuntimeError("failed")
            yield item

    def run(first, second, third):
        with Ahead(failing(iter(range(50)), first)) as a, Ahead(failing(a, second)) as b:
            for _ in failing(b, third):
                pass

    for failures in ((5, 99, 99), (99, 5, 99), (99, 99, 5)):
        with pytest.raises(RuntimeError, match="failed"):
            run(*failures)
    assert not stages_running()


def test_leaving_early_closes_the_source_in_its_thread():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with Ahead(endless()) as items:
        assert next(iter(items)) == 1
    assert closed.is_set()
    assert not stages_running()


def test_a_source_that_fails_while_closing_does_not_hang():
    def source():
        try:
            yield 1
            yield 2
        finally:
            raise OSError("cannot close")

    with Ahead(source()) as items, pytest.raises(OSError, match="cannot close"):
        list(items)
    assert not stages_running()


def test_the_thread_runs_at_most_depth_items_ahead():
    produced = []

    def source():
        for i in range(20):
            produced.append(i)
            yield i

    with Ahead(source(), depth=2) as items:
        iterator = iter(items)
        next(iterator)
        time.sleep(0.2)
        assert len(produced) <= 1 + 2 + 1
