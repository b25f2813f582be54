"""A model's predictions and the labels of one recording, per labelled frame; numbers only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Doubles, Mask

_LONG_STEP = 1.5
"""Steps longer than this many usual ones skip a frame, as in `survey`."""
_GAP_S = 0.5
"""Steps up to this long are never a gap in time, whatever the rate: a dropped frame does not split a drive."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions and labels of one recording: (n,) arrays over its labelled frames, in order, n at least 1.

    `name` is the recording's display name; `index` and `time_s` are the frames' indices and times; `truth` and
    `predicted` are angles of one kind, left positive; `brightness` is the mean of the model input, 0..255;
    `step_s` is the usual time between frames.
    """

    name: str
    index: NDArray[np.int64]
    time_s: Doubles
    truth: Doubles
    predicted: Doubles
    brightness: Doubles
    step_s: float

    @property
    def error(self) -> Doubles:
        """(n,) predicted − truth, left positive."""
        return self.predicted - self.truth

    @property
    def follows_directly(self) -> Mask:
        """(n,) bool: whether the previous labelled frame is also the previous frame."""
        near = np.diff(self.time_s) <= _LONG_STEP * self.step_s
        index_steps = np.diff(self.index)
        return np.append(False, near & (index_steps <= np.median(index_steps)) if len(index_steps) else near)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """The ranges [first, end) of positions that contain no gap in time."""
        longest = max(_LONG_STEP * self.step_s, _GAP_S)
        cuts = np.flatnonzero(np.diff(self.time_s) > longest) + 1
        edges = [0, *cuts.tolist(), len(self.time_s)]
        return list(itertools.pairwise(edges))

    @property
    def last_label(self) -> Doubles:
        """(n,) the label of the previous frame, NaN where that frame is missing or has none."""
        return np.where(self.follows_directly, np.roll(self.truth, 1), np.nan)
