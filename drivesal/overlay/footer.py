"""The footer: the caption, and the warnings that must stay on screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.overlay.palette import BACKGROUND, DIM, WARNING

if TYPE_CHECKING:
    from drivesal.overlay.content import Scene
    from drivesal.overlay.geometry import Rect
    from drivesal.overlay.palette import Colour
    from drivesal.overlay.style import Style
    from drivesal.types import Image


@dataclass(frozen=True, slots=True)
class Line:
    """A text at `x` px from the left in row `row` of the footer, after a warning sign if `sign` is set."""

    text: str
    x: int
    row: int
    colour: Colour
    sign: bool = False


def _row_height(style: Style) -> int:
    return round(1.5 * style.size)


def lines(scene: Scene, style: Style, width: int) -> list[Line]:
    """Caption and warnings in `width` px, side by side where they fit and wrapped where they do not."""
    placed: list[Line] = []
    x = row = 0
    texts = [(scene.caption, DIM), *((warning, WARNING) for warning in scene.warnings)]
    available = width - 2 * style.pad
    for text, colour in texts:
        indent = _sign_width(style) if colour is WARNING else 0
        for number, line in enumerate(style.wrap(text, available - indent, style.size)):
            line_width = indent + style.width(line, style.size)
            if placed and (number > 0 or x + line_width > available):
                x, row = 0, row + 1
            placed.append(Line(line, style.pad + x + indent, row, colour, indent > 0 and number == 0))
            x += line_width + 2 * style.pad
    return placed


def _sign_width(style: Style) -> int:
    """Width of the warning sign and the space after it [px]."""
    return round(1.4 * style.size)


def _draw_sign(canvas: Image, left: int, middle: int, style: Style) -> None:
    """Draw an amber triangle with an exclamation mark; the font has no such character."""
    side = style.size
    top, bottom = middle - side / 2, middle + side / 2 - side * 0.08
    corners = np.array([(left, bottom), (left + side * 1.08, bottom), (left + side * 0.54, top)])
    fixed = (corners * 16).round().astype(np.int32)
    cv2.fillPoly(canvas, [fixed], WARNING, cv2.LINE_AA, 4)
    centre, size = round(left + side * 0.54), round(0.72 * side)
    style.draw(canvas, "!", centre, round(middle + 0.1 * side), BACKGROUND, size, 900, align="centre")


def height(scene: Scene, style: Style, width: int) -> int:
    """Height that `draw` needs [px]; 0 if there is no text."""
    placed = lines(scene, style, width)
    return (placed[-1].row + 1) * _row_height(style) + style.pad // 2 if placed else 0


def draw(canvas: Image, rect: Rect, scene: Scene, style: Style) -> None:
    """Draw the footer into `rect`."""
    for line in lines(scene, style, rect.width):
        middle = rect.top + round((line.row + 0.5) * _row_height(style))
        if line.sign:
            _draw_sign(canvas, rect.left + line.x - _sign_width(style), middle, style)
        style.draw(canvas, line.text, rect.left + line.x, middle, line.colour, style.size)
