"""A model's answers beside the labels of one recording: numbers only, a place a labelled frame."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Doubles, Mask

_BESIDE = 1.5
"""A step is longer than usual where it is longer than this many usual ones, as in `survey`."""
_GAP_S = 0.5
"""Steps up to this long are no gap in time, whatever the rate: a dropped frame cuts no drive in two."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answered in one recording: (n,) arrays over its labelled frames, in order, n at least 1.

    `name` is what the recording is called; `index` the frames' numbers and `time_s` their times; `truth` and
    `predicted` angles of one kind, left positive; `brightness` 0..255, the mean of the picture that the model
    sees; `step_s` the usual time from one frame to the next.
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
    def beside(self) -> Mask:
        """(n,) bool: whether the labelled frame before this one is the frame right before it."""
        near = np.diff(self.time_s) <= _BESIDE * self.step_s
        places = np.diff(self.index)
        return np.append(False, near & (places <= np.median(places)) if len(places) else near)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """The places [first, end) between which there is no gap in time."""
        longest = max(_BESIDE * self.step_s, _GAP_S)
        cuts = np.flatnonzero(np.diff(self.time_s) > longest) + 1
        edges = [0, *cuts.tolist(), len(self.time_s)]
        return list(itertools.pairwise(edges))

    @property
    def last_label(self) -> Doubles:
        """(n,) the label of the frame before, NaN where there is none right before."""
        return np.where(self.beside, np.roll(self.truth, 1), np.nan)
