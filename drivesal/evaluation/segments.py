"""The segments of recordings in which a model's error is largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.evaluation.predictions import Predictions

SECONDS = 5.0
"""The length of a segment."""
_ROUNDING = 1e-9
"""Sums whose relative difference is smaller count as equal."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of one recording from `start_s` to `end_s`, exclusive.

    `recording` is the index of the recording; `first` and `end` are positions in its `Predictions`, `end`
    exclusive. `rmse` and `bias` are over the segment's frames; `share` is its share of the total squared error
    of all recordings.
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
        """The number of labelled frames."""
        return self.end - self.first


def worst_segments(drives: Sequence[Predictions], count: int, seconds: float = SECONDS) -> list[Segment]:
    """Up to `count` segments with the largest sum of squared errors, the worst first.

    A segment lasts `seconds`, or as long as the run between two gaps in time, which it never crosses. Segments
    do not overlap; what remains of a run next to one is eligible if it is at least half as long. Frames without
    error form no segment.
    """
    total = sum(float(np.sum(drive.error**2)) for drive in drives)
    candidates = [
        _worst_window(drive, number, first, end, seconds)
        for number, drive in enumerate(drives)
        for first, end in drive.runs
    ]
    segments: list[Segment] = []
    while candidates and len(segments) < count:
        window = max(candidates, key=lambda candidate: candidate.squared)
        if window.squared <= _ROUNDING * total:
            break
        drive = drives[window.recording]
        segments.append(_segment(drive, window, total))
        candidates.remove(window)
        for first, end in ((window.run[0], window.first), (window.end, window.run[1])):
            if (end - first) * drive.step_s >= seconds / 2:
                candidates.append(_worst_window(drive, window.recording, first, end, seconds))
    return segments


@dataclass(frozen=True, slots=True)
class _Window:
    """Positions [first, end) of the frames with the largest sum of squared errors in a run of a recording."""

    recording: int
    run: tuple[int, int]
    first: int
    end: int
    squared: float


def _worst_window(drive: Predictions, recording: int, start: int, stop: int, seconds: float) -> _Window:
    """The worst window of this length in the positions [start, stop); all of them if they last less."""
    times = drive.time_s[start:stop]
    tolerance_s = drive.step_s / 100  # for times that are not exact in binary
    first = np.flatnonzero(times + seconds <= times[-1] + drive.step_s + tolerance_s)
    end = np.searchsorted(times, times[first] + seconds - tolerance_s)
    if not len(first):
        first, end = np.array([0]), np.array([len(times)])
    cumulative = np.concatenate([[0.0], np.cumsum(drive.error[start:stop] ** 2)])
    squared = cumulative[end] - cumulative[first]
    best = _middle_of_largest(squared)
    return _Window(
        recording, (start, stop), start + int(first[best]), start + int(end[best]), float(squared[best])
    )


def _middle_of_largest(squared: NDArray[np.float64]) -> int:
    """The position of the largest sum; the middle one of adjacent equal sums, which hold the same error."""
    top = int(np.argmax(squared))
    less = np.flatnonzero(squared < squared[top] * (1 - _ROUNDING))
    first = int(less[less < top].max(initial=-1)) + 1
    end = int(less[less > top].min(initial=len(squared)))
    return (first + end - 1) // 2


def _segment(drive: Predictions, window: _Window, total: float) -> Segment:
    first, end = window.first, window.end
    error = drive.error[first:end]
    next_s = drive.time_s[end] if end < window.run[1] else drive.time_s[end - 1] + drive.step_s
    return Segment(
        window.recording,
        first,
        end,
        float(drive.time_s[first]),
        float(next_s),
        float(np.sqrt(np.mean(error**2))),
        float(np.mean(error)),
        float(np.sum(error**2)) / total,
    )
