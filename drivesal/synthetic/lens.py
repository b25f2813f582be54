"""The camera's image processing: tone, white balance, vignetting, blur, noise, JPEG."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.textures import three_channels

if TYPE_CHECKING:
    from drivesal.types import Image

_SPARE_PX = 128
"""Every frame's noise is cut from a sheet that is larger by this many pixels in both directions."""


def tone(image: Image, scene: SceneParameters) -> Image:
    """Apply the scene's contrast, colours and vignetting to (H, W, 3) uint8 RGB; no blur, no randomness."""
    if scene.saturation != 1.0:
        image = cv2.transform(image, _saturation(scene.saturation))
    image = cv2.LUT(image, _tones(scene.contrast, scene.warmth))
    if scene.vignetting > 0:
        image = cv2.multiply(image, _vignette(scene.vignetting, image.shape[:2]), scale=1 / 255)
    return image


def expose(image: Image, scene: SceneParameters, rng: np.random.Generator) -> Image:
    """Apply lens blur, motion blur, sensor noise and JPEG compression to (H, W, 3) uint8 RGB."""
    height, width = image.shape[:2]
    image = _streak(image, scene)
    soft = scene.blur_px * width / 640
    if soft > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), 0.5 * soft)
    if scene.noise > 0:
        grain = _grain(height, width)
        top, left = rng.integers(_SPARE_PX, size=2)
        part = grain[top : top + height, left : left + width]
        image = cv2.addWeighted(image, 1.0, part, scene.noise / 32, -128 * scene.noise / 32)
    if scene.jpeg_quality < 100:
        options = [cv2.IMWRITE_JPEG_QUALITY, scene.jpeg_quality]
        # JPEG compresses blue more than red, so OpenCV must get true BGR; a reversed view is slow to copy
        _, packed = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
        return cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)  # type: ignore[return-value]
    return image


def _streak(image: Image, scene: SceneParameters) -> Image:
    """Motion blur of forward driving: streaks away from the vanishing point.

    The mean of four images, each slightly larger than the one before.
    """
    height, width = image.shape[:2]
    reach = scene.motion_blur_px * width / 640
    if reach < 0.5:
        return image
    middle = width / 2, scene.horizon * height
    growth = reach / float(np.hypot(width / 2, height - middle[1]))
    for share in (2 / 3, 1 / 3):
        larger = cv2.getRotationMatrix2D(middle, 0.0, 1 + share * growth)
        moved = cv2.warpAffine(image, larger, (width, height), borderMode=cv2.BORDER_REPLICATE)
        image = cv2.addWeighted(image, 0.5, moved, 0.5, 0.0)
    return image


@functools.lru_cache(maxsize=16)
def _saturation(amount: float) -> NDArray[np.float32]:
    grey = np.array([0.299, 0.587, 0.114])
    matrix: NDArray[np.float32] = (amount * np.eye(3) + (1 - amount) * grey).astype(np.float32)
    return matrix


@functools.lru_cache(maxsize=16)
def _tones(contrast: float, warmth: float) -> Image:
    """(1, 256, 3) uint8 lookup table: an S-curve around a third of full brightness, and white balance."""
    level = np.arange(256) / 255
    pivot = 0.36
    curve = np.where(
        level < pivot,
        pivot * (level / pivot) ** contrast,
        1 - (1 - pivot) * ((1 - level) / (1 - pivot)) ** contrast,
    )
    balance = np.exp(np.array([0.16, 0.0, -0.16]) * warmth)
    table: Image = np.clip(255 * curve[:, None] * balance, 0, 255).round().astype(np.uint8)
    return table[None]


@functools.lru_cache(maxsize=4)
def _vignette(amount: float, size: tuple[int, int]) -> Image:
    rows, columns = size
    y, x = np.mgrid[:rows, :columns]
    away = np.hypot((x + 0.5) / columns - 0.5, (y + 0.5) / rows - 0.5) / np.hypot(0.5, 0.5)
    return three_channels((255 * (1 - amount * away**2.2)).round().astype(np.uint8))


@functools.lru_cache(maxsize=2)
def _grain(height: int, width: int) -> Image:
    """Noise of standard deviation 32 around 128, larger than the image by `_SPARE_PX` in both directions.

    Neighbours are slightly correlated, as behind a sensor's colour filter.
    """
    size = height + _SPARE_PX, width + _SPARE_PX, 3
    noise = np.random.default_rng(5).standard_normal(size, np.float32)
    smooth = cv2.GaussianBlur(noise, (3, 3), 0.5)
    levels: Image = np.clip(128 + 32 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return levels
