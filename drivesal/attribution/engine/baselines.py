"""Baselines: the picture x0 that contributions are measured against."""

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
    "black, mean (of the clip), blur, or a picture's path",
    words=("black", "mean", "blur"),
)
BLUR_SHARE = 0.15
"""Standard deviation of the blur baseline as a share of the picture's height."""


def baseline(kind: str, model: Scorable, mean: Floats) -> Callable[[Image], Floats]:
    """From (N, h, w, 3) uint8 pictures to their (N, h, w, 3) float32 baselines.

    `kind` is "black", "mean" (the clip's mean picture), "blur" (each picture, blurred until no lane is left)
    or the path of a picture: one of the model's size is taken as it is, any other cropped and resized like a
    frame. Raises OptionError.
    """
    import numpy as np

    if kind == "blur":
        return _blurred
    if kind == "black":
        one = np.zeros_like(mean)
    elif kind == "mean":
        one = mean
    else:
        one = _from_file(kind, model, mean)
    return lambda pictures: np.broadcast_to(one, pictures.shape)


def _blurred(pictures: Image) -> Floats:
    import cv2
    import numpy as np

    sigma = BLUR_SHARE * pictures.shape[1]
    return np.stack([cv2.GaussianBlur(one.astype(np.float32), (0, 0), sigma) for one in pictures])


def _from_file(path: str, model: Scorable, mean: Floats) -> Floats:
    import cv2
    import numpy as np

    picture = cv2.imread(path, cv2.IMREAD_COLOR_RGB) if Path(path).is_file() else None
    if picture is None:
        raise OptionError(
            "a baseline: black, mean, blur or the path of a picture",
            f"{path!r} is none of them",
            "check the path, a JPEG or PNG",
        )
    return np.asarray(picture if picture.shape == mean.shape else model.prepare(picture), np.float32)
