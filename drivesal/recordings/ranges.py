"""Which frames a range or a place of a recording names, and the error where it has none of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from drivesal.errors import InputError, OptionError
from drivesal.types import Span

TOLERANCE_S = 0.0005
"""Times that people type or tables round may miss a frame's time by this much."""


def bounded(bound: float | int, count: int, first_from: Callable[[float], int]) -> int:
    """The index of the first of `count` frames at or after a bound; `first_from` gives that of a time [s]."""
    if isinstance(bound, int):
        return min(max(bound, 0), count)
    if not math.isfinite(bound):
        raise OptionError("a range in seconds", f"one end is {bound}", "give a number")
    return first_from(bound)


def places(
    span: Span, count: int, bound: Callable[[float | int], int], no_frame: Callable[[str], InputError]
) -> range:
    """The indices of the span. Raises `OptionError` for a bad `every`, `no_frame(…)` where there is none."""
    if span.every < 1:
        raise OptionError("every Nth frame with N of at least 1", f"N is {span.every}", "use 1 for all")
    start = 0 if span.start is None else bound(span.start)
    stop = count if span.end is None else bound(span.end)
    if start >= stop:
        raise no_frame(f"the range from {_written(span.start or 0)} to {_written(span.end)}")
    return range(start, stop, span.every)


def outside(path: Path, count: int, first_s: float, last_s: float, what: str) -> InputError:
    """The error for a place or a range without a frame of this recording."""
    return InputError(
        f"a part of {path.name}, which has {count} frames (#0 to #{count - 1}) "
        f"from {first_s:.3f} s to {last_s:.3f} s",
        f"{what} holds none of them",
        "choose another",
    )


def _written(bound: float | int | None) -> str:
    """A span's bound as a person writes it."""
    if bound is None:
        return "the end"
    return f"#{bound}" if isinstance(bound, int) else f"{bound:g} s"
