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
    overlap. Frames without an error make no stretch.
    """
    windows = [_windows(one, seconds) for one in drives]
    whose = np.repeat(np.arange(len(drives)), [len(one) for one in windows])
    first, end = np.concatenate(windows).T
    squared = np.concatenate([_sums(one, found) for one, found in zip(drives, windows, strict=True)])
    whole = sum(float(np.sum(one.error**2)) for one in drives)
    left = squared > _ROUNDING * whole
    found: list[Stretch] = []
    while len(found) < count and left.any():
        best = _middle_of_equals(np.where(left, squared, -1), whose)
        found.append(_stretch(drives, int(whose[best]), int(first[best]), int(end[best]), whole))
        left &= (whose != whose[best]) | (first >= end[best]) | (end <= first[best])
    return found


def _windows(answers: Answers, seconds: float) -> NDArray[np.intp]:
    """(m, 2) places [first, end): all stretches of the length, whole runs where these are shorter."""
    found = []
    for start, stop in answers.runs:
        times = answers.time_s[start:stop]
        tolerance_s = answers.step_s / 100  # for times that are not exact in binary
        ends = np.searchsorted(times, times + seconds - tolerance_s)
        full = times + seconds <= times[-1] + answers.step_s + tolerance_s
        here = np.stack([np.arange(len(times)), ends], axis=1)[full]
        found.append((here if len(here) else np.array([[0, len(times)]])) + start)
    return np.concatenate(found)


def _sums(answers: Answers, windows: NDArray[np.intp]) -> NDArray[np.float64]:
    """(m,) the squared errors' sum in each window."""
    so_far = np.concatenate([[0.0], np.cumsum(answers.error**2)])
    sums: NDArray[np.float64] = so_far[windows[:, 1]] - so_far[windows[:, 0]]
    return sums


def _middle_of_equals(squared: NDArray[np.float64], whose: NDArray[np.intp]) -> int:
    """The place of the largest sum; in a row of equal ones, which all hold the same error, the middle one."""
    top = int(np.argmax(squared))
    equal = (squared >= squared[top] * (1 - _ROUNDING)) & (whose == whose[top])
    breaks = np.flatnonzero(~equal[top:])
    first, last = top, top + (int(breaks[0]) if len(breaks) else len(squared) - top) - 1
    while first > 0 and equal[first - 1]:
        first -= 1
    return (first + last) // 2


def _stretch(drives: Sequence[Answers], recording: int, first: int, end: int, whole: float) -> Stretch:
    answers = drives[recording]
    off = answers.error[first:end]
    last_run = next(stop for start, stop in answers.runs if start <= first < stop)
    end_s = answers.time_s[end] if end < last_run else answers.time_s[end - 1] + answers.step_s
    return Stretch(
        recording,
        first,
        end,
        float(answers.time_s[first]),
        float(end_s),
        float(np.sqrt(np.mean(off**2))),
        float(np.mean(off)),
        float(np.sum(off**2)) / whole,
    )
