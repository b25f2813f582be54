"""Colour spaces of network inputs, with OpenCV's names and conventions for uint8 images.

Most are a linear map of RGB. HSV, HLS and Lab are not; `colour_conversion` expresses them in TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from drivesal.types import Floats

Colour = Literal["RGB", "BGR", "YUV", "YUV-opencv3.0", "YCrCb", "HSV", "HLS", "Lab", "GREY"]
"""`YUV-opencv3.0` is what OpenCV up to 3.1 called RGB2YUV, with red and blue exchanged (OpenCV issue 4946):
today's BGR2YUV applied to RGB. Networks of 2016 and 2017 were trained on it."""
COLOURS: tuple[Colour, ...] = get_args(Colour)
_FIRST_CHANNEL = {"HSV": (-0.5, 179.5), "HLS": (0.0, 180.0), "Lab": (0.0, 255.0)}
"""Range of the first channel of the nonlinear colour spaces; all other channels are 0..255."""
_GREY = (0.299, 0.587, 0.114)
_RED, _BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def colour_named(text: str) -> str:
    """The colour space of this name, case-insensitive; the text unchanged if there is none."""
    return next((colour for colour in COLOURS if colour.lower() == text.strip().lower()), text)


def channels_of(colour: Colour) -> int:
    """Number of channels of this colour space: 1 or 3."""
    return 1 if colour == "GREY" else 3


def is_linear(colour: Colour) -> bool:
    """Whether the colour space is a linear map of RGB."""
    return colour not in _FIRST_CHANNEL


def linear_map(colour: Colour) -> tuple[Floats, Floats]:
    """(3, C) matrix and (C,) vector: RGB 0..255 · matrix + vector is OpenCV's conversion without its rounding.

    The identity for a nonlinear colour space, which `colour_conversion` applies beforehand.
    """
    import numpy as np

    grey, red, blue = (np.array(weights) for weights in (_GREY, _RED, _BLUE))
    shift = [0.0, 128.0, 128.0]
    if colour == "GREY":
        columns, shift = [grey], [0.0]
    elif colour == "YUV":
        columns = [grey, 0.492 * (blue - grey), 0.877 * (red - grey)]
    elif colour == "YUV-opencv3.0":
        swapped = grey[::-1]
        columns = [swapped, 0.492 * (red - swapped), 0.877 * (blue - swapped)]
    elif colour == "YCrCb":
        columns = [grey, 0.713 * (red - grey), 0.564 * (blue - grey)]
    else:
        columns, shift = list(np.eye(3)[::-1] if colour == "BGR" else np.eye(3)), [0.0, 0.0, 0.0]
    return np.stack(columns, axis=1).astype(np.float32), np.array(shift, np.float32)


def limits(colour: Colour) -> tuple[Floats, Floats]:
    """Lower and upper bound of each channel of the colour space over all images, (C,) each."""
    import numpy as np

    if not is_linear(colour):
        low, high = _FIRST_CHANNEL[colour]
        return np.array([low, 0, 0], np.float32), np.array([high, 255, 255], np.float32)
    matrix, shift = linear_map(colour)
    lower, upper = (255 * clip(matrix, 0).sum(axis=0) for clip in (np.minimum, np.maximum))
    return shift + lower, shift + upper
