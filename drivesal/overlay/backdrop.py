"""The frame resized to the panels' size, once per frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.overlay.element import PreparedFrame

if TYPE_CHECKING:
    from drivesal.overlay.content import Shown
    from drivesal.overlay.geometry import Rect
    from drivesal.types import Image

_HALVE = 1.95
"""At this reduction and above, linear interpolation would skip pixels; below 2 to allow for rounded sizes."""


def resized(image: Image, size: tuple[int, int], out: Image | None = None) -> Image:
    """`image` (H, W, 3) uint8 resized to `size` (width, height); the image itself if it has that size already.

    Images are halved with area interpolation (exact and fast) until the remaining factor is below two, then
    resized linearly; enlargements are cubic. If resizing is needed, `out` is filled and returned.
    """
    while image.shape[1] >= _HALVE * size[0] and image.shape[0] >= _HALVE * size[1]:
        half = max(image.shape[1] // 2, size[0]), max(image.shape[0] // 2, size[1])
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    if (image.shape[1], image.shape[0]) == size:
        return image
    interpolation = cv2.INTER_CUBIC if image.shape[1] < size[0] else cv2.INTER_LINEAR
    return cv2.resize(image, size, dst=out, interpolation=interpolation)  # type: ignore[no-any-return]


class FramePreparer:
    """Prepares frames for drawing, in buffers that are reused for the next frame."""

    def __init__(self, size: tuple[int, int], box: Rect) -> None:
        self._size, self._box = size, box
        self._image = np.empty((size[1], size[0], 3), np.uint8)
        self._grey = np.empty((box.height, box.width), np.uint8)

    def prepare(self, shown: Shown) -> PreparedFrame:
        """The frame at the panels' size, and the luminance of its box."""
        image = resized(shown.image, self._size, self._image)
        cv2.cvtColor(self._box.of(image), cv2.COLOR_RGB2GRAY, dst=self._grey)
        return PreparedFrame(shown, image, self._grey)
