"""Frames in batches, with what the model is given of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.attribution.registry import Seen
from drivesal.errors import InputError
from drivesal.model.batching import BATCH
from drivesal.types import Frame

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel

BATCH_BYTES = 16 * 2**20
"""Most bytes of full-sized frames in one batch: several batches are under way at once."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames with what the model is given of them."""

    frames: list[Frame]
    seen: Seen


def batches(frames: Iterable[Frame], model: SteeringModel, limit: int = BATCH) -> Iterator[Batch]:
    """Frames grouped up to `limit` and BATCH_BYTES, cropped and resized for the model."""
    waiting: list[Frame] = []
    for frame in frames:
        waiting.append(frame)
        if len(waiting) >= limit or (len(waiting) + 1) * frame.image.nbytes > BATCH_BYTES:
            yield _batch(waiting, model)
            waiting = []
    if waiting:
        yield _batch(waiting, model)


def _batch(frames: list[Frame], model: SteeringModel) -> Batch:
    images = [dataclasses.replace(frame, image=model.prepare(frame.image)) for frame in frames]
    return Batch(frames, prepared(images, model).seen)


def prepared(frames: Sequence[Frame], model: SteeringModel) -> Batch:
    """A batch of frames whose images are the model's pictures already."""
    pictures = np.stack([frame.image for frame in frames])
    indices = np.array([frame.index for frame in frames], np.int64)
    return Batch(list(frames), Seen(pictures, indices, model.others_of(frames)))


def nothing_decoded() -> InputError:
    """What is said where a range has no frame that can be decoded."""
    return InputError(
        "a range with a frame that can be decoded", "none of it can be", "choose another range or file"
    )
