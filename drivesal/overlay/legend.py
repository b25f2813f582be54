"""What a panel's header says: title, meaning and scale of its cases, arranged in the room there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.overlay.geometry import Rect
from drivesal.overlay.palette import DIM, TEXT, coverage
from drivesal.overlay.style import BOLD, Style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivesal.overlay.scene import Legend
    from drivesal.types import Image


_ROAD = 64
"""The grey under a scale's colours."""


@dataclass(frozen=True, slots=True)
class Header:
    """How legends are arranged: `columns` beside one another, `lines` of text each, `height` [px] in all."""

    columns: int
    lines: int
    height: int


def _line(style: Style) -> int:
    return round(1.7 * style.header)


def _gap(style: Style) -> int:
    return round(0.6 * style.header)


def _swatch(style: Style) -> int:
    return round(0.8 * style.header)


def _scale_width(style: Style, legend: Legend, bar: int) -> int:
    """ "0", the bar and the value of full heat, with the gaps between [px]."""
    texts = style.width("0", style.header) + style.width(legend.full, style.header)
    return texts + bar + 2 * (_gap(style) // 2)


def _whole_width(style: Style, legend: Legend) -> int:
    """What one legend needs to be shown on one line [px]."""
    texts = style.width(legend.title, style.header, BOLD) + style.width(legend.meaning, style.header)
    return _swatch(style) + texts + _scale_width(style, legend, 4 * style.header) + 6 * _gap(style)


def arrange(style: Style, legends: Sequence[Legend], width: int, shown: int) -> Header:
    """How headers `width` px wide with `shown` legends each are arranged: one line a legend if that is enough.

    `legends` are all that the picture has, so that headers beside one another are arranged alike.
    """
    columns, lines = 1, 1
    if legends:
        widest = max(_whole_width(style, legend) for legend in legends)
        columns = min(max(width // widest, 1), max(shown, 1))
        lines = 1 if widest <= width else 2
    rows = -(-max(shown, 1) // columns)
    return Header(columns, lines, rows * lines * _line(style) + _gap(style) // 2)


def draw_title(canvas: Image, rect: Rect, style: Style, lines: int, title: str, meaning: str) -> None:
    """The header of a panel without heat: `title`, and `meaning` behind or under it where there is room."""
    gap, size = _gap(style), style.header
    middle = _first_line(rect, style, lines)
    title = style.fit(title, rect.width - 2 * gap, size, BOLD)
    style.draw(canvas, title, rect.left + gap, middle, TEXT, size, BOLD)
    start = rect.left + gap
    if lines == 1:
        start += gap + style.width(title, size, BOLD)
    if start + style.width(meaning, size) + gap <= rect.right:
        style.draw(canvas, meaning, start, middle + (lines - 1) * _second(style), DIM, size)


def _second(style: Style) -> int:
    """From the first line of a legend to its second [px]."""
    return round(1.5 * style.header)


def _first_line(rect: Rect, style: Style, lines: int) -> int:
    """The middle of the first line of a header with `lines` lines, measured from the picture under it."""
    return rect.bottom - _gap(style) // 4 - lines * _line(style) + _line(style) // 2


def draw_legends(
    canvas: Image, rect: Rect, style: Style, header: Header, legends: Sequence[Legend], ramps: Sequence[Image]
) -> None:
    """Every legend in its cell of the header; `ramps` are their (256, 3) uint8 colours of heat 0..1."""
    cell_width, cell_height = rect.width // header.columns, header.lines * _line(style)
    rows = -(-len(legends) // header.columns)
    top = rect.bottom - rows * cell_height - _gap(style) // 4
    for number, (legend, ramp) in enumerate(zip(legends, ramps, strict=True)):
        row, column = divmod(number, header.columns)
        cell = Rect(rect.left + column * cell_width, top + row * cell_height, cell_width, cell_height)
        _draw_legend(canvas, cell, style, header.lines, legend, ramp)


def _draw_legend(canvas: Image, cell: Rect, style: Style, lines: int, legend: Legend, ramp: Image) -> None:
    """Swatch and title at the left, the scale at the right; the meaning between them or on a line of its own.

    What does not fit is left out whole, the meaning first; only a title too long for the cell is shortened.
    """
    gap, size, swatch = _gap(style), style.header, _swatch(style)
    middle = cell.top + _line(style) // 2
    x = cell.left + gap
    _draw_swatch(canvas, x, middle, swatch, ramp)
    x += swatch + gap
    title = style.fit(legend.title, cell.right - gap - x, size, BOLD)
    style.draw(canvas, title, x, middle, TEXT, size, BOLD)
    after = x + style.width(title, size, BOLD) + gap
    room = cell.right - gap - after
    bar = _bar_width(style, legend, lines, room)
    start = cell.right - gap
    if bar:
        start -= _draw_scale(canvas, start, middle, style, legend, ramp, bar)
    elif room >= 2 * size:
        _draw_bar(canvas, Rect(start - 2 * size, middle - swatch // 2, 2 * size, swatch), ramp, legend.curve)
    if lines == 2 and style.width(legend.meaning, size) <= cell.right - gap - x:
        style.draw(canvas, legend.meaning, x, middle + _second(style), DIM, size)
    elif lines == 1 and after + style.width(legend.meaning, size) + gap <= start:
        style.draw(canvas, legend.meaning, after, middle, DIM, size)


def _bar_width(style: Style, legend: Legend, lines: int, room: int) -> int:
    """The longest scale bar that leaves the meaning its place, else the shortest that fits, else 0 [px]."""
    bars = [round(times * style.header) for times in (8, 6, 4, 2.5)]
    fitting = [bar for bar in bars if _scale_width(style, legend, bar) <= room]
    meaning = style.width(legend.meaning, style.header) + _gap(style) if lines == 1 else 0
    roomy = [bar for bar in fitting if _scale_width(style, legend, bar) + meaning <= room]
    return roomy[0] if roomy else (fitting or [0])[-1]


def _draw_swatch(canvas: Image, left: int, middle: int, side: int, ramp: Image) -> None:
    colour = tuple(int(value) for value in ramp[175])
    Rect(left, middle - side // 2, side, side).of(canvas)[:] = colour


def _draw_scale(
    canvas: Image, right: int, middle: int, style: Style, legend: Legend, ramp: Image, bar: int
) -> int:
    """Draws "0 [bar] full" ending at `right`; how wide it is [px]."""
    size, gap = style.header, _gap(style) // 2
    style.draw(canvas, legend.full, right, middle, DIM, size, align="right")
    end = right - style.width(legend.full, size) - gap
    side = _swatch(style)
    _draw_bar(canvas, Rect(end - bar, middle - side // 2, bar, side), ramp, legend.curve)
    style.draw(canvas, "0", end - bar - gap, middle, DIM, size, align="right")
    return _scale_width(style, legend, bar)


def _draw_bar(canvas: Image, rect: Rect, ramp: Image, curve: float) -> None:
    """The ramp from heat 0 at the left to 1, over a grey such as a road's."""
    heat = np.linspace(0, 1, rect.width)
    colours = ramp[(heat * 255).round().astype(int)].astype(np.float64)
    covered = coverage(heat, curve)[:, None]
    shown = covered * colours + (1 - covered) * _ROAD
    rect.of(canvas)[:] = shown.round().astype(np.uint8)
