"""The numeric readout of a frame: predicted and true angle, error, time and frame index, at fixed positions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import cv2

from drivesal.overlay.element import Element, PreparedFrame, Slot, register
from drivesal.overlay.palette import DIM, PREDICTED, TEXT, TRUTH
from drivesal.overlay.style import BOLD

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.overlay.content import Scene
    from drivesal.overlay.palette import Colour
    from drivesal.overlay.style import Style
    from drivesal.types import Image

UNKNOWN = "–"


def clock(time_s: float) -> str:
    """Seconds as m:ss.s, or h:mm:ss.s from an hour on."""
    tenths = round(abs(time_s) * 10)
    minutes, tenths = divmod(tenths, 600)
    sign = "−" if time_s < 0 and (minutes or tenths) else ""
    seconds = f"{tenths // 10:02d}.{tenths % 10}"
    if minutes < 60:
        return f"{sign}{minutes}:{seconds}"
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{seconds}"


def angle_parts(kind: AngleKind, value: float | None) -> tuple[str, str]:
    """`kind.text(value)` split into ("12.3°", "L"), so that the digits keep their position without a side."""
    if value is None or not math.isfinite(value):
        return UNKNOWN, ""
    if abs(value) >= 10_000 and kind.sided:
        return f"> 9999{kind.symbol}", "L" if value > 0 else "R"
    if not kind.sided:
        return kind.text(value), ""
    number, symbol, side = kind.text(value).partition(kind.symbol)
    return number + symbol, side.strip()


@register
class Numbers(Element):
    """Labels at the left, numbers right-aligned before their side, time and frame index below."""

    name: ClassVar[str] = "numbers"
    slot: ClassVar[Slot] = "dashboard"
    order: ClassVar[int] = 20

    @classmethod
    def width(cls, scene: Scene, style: Style, height: int) -> tuple[int, int]:
        """Width of the labels, the widest number and the letter of its side."""
        label = cls._label_width(style)
        samples = {cls._sample(kind) for kind in (scene.kind, scene.truth_kind or scene.kind)}
        widest = max(cls._big_width(scene, style), *(style.width(text, style.size) + label for text in samples))
        clock_width = style.width("88:88.8   frame 888888", style.size)
        head = cls._key_width(style) + style.width(cls._head(scene), style.size)
        content = max(widest + cls._side_width(style), clock_width, head)
        return content + 2 * style.pad, content + 2 * style.pad

    @staticmethod
    def _sample(kind: AngleKind) -> str:
        return {"deg": "-888.8", "norm": "8.888", "score": "-8.888e-88"}[kind.unit] + kind.symbol

    @classmethod
    def _big_width(cls, scene: Scene, style: Style) -> int:
        return style.width(cls._sample(scene.kind), cls._big_size(style), BOLD)

    @staticmethod
    def _big_size(style: Style) -> int:
        return round(1.9 * style.size)

    @staticmethod
    def _side_width(style: Style) -> int:
        """Width of a space and the L or R after the large number."""
        return round(1.9 * style.size)

    @staticmethod
    def _key_width(style: Style) -> int:
        return round(1.6 * style.size)

    @classmethod
    def _label_width(cls, style: Style) -> int:
        return cls._key_width(style) + style.width("truth", style.size) + style.pad

    @staticmethod
    def _head(scene: Scene) -> str:
        """Name of the large number, with the wheels if it is not the steering wheel."""
        return scene.answer + (", road wheels" if scene.kind.turns == "road-wheels" else "")

    @property
    def _compared(self) -> bool:
        """Whether there is an error to show."""
        return self.scene.has_truth and self.scene.truth_kind is None

    def _rows(self) -> dict[str, int]:
        """Vertical centre of every row [px]; the rows are centred in the dashboard."""
        size = self.style.size
        rows = [("head", 1.4), ("predicted", 2.4)]
        if self.scene.has_truth:
            rows += [("truth", 1.45)]
        if self._compared:
            rows += [("error", 1.45)]
        rows += [("clock", 1.7)]
        y = self.area.rect.top + (self.area.rect.height - sum(height for _, height in rows) * size) / 2
        middles = {}
        for name, height in rows:
            middles[name] = round(y + height * size / 2)
            y += height * size
        return middles

    def static(self, canvas: Image) -> None:
        """Draw the labels, each with the line style that its angle has in the trace."""
        style, rows, left = self.style, self._rows(), self.area.rect.left + self.style.pad
        key = self._key_width(style)
        self._key(canvas, left, rows["head"], PREDICTED, dashed=False)
        available = self.area.rect.width - key - 2 * style.pad
        head = style.fit(self._head(self.scene), available, style.size)
        style.draw(canvas, head, left + key, rows["head"], DIM, style.size)
        if self.scene.has_truth:
            self._key(canvas, left, rows["truth"], TRUTH, dashed=True)
            names = {"truth": "truth", "error": "error"} if self._compared else {"truth": "label"}
            for row, name in names.items():
                style.draw(canvas, name, left + key, rows[row], DIM, style.size)

    def _key(self, canvas: Image, left: int, middle: int, colour: Colour, dashed: bool) -> None:
        """Draw a short line in the curve's style as a label's key."""
        width, thick = self._key_width(self.style) - self.style.pad // 2, self.style.stroke
        dashes = ((0.0, 0.42), (0.58, 1.0)) if dashed else ((0.0, 1.0),)
        top = middle - thick // 2
        for start, end in dashes:
            corners = (left + round(start * width), top), (left + round(end * width) - 1, top + thick - 1)
            cv2.rectangle(canvas, *corners, colour, -1)

    def draw(self, canvas: Image, frame: PreparedFrame) -> None:
        """Draw the numbers."""
        shown, style, rows = frame.shown, self.style, self._rows()
        kind = self.scene.kind
        self._angle(canvas, kind, shown.predicted, rows["predicted"], PREDICTED, self._big_size(style), BOLD)
        if self.scene.has_truth:
            truth_kind = self.scene.truth_kind or kind
            self._angle(canvas, truth_kind, shown.truth, rows["truth"], TRUTH, style.size, 400)
        if self._compared:
            known = shown.truth is not None and math.isfinite(shown.truth)
            error = shown.predicted - shown.truth if known and shown.truth is not None else None
            self._angle(canvas, kind, error, rows["error"], TEXT, style.size, 400)
        if math.isfinite(shown.time_s):
            left, right = self.area.rect.left + style.pad, self.area.rect.right - style.pad
            time = clock(shown.time_s)
            style.draw(canvas, time, left, rows["clock"], TEXT, style.size)
            available = right - left - style.width(time, style.size) - style.pad
            number = style.fit(f"frame {shown.index}", available, style.size)
            style.draw(canvas, number, right, rows["clock"], DIM, style.size, align="right")

    def _angle(
        self,
        canvas: Image,
        kind: AngleKind,
        value: float | None,
        middle: int,
        colour: Colour,
        size: int,
        weight: int,
    ) -> None:
        """Draw a number so that it always ends where the side's letter begins."""
        number, side = angle_parts(kind, value)
        style, split = self.style, self.area.rect.right - self.style.pad - self._side_width(self.style)
        available = split - self.area.rect.left - style.pad
        if size == style.size:
            available -= self._label_width(style)
        number = style.fit(number, available, size, weight)
        style.draw(canvas, number, split, middle, colour, size, weight, align="right")
        style.draw(canvas, side, split + round(0.3 * style.size), middle, colour, size, weight)
