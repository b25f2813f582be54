"""How much of an attribution lies where a drawn road's evidence is, or on any other mask.

Everything is taken at the model's resolution, with two pixels of tolerance: masks are widened by so much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesal.model.preprocess import Preprocess

if TYPE_CHECKING:
    from drivesal.types import Floats, Mask

TOLERANCE_PX = 2
EVIDENT = 4.0
"""Levels of 0..255: a pixel whose evidence is less changes too little to be seen."""


def at_model(values: NDArray[np.floating] | Mask, preprocess: Preprocess) -> Floats:
    """(H, W) values over a frame to (h, w) float32 over the model's picture, each the mean of its area."""
    left, top, right, bottom = preprocess.crop.box(values.shape[1], values.shape[0])
    height, width = preprocess.size
    seen = np.ascontiguousarray(values[top:bottom, left:right], np.float32)
    return cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def evident(evidence: Floats, preprocess: Preprocess) -> Mask:
    """(H, W) evidence of a frame to (h, w): where the model could see it, tolerance included."""
    return widened(at_model(evidence, preprocess) >= EVIDENT)


def widened(mask: Mask, by_px: int = TOLERANCE_PX) -> Mask:
    """(h, w) True also within `by_px` pixels of where `mask` is, in a square."""
    square = np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), square).astype(bool)  # type: ignore[no-any-return]


def share_on(attribution: NDArray[np.floating], mask: Mask) -> float:
    """The share of the absolute attribution (h, w), 0..1, that lies on `mask` (h, w).

    NaN where the attribution is 0 all over. A uniform map's share is `mask.mean()`.
    """
    absolute = np.abs(attribution)
    total = float(absolute.sum())
    return float(absolute[mask].sum()) / total if total > 0 else float("nan")
