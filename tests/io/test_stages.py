import threading
import time

import pytest

from drivesal.errors import Stopped
from drivesal.io.stages import Ahead


def stages_running():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ahead-")]


def test_items_come_in_order():
    with Ahead(range(100)) as items:
        assert list(items) == list(range(100))
    assert not stages_running()


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), Stopped()])
def test_an_exception_arrives_behind_the_items_before_it(error):
    def source():
        yield from (1, 2, 3)
        raise error

    seen = []
    with pytest.raises(type(error)), Ahead(source()) as items:
        seen.extend(items)
    assert seen == [1, 2, 3]
    assert not stages_running()


def test_a_chain_ends_whichever_stage_dies():
    def dying(items, at):
        for i, item in enumerate(items):
            if i == at:
                raise RuntimeError("died")
            yield item

    def run(first, second, third):
        with Ahead(dying(iter(range(50)), first)) as a, Ahead(dying(a, second)) as b:
            for _ in dying(b, third):
                pass

    for deaths in ((5, 99, 99), (99, 5, 99), (99, 99, 5)):
        with pytest.raises(RuntimeError, match="died"):
            run(*deaths)
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


def test_no_more_than_depth_ahead():
    made = []

    def source():
        for i in range(20):
            made.append(i)
            yield i

    with Ahead(source(), depth=2) as items:
        iterator = iter(items)
        next(iterator)
        time.sleep(0.2)
        assert len(made) <= 1 + 2 + 1
