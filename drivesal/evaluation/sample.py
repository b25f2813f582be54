"""Some of the pictures of recordings that stream by, spread over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drivesal.plausible import APART_S, LEAST_MOMENTS, Doubt, scaling_doubt

if TYPE_CHECKING:
    from drivesal.evaluation.answers import Values
    from drivesal.model import SteeringModel
    from drivesal.types import Floats, Image

MOST = 256
"""Pictures kept at most."""
MOST_BYTES = 64 * 2**20
"""Their bytes at most, though LEAST_MOMENTS of them are kept whatever their size."""


class Sample:
    """Every so manyth picture of what is added: each at first, and half as many whenever there are too many.

    Memory is bounded however many there are, and what stays is spread evenly over all that came. `labelled`
    False leaves the labels out: they cannot be compared with the answers.
    """

    def __init__(self, most: int = MOST, labelled: bool = True) -> None:
        self._most, self._labelled = most, labelled
        self._stride, self._came = 1, 0
        self._kept: list[tuple[Image, Floats, float, float]] = []
        self._shift_s: float | None = None
        self._last_s = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def begin(self) -> None:
        """Another recording comes: none of its moments is one of those before, whatever its clock says."""
        self._shift_s = None

    def add(self, pictures: Image, others: Floats, labels: Values, times_s: Values) -> None:
        """The next pictures (N, h, w, 3) of a recording, N at least 1, as `scaling_doubt` takes them."""
        most = min(self._most, max(MOST_BYTES // pictures[0].nbytes, LEAST_MOMENTS))
        if self._shift_s is None:
            self._shift_s = self._last_s + APART_S - float(times_s[0])
        self._last_s = float(times_s[-1]) + self._shift_s
        for picture, beside, label, time_s in zip(pictures, others, labels, times_s, strict=True):
            if self._came % self._stride == 0:
                moved_s = float(time_s) + self._shift_s
                self._kept.append((picture.copy(), beside.copy(), float(label), moved_s))
            self._came += 1
            if len(self._kept) > most:
                self._kept = self._kept[::2]
                self._stride *= 2

    def doubt(self, model: SteeringModel) -> Doubt | None:
        """What `scaling_doubt` says of the pictures kept."""
        if not self._kept:
            return None
        pictures, others, labels, times_s = zip(*self._kept, strict=True)
        known = labels if self._labelled else None
        return scaling_doubt(model, np.stack(pictures), known, np.stack(others), times_s)
