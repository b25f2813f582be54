"""From decoded frames to RGB arrays of the size on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from drivesal.types import Image


def quarter_turns(picture: VideoFrame) -> int:
    """How many times a picture is to be turned by 90 degrees counter-clockwise, 0 to 3."""
    return round(picture.rotation / 90) % 4


class Converter:
    """Turns decoded frames into (H, W, 3) uint8 RGB; keeps the scaler's tables from frame to frame."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def image(self, picture: VideoFrame) -> Image:
        """The picture as it is to be seen: colour matrix and range honoured, rotation applied."""
        # One thread: splitting a frame between threads was slower (0.92 against 1.22 ms at 960x540).
        image = self._reformatter.reformat(picture, format="rgb24", threads=1).to_ndarray()
        if turns := quarter_turns(picture):
            image = np.rot90(image, turns)
        return np.ascontiguousarray(image, dtype=np.uint8)


def letterboxed(image: Image, width: int, height: int) -> Image:
    """The picture scaled into width × height, its shape kept, with black bars where it does not fill."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    inner = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxed = np.zeros((height, width, 3), dtype=np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    boxed[top : top + size[1], left : left + size[0]] = inner
    return boxed
