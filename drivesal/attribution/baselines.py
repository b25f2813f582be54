"""Baselines: the picture x0 that contributions are measured against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

BLUR_SHARE = 0.15
"""Standard deviation of the blur baseline as a share of the picture's height."""


def baselines(kind: str, pictures: Image, mean: Floats) -> Floats:
    """(N, h, w, 3) float32 baselines for (N, h, w, 3) uint8 pictures.

    `kind` is "black", "mean" (the clip's mean picture), "blur" (each picture, blurred until no lane is left)
    or the path of a picture. Raises OptionError.
    """
    import cv2
    import numpy as np

    if kind == "blur":
        sigma = BLUR_SHARE * pictures.shape[1]
        return np.stack([cv2.GaussianBlur(one.astype(np.float32), (0, 0), sigma) for one in pictures])
    if kind == "black":
        one = np.zeros_like(mean)
    elif kind == "mean":
        one = mean
    else:
        one = _from_file(kind, (mean.shape[0], mean.shape[1]))
    return np.broadcast_to(one, pictures.shape).astype(np.float32)


def _from_file(path: str, size: tuple[int, int]) -> Floats:
    import cv2
    import numpy as np

    picture = cv2.imread(path, cv2.IMREAD_COLOR_RGB) if Path(path).is_file() else None
    if picture is None:
        raise OptionError(
            "a baseline: black, mean, blur or the path of a picture",
            f"{path!r} is none of them",
            "check the path, a JPEG or PNG",
        )
    small: Floats = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    return small
