"""Pixel rectangles on an image or a canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivesal.types import Image


@dataclass(frozen=True, slots=True)
class Rect:
    """The pixels from `left` to `left + width` and from `top` to `top + height`, ends exclusive."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column to the right of the rectangle."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row below the rectangle."""
        return self.top + self.height

    @property
    def middle(self) -> int:
        """The row through its centre."""
        return self.top + self.height // 2

    def of(self, image: Image) -> Image:
        """The view of `image` (H, W, 3) inside the rectangle; drawing on the view draws on the image."""
        return image[self.top : self.bottom, self.left : self.right]

    def shrunk(self, by: int) -> Rect:
        """The rectangle without a margin of `by` pixels on every side."""
        return Rect(self.left + by, self.top + by, max(self.width - 2 * by, 0), max(self.height - 2 * by, 0))

    def moved(self, left: int, top: int) -> Rect:
        """The rectangle translated by (left, top)."""
        return Rect(self.left + left, self.top + top, self.width, self.height)

    def around(self, hole: Rect) -> tuple[Rect, ...]:
        """The rectangles around `hole`, which lies inside: above, below, left, right, without empty ones."""
        sides = (
            Rect(self.left, self.top, self.width, hole.top - self.top),
            Rect(self.left, hole.bottom, self.width, self.bottom - hole.bottom),
            Rect(self.left, hole.top, hole.left - self.left, hole.height),
            Rect(hole.right, hole.top, self.right - hole.right, hole.height),
        )
        return tuple(side for side in sides if side.width > 0 and side.height > 0)


def scaled_box(box: tuple[int, int, int, int], source: tuple[int, int], target: tuple[int, int]) -> Rect:
    """`box` (left, top, right, bottom) of a (width, height) source, after resizing the source to `target`.

    Edges are rounded to the nearest pixel and kept inside; the result has at least one pixel.
    """
    edges = []
    for start, end, size, goal in zip(box[:2], box[2:], source, target, strict=True):
        first = min(max(round(start * goal / size), 0), goal - 1)
        last = min(max(round(end * goal / size), first + 1), goal)
        edges.append((first, last - first))
    (left, width), (top, height) = edges
    return Rect(left, top, width, height)
