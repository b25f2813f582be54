"""Batches of model-sized images from anything that a user may pass to `predict`."""

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
"""Most frames in one attribution call, and the default limit of images in one network call there."""
_PREDICTION_BATCH = 64
"""Images in one network call when only predicting."""


def batches_of(model: SteeringModel, source: Any, auxiliary: Floats | None) -> Iterator[tuple[Image, Floats]]:
    """Images (n, h, w, 3) uint8 RGB of the model's size, with their auxiliary inputs (n, K) float32.

    `source` is a recording, a `Frame`, (H, W, 3) or (N, H, W, 3) uint8 RGB, or an iterable of frames and images
    of any sizes. Frames, and images of another size than the model's, are cropped and resized; an image of
    exactly the model's size is taken as already prepared. `auxiliary` (N, K) overrides the values that the
    frames carry. Raises InputError.
    """
    read = 0
    for frames, images in _grouped(model, source):
        rows = model.auxiliary_inputs_of(frames) if auxiliary is None else auxiliary[read : read + len(frames)]
        read += len(frames)
        if len(rows) != len(frames):
            came = f"there are {0 if auxiliary is None else len(auxiliary)} rows"
            raise InputError("a row of auxiliary inputs for every image", came, "give one row per image")
        yield np.stack(images), rows
    if not read:
        raise InputError("frames or images to predict on", "there is none", "give at least one")


def _grouped(model: SteeringModel, source: Any) -> Iterator[tuple[list[Frame], list[Image]]]:
    """Groups of up to _PREDICTION_BATCH frames, with their prepared images."""
    frames: list[Frame] = []
    images: list[Image] = []
    for number, item in enumerate(_items(source)):
        image = item.image if isinstance(item, Frame) else item
        frame = item if isinstance(item, Frame) else Frame(number, number / 20, _checked(item, number))
        ready = image is item and frame.image.shape[:2] == model.preprocess.size
        frames.append(frame)
        images.append(frame.image if ready else model.prepare(_checked(frame.image, frame.index)))
        if len(frames) == _PREDICTION_BATCH:
            yield frames, images
            frames, images = [], []
    if frames:
        yield frames, images


def _items(source: Any) -> Iterable[Any]:
    if isinstance(source, Recording):
        return source.frames()
    if isinstance(source, Frame):
        return (source,)
    if isinstance(source, np.ndarray) and source.ndim == 3:
        return (source,)
    if isinstance(source, str | bytes) or not isinstance(source, Iterable):
        do = "give run.frames(), or open a path with drivesal.Recording"
        raise InputError("frames or images to predict on", f"it is {type(source).__name__}", do)
    return source


def _checked(image: Any, number: int) -> Image:
    """The image as an array. Raises InputError unless it is (H, W, 3) uint8."""
    array: Image = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        return array
    do = "convert it, for floats in 0..1 with (255 * x).astype('uint8')"
    raise InputError("frames as (H, W, 3) uint8 RGB", f"number {number} is {array.shape} {array.dtype}", do)
