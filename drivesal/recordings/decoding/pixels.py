"""Conversion of decoded frames to RGB arrays at display size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from drivesal.types import Image


def quarter_turns(frame: VideoFrame) -> int:
    """Number of counter-clockwise 90-degree rotations to display a decoded frame, 0 to 3."""
    return round(frame.rotation / 90) % 4


class Converter:
    """Converts decoded frames to (H, W, 3) uint8 RGB; reuses the scaler's tables across frames."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def image(self, frame: VideoFrame) -> Image:
        """The frame as displayed: colour matrix and range honoured, rotation applied."""
        # One thread: splitting a frame across threads was slower (1.22 instead of 0.92 ms at 960x540).
        image = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if turns := quarter_turns(frame):
            image = np.rot90(image, turns)
        return np.ascontiguousarray(image, dtype=np.uint8)


def letterbox(image: Image, width: int, height: int) -> Image:
    """Scale an image to fit width × height with its aspect ratio, padded with black bars."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    inner = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxed = np.zeros((height, width, 3), dtype=np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    boxed[top : top + size[1], left : left + size[0]] = inner
    return boxed
