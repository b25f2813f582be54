"""Frames of drives as a model would see them under several crops: decoded once, kept small."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import InputError
from drivesal.evaluation.candidates import crops_of
from drivesal.evaluation.sample import JoinedClock, Spread
from drivesal.evaluation.sizing import NOTHING_SAID, LabelsSaid
from drivesal.recordings.inspection.label_check import Fit, Shifts, check_fit
from drivesal.series.pulses import pulses
from drivesal.series.smoothing import smoothed
from drivesal.types import Frame, Recording, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.model.preprocess import Crop
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles, Floats, Image

MOST = 256
"""Frames kept at most; at least half as many of a long drive."""
LEAST = 64
SMOOTHED_S = 1.0
"""Labels of keys are pulses of full turns: what was meant is their mean over about this [s]."""
READ, STRETCH = 2000, 50
"""Frames that a search reads: of more than twice as many, stretches of STRETCH, spread evenly."""
MOST_BYTES = 256 * 2**20
"""Bytes of all views at most, though LEAST frames are kept whatever their size."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Frames spread over drives: `views` (N, h, w, 3) uint8 RGB for each of `crops`, of the model's size.

    `others` (N, numbers) goes beside them; `labels` (N,) are of the model's kind of angle, left positive;
    `times_s` (N,) on one clock that goes on from drive to drive. `fit` tells how the labels of all frames that
    were read go with their picture. `unit` is that of the labels where they and the answers cannot be compared;
    `smoothed_s` the time [s] that labels of keys were averaged over, None for others; `said` is
    what is known of them.
    """

    crops: Sequence[Crop]
    views: Sequence[Image]
    others: Floats
    labels: Doubles
    times_s: Doubles
    fit: Fit
    unit: str | None = None
    smoothed_s: float | None = None
    said: LabelsSaid = NOTHING_SAID


UNKNOWN = Fit(None, 0, None)
"""Of labels whose fit with the picture nobody looked at."""


class Views:
    """Keeps some of the frames that stream by as a model would see them under several crops.

    At most `most` of them, every `stride`-th at first: spread over all that come.
    """

    def __init__(self, model: SteeringModel, crops: Sequence[Crop], most: int = MOST, stride: int = 1) -> None:
        self._model, self._crops = model, crops
        self._views = [replace(model.preprocess, crop=crop) for crop in crops]
        height, width = model.preprocess.size
        self._most = max(min(most, MOST_BYTES // (height * width * 3 * len(crops))), LEAST)
        self._spread: Spread[tuple[list[Image], Floats, int, float]] = Spread(stride)
        self._clock = JoinedClock()
        self._labels: list[float] = []
        self._times: list[float] = []

    def begin(self) -> None:
        """Another recording comes."""
        self._clock.begin()

    def add(self, frame: Frame) -> None:
        """The next frame. Raises InputError where it does not hold one of the crops."""
        label, time_s = frame.steering, self._clock(frame.time_s)
        if label is None:
            return

        place = len(self._labels)
        self._labels.append(label)
        self._times.append(frame.time_s)

        def kept() -> tuple[list[Image], Floats, int, float]:
            seen = [np.ascontiguousarray(view.prepare(frame.image)) for view in self._views]
            return seen, self._model.others_of([frame])[0], place, time_s

        self._spread.add(kept, self._most)

    def look(self, frames: Iterable[Frame]) -> None:
        """The next frames, without those that do not hold one of the crops."""
        for frame in frames:
            with contextlib.suppress(InputError):
                self.add(frame)

    def gathered(
        self, fit: Fit = UNKNOWN, unit: str | None = None, said: LabelsSaid = NOTHING_SAID
    ) -> Gathered:
        """What was kept; the labels averaged over SMOOTHED_S where all that came are pulses of keys."""
        if not self._spread.kept:
            nothing = np.zeros((0, *self._model.preprocess.size, 3), np.uint8)
            empty, crops = np.zeros(0), self._crops
            none = np.zeros((0, 0), np.float32)
            return Gathered(crops, [nothing] * len(crops), none, empty, empty, fit, unit)
        pictures, others, places, times_s = zip(*self._spread.kept, strict=True)
        stacked = [np.stack(one) for one in zip(*pictures, strict=True)]
        came, labels = np.array(self._times), np.array(self._labels, np.float64)
        width = SMOOTHED_S if pulses(came, labels) else None
        if width is not None:
            labels = smoothed(came, labels, width)
        chosen = labels[np.array(places)]
        return Gathered(
            self._crops, stacked, np.stack(others), chosen, np.array(times_s), fit, unit, width, said
        )


def views_of(model: SteeringModel, recording: Recording, most: int = LEAST) -> Views:
    """What keeps frames of the recording for other settings; under the declared crop alone without labels."""
    info = recording.info
    unlabelled = info.angle is None or model.steering is None
    crops = [model.preprocess.crop] if unlabelled else crops_of(model, [recording])
    return Views(model, crops, most)


def gather(
    model: SteeringModel,
    drives: Iterable[Iterable[Frame]],
    crops: Sequence[Crop],
    progress: Callable[[int], object] = lambda _: None,
    unit: str | None = None,
    said: LabelsSaid = NOTHING_SAID,
) -> Gathered:
    """Reads frames with labels once, each drive's in order; `progress` is called with 1 for every one.

    `unit` is that of the labels where they cannot be compared with the model's answers, else None.
    Raises InputError where a frame does not hold one of the crops. Without any frame all arrays are empty.
    """
    views, moves, angles, times, clock = Views(model, crops), _Moves(), [], [], JoinedClock()
    for frames in drives:
        views.begin()
        moves.begin()
        clock.begin()
        for frame in frames:
            if frame.steering is not None:
                moves.add(frame)
                angles.append(frame.steering)
                times.append(clock(frame.time_s))
                views.add(frame)
                progress(1)
    fit = check_fit(np.array(angles, np.float64), np.array(moves.found).reshape(-1, 2), np.array(times))
    return views.gathered(fit, unit, said)


class _Moves:
    """How far each frame's picture is shifted to that of the frame right before it, NaN where there is none."""

    def __init__(self) -> None:
        self.found: list[tuple[float, float]] = []
        self._shifts, self._last = Shifts(), -2

    def begin(self) -> None:
        """Another recording comes."""
        self._shifts, self._last = Shifts(), -2

    def add(self, frame: Frame) -> None:
        """The next frame."""
        move = self._shifts.add(frame.image)
        self.found.append(move if frame.index == self._last + 1 else (np.nan, np.nan))
        self._last = frame.index


def stretches(start: int, end: int, count: int) -> list[Span]:
    """About `count` of the frames from `start` to `end`, exclusive, in stretches that are spread evenly."""
    firsts = np.linspace(start, end - STRETCH, max(count // STRETCH, 1)).astype(int).tolist()
    return [Span(first, first + STRETCH) for first in firsts]


def spread_out(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` places of `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
