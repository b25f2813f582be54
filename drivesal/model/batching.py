"""What a person gives a model to answer, as batches of its own pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.errors import InputError
from drivesal.types import Frame, Recording

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Floats, Image

BATCH = 32
"""Most frames in one attribution call, and by default the most images in one call of the network there."""
_PREDICTED = 64
"""Images in one call of the network that only predicts."""


def batches_of(model: SteeringModel, given: Any, others: Floats | None) -> Iterator[tuple[Image, Floats]]:
    """Pictures (n, h, w, 3) uint8 RGB of the model's size, with what goes beside them (n, numbers) float32.

    `given` is a recording, a `Frame`, (H, W, 3) or (N, H, W, 3) uint8 RGB, or an iterable of frames and images,
    of any sizes. A frame is cropped and resized for the model, and so is an image of another size than the
    model's; an image of exactly that size is taken for prepared. `others` (N, numbers) goes before what the
    frames carry. Raises InputError.
    """
    read = 0
    for frames, pictures in _grouped(model, given):
        beside = model.others_of(frames) if others is None else others[read : read + len(frames)]
        read += len(frames)
        if len(beside) != len(frames):
            came = f"there are {0 if others is None else len(others)} rows"
            raise InputError("a row beside every picture", came, "give as many as pictures")
        yield np.stack(pictures), beside
    if not read:
        raise InputError("frames or images to predict on", "there is none", "give at least one")


def _grouped(model: SteeringModel, given: Any) -> Iterator[tuple[list[Frame], list[Image]]]:
    """A few frames at a time, with their pictures."""
    frames: list[Frame] = []
    pictures: list[Image] = []
    for number, one in enumerate(_each(given)):
        image = one.image if isinstance(one, Frame) else one
        frame = one if isinstance(one, Frame) else Frame(number, number / 20, _checked(one, number))
        ready = image is one and frame.image.shape[:2] == model.preprocess.size
        frames.append(frame)
        pictures.append(frame.image if ready else model.prepare(_checked(frame.image, frame.index)))
        if len(frames) == _PREDICTED:
            yield frames, pictures
            frames, pictures = [], []
    if frames:
        yield frames, pictures


def _each(given: Any) -> Iterable[Any]:
    if isinstance(given, Recording):
        return given.frames()
    if isinstance(given, Frame):
        return (given,)
    if isinstance(given, np.ndarray) and given.ndim == 3:
        return (given,)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        do = "give run.frames(), or open a path with drivesal.Recording"
        raise InputError("frames or images to predict on", f"it is {type(given).__name__}", do)
    return given


def _checked(image: Any, number: int) -> Image:
    """The image as an array. Raises InputError where it is no (H, W, 3) uint8 RGB."""
    found: Image = np.asarray(image)
    if found.ndim == 3 and found.shape[2] == 3 and found.dtype == np.uint8:
        return found
    do = "convert it, for floats in 0..1 with (255 * x).astype('uint8')"
    raise InputError("frames as (H, W, 3) uint8 RGB", f"number {number} is {found.shape} {found.dtype}", do)
