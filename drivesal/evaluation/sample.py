"""Bounded, evenly spread samples of streamed recordings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from drivesal.evaluation.input_scaling import APART_S, LEAST_MOMENTS, check_scaling
from drivesal.evaluation.scaling_warning import ScalingWarning
from drivesal.model.domain_shift import DomainShift, detect_domain_shift

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles, Floats, Image, RecordingInfo

T = TypeVar("T")

MOST = 256
"""The most images in a sample."""
MOST_BYTES = 64 * 2**20
"""The most bytes of images in a sample; LEAST_MOMENTS images are kept whatever their size."""


class EvenSample(Generic[T]):
    """Keeps every `stride`-th item, and doubles the stride whenever the sample exceeds its limit.

    Memory stays bounded, and the kept items are spread evenly over the whole stream.
    """

    def __init__(self, stride: int = 1) -> None:
        self._stride, self._count = stride, 0
        self.kept: list[T] = []

    def add(self, make: Callable[[], T], most: int) -> None:
        """Count the next item; `make` builds it only if it is kept. At most `most` items remain."""
        if self._count % self._stride == 0:
            self.kept.append(make())
        self._count += 1
        if len(self.kept) > most:
            self.kept = self.kept[::2]
            self._stride *= 2


class ContinuousClock:
    """One time axis for consecutive recordings, on which frames of different recordings never coincide."""

    def __init__(self) -> None:
        self._shift_s: float | None = None
        self._last_s = 0.0

    def begin(self) -> None:
        """Start the next recording."""
        self._shift_s = None

    def __call__(self, time_s: float) -> float:
        """The time [s] on the joint axis of the recording's next frame."""
        if self._shift_s is None:
            self._shift_s = self._last_s + APART_S - time_s
        self._last_s = time_s + self._shift_s
        return self._last_s


class ImageSample:
    """Model inputs spread evenly over streamed recordings, in the form that `check_scaling` takes.

    `labelled` False ignores the labels, where they cannot be compared with the predictions.
    """

    def __init__(self, most: int = MOST, labelled: bool = True) -> None:
        self._most, self._labelled = most, labelled
        self._sample: EvenSample[tuple[Image, Floats, float, float]] = EvenSample()
        self._clock = ContinuousClock()

    def __len__(self) -> int:
        return len(self._sample.kept)

    def begin(self) -> None:
        """Start the next recording."""
        self._clock.begin()

    def add(self, images: Image, auxiliary_inputs: Floats, labels: Doubles, times_s: Doubles) -> None:
        """Add the next images (N, h, w, 3) of a recording, N at least 1; arguments as of `check_scaling`."""
        most = min(self._most, max(MOST_BYTES // images[0].nbytes, LEAST_MOMENTS))
        for image, numbers, label, time_s in zip(images, auxiliary_inputs, labels, times_s, strict=True):
            make = functools.partial(_copied, image, numbers, float(label), self._clock(float(time_s)))
            self._sample.add(make, most)

    def scaling_warning(self, model: SteeringModel) -> ScalingWarning | None:
        """The result of `check_scaling` on the sample; None without images."""
        if not self._sample.kept:
            return None
        images, auxiliary_inputs, labels, times_s = zip(*self._sample.kept, strict=True)
        known = labels if self._labelled else None
        return check_scaling(model, np.stack(images), known, np.stack(auxiliary_inputs), times_s)

    def unlike(self, model: SteeringModel, info: RecordingInfo) -> DomainShift | None:
        """The result of `detect_domain_shift` on the sample; `info` is of one of its recordings."""
        kept = self._sample.kept
        return detect_domain_shift(model.card, [item[0] for item in kept], [item[3] for item in kept], info)


def _copied(image: Image, numbers: Floats, label: float, time_s: float) -> tuple[Image, Floats, float, float]:
    return image.copy(), numbers.copy(), label, time_s
