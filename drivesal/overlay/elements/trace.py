"""Predicted and true angle over the last ten seconds; the right edge is the current time, left is up.

Labels that cannot be compared with the prediction have their own scale, at the right edge in their colour.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np

from drivesal.overlay.element import Area, Element, PreparedFrame, Slot, register
from drivesal.overlay.geometry import Rect
from drivesal.overlay.palette import AXIS, DIM, LINE, PREDICTED, TRUTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drivesal.angle import AngleKind
    from drivesal.overlay.content import Scene
    from drivesal.overlay.palette import Colour
    from drivesal.overlay.style import Style
    from drivesal.types import Doubles, Image

SPAN_S = 10.0
_SHIFT = 4
_STEPS = {
    "deg": (1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 270, 360, 540, 720, 1080, 1440, 2880),
    "norm": (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 1.5, 2, 3, 4, 8, 16, 32, 64),
    "score": tuple(step * 10.0**power for power in range(-6, 9) for step in (1, 2, 3, 5)),
}
_MAX_FILL = 0.9
"""Largest fraction of the range that a curve fills."""
_GAP_FACTOR = 5
"""Frames further apart than this many median intervals are not connected."""


def nice_range(value: float, unit: str) -> float:
    """The smallest of the unit's round numbers of which |value| is at most _MAX_FILL; else the largest."""
    steps = _STEPS[unit]
    return float(next((step for step in steps if _MAX_FILL * step >= abs(value) - 1e-9), steps[-1]))


def _text(kind: AngleKind, value: float, side: str) -> str:
    """Label of an end of the range: "20° L", or a signed number if the kind has no sides."""
    if not kind.sided:
        return f"{value if side == 'L' else -value:g}"
    return f"{value:g}{'°' if kind.unit == 'deg' else ''} {side}"


def with_gaps(rows: Doubles) -> Doubles:
    """(n, 3) rows, with a row of NaN values inserted into every gap in time."""
    steps = np.diff(rows[:, 0])
    if not len(steps) or steps.max() <= _GAP_FACTOR * np.median(steps):
        return rows
    before = np.flatnonzero(steps > _GAP_FACTOR * np.median(steps))
    missing = np.full((len(before), 3), math.nan)
    missing[:, 0] = rows[before, 0] + steps[before] / 2
    return np.insert(rows, before + 1, missing, axis=0)


@register
class Trace(Element):
    """Plots (time_s, predicted, truth) of the frames drawn so far, which come in order."""

    name: ClassVar[str] = "trace"
    slot: ClassVar[Slot] = "dashboard"
    order: ClassVar[int] = 30

    def __init__(self, scene: Scene, style: Style, area: Area) -> None:
        super().__init__(scene, style, area)
        rect, pad = area.rect, style.pad
        self._small = max(12, round(0.8 * style.size))
        gutter = style.width(self._label(8888, "L"), self._small) + pad
        truth_gutter = (
            0
            if scene.truth_kind is None
            else style.width(_text(scene.truth_kind, 8.88, "L"), self._small) + pad
        )
        below = round(1.6 * self._small)
        width, height = rect.width - gutter - truth_gutter - 2 * pad, rect.height - 2 * pad - below
        self._plot = Rect(rect.left + gutter, rect.top + pad, max(width, 8), max(height, 8))
        # A period in time, so that the dashes move with the curve instead of flickering along it.
        self._dash_s = max(9 * style.stroke, 12) / self._plot.width * SPAN_S
        self.reset()

    @classmethod
    def width(cls, scene: Scene, style: Style, height: int) -> tuple[int, int]:
        """All available width; none if the scene has no history."""
        return (14 * style.size, 100_000) if scene.trace else (0, 0)

    def reset(self) -> None:
        """Forget the curves and their ranges."""
        self._rows: Doubles = np.empty((0, 3))
        self._range = nice_range(max(abs(self.scene.angle_range), 1e-6), self.scene.kind.unit)
        kind = self.scene.truth_kind
        self._truth_range = (
            None if kind is None else nice_range(max(abs(self.scene.truth_range), 1e-6), kind.unit)
        )

    def recall(self, history: Sequence[tuple[float, float, float | None]]) -> None:
        """Start with these frames."""
        for time_s, predicted, truth in history:
            self._remember(time_s, predicted, truth)

    def _label(self, value: float, side: str) -> str:
        return _text(self.scene.kind, value, side)

    def static(self, canvas: Image) -> None:
        """Draw the grid of seconds, the zero line and the labels of the time axis."""
        plot, size = self._plot, self._small
        for second in range(int(SPAN_S) + 1):
            x = plot.right - 1 - round(second / SPAN_S * (plot.width - 1))
            cv2.line(canvas, (x, plot.top), (x, plot.bottom - 1), AXIS if second == 0 else LINE, 1)
        for y in (plot.top, plot.bottom - 1):
            cv2.line(canvas, (plot.left, y), (plot.right - 1, y), LINE, 1)
        cv2.line(canvas, (plot.left, plot.middle), (plot.right - 1, plot.middle), AXIS, 1)
        middle = plot.bottom + round(0.9 * size)
        self.style.draw(canvas, "now", plot.right, middle, DIM, size, align="right")
        centre = plot.right - 1 - round(0.5 * (plot.width - 1))
        self.style.draw(canvas, "−5 s", centre, middle, DIM, size, align="centre")
        self.style.draw(canvas, "−10 s", plot.left, middle, DIM, size)

    def draw(self, canvas: Image, frame: PreparedFrame) -> None:
        """Add the frame to the history and draw the curves."""
        self._remember(frame.shown.time_s, frame.shown.predicted, frame.shown.truth)
        plot, size, style = self._plot, self._small, self.style
        right = plot.left - style.pad // 2
        half = round(0.4 * size)
        style.draw(canvas, self._label(self._range, "L"), right, plot.top + half, DIM, size, align="right")
        style.draw(canvas, "0", right, plot.middle, DIM, size, align="right")
        style.draw(canvas, self._label(self._range, "R"), right, plot.bottom - half, DIM, size, align="right")
        if self._truth_range is not None and self.scene.truth_kind is not None:
            left = plot.right + style.pad // 2
            for side, y in (("L", plot.top + half), ("R", plot.bottom - half)):
                style.draw(canvas, _text(self.scene.truth_kind, self._truth_range, side), left, y, TRUTH, size)
        if self._rows.size:
            view = self._frame().of(canvas)
            rows = with_gaps(self._rows)
            self._solid(view, rows[:, 0], rows[:, 1], PREDICTED)
            # factor from the truth's own scale to that of the left edge
            factor = 1.0 if self._truth_range is None else self._range / self._truth_range
            self._dashed(view, rows[:, 0], rows[:, 2] * factor, TRUTH)
            self._dot(view, self._rows[-1, 0], self._rows[-1, 2] * factor, TRUTH)
            self._dot(view, self._rows[-1, 0], self._rows[-1, 1], PREDICTED)

    def _frame(self) -> Rect:
        """The plot with a margin for the newest dot; curves are clipped outside it."""
        margin = self.style.pad // 2
        plot = self._plot
        return Rect(plot.left, plot.top - margin, plot.width + margin, plot.height + 2 * margin)

    def _remember(self, time_s: float, predicted: float, truth: float | None) -> None:
        """Add a frame, drop rows older than the span or not before it, and widen the ranges if needed."""
        if not math.isfinite(time_s):
            return
        row = np.array([[time_s, predicted, math.nan if truth is None or not self.scene.has_truth else truth]])
        row[0, 1:][~np.isfinite(row[0, 1:])] = math.nan
        old = self._rows[(self._rows[:, 0] < time_s) & (self._rows[:, 0] >= time_s - SPAN_S)]
        self._rows = np.concatenate([old, row])
        predicted, label = np.nan_to_num(np.abs(row[0, 1:]))
        if self._truth_range is None or self.scene.truth_kind is None:
            predicted = max(predicted, label)
        else:
            self._truth_range = max(self._truth_range, nice_range(float(label), self.scene.truth_kind.unit))
        self._range = max(self._range, nice_range(float(predicted), self.scene.kind.unit))

    def _points(self, times: Doubles, values: Doubles) -> NDArray[np.int32]:
        """(..., 2) fixed-point (x, y) inside `_frame` for angles at these times."""
        plot, frame = self._plot, self._frame()
        x = plot.right - 1 - frame.left - (self._rows[-1, 0] - times) / SPAN_S * (plot.width - 1)
        values = np.clip(values, -self._range, self._range)
        y = plot.middle - frame.top - values / self._range * (plot.height - 1) / 2
        fixed: NDArray[np.int32] = (np.stack([x, y], axis=-1) * 2**_SHIFT).round().astype(np.int32)
        return fixed

    def _solid(self, view: Image, times: Doubles, values: Doubles, colour: Colour) -> None:
        """Draw a solid curve, interrupted where a value is missing."""
        breaks = np.flatnonzero(~np.isfinite(values))
        lines = []
        for run in np.split(np.arange(len(values)), breaks):
            run = run[np.isfinite(values[run])]
            if len(run) > 1:
                lines.append(self._points(times[run], values[run]))
        cv2.polylines(view, lines, False, colour, self.style.stroke, cv2.LINE_AA, _SHIFT)

    def _dashed(self, view: Image, times: Doubles, values: Doubles, colour: Colour) -> None:
        """Draw a dashed curve, interrupted where a value is missing; an isolated value becomes a dot."""
        known = np.isfinite(values)
        if not known.any():
            return
        padded = np.concatenate([[False], known, [False]])
        for index in np.flatnonzero(known & ~padded[:-2] & ~padded[2:]):
            self._dot(view, times[index], values[index], colour, small=True)
        period = self._dash_s
        starts = period * np.arange(math.floor(times[0] / period), math.ceil(times[-1] / period) + 1)
        dashes = np.clip(starts[:, None] + 0.6 * period * np.array([0.0, 0.5, 1.0]), times[0], times[-1])
        heights = np.interp(dashes, times, values)
        complete = np.isfinite(heights).all(axis=1) & (dashes[:, 0] < dashes[:, 2])
        lines = list(self._points(dashes[complete], heights[complete]))
        cv2.polylines(view, lines, False, colour, self.style.stroke, cv2.LINE_AA, _SHIFT)

    def _dot(self, view: Image, time_s: float, value: float, colour: Colour, small: bool = False) -> None:
        if math.isfinite(value):
            x, y = (int(coordinate) for coordinate in self._points(np.array(time_s), np.array(value)))
            radius = self.style.stroke * (1.0 if small else 1.8)
            cv2.circle(view, (x, y), round(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)
