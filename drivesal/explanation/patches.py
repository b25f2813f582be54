"""Patch-wise measures of the model input and its gradient, for the heat of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivesal.types import ClipStatistics, Explained, Floats, Image

PATCH = 5
"""Side of the patch [model px] for means; checkerboards of stride-2 convolutions average out."""


def patch_mean(values: Floats) -> Floats:
    """Mean of (h, w) float32 over PATCH × PATCH neighbours."""
    import cv2

    return cv2.blur(values, (PATCH, PATCH))  # type: ignore[no-any-return]


def patch_sensitivity(gradient: Floats) -> Floats:
    """Patch mean (h, w) of |gradient| (h, w), in the angle's unit per 1/255."""
    import numpy as np

    return patch_mean(np.abs(gradient))


def local_contrast(image: Image) -> Floats:
    """Standard deviation (h, w) float32 of brightness [0..255] over each patch of (h, w, 3) uint8 RGB."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = patch_mean(grey)
    variance = cv2.subtract(patch_mean(cv2.multiply(grey, grey)), cv2.multiply(mean, mean))
    return cv2.sqrt(cv2.max(variance, 0))  # type: ignore[no-any-return]


def insensitivity(explained: Explained, clip: ClipStatistics) -> Floats:
    """ε / (g + ε), (h, w) in 0..1: g the patch-mean |gradient|, ε its median over the clip.

    0 at pixels that the network does not see on any frame (`clip.reach`).
    """
    import numpy as np

    assert explained.gradient is not None
    if clip.sensitivity <= 0:
        result = np.ones(explained.gradient.shape, np.float32)
    else:
        epsilon = np.float32(clip.sensitivity)
        result = epsilon / (patch_sensitivity(explained.gradient) + epsilon)
    if clip.reach is not None:
        result *= clip.reach
    return result
