"""Where a model is most wrong, as stretches of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.evaluation.answers import Answers

SECONDS = 5.0
"""The length of a stretch."""
_ROUNDING = 1e-9
"""Sums that differ by less than this share are equal."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one recording from `start_s` to `end_s`, exclusive.

    `recording` is the recording's place among those given, `first` and `end` the places of its frames there.
    `rmse` and `bias` are over its frames; `share` is its part of the squared error of everything.
    """

    recording: int
    first: int
    end: int
    start_s: float
    end_s: float
    rmse: float
    bias: float
    share: float

    @property
    def frames(self) -> int:
        """How many labelled frames it has."""
        return self.end - self.first


def worst(drives: Sequence[Answers], count: int, seconds: float = SECONDS) -> list[Stretch]:
    """Up to `count` stretches with the largest sum of squared errors, the worst first.

    They last `seconds`, or as long as there are frames between two gaps in time, which they never cross; no two
    overlap. What is left beside a stretch may be one too where it is at least half as long. Frames without an
    error make no stretch.
    """
    whole = sum(float(np.sum(one.error**2)) for one in drives)
    free = [
        _best(one, place, first, end, seconds) for place, one in enumerate(drives) for first, end in one.runs
    ]
    found: list[Stretch] = []
    while free and len(found) < count:
        most = max(free, key=lambda one: one.squared)
        if most.squared <= _ROUNDING * whole:
            break
        answers = drives[most.recording]
        found.append(_stretch(answers, most, whole))
        free.remove(most)
        for first, end in ((most.run[0], most.first), (most.end, most.run[1])):
            if (end - first) * answers.step_s >= seconds / 2:
                free.append(_best(answers, most.recording, first, end, seconds))
    return found


@dataclass(frozen=True, slots=True)
class _Window:
    """The places [first, end) of the frames with the largest sum of squared errors in a run of a recording."""

    recording: int
    run: tuple[int, int]
    first: int
    end: int
    squared: float


def _best(answers: Answers, recording: int, start: int, stop: int, seconds: float) -> _Window:
    """The worst window of the length in the places [start, stop), all of them where they last less."""
    times = answers.time_s[start:stop]
    tolerance_s = answers.step_s / 100  # for times that are not exact in binary
    first = np.flatnonzero(times + seconds <= times[-1] + answers.step_s + tolerance_s)
    end = np.searchsorted(times, times[first] + seconds - tolerance_s)
    if not len(first):
        first, end = np.array([0]), np.array([len(times)])
    so_far = np.concatenate([[0.0], np.cumsum(answers.error[start:stop] ** 2)])
    squared = so_far[end] - so_far[first]
    best = _middle_of_equals(squared)
    return _Window(
        recording, (start, stop), start + int(first[best]), start + int(end[best]), float(squared[best])
    )


def _middle_of_equals(squared: NDArray[np.float64]) -> int:
    """The place of the largest sum; in a row of equal ones, which all hold the same error, the middle one."""
    top = int(np.argmax(squared))
    less = np.flatnonzero(squared < squared[top] * (1 - _ROUNDING))
    first = int(less[less < top].max(initial=-1)) + 1
    end = int(less[less > top].min(initial=len(squared)))
    return (first + end - 1) // 2


def _stretch(answers: Answers, window: _Window, whole: float) -> Stretch:
    first, end = window.first, window.end
    off = answers.error[first:end]
    next_s = answers.time_s[end] if end < window.run[1] else answers.time_s[end - 1] + answers.step_s
    return Stretch(
        window.recording,
        first,
        end,
        float(answers.time_s[first]),
        float(next_s),
        float(np.sqrt(np.mean(off**2))),
        float(np.mean(off)),
        float(np.sum(off**2)) / whole,
    )
