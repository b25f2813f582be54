"""Frames in batches, with the model's inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.attribution.registry import ModelInputs
from drivesal.errors import InputError
from drivesal.model.batching import BATCH
from drivesal.types import Frame

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel

BATCH_BYTES = 16 * 2**20
"""Maximum bytes of full-sized frames in one batch; several batches are in flight at once."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames and the model's inputs for them."""

    frames: list[Frame]
    seen: ModelInputs


def batches(frames: Iterable[Frame], model: SteeringModel, limit: int = BATCH) -> Iterator[Batch]:
    """Frames grouped up to `limit` and BATCH_BYTES, cropped and resized for the model."""
    pending: list[Frame] = []
    for frame in frames:
        pending.append(frame)
        if len(pending) >= limit or (len(pending) + 1) * frame.image.nbytes > BATCH_BYTES:
            yield _batch(pending, model)
            pending = []
    if pending:
        yield _batch(pending, model)


def _batch(frames: list[Frame], model: SteeringModel) -> Batch:
    prepared = [dataclasses.replace(frame, image=model.prepare(frame.image)) for frame in frames]
    return Batch(frames, batch_of_prepared(prepared, model).seen)


def batch_of_prepared(frames: Sequence[Frame], model: SteeringModel) -> Batch:
    """A batch of frames whose images are already cropped and resized for the model."""
    images = np.stack([frame.image for frame in frames])
    indices = np.array([frame.index for frame in frames], np.int64)
    return Batch(list(frames), ModelInputs(images, indices, model.auxiliary_inputs_of(frames)))


def no_decodable_frame() -> InputError:
    """The error for a range in which no frame can be decoded."""
    return InputError(
        "a range with a frame that can be decoded", "none of it can be", "choose another range or file"
    )
