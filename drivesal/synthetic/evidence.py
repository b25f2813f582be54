"""The share of an attribution on the evidence of a synthetic road, or on any other mask.

All is computed at the model's resolution, with masks dilated by a tolerance of two pixels.
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
"""The least evidence of a visible change, in levels of 0..255."""


def at_model(values: NDArray[np.floating] | Mask, preprocess: Preprocess) -> Floats:
    """Resample (H, W) values of a frame to (h, w) float32 at the model's input, by area."""
    left, top, right, bottom = preprocess.crop.box(values.shape[1], values.shape[0])
    height, width = preprocess.size
    seen = np.ascontiguousarray(values[top:bottom, left:right], np.float32)
    return cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def evident(evidence: Floats, preprocess: Preprocess) -> Mask:
    """(h, w) mask at the model's input of the visible evidence (H, W) of a frame, including the tolerance."""
    return widened(at_model(evidence, preprocess) >= EVIDENT)


def widened(mask: Mask, by_px: int = TOLERANCE_PX) -> Mask:
    """(h, w) `mask` dilated by `by_px` pixels with a square."""
    square = np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), square).astype(bool)  # type: ignore[no-any-return]


def share_on(attribution: NDArray[np.floating], mask: Mask) -> float:
    """The share of the absolute attribution (h, w), 0..1, on `mask` (h, w).

    NaN if the attribution is 0 everywhere. A uniform map's share is `mask.mean()`.
    """
    absolute = np.abs(attribution)
    total = float(absolute.sum())
    return float(absolute[mask].sum()) / total if total > 0 else float("nan")
