"""Some of the pictures of recordings that stream by, spread over all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from drivesal.evaluation.input_scaling import APART_S, LEAST_MOMENTS, scaling_doubt
from drivesal.evaluation.scaling_findings import Doubt
from drivesal.model.domain_shift import DomainShift, detect_domain_shift

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles, Floats, Image, RecordingInfo

T = TypeVar("T")

MOST = 256
"""Pictures kept at most."""
MOST_BYTES = 64 * 2**20
"""Their bytes at most, though LEAST_MOMENTS of them are kept whatever their size."""


class Spread(Generic[T]):
    """Every `stride`-th of what is added at first, and half as many whenever there are too many.

    Memory is bounded however many there are, and what stays is spread evenly over all that came.
    """

    def __init__(self, stride: int = 1) -> None:
        self._stride, self._came = stride, 0
        self.kept: list[T] = []

    def add(self, make: Callable[[], T], most: int) -> None:
        """The next thing, which is made only where it is kept; at most so many stay."""
        if self._came % self._stride == 0:
            self.kept.append(make())
        self._came += 1
        if len(self.kept) > most:
            self.kept = self.kept[::2]
            self._stride *= 2


class JoinedClock:
    """One clock for recordings one after another: no moment of one is another's, whatever their own say."""

    def __init__(self) -> None:
        self._shift_s: float | None = None
        self._last_s = 0.0

    def begin(self) -> None:
        """Another recording comes."""
        self._shift_s = None

    def __call__(self, time_s: float) -> float:
        """The time [s] of the next frame of the recording."""
        if self._shift_s is None:
            self._shift_s = self._last_s + APART_S - time_s
        self._last_s = time_s + self._shift_s
        return self._last_s


class Sample:
    """Pictures spread evenly over recordings that stream by, as `scaling_doubt` takes them.

    `labelled` False leaves the labels out: they cannot be compared with the answers.
    """

    def __init__(self, most: int = MOST, labelled: bool = True) -> None:
        self._most, self._labelled = most, labelled
        self._spread: Spread[tuple[Image, Floats, float, float]] = Spread()
        self._clock = JoinedClock()

    def __len__(self) -> int:
        return len(self._spread.kept)

    def begin(self) -> None:
        """Another recording comes: none of its moments is one of those before, whatever its clock says."""
        self._clock.begin()

    def add(self, pictures: Image, others: Floats, labels: Doubles, times_s: Doubles) -> None:
        """The next pictures (N, h, w, 3) of a recording, N at least 1, as `scaling_doubt` takes them."""
        most = min(self._most, max(MOST_BYTES // pictures[0].nbytes, LEAST_MOMENTS))
        for picture, beside, label, time_s in zip(pictures, others, labels, times_s, strict=True):
            kept = functools.partial(_copied, picture, beside, float(label), self._clock(float(time_s)))
            self._spread.add(kept, most)

    def doubt(self, model: SteeringModel) -> Doubt | None:
        """What `scaling_doubt` says of the pictures kept."""
        if not self._spread.kept:
            return None
        pictures, others, labels, times_s = zip(*self._spread.kept, strict=True)
        known = labels if self._labelled else None
        return scaling_doubt(model, np.stack(pictures), known, np.stack(others), times_s)

    def unlike(self, model: SteeringModel, info: RecordingInfo) -> DomainShift | None:
        """What `detect_domain_shift` says of them; `info` is that of a recording they are of."""
        kept = self._spread.kept
        return detect_domain_shift(model.card, [one[0] for one in kept], [one[3] for one in kept], info)


def _copied(picture: Image, beside: Floats, label: float, time_s: float) -> tuple[Image, Floats, float, float]:
    return picture.copy(), beside.copy(), label, time_s
