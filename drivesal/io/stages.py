"""Concurrent stages: one thread per stage, a short queue between two, exceptions passed on to the consumer."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

S = TypeVar("S")
T = TypeVar("T")


NICENESS = 10
"""Niceness of stage threads on Linux: the last consumer is the encoder, which is the bottleneck."""


def stand_back() -> None:
    """Lower the priority of this thread, and of threads that it starts, below that of the consumer."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def in_order(work: Callable[[S], T], items: Iterable[S]) -> Generator[T]:
    """Yield `work(item)` for each item, in order, computed on all cores.

    At most two items per core are in progress or waiting. An exception is raised in the consumer, after the
    results before it; leaving early cancels the items not yet started.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class Ahead(Generic[T]):
    """Run an iterable in its own thread, at most `depth` items ahead of the consumer.

    An exception in the thread is raised in the consumer, after the items before it. Leaving the `with` block
    (or `close`) stops the thread, closes the generator in that thread, and joins it.
    """

    def __init__(self, items: Iterable[T], depth: int = 1) -> None:
        self._items = items
        self._queue: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(depth)
        self._stop = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"ahead-{id(self):x}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        stand_back()
        end: tuple[T | None, BaseException | None, bool] = (None, None, True)
        try:
            with contextlib.ExitStack() as stack:
                iterator = iter(self._items)
                if isinstance(iterator, Generator):
                    stack.callback(iterator.close)
                for item in iterator:
                    if not self._put((item, None, False)):
                        break
        except BaseException as error:
            end = (None, error, True)
        self._put(end)

    def _put(self, entry: tuple[T | None, BaseException | None, bool]) -> bool:
        """Queue an entry; False where the consumer has left."""
        while not self._stop.is_set():
            try:
                self._queue.put(entry, timeout=0.05)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[T]:
        while not self._ended:
            item, error, last = self._queue.get()
            self._ended = last
            if error is not None:
                raise error
            if not last:
                yield item  # type: ignore[misc]

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
