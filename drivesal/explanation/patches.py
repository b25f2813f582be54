"""Measures over patches of the model's image, from which cases make heat."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivesal.types import ClipStatistics, Explained, Floats, Image

PATCH = 5
"""Side [model px] of the patch over which means are taken; stride-2 checkerboards average out."""


def patch_mean(values: Floats) -> Floats:
    """(h, w) float32 to its mean over PATCH × PATCH neighbours."""
    import cv2

    return cv2.blur(values, (PATCH, PATCH))  # type: ignore[no-any-return]


def patch_sensitivity(gradient: Floats) -> Floats:
    """(h, w) patch mean of |gradient| (h, w), in the angle's unit per 1/255."""
    import numpy as np

    return patch_mean(np.abs(gradient))


def local_contrast(image: Image) -> Floats:
    """(h, w) float32: standard deviation of the brightness [0..255] over each patch of (h, w, 3) uint8 RGB."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = patch_mean(grey)
    variance = cv2.subtract(patch_mean(cv2.multiply(grey, grey)), cv2.multiply(mean, mean))
    return cv2.sqrt(cv2.max(variance, 0))  # type: ignore[no-any-return]


def insensitivity(explained: Explained, clip: ClipStatistics) -> Floats:
    """(h, w) in 0..1: ε / (g + ε), g the patch-mean |gradient|, ε its median over the clip; 0 out of reach."""
    import numpy as np

    assert explained.gradient is not None
    if clip.sensitivity <= 0:
        calm = np.ones(explained.gradient.shape, np.float32)
    else:
        epsilon = np.float32(clip.sensitivity)
        calm = epsilon / (patch_sensitivity(explained.gradient) + epsilon)
    if clip.reach is not None:
        calm *= clip.reach
    return calm
