"""Baselines: the reference image x0 that contributions are measured against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drivesal.attribution.registry import Option
from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.attribution.registry import Scorable
    from drivesal.types import Floats, Image

BASELINE = Option(
    "baseline",
    str,
    "mean",
    "black, mean (of the clip), blur, or the path of an image",
    words=("black", "mean", "blur"),
)
BLUR_SHARE = 0.15
"""Standard deviation of the blur baseline as a share of the image height."""


def baseline(kind: str, model: Scorable, mean: Floats) -> Callable[[Image], Floats]:
    """Return a function from images (N, h, w, 3) uint8 to their baselines (N, h, w, 3) float32.

    `kind` is "black", "mean" (the clip's mean image), "blur" (each image, blurred until no lane line is left)
    or the path of an image file. A file of the model's input size is used as it is; any other is cropped and
    resized like a frame. Raises OptionError.
    """
    import numpy as np

    if kind == "blur":
        return _blurred
    if kind == "black":
        reference = np.zeros_like(mean)
    elif kind == "mean":
        reference = mean
    else:
        reference = _from_file(kind, model, mean)
    return lambda images: np.broadcast_to(reference, images.shape)


def _blurred(images: Image) -> Floats:
    import cv2
    import numpy as np

    sigma = BLUR_SHARE * images.shape[1]
    return np.stack([cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma) for image in images])


def _from_file(path: str, model: Scorable, mean: Floats) -> Floats:
    import cv2
    import numpy as np

    image = cv2.imread(path, cv2.IMREAD_COLOR_RGB) if Path(path).is_file() else None
    if image is None:
        raise OptionError(
            "a baseline: black, mean, blur or the path of an image",
            f"{path!r} is none of these",
            "check the path; it must be a JPEG or PNG file",
        )
    return np.asarray(image if image.shape == mean.shape else model.prepare(image), np.float32)
