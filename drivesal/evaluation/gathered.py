"""Frames of drives as a model would see them under several crops: decoded once, kept small."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drivesal.evaluation.sample import Clock, Spread
from drivesal.survey import Fit, Shifts, check_fit
from drivesal.types import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.evaluation.answers import Values
    from drivesal.model import SteeringModel
    from drivesal.preprocess import Crop
    from drivesal.types import Floats, Image

MOST = 256
"""Frames kept at most; at least half as many of a long drive."""
LEAST = 64
MOST_BYTES = 256 * 2**20
"""Bytes of all views at most, though LEAST frames are kept whatever their size."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Frames spread over drives: `views` (N, h, w, 3) uint8 RGB for each of `crops`, of the model's size.

    `others` (N, numbers) goes beside them; `labels` (N,) are of the model's kind of angle, left positive;
    `times_s` (N,) on one clock that goes on from drive to drive. `fit` tells how the labels of all frames that
    were read go with their picture.
    """

    crops: Sequence[Crop]
    views: Sequence[Image]
    others: Floats
    labels: Values
    times_s: Values
    fit: Fit


def gather(
    model: SteeringModel,
    drives: Iterable[Iterable[Frame]],
    crops: Sequence[Crop],
    progress: Callable[[int], object] = lambda _: None,
) -> Gathered:
    """Reads frames with labels once, each drive's in order; `progress` is called with 1 for every one.

    Raises InputError where a frame does not hold one of the crops. Without any frame all arrays are empty.
    """
    views = [replace(model.preprocess, crop=crop) for crop in crops]
    height, width = model.preprocess.size
    most = max(min(MOST, MOST_BYTES // (height * width * 3 * len(views))), LEAST)
    spread: Spread[tuple[list[Image], Floats, float, float]] = Spread()
    clock, moves, angles = Clock(), _Moves(), []
    for frames in drives:
        clock.begin()
        moves.begin()
        for frame in frames:
            label, time_s = frame.steering, clock(frame.time_s)
            if label is None:
                continue
            moves.add(frame)
            angles.append(label)

            def kept(
                frame: Frame = frame, label: float = label, time_s: float = time_s
            ) -> tuple[list[Image], Floats, float, float]:
                seen = [np.ascontiguousarray(view.prepare(frame.image)) for view in views]
                return seen, model.others_of([frame])[0], label, time_s

            spread.add(kept, most)
            progress(1)
    fit = check_fit(np.array(angles, np.float64), np.array(moves.found, np.float64))
    if not spread.kept:
        nothing = np.zeros((0, height, width, 3), np.uint8)
        empty = np.zeros(0)
        return Gathered(crops, [nothing] * len(crops), np.zeros((0, 0), np.float32), empty, empty, fit)
    pictures, others, labels, times_s = zip(*spread.kept, strict=True)
    stacked = [np.stack(one) for one in zip(*pictures, strict=True)]
    return Gathered(crops, stacked, np.stack(others), np.array(labels), np.array(times_s), fit)


class _Moves:
    """How far each frame's picture is shifted to that of the frame right before it, NaN where there is none."""

    def __init__(self) -> None:
        self.found: list[float] = []
        self._shifts, self._last = Shifts(), -2

    def begin(self) -> None:
        """Another recording comes."""
        self._shifts, self._last = Shifts(), -2

    def add(self, frame: Frame) -> None:
        """The next frame."""
        move = self._shifts.add(frame.image)
        self.found.append(move if frame.index == self._last + 1 else np.nan)
        self._last = frame.index


def spread_out(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` places of `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
