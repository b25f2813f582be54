"""From a frame to the model's input and back: crop, resize, colour space, scaling, and their inverse.

The frame is cropped and resized as uint8 RGB (`Preprocess.prepare`); colour and scaling are one linear map
(`colour_map`) that runs inside the compiled function, so that a gradient is taken at RGB brightness. A colour
that is no linear map of RGB is made before it (`conversion`).
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
"""From one edge to the other, whatever the unit; a `Crop` keeps it as its unit writes it."""
_WHOLE = {"fraction": (0.0, 1.0), "pixel": (0.0, 0.0)}
LARGEST_SIDE = 8192
"""Pixels of a side of a network's input at most."""


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
            for start, stop in () if fraction else pairs:
                if start < 0 < stop:
                    raise ValueError(f"nothing is left of most frames; {stop:g}:{start:g} is meant?")
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
    def plain(self) -> str:
        """What is enlarged to what."""
        to = f"enlarged to the network's input of {_by(self.size)}"
        if self.seen == self.frame:
            return f"frames of {_by(self.frame)} px are {to}"
        return f"the crop leaves {_by(self.seen)} px of a frame of {_by(self.frame)}, {to}"

    @property
    def sentence(self) -> str:
        """What is enlarged to what, and what to do, in one line."""
        if self.seen == self.frame:
            return f"{self.plain}: give larger ones, if there are"
        return f"{self.plain}: check --crop, the preset, or the crop in the model's card"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a frame becomes the model's input.

    `size` is (height, width) [px]; `colour` the channels the network was trained on ("GREY" has one), whatever
    the case of its letters; the network's input is value · `scale` + `offset` with value in 0..255, each a
    number for all channels or one for each. Raises ValueError.
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
                f"scale and offset for {scaling.channels} channels do not go with {self.colour}, "
                f"which has {self.channels}"
            )
        object.__setattr__(self, "scale", scaling.scale)
        object.__setattr__(self, "offset", scaling.offset)

    @property
    def channels(self) -> int:
        """How many channels the network's input has: 1 or 3."""
        return channels_of(self.colour)

    @property
    def scaling(self) -> Scaling:
        """Scale and offset."""
        return Scaling(self.scale, self.offset)

    @property
    def linear(self) -> bool:
        """Whether the network's input is a linear map of the RGB picture."""
        return is_linear(self.colour)

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

        Of a colour that is no linear map of RGB: from that colour, as `conversion.converted` makes it.
        """
        import numpy as np

        matrix, shift = linear_map(self.colour)
        scale, offset = (np.array(one) for one in self.scaling.by_channel(self.channels))
        return (matrix * scale).astype(np.float32), (shift * scale + offset).astype(np.float32)

    def coloured(self, pictures: Image) -> Image:
        """(N, h, w, 3) uint8 RGB pictures in a colour that is no linear map of RGB; as they are for others."""
        import cv2
        import numpy as np

        code = {"HSV": cv2.COLOR_RGB2HSV, "HLS": cv2.COLOR_RGB2HLS, "Lab": cv2.COLOR_RGB2LAB}.get(self.colour)
        return pictures if code is None else np.stack([cv2.cvtColor(one, code) for one in pictures])

    def input_limits(self) -> tuple[Floats, Floats]:
        """The least and the most that each channel of the network's input can be, (C,) each."""
        import numpy as np

        scale, offset = (np.array(one) for one in self.scaling.by_channel(self.channels))
        ends = np.stack([scale * one + offset for one in limits(self.colour)]).astype(np.float32)
        return ends.min(axis=0), ends.max(axis=0)

    def to_frame(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """A point in model pixels (0, 0 the centre of the first) to frame pixels, the inverse of `prepare`."""
        left, top, right, bottom = self.crop.box(width, height)
        rows, columns = self.size
        return left + (x + 0.5) * (right - left) / columns - 0.5, top + (y + 0.5) * (bottom - top) / rows - 0.5
