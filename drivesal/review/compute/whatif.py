"""What-if edits of a frame: filled boxes; brightness, contrast, blur and shift of the whole frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import cv2
import numpy as np

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.types import Image

Fill = Literal["mean", "blur", "black"]

MAX_BOXES = 50
_DIRECT_BLUR_LIMIT = 6.0
"""Standard deviation [px] above which the blur is computed on a downscaled image."""
BLUR_FILL = 0.12
"""Standard deviation of the blur that fills a box, as a share of the frame's shorter side."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the frame [px], ends exclusive, and its fill.

    "mean" is the clip's mean frame, "blur" the blurred frame, "black" black.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    left: float
    top: float
    right: float
    bottom: float
    fill: Fill = "mean"


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes of a frame, applied in this order: shift, blur, contrast and brightness, boxes.

    `shift` (right, down) [px] repeats the edge pixels; `blur` is a standard deviation [px]; `contrast` is a
    factor around the frame's mean brightness; `brightness` is added [-255..255].
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    boxes: tuple[Box, ...] = ()
    brightness: float = 0.0
    contrast: float = 1.0
    blur: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        numbers = [self.brightness, self.contrast, self.blur, *self.shift]
        numbers += [edge for box in self.boxes for edge in (box.left, box.top, box.right, box.bottom)]
        if not all(math.isfinite(number) and abs(number) < 1e5 for number in numbers):
            raise ValueError("numbers must be finite and below 100000")
        if len(self.boxes) > MAX_BOXES:
            raise ValueError(f"at most {MAX_BOXES} boxes")
        if not -255 <= self.brightness <= 255:
            raise ValueError("brightness must be from -255 to 255")
        if not 0 <= self.contrast <= 10:
            raise ValueError("contrast must be from 0 to 10")
        if not 0 <= self.blur <= 100:
            raise ValueError("blur must be from 0 to 100 px")

    @property
    def empty(self) -> bool:
        """Whether the edit has no effect."""
        return self == NO_EDIT

    def apply(self, image: Image, mean: Image) -> Image:
        """The edited copy of `image` (H, W, 3) uint8 RGB; `mean` (H, W, 3) is the clip's mean frame."""
        changed = image
        if self.shift != (0.0, 0.0):
            translation = np.array([[1, 0, self.shift[0]], [0, 1, self.shift[1]]], np.float32)
            size = (image.shape[1], image.shape[0])
            changed = cv2.warpAffine(changed, translation, size, borderMode=cv2.BORDER_REPLICATE)
        if self.blur > 0:
            changed = _blurred(changed, self.blur)
        if self.contrast != 1 or self.brightness != 0:
            level = float(cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY).mean())
            table = (np.arange(256) - level) * self.contrast + level + self.brightness
            changed = cv2.LUT(changed, np.clip(table, 0, 255).round().astype(np.uint8))
        if self.boxes:
            changed = self._fill_boxes(changed.copy(), mean)
        return changed

    def _fill_boxes(self, image: Image, mean: Image) -> Image:
        height, width = image.shape[:2]
        fills = {box.fill for box in self.boxes}
        blurred = _blurred(image, BLUR_FILL * min(height, width)) if "blur" in fills else image
        sources = {"mean": mean, "blur": blurred, "black": np.zeros_like(image) if "black" in fills else image}
        for box in self.boxes:
            rows = slice(max(round(box.top), 0), max(round(box.bottom), 0))
            columns = slice(max(round(box.left), 0), max(round(box.right), 0))
            image[rows, columns] = sources[box.fill][rows, columns]
        return image


NO_EDIT = Edit()


def _blurred(image: Image, sigma: float) -> Image:
    """Gaussian blur of (H, W, 3) uint8, computed on a downscaled image if it is strong.

    A direct blur of 130 px on a 1920x1080 frame would take seconds.
    """
    height, width = image.shape[:2]
    factor = min(sigma / _DIRECT_BLUR_LIMIT, height, width)
    if factor <= 1:
        return cv2.GaussianBlur(image, (0, 0), sigma)  # type: ignore[no-any-return]
    small = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]


def parse_edit(text: str) -> Edit:
    """Parse an `Edit` from JSON. Raises OptionError with the name of the field."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Edit).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(key) for key in first["loc"]) or "edit"
        reason = first["msg"].removeprefix("Value error, ")
        raise OptionError(f"a valid {field} of an edit", reason, "correct it") from None
