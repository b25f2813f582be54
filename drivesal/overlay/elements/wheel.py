"""A steering wheel turned by the predicted angle, with a mark at its rim for the true angle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np

from drivesal.overlay.element import Area, Element, PreparedFrame, Slot, register
from drivesal.overlay.palette import AXIS, DIM, PREDICTED, SURFACE, TRUTH

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.overlay.content import Scene
    from drivesal.overlay.style import Style
    from drivesal.types import Image

_RIM, _SPOKE, _HUB = (172, 178, 188), (112, 118, 128), (140, 146, 156)
_SUPERSAMPLING = 4
"""Supersampling factor of the wheel, for smooth edges."""
_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""


def turn_factor(kind: AngleKind) -> float:
    """Degrees that the drawn wheel turns per unit of the angle.

    Steering-wheel angles are drawn one to one. Road-wheel angles are multiplied by four, and norm 1 is a
    quarter turn, so that they are visible.
    """
    if kind.unit == "norm":
        return 90.0
    return 4.0 if kind.turns == "road-wheels" else 1.0


def _turn_note(kind: AngleKind) -> str:
    """Note under a wheel that does not turn one to one."""
    if kind.unit == "norm":
        return "not to scale"
    return "turned ×4" if kind.turns == "road-wheels" else ""


def _sprite(side: int) -> Image:
    """(2·side, 2·side, 3) uint8: the wheel pointing straight ahead, at twice its size, on the background."""
    big = 2 * side * _SUPERSAMPLING // 2
    image = np.full((big, big, 3), SURFACE, np.uint8)
    centre, radius = big / 2, big * 0.39
    thick = big * 0.07

    def point(degrees: float, distance: float) -> tuple[int, int]:
        turn = math.radians(degrees)
        x, y = centre + distance * math.sin(turn), centre - distance * math.cos(turn)
        return round(x * 2**_SHIFT), round(y * 2**_SHIFT)

    middle = point(0, 0)
    for degrees in (90, 180, 270):
        cv2.line(image, middle, point(degrees, radius), _SPOKE, round(thick * 0.9), cv2.LINE_AA, _SHIFT)
    cv2.circle(image, middle, round(radius * 2**_SHIFT), _RIM, round(thick), cv2.LINE_AA, _SHIFT)
    cv2.circle(image, middle, round(big * 0.11 * 2**_SHIFT), _HUB, -1, cv2.LINE_AA, _SHIFT)
    top = point(0, radius - thick * 0.6), point(0, radius + thick * 0.6)
    for colour, width in ((SURFACE, 1.7), (PREDICTED, 0.8)):
        cv2.line(image, *top, colour, round(thick * width), cv2.LINE_AA, _SHIFT)
    return cv2.resize(image, (2 * side, 2 * side), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


@register
class Wheel(Element):
    """Left is counter-clockwise. A tick above the rim marks straight ahead, a triangle outside it the truth."""

    name: ClassVar[str] = "wheel"
    slot: ClassVar[Slot] = "dashboard"
    order: ClassVar[int] = 10

    def __init__(self, scene: Scene, style: Style, area: Area) -> None:
        super().__init__(scene, style, area)
        self._factor, self._note = turn_factor(scene.kind), _turn_note(scene.kind)
        self._mark_factor = turn_factor(scene.truth_kind or scene.kind)
        if scene.truth_kind is not None:
            self._note = f"mark: {scene.truth_kind.unit}, own scale"
        below = round(1.3 * style.size) if self._note else 0
        rect = area.rect
        self._side = min(rect.width, rect.height - below) - style.pad
        self._centre = rect.left + rect.width / 2, rect.top + (rect.height - below) / 2
        self._wheel = _sprite(self._side)

    @classmethod
    def width(cls, scene: Scene, style: Style, height: int) -> tuple[int, int]:
        """As wide as the dashboard is high; none if there is no angle."""
        return (height, height) if scene.kind.sided else (0, 0)

    def static(self, canvas: Image) -> None:
        """Draw the tick for straight ahead, and the note on how far the wheel turns."""
        rect, style = self.area.rect, self.style
        left, top = round(self._centre[0]), round(self._centre[1] - self._side * 0.5)
        cv2.line(canvas, (left, top), (left, top + round(self._side * 0.04)), AXIS, style.stroke)
        size = max(12, round(0.8 * style.size))
        note = style.fit(self._note, rect.width, size)
        style.draw(canvas, note, round(self._centre[0]), rect.bottom - size, DIM, size, align="centre")

    def draw(self, canvas: Image, frame: PreparedFrame) -> None:
        """Draw the turned wheel, and the mark if the true angle is known."""
        shown = frame.shown
        if math.isfinite(shown.predicted):
            self._draw_wheel(canvas, shown.predicted * self._factor)
        if self.scene.has_truth and shown.truth is not None and math.isfinite(shown.truth):
            self._draw_mark(canvas, shown.truth * self._mark_factor)

    def _draw_wheel(self, canvas: Image, degrees: float) -> None:
        """Draw the sprite rotated counter-clockwise by `degrees`, without the margin that holds the marks."""
        inner = round(self._side * 0.88)
        left, top = round(self._centre[0] - inner / 2), round(self._centre[1] - inner / 2)
        centre = self._centre[0] - left - 0.5, self._centre[1] - top - 0.5
        turn = math.radians(degrees)
        # The inverse map, from the canvas to the sprite, which is twice as large.
        cos, sin, middle = 2 * math.cos(turn), 2 * math.sin(turn), self._side - 0.5
        inverse = np.array(
            [
                [cos, -sin, middle - cos * centre[0] + sin * centre[1]],
                [sin, cos, middle - sin * centre[0] - cos * centre[1]],
            ]
        )
        view = canvas[top : top + inner, left : left + inner]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(self._wheel, inverse, (inner, inner), dst=view, flags=flags, borderValue=SURFACE)

    def _draw_mark(self, canvas: Image, degrees: float) -> None:
        """Draw a triangle outside the rim at `degrees` counter-clockwise from straight ahead."""
        turn = math.radians(-degrees)
        tip, base, half = 0.435 * self._side, 0.5 * self._side, 0.045 * self._side
        along, across = np.array([math.sin(turn), -math.cos(turn)]), np.array([math.cos(turn), math.sin(turn)])
        corners = [tip * along, base * along + half * across, base * along - half * across]
        points = np.array([self._centre]) + corners
        fixed = (points * 2**_SHIFT).round().astype(np.int32)
        cv2.fillPoly(canvas, [fixed], TRUTH, cv2.LINE_AA, _SHIFT)
