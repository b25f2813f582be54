"""From a frame to the model's input and back: crop, resize, colour space, scaling, and their inverse.

The frame is cropped and resized as uint8 RGB (`Preprocess.prepare`). Colour space and scaling are one linear
map (`colour_map`) inside the compiled function, so that gradients are taken with respect to RGB. A nonlinear
colour space is converted before that (`colour_conversion`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from drivesal.errors import InputError, OptionError
from drivesal.model.colours import Colour, channels_of, colour_named, is_linear, limits, linear_map
from drivesal.model.scaling import Numbers, Scaling

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

Interpolation = Literal["area", "linear", "cubic", "nearest"]

_ALL = (0.0, math.inf)
"""Edge to edge in either unit; `Crop` replaces it by its unit's notation in _WHOLE."""
_WHOLE = {"fraction": (0.0, 1.0), "pixel": (0.0, 0.0)}
LARGEST_SIDE = 8192
"""Largest side of a network's input [px]."""


@dataclass(frozen=True, slots=True)
class Crop:
    """The region of a frame that the model sees: rows and columns as (start, stop), by default all of them.

    `unit` is "fraction" (0..1 of the height and width) or "pixel". Negative pixels count from the far edge, and
    a stop of 0 pixels is the edge itself, as in `Cropping2D(((60, 25), (0, 0)))`. Raises ValueError for bounds
    that leave nothing, and for a single row or column of pixels: 0:1 is everything as fractions, so as pixels
    it is most likely a mistake.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    unit: Literal["fraction", "pixel"] = "fraction"
    rows: tuple[float, float] = _ALL
    columns: tuple[float, float] = _ALL

    def __post_init__(self) -> None:
        if self.unit not in _WHOLE:
            raise ValueError(f"unit must be fraction or pixel, not {self.unit!r}")
        for name in ("rows", "columns"):
            if getattr(self, name) == _ALL:
                object.__setattr__(self, name, _WHOLE[self.unit])
        if not all(math.isfinite(v) for v in (*self.rows, *self.columns)):
            raise ValueError("rows and columns must be finite numbers")
        if self.unit == "fraction":
            for name, (start, stop) in (("rows", self.rows), ("columns", self.columns)):
                if not 0 <= start < stop <= 1:
                    raise ValueError(
                        f"{name} must satisfy 0 <= start < stop <= 1 as fractions, not {start}:{stop}"
                    )
        elif any(0 < stop <= start or stop <= start < 0 for start, stop in (self.rows, self.columns)):
            raise ValueError("rows and columns must start before they stop")
        elif any(v != int(v) for v in (*self.rows, *self.columns)):
            raise ValueError("rows and columns in pixels must be integers")
        else:
            for name, (start, stop) in (("rows", self.rows), ("columns", self.columns)):
                if stop - start == 1 and (start >= 0 or stop <= 0):
                    raise ValueError(
                        f"{name} {start:g}:{stop:g} in pixels select a single one; all {name} are 0:0 in "
                        "pixels, 0:1 as fractions"
                    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "ROWS" or "ROWS,COLUMNS", each START:STOP like a slice; a decimal point selects fractions.

        Examples: "0.42:0.9", "60:-25", "60:-25,10:310". Raises OptionError.
        """
        try:
            parts = [part.split(":") for part in text.split(",")]
            if not 1 <= len(parts) <= 2 or any(len(part) != 2 for part in parts):
                raise ValueError("not START:STOP")
            bounds = [bound.strip() for part in parts for bound in part]
            fraction = any("." in bound for bound in bounds) or not any(bounds)
            far = 1.0 if fraction else 0.0
            pairs = [(float(a or 0), float(b or far)) for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
            for start, stop in () if fraction else pairs:
                if start < 0 < stop:
                    raise ValueError(f"nothing is left of most frames; did you mean {stop:g}:{start:g}?")
            return cls("fraction" if fraction else "pixel", *pairs)
        except ValueError as error:
            raise OptionError(
                "a crop as ROWS or ROWS,COLUMNS like 60:-25 (pixels) or 0.4:0.9,0.0:1.0 (fractions)",
                f"it is {text!r} ({error})",
                "write it as slices",
            ) from error

    @property
    def text(self) -> str:
        """Notation of `parse`: "60:-25", "0.42:0.92", "60:-25,10:-10"; ":" for whole frames."""
        whole = _WHOLE[self.unit]
        pairs = [self.rows] if self.columns == whole else [self.rows, self.columns]
        if pairs == [whole]:
            return ":"
        return ",".join(":".join(self._bound(value) for value in pair) for pair in pairs)

    def _bound(self, value: float) -> str:
        return repr(float(value)) if self.unit == "fraction" else f"{value:.0f}"

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) [px] in a frame of this size. Raises InputError if the crop exceeds it."""
        left, right = self._bounds(self.columns, width)
        top, bottom = self._bounds(self.rows, height)
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise InputError(
                f"frames that contain the crop rows {self.rows[0]:g}:{self.rows[1]:g}, "
                f"columns {self.columns[0]:g}:{self.columns[1]:g} ({self.unit})",
                f"a frame is {width}x{height}",
                "set --crop to the crop that the model was trained with",
            )
        return left, top, right, bottom

    def least(self, pair: tuple[float, float], wanted: int) -> int | None:
        """Smallest frame height (or width) [px] at which `pair` selects at least `wanted` pixels, or None."""
        start, stop = pair
        if self.unit == "pixel" and start >= 0 >= stop:
            return int(wanted + start - stop)
        if self.unit == "pixel":  # the count does not grow with the frame
            size = int(max(-start, stop))
            first, end = self._bounds(pair, size)
            return size if end - first >= wanted else None
        return math.ceil(wanted / (stop - start) - 1e-9)

    def _bounds(self, pair: tuple[float, float], size: int) -> tuple[int, int]:
        start, stop = pair
        if self.unit == "fraction":
            return round(start * size), round(stop * size)
        return int(start + size if start < 0 else start), int(stop + size if stop <= 0 else stop)


@dataclass(frozen=True, slots=True)
class Enlarged:
    """An upscaled input: the network's input has more pixels than the cropped frame.

    `frame`, `seen` (the crop of a frame) and `size` (the network's input) are (width, height) [px].
    """

    frame: tuple[int, int]
    seen: tuple[int, int]
    size: tuple[int, int]

    @property
    def short(self) -> str:
        """Short form for the overlay."""
        source = "frame" if self.seen == self.frame else "crop"
        return f"{source} of {_by(self.seen)} px enlarged to the network's {_by(self.size)}"

    @property
    def plain(self) -> str:
        """The source and target sizes, without advice."""
        to = f"enlarged to the network's input of {_by(self.size)}"
        if self.seen == self.frame:
            return f"frames of {_by(self.frame)} px are {to}"
        return f"the crop leaves {_by(self.seen)} px of a frame of {_by(self.frame)}, {to}"

    @property
    def sentence(self) -> str:
        """The source and target sizes and what to do, in one line."""
        if self.seen == self.frame:
            return f"{self.plain}: use larger frames if available"
        return f"{self.plain}: check --crop, the preset, or the crop in the model's card"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a frame becomes the model's input.

    `size` is (height, width) [px]. `colour` is the colour space that the network was trained on,
    case-insensitive ("GREY" has one channel). The network's input is value · `scale` + `offset` for values in
    0..255; either is a number for all channels or one per channel. Raises ValueError.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    size: tuple[int, int]
    crop: Crop = Crop()
    interpolation: Interpolation = "linear"
    colour: Colour = "RGB"
    scale: Numbers = 1.0
    offset: Numbers = 0.0

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError(f"size must be at least 1x1, not {self.size}")
        if max(self.size) > LARGEST_SIDE:
            raise ValueError(f"size must be at most {LARGEST_SIDE}x{LARGEST_SIDE}, not {self.size}")
        object.__setattr__(self, "colour", colour_named(self.colour))
        scaling = Scaling(self.scale, self.offset)
        if scaling.channels not in (None, self.channels):
            raise ValueError(
                f"scale and offset for {scaling.channels} channels do not match {self.colour}, "
                f"which has {self.channels}"
            )
        object.__setattr__(self, "scale", scaling.scale)
        object.__setattr__(self, "offset", scaling.offset)

    @property
    def channels(self) -> int:
        """Number of channels of the network's input: 1 or 3."""
        return channels_of(self.colour)

    @property
    def scaling(self) -> Scaling:
        """Scale and offset."""
        return Scaling(self.scale, self.offset)

    @property
    def linear(self) -> bool:
        """Whether the network's input is a linear map of the RGB image."""
        return is_linear(self.colour)

    def prepare(self, image: Image) -> Image:
        """(H, W, 3) uint8 RGB frame to the (h, w, 3) uint8 RGB image that the model sees."""
        import cv2

        flags = {
            "area": cv2.INTER_AREA,
            "linear": cv2.INTER_LINEAR,
            "cubic": cv2.INTER_CUBIC,
            "nearest": cv2.INTER_NEAREST,
        }
        left, top, right, bottom = self.crop.box(image.shape[1], image.shape[0])
        height, width = self.size
        seen = image[top:bottom, left:right]
        if seen.shape[:2] == (height, width):
            return seen
        return cv2.resize(seen, (width, height), interpolation=flags[self.interpolation])  # type: ignore[no-any-return]

    def seen(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) [px] of the crop of a frame of this size. Raises InputError like `Crop.box`."""
        left, top, right, bottom = self.crop.box(width, height)
        return right - left, bottom - top

    def enlarged(self, width: int, height: int) -> Enlarged | None:
        """The upscaling of frames of this size if the input has more columns or rows than the crop, else None.

        Raises InputError like `Crop.box`.
        """
        columns, rows = self.seen(width, height)
        if columns >= self.size[1] and rows >= self.size[0]:
            return None
        return Enlarged((width, height), (columns, rows), self.size[::-1])

    def least_frame(self) -> tuple[int, int] | None:
        """(width, height) [px] of the smallest frame whose crop is not enlarged; None if there is none."""
        width = self.crop.least(self.crop.columns, self.size[1])
        height = self.crop.least(self.crop.rows, self.size[0])
        return None if width is None or height is None else (width, height)

    def colour_map(self) -> tuple[Floats, Floats]:
        """(3, C) matrix M and (C,) vector v: RGB 0..255 · M + v is the network's input.

        For a nonlinear colour space, the map starts at that space, as `colour_conversion.converted` returns it.
        """
        import numpy as np

        matrix, shift = linear_map(self.colour)
        scale, offset = (np.array(values) for values in self.scaling.by_channel(self.channels))
        return (matrix * scale).astype(np.float32), (shift * scale + offset).astype(np.float32)

    def coloured(self, images: Image) -> Image:
        """(N, h, w, 3) uint8 RGB images in a nonlinear colour space; unchanged for a linear one."""
        import cv2
        import numpy as np

        code = {"HSV": cv2.COLOR_RGB2HSV, "HLS": cv2.COLOR_RGB2HLS, "Lab": cv2.COLOR_RGB2LAB}.get(self.colour)
        return images if code is None else np.stack([cv2.cvtColor(image, code) for image in images])

    def input_limits(self) -> tuple[Floats, Floats]:
        """Lower and upper bound of each channel of the network's input, (C,) each."""
        import numpy as np

        scale, offset = (np.array(values) for values in self.scaling.by_channel(self.channels))
        ends = np.stack([scale * limit + offset for limit in limits(self.colour)]).astype(np.float32)
        return ends.min(axis=0), ends.max(axis=0)

    def to_frame(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """Map a point from model pixels to frame pixels; (0, 0) is the centre of the first pixel in both."""
        left, top, right, bottom = self.crop.box(width, height)
        rows, columns = self.size
        return left + (x + 0.5) * (right - left) / columns - 0.5, top + (y + 0.5) * (bottom - top) / rows - 0.5
