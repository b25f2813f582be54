"""The recording's frame at the panels' size, made once a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.overlay.element import Moment

if TYPE_CHECKING:
    from drivesal.overlay.content import Shown
    from drivesal.overlay.geometry import Rect
    from drivesal.types import Image

_HALVE = 1.95
"""From this reduction on linear interpolation would skip pixels; below 2 for sizes that were rounded."""


def resized(image: Image, size: tuple[int, int], out: Image | None = None) -> Image:
    """`image` (H, W, 3) uint8 at `size` (width, height): the image itself where that is its own size.

    Reductions by two and more are halved by area (exact and fast) until linear interpolation does the rest;
    enlargements are cubic. `out` is filled and returned where anything has to be done.
    """
    while image.shape[1] >= _HALVE * size[0] and image.shape[0] >= _HALVE * size[1]:
        half = max(image.shape[1] // 2, size[0]), max(image.shape[0] // 2, size[1])
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    if (image.shape[1], image.shape[0]) == size:
        return image
    way = cv2.INTER_CUBIC if image.shape[1] < size[0] else cv2.INTER_LINEAR
    return cv2.resize(image, size, dst=out, interpolation=way)  # type: ignore[no-any-return]


class Preparer:
    """Makes a `Moment` of what is shown, into buffers that the next frame uses again."""

    def __init__(self, size: tuple[int, int], box: Rect) -> None:
        self._size, self._box = size, box
        self._picture = np.empty((size[1], size[0], 3), np.uint8)
        self._grey = np.empty((box.height, box.width), np.uint8)

    def moment(self, shown: Shown) -> Moment:
        """The frame at the panels' size and the grey of its box."""
        picture = resized(shown.image, self._size, self._picture)
        cv2.cvtColor(self._box.of(picture), cv2.COLOR_RGB2GRAY, dst=self._grey)
        return Moment(shown, picture, self._grey)
