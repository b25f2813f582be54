"""From a frame to the model's input and back: crop, resize, colour space, scaling, and their inverse.

The frame is cropped and resized as uint8 RGB (`Preprocess.prepare`); colour and scaling are one linear map
(`colour_map`) that runs inside the compiled function, so that a gradient is taken at RGB brightness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from drivesal.errors import InputError, OptionError

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

Interpolation = Literal["area", "linear", "cubic", "nearest"]
Colour = Literal["RGB", "BGR", "YUV", "GREY"]

_ALL = (0.0, math.inf)
"""From one edge to the other, whatever the unit; a `Crop` keeps it as its unit writes it."""
_WHOLE = {"fraction": (0.0, 1.0), "pixel": (0.0, 0.0)}
LARGEST = 1e6
"""What 0..255 becomes lies within this of 0: more is no input of a network, and float32 ends soon after."""
LARGEST_SIDE = 8192
"""Pixels of a side of a network's input at most."""
SMALLEST = 1e-6
"""Black and white differ by this at least once they are scaled."""


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a frame that the model sees: rows and columns as (start, stop), all of them where not given.

    `unit` "fraction" (0..1 of the height and width) or "pixel"; pixels count from the far edge when negative,
    and a stop of 0 with unit "pixel" means the edge itself, as `Cropping2D(((60, 25), (0, 0)))` is written.
    Raises ValueError for bounds that leave nothing, and for a single row or column of pixels: 0:1 is all of
    them as fractions, and shows a network nothing as pixels.
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
            raise ValueError("rows and columns in pixels must be whole numbers")
        else:
            for name, (start, stop) in (("rows", self.rows), ("columns", self.columns)):
                if stop - start == 1 and (start >= 0 or stop <= 0):
                    raise ValueError(
                        f"{name} {start:g}:{stop:g} in pixels are a single one; all {name} are 0:0 in pixels, "
                        "0:1 as fractions"
                    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads "ROWS" or "ROWS,COLUMNS", each START:STOP like a slice; a decimal point makes it fractions.

        "0.42:0.9", "60:-25", "60:-25,10:310". Raises OptionError.
        """
        try:
            parts = [part.split(":") for part in text.split(",")]
            if not 1 <= len(parts) <= 2 or any(len(part) != 2 for part in parts):
                raise ValueError("not START:STOP")
            bounds = [bound.strip() for part in parts for bound in part]
            fraction = any("." in bound for bound in bounds) or not any(bounds)
            far = 1.0 if fraction else 0.0
            pairs = [(float(a or 0), float(b or far)) for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
            return cls("fraction" if fraction else "pixel", *pairs)
        except ValueError as error:
            raise OptionError(
                "a crop as ROWS or ROWS,COLUMNS like 60:-25 (pixels) or 0.4:0.9,0.0:1.0 (fractions)",
                f"it is {text!r} ({error})",
                "write it as slices",
            ) from error

    @property
    def text(self) -> str:
        """As `parse` reads it: "60:-25", "0.42:0.92", "60:-25,10:-10"; ":" for whole frames."""
        whole = _WHOLE[self.unit]
        pairs = [self.rows] if self.columns == whole else [self.rows, self.columns]
        if pairs == [whole]:
            return ":"
        return ",".join(":".join(self._bound(value) for value in pair) for pair in pairs)

    def _bound(self, value: float) -> str:
        return repr(float(value)) if self.unit == "fraction" else f"{value:.0f}"

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) [px] in a frame of this size. Raises InputError where nothing is left."""
        left, right = self._bounds(self.columns, width)
        top, bottom = self._bounds(self.rows, height)
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise InputError(
                f"frames that hold the crop rows {self.rows[0]:g}:{self.rows[1]:g}, "
                f"columns {self.columns[0]:g}:{self.columns[1]:g} ({self.unit})",
                f"a frame is {width}x{height}",
                "set --crop to what the model was trained on",
            )
        return left, top, right, bottom

    def least(self, pair: tuple[float, float], wanted: int) -> int | None:
        """The height (or width) [px] from which on these rows (or columns) are at least `wanted`, or None."""
        start, stop = pair
        if self.unit == "pixel" and start >= 0 >= stop:
            return int(wanted + start - stop)
        if self.unit == "pixel":  # as many whatever the frame is, or fewer the larger it is
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
    """That a network is shown more pixels than there are; each is (width, height) [px].

    `seen` is what the crop leaves of a `frame`, `size` the network's input.
    """

    frame: tuple[int, int]
    seen: tuple[int, int]
    size: tuple[int, int]

    @property
    def short(self) -> str:
        """For the picture."""
        what = "frame" if self.seen == self.frame else "crop"
        return f"{what} of {_by(self.seen)} px enlarged to the network's {_by(self.size)}"

    @property
    def sentence(self) -> str:
        """What is enlarged to what, and what to do, in one line."""
        to = f"enlarged to the network's input of {_by(self.size)}"
        if self.seen == self.frame:
            return f"frames of {_by(self.frame)} px are {to}: give larger ones, if there are"
        left = f"the crop leaves {_by(self.seen)} px of a frame of {_by(self.frame)}"
        return f"{left}, {to}: check --crop, the preset, or the crop in the model's card"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a frame becomes the model's input.

    `size` is (height, width) [px]; `colour` the channels the network was trained on ("GREY" has one);
    the network's input is value · `scale` + `offset` with value in 0..255.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    size: tuple[int, int]
    crop: Crop = Crop()
    interpolation: Interpolation = "linear"
    colour: Colour = "RGB"
    scale: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError(f"size must be at least 1x1, not {self.size}")
        if max(self.size) > LARGEST_SIDE:
            raise ValueError(f"size must be at most {LARGEST_SIDE}x{LARGEST_SIDE}, not {self.size}")
        check_scaling(self.scale, self.offset)

    @property
    def channels(self) -> int:
        """How many channels the network's input has: 1 or 3."""
        return 1 if self.colour == "GREY" else 3

    def prepare(self, image: Image) -> Image:
        """(H, W, 3) uint8 RGB frame to the (h, w, 3) uint8 RGB picture that the model sees."""
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
        """(width, height) [px] of what the crop leaves of such a frame. Raises InputError like `box`."""
        left, top, right, bottom = self.crop.box(width, height)
        return right - left, bottom - top

    def enlarged(self, width: int, height: int) -> Enlarged | None:
        """What to say where the input has more columns or rows than the crop leaves of such a frame, else None.

        Raises InputError like `box`.
        """
        columns, rows = self.seen(width, height)
        if columns >= self.size[1] and rows >= self.size[0]:
            return None
        return Enlarged((width, height), (columns, rows), self.size[::-1])

    def least_frame(self) -> tuple[int, int] | None:
        """(width, height) [px] of the smallest frame of which nothing is enlarged; None where there is none."""
        width = self.crop.least(self.crop.columns, self.size[1])
        height = self.crop.least(self.crop.rows, self.size[0])
        return None if width is None or height is None else (width, height)

    def colour_map(self) -> tuple[Floats, Floats]:
        """(3, C) matrix M and (C,) vector v: RGB 0..255 · M + v is the network's input.

        YUV and grey are OpenCV's (`COLOR_RGB2YUV`, `COLOR_RGB2GRAY`), without its rounding to whole numbers.
        """
        import numpy as np

        grey = np.array([0.299, 0.587, 0.114])
        shift = np.zeros(self.channels)
        if self.colour == "GREY":
            matrix = grey[:, None]
        elif self.colour == "YUV":
            blue, red = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
            matrix = np.stack([grey, 0.492 * (blue - grey), 0.877 * (red - grey)], axis=1)
            shift = np.array([0.0, 128.0, 128.0])
        else:
            matrix = np.eye(3) if self.colour == "RGB" else np.eye(3)[:, ::-1]
        scaled = (matrix * self.scale).astype(np.float32)
        return scaled, (shift * self.scale + self.offset).astype(np.float32)

    def to_frame(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """A point in model pixels (0, 0 the centre of the first) to frame pixels, the inverse of `prepare`."""
        left, top, right, bottom = self.crop.box(width, height)
        rows, columns = self.size
        return left + (x + 0.5) * (right - left) / columns - 0.5, top + (y + 0.5) * (bottom - top) / rows - 0.5


def check_scaling(scale: float, offset: float) -> None:
    """Raises ValueError where value · scale + offset is no input of a network for values in 0..255."""
    if not (math.isfinite(scale) and math.isfinite(offset)):
        raise ValueError(f"scale and offset must be finite numbers, not {scale:g} and {offset:g}")
    if max(abs(offset), abs(255 * scale + offset)) > LARGEST:
        raise ValueError(
            f"0..255 must become numbers within {LARGEST:g} of 0, not {offset:.6g}..{255 * scale + offset:.6g}"
        )
    if abs(255 * scale) < SMALLEST:
        raise ValueError(f"scale must tell black from white, and {scale:g} makes them the same")


def scale_from_range(text: str) -> tuple[float, float]:
    """ "LOW..HIGH", what 0..255 becomes ("0..1", "-1..1"), to (scale, offset). Raises OptionError."""
    expected, do = "an input scale LOW..HIGH like 0..1 or -1..1", "say what black and white become"
    start, stop = numbers_from_range(text, expected, do)
    try:
        check_scaling((stop - start) / 255, start)
    except ValueError as error:
        raise OptionError(expected, f"it is {text!r} ({error})", do) from None
    return (stop - start) / 255, start


def numbers_from_range(text: str, expected: str, do: str) -> tuple[float, float]:
    """ "LOW..HIGH" to two numbers that differ. Raises OptionError that expects `expected`."""
    low, _, high = text.partition("..")
    try:
        start, stop = float(low), float(high)
        if not (math.isfinite(start) and math.isfinite(stop)) or start == stop:
            raise ValueError
    except ValueError:
        raise OptionError(expected, f"it is {text!r}", do) from None
    return start, stop
