"""Tileable noise for surfaces, clouds and leaves, and helpers to draw with masks."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

TILE = 512


@functools.cache
def fractal(seed: int, slope: float, size: tuple[int, int] = (TILE, TILE), stretch: float = 1.0) -> Floats:
    """`size` (rows, columns) float32 noise of mean 0 and standard deviation 1, whose amplitude falls with
    frequency to the power `slope`: 0 is grain, 1 is patches, 2 is hills. `stretch` above 1 makes it wider.
    """
    rng = np.random.default_rng([seed, 77])
    spectrum = np.fft.rfft2(rng.standard_normal(size))
    rows = np.fft.fftfreq(size[0])[:, None] * size[0]
    columns = np.fft.rfftfreq(size[1])[None] * size[1] * stretch
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / frequency**slope, size)
    even: Floats = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return even


@functools.cache
def tile(seed: int, slope: float, contrast: float = 40.0) -> Image:
    """`fractal` as (512, 512) uint8 around 128; `contrast` is the standard deviation in levels."""
    levels: Image = np.clip(128 + contrast * fractal(seed, slope), 0, 255).astype(np.uint8)
    return levels


def ramp(colours: Sequence[tuple[float, float, float]]) -> Image:
    """(256, 1, 3) uint8 lookup table that interpolates these colours at even steps, for `paint`."""
    steps = np.linspace(0, 255, len(colours))
    table = np.stack([np.interp(np.arange(256), steps, channel) for channel in np.array(colours).T], axis=-1)
    rounded: Image = np.clip(table, 0, 255).round().astype(np.uint8)
    return rounded[:, None]


def paint(levels: Image, table: Image) -> Image:
    """Map (h, w) uint8 to (h, w, 3) through a table of colours."""
    return cv2.applyColorMap(levels, table)  # type: ignore[no-any-return]


def three_channels(mask: Image) -> Image:
    """Repeat (h, w) to (h, w, 3)."""
    return cv2.merge((mask, mask, mask))  # type: ignore[no-any-return]


def blend(below: Image, above: Image, mask: Image) -> Image:
    """Blend `above` over `below`, both (h, w, 3), with the opacity `mask` (h, w), 255 for opaque."""
    share = three_channels(mask)
    kept = cv2.multiply(below, cv2.bitwise_not(share), scale=1 / 255)
    return cv2.add(kept, cv2.multiply(above, share, scale=1 / 255))  # type: ignore[no-any-return]


def fill(mask: Image, outlines: list[NDArray[np.float64]], value: int = 255) -> None:
    """Draw polygons, (n, 2) columns and rows each, into (h, w) with antialiased edges."""
    if outlines:
        corners = [np.round((outline - 0.5) * 16).astype(np.int32) for outline in outlines]
        cv2.fillPoly(mask, corners, value, cv2.LINE_AA, shift=4)
