"""Text rendering: one font, sizes derived from the canvas, and measured, fitted and wrapped text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import cv2

if TYPE_CHECKING:
    from drivesal.overlay.palette import Colour
    from drivesal.types import Image

BOLD = 600
_CAPITALS = 0.75
"""Height of a capital letter as a fraction of the font size, measured on OpenCV's built-in font."""


def _font() -> Any:
    return cv2.FontFace("sans")


@dataclass(frozen=True, slots=True)
class Style:
    """Font sizes of one canvas [px]: `size` of its text, `header` of the text in panel headers."""

    size: int
    header: int
    face: Any = field(default_factory=_font, repr=False, compare=False)

    @classmethod
    def of(cls, canvas_width: int, panel_width: int) -> Style:
        """Sizes for a canvas: 12 px up to a width of 480, 20 px at 1920, and so on; less over narrow panels."""
        size = max(12, round(12 + (canvas_width - 480) / 180))
        return cls(size, max(12, min(size, round(panel_width / 20))))

    @property
    def pad(self) -> int:
        """Space between unrelated items [px]."""
        return max(6, round(0.7 * self.size))

    @property
    def stroke(self) -> int:
        """Line width of a curve [px]."""
        return max(1, round(self.size / 8))

    def width(self, text: str, size: int, weight: int = 400) -> int:
        """Width of `text` [px]."""
        if not text:
            return 0
        left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), self.face, size, weight)
        return int(left + width)

    def fit(self, text: str, available: int, size: int, weight: int = 400) -> str:
        """`text`, or its longest prefix that fits into `available` [px] followed by "…"; "" if none fits."""
        if self.width(text, size, weight) <= available:
            return text
        for end in range(len(text) - 1, 0, -1):
            shortened = text[:end].rstrip() + "…"
            if self.width(shortened, size, weight) <= available:
                return shortened
        return ""

    def wrap(self, text: str, available: int, size: int) -> list[str]:
        """`text` broken at spaces into lines no wider than `available` [px]; a wider word is shortened."""
        lines: list[str] = []
        for word in text.split():
            extended = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(extended, size) <= available:
                lines[-1] = extended
            else:
                lines.append(self.fit(word, available, size))
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
        """Draw `text` with its left, right or centre at `x` and its capitals vertically centred on `middle`."""
        if not text:
            return
        if align != "left":
            width = self.width(text, size, weight)
            x -= width if align == "right" else width // 2
        baseline = middle + round(_CAPITALS * size / 2)
        cv2.putText(canvas, text, (x, baseline), colour, self.face, size, weight)
