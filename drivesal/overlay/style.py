"""Lettering: one font, sizes that follow the canvas, and text that is measured before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import cv2

if TYPE_CHECKING:
    from drivesal.overlay.palette import Colour
    from drivesal.types import Image

BOLD = 600
_CAPITALS = 0.75
"""Height of a capital letter as a share of the size, measured on OpenCV's built-in font."""


def _font() -> Any:
    return cv2.FontFace("sans")


@dataclass(frozen=True, slots=True)
class Style:
    """The sizes of one canvas [px]: `size` of its text, `header` of the text above the pictures."""

    size: int
    header: int
    face: Any = field(default_factory=_font, repr=False, compare=False)

    @classmethod
    def of(cls, canvas_width: int, panel_width: int) -> Style:
        """12 px on a canvas of 480 and below, 20 on one of 1920, and so on; less over narrow panels."""
        size = max(12, round(12 + (canvas_width - 480) / 180))
        return cls(size, max(12, min(size, round(panel_width / 20))))

    @property
    def pad(self) -> int:
        """The space between things that do not belong together [px]."""
        return max(6, round(0.7 * self.size))

    @property
    def stroke(self) -> int:
        """The width of a curve [px]."""
        return max(1, round(self.size / 8))

    def width(self, text: str, size: int, weight: int = 400) -> int:
        """How wide `text` is [px]."""
        if not text:
            return 0
        left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), self.face, size, weight)
        return int(left + width)

    def fit(self, text: str, room: int, size: int, weight: int = 400) -> str:
        """`text`, or as much of its start as fits into `room` [px] with "…" behind it; "" if nothing does."""
        if self.width(text, size, weight) <= room:
            return text
        for end in range(len(text) - 1, 0, -1):
            short = text[:end].rstrip() + "…"
            if self.width(short, size, weight) <= room:
                return short
        return ""

    def wrap(self, text: str, room: int, size: int) -> list[str]:
        """`text` broken at spaces into lines no wider than `room` [px]; a word that is wider is shortened."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, size) <= room:
                lines[-1] = longer
            else:
                lines.append(self.fit(word, room, size))
        return lines

    def draw(
        self,
        canvas: Image,
        text: str,
        x: int,
        middle: int,
        colour: Colour,
        size: int,
        weight: int = 400,
        align: Literal["left", "right", "centre"] = "left",
    ) -> None:
        """Writes `text` with the capitals' middle on row `middle` and its left, right or centre at `x`."""
        if not text:
            return
        if align != "left":
            width = self.width(text, size, weight)
            x -= width if align == "right" else width // 2
        baseline = middle + round(_CAPITALS * size / 2)
        cv2.putText(canvas, text, (x, baseline), colour, self.face, size, weight)
