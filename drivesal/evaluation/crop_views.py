"""Sampled frames as model inputs under several crops: each frame is decoded once and stored small."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import InputError
from drivesal.evaluation.candidates import crops_of
from drivesal.evaluation.prediction_scale import UNKNOWN_METADATA, LabelMetadata
from drivesal.evaluation.sample import ContinuousClock, EvenSample
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
"""The most frames kept; a long drive keeps at least half as many."""
LEAST = 64
SMOOTHED_S = 1.0
"""Keyboard labels are pulses of full deflection; their mean over this time [s] approximates the intent."""
READ, SEGMENT = 2000, 50
"""Frames that a search reads. Of more than twice as many, it reads segments of SEGMENT, spread evenly."""
MOST_BYTES = 256 * 2**20
"""The most bytes of all images; LEAST frames are kept whatever their size."""


@dataclass(frozen=True, slots=True)
class CropViews:
    """Frames spread over drives: `images` (N, h, w, 3) uint8 RGB for each of `crops`, at the model's input
    size.

    `auxiliary_inputs` is (N, numbers); `labels` (N,) are of the model's kind of angle, left positive; `times_s`
    (N,) is on one time axis over all drives. `fit` states how well the labels of all frames read match the
    image motion. `unit` is the labels' unit where they cannot be compared with the predictions, else None;
    `smoothed_s` is the time [s] over which keyboard labels were averaged, None for other labels; `metadata` is
    what is known about the labels.
    """

    crops: Sequence[Crop]
    images: Sequence[Image]
    auxiliary_inputs: Floats
    labels: Doubles
    times_s: Doubles
    fit: Fit
    unit: str | None = None
    smoothed_s: float | None = None
    metadata: LabelMetadata = UNKNOWN_METADATA


UNKNOWN_FIT = Fit(None, 0, None)
"""The fit of labels that were not compared with the image motion."""


class CropViewCollector:
    """Collects some of the streamed frames as model inputs under several crops.

    Keeps at most `most` frames, starting with every `stride`-th, spread over the whole stream.
    """

    def __init__(self, model: SteeringModel, crops: Sequence[Crop], most: int = MOST, stride: int = 1) -> None:
        self._model, self._crops = model, crops
        self._preprocesses = [replace(model.preprocess, crop=crop) for crop in crops]
        height, width = model.preprocess.size
        self._most = max(min(most, MOST_BYTES // (height * width * 3 * len(crops))), LEAST)
        self._sample: EvenSample[tuple[list[Image], Floats, int, float]] = EvenSample(stride)
        self._clock = ContinuousClock()
        self._labels: list[float] = []
        self._times: list[float] = []

    def begin(self) -> None:
        """Start the next recording."""
        self._clock.begin()

    def add(self, frame: Frame) -> None:
        """Add the next frame. Raises InputError if it does not contain one of the crops."""
        label, time_s = frame.steering, self._clock(frame.time_s)
        if label is None:
            return

        position = len(self._labels)
        self._labels.append(label)
        self._times.append(frame.time_s)

        def make() -> tuple[list[Image], Floats, int, float]:
            images = [np.ascontiguousarray(each.prepare(frame.image)) for each in self._preprocesses]
            return images, self._model.auxiliary_inputs_of([frame])[0], position, time_s

        self._sample.add(make, self._most)

    def add_suitable(self, frames: Iterable[Frame]) -> None:
        """Add the frames that contain all crops."""
        for frame in frames:
            with contextlib.suppress(InputError):
                self.add(frame)

    def views(
        self, fit: Fit = UNKNOWN_FIT, unit: str | None = None, metadata: LabelMetadata = UNKNOWN_METADATA
    ) -> CropViews:
        """The kept frames; labels are averaged over SMOOTHED_S if all labels added are keyboard pulses."""
        if not self._sample.kept:
            no_images = np.zeros((0, *self._model.preprocess.size, 3), np.uint8)
            empty, crops = np.zeros(0), self._crops
            no_inputs = np.zeros((0, 0), np.float32)
            return CropViews(crops, [no_images] * len(crops), no_inputs, empty, empty, fit, unit)
        images, auxiliary_inputs, positions, times_s = zip(*self._sample.kept, strict=True)
        by_crop = [np.stack(of_crop) for of_crop in zip(*images, strict=True)]
        all_times, labels = np.array(self._times), np.array(self._labels, np.float64)
        width_s = SMOOTHED_S if pulses(all_times, labels) else None
        if width_s is not None:
            labels = smoothed(all_times, labels, width_s)
        return CropViews(
            self._crops,
            by_crop,
            np.stack(auxiliary_inputs),
            labels[np.array(positions)],
            np.array(times_s),
            fit,
            unit,
            width_s,
            metadata,
        )


def collector_for(model: SteeringModel, recording: Recording, most: int = LEAST) -> CropViewCollector:
    """A collector for the recording: all usual crops, or only the declared one without labels."""
    info = recording.info
    unlabelled = info.angle is None or model.steering is None
    crops = [model.preprocess.crop] if unlabelled else crops_of(model, [recording])
    return CropViewCollector(model, crops, most)


def collect_views(
    model: SteeringModel,
    drives: Iterable[Iterable[Frame]],
    crops: Sequence[Crop],
    progress: Callable[[int], object] = lambda _: None,
    unit: str | None = None,
    metadata: LabelMetadata = UNKNOWN_METADATA,
) -> CropViews:
    """Read the labelled frames once, each drive in order; `progress` is called with 1 for each.

    `unit` is the labels' unit where they cannot be compared with the model's predictions, else None. Raises
    InputError if a frame does not contain one of the crops. Without frames all arrays are empty.
    """
    collector, motion, angles, times = CropViewCollector(model, crops), _ImageShifts(), [], []
    clock = ContinuousClock()
    for frames in drives:
        collector.begin()
        motion.begin()
        clock.begin()
        for frame in frames:
            if frame.steering is not None:
                motion.add(frame)
                angles.append(frame.steering)
                times.append(clock(frame.time_s))
                collector.add(frame)
                progress(1)
    fit = check_fit(np.array(angles, np.float64), np.array(motion.shifts).reshape(-1, 2), np.array(times))
    return collector.views(fit, unit, metadata)


class _ImageShifts:
    """The shift of each image against the previous frame's, NaN where that frame is missing."""

    def __init__(self) -> None:
        self.shifts: list[tuple[float, float]] = []
        self._estimator, self._last = Shifts(), -2

    def begin(self) -> None:
        """Start the next recording."""
        self._estimator, self._last = Shifts(), -2

    def add(self, frame: Frame) -> None:
        """Add the next frame."""
        shift = self._estimator.add(frame.image)
        self.shifts.append(shift if frame.index == self._last + 1 else (np.nan, np.nan))
        self._last = frame.index


def spread_segments(start: int, end: int, count: int) -> list[Span]:
    """Segments with about `count` of the frames from `start` to `end`, exclusive, spread evenly."""
    firsts = np.linspace(start, end - SEGMENT, max(count // SEGMENT, 1)).astype(int).tolist()
    return [Span(first, first + SEGMENT) for first in firsts]


def spread_positions(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` positions below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
