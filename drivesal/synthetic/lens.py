"""What a camera does to the light: tone, white balance, vignetting, blur, noise, JPEG."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.textures import threefold

if TYPE_CHECKING:
    from drivesal.types import Image

_SPARE_PX = 128
"""Every frame's noise is cut from a larger sheet, from one of so many places either way."""


def tone(picture: Image, scene: SceneParameters) -> Image:
    """(H, W, 3) uint8 RGB with the scene's contrast, colours and vignetting; nothing is blurred or random."""
    if scene.saturation != 1.0:
        picture = cv2.transform(picture, _saturation(scene.saturation))
    picture = cv2.LUT(picture, _tones(scene.contrast, scene.warmth))
    if scene.vignetting > 0:
        picture = cv2.multiply(picture, _vignette(scene.vignetting, picture.shape[:2]), scale=1 / 255)
    return picture


def expose(picture: Image, scene: SceneParameters, rng: np.random.Generator) -> Image:
    """(H, W, 3) uint8 RGB as the lens, the moving car, the sensor and the file leave it."""
    height, width = picture.shape[:2]
    picture = _streak(picture, scene)
    soft = scene.blur_px * width / 640
    if soft > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 * soft)
    if scene.noise > 0:
        grain = _grain(height, width)
        top, left = rng.integers(_SPARE_PX, size=2)
        part = grain[top : top + height, left : left + width]
        picture = cv2.addWeighted(picture, 1.0, part, scene.noise / 32, -128 * scene.noise / 32)
    if scene.jpeg_quality < 100:
        options = [cv2.IMWRITE_JPEG_QUALITY, scene.jpeg_quality]
        # JPEG keeps less of blue than of red, so OpenCV must get its BGR; a view of it would be copied slowly
        _, packed = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
        return cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)  # type: ignore[return-value]
    return picture


def _streak(picture: Image, scene: SceneParameters) -> Image:
    """The motion blur of driving ahead: everything streaks away from the vanishing point.

    The mean of four pictures, each a little larger than the one before.
    """
    height, width = picture.shape[:2]
    reach = scene.motion_blur_px * width / 640
    if reach < 0.5:
        return picture
    middle = width / 2, scene.horizon * height
    growth = reach / float(np.hypot(width / 2, height - middle[1]))
    for share in (2 / 3, 1 / 3):
        larger = cv2.getRotationMatrix2D(middle, 0.0, 1 + share * growth)
        moved = cv2.warpAffine(picture, larger, (width, height), borderMode=cv2.BORDER_REPLICATE)
        picture = cv2.addWeighted(picture, 0.5, moved, 0.5, 0.0)
    return picture


@functools.lru_cache(maxsize=16)
def _saturation(amount: float) -> NDArray[np.float32]:
    grey = np.array([0.299, 0.587, 0.114])
    matrix: NDArray[np.float32] = (amount * np.eye(3) + (1 - amount) * grey).astype(np.float32)
    return matrix


@functools.lru_cache(maxsize=16)
def _tones(contrast: float, warmth: float) -> Image:
    """(1, 256, 3) uint8 table: an S about a third of full brightness, and white balance."""
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
    return threefold((255 * (1 - amount * away**2.2)).round().astype(np.uint8))


@functools.lru_cache(maxsize=2)
def _grain(height: int, width: int) -> Image:
    """Noise of standard deviation 32 around 128, `_SPARE_PX` more than the picture either way.

    Neighbours are a little alike, as they are behind a sensor's colour filter.
    """
    size = height + _SPARE_PX, width + _SPARE_PX, 3
    noise = np.random.default_rng(5).standard_normal(size, np.float32)
    smooth = cv2.GaussianBlur(noise, (3, 3), 0.5)
    levels: Image = np.clip(128 + 32 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return levels
