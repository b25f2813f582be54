"""Conversion of time and index ranges to frame indices, and the error for ranges without frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from drivesal.errors import InputError, OptionError
from drivesal.types import Span

TOLERANCE_S = 0.0005
"""Tolerance for times that were typed by the user or rounded in a table."""


def bound_index(bound: float | int, count: int, first_from: Callable[[float], int]) -> int:
    """Index of the first of `count` frames at or after a bound; `first_from` finds it for a time [s]."""
    if isinstance(bound, int):
        return min(max(bound, 0), count)
    if not math.isfinite(bound):
        raise OptionError("a range in seconds", f"one end is {bound}", "give a number")
    return first_from(bound)


def index_range(
    span: Span, count: int, bound: Callable[[float | int], int], no_frame: Callable[[str], InputError]
) -> range:
    """Frame indices of a span. Raises `OptionError` for an invalid `every`, `no_frame(…)` if it is empty."""
    if span.every < 1:
        raise OptionError("every Nth frame, with N at least 1", f"N is {span.every}", "use 1 for all")
    start = 0 if span.start is None else bound(span.start)
    stop = count if span.end is None else bound(span.end)
    if start >= stop:
        raise no_frame(f"the range from {_bound_text(span.start or 0)} to {_bound_text(span.end)}")
    return range(start, stop, span.every)


def out_of_range(path: Path, count: int, first_s: float, last_s: float, request: str) -> InputError:
    """The error for a requested frame, time or range that contains no frame of the recording."""
    return InputError(
        f"a frame or range of {path.name}, which has {count} frames (#0 to #{count - 1}) "
        f"from {first_s:.3f} s to {last_s:.3f} s",
        f"{request} matches none of them",
        "choose another",
    )


def _bound_text(bound: float | int | None) -> str:
    """A bound as the user writes it."""
    if bound is None:
        return "the end"
    return f"#{bound}" if isinstance(bound, int) else f"{bound:g} s"
