"""Panel headers: title, meaning and scale of each case, arranged to fit the available width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.overlay.geometry import Rect
from drivesal.overlay.palette import DIM, TEXT, coverage
from drivesal.overlay.style import BOLD, Style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivesal.overlay.content import Legend
    from drivesal.types import Image


_ROAD = 64
"""Grey level under the colours of a scale's bar."""


_FORMS = ((0, 0, 0), (0, 0, 1), (1, 1, 2), (1, 2, 3))
"""Rows of the scale's bar, of its value and of the meaning, from the widest arrangement to the narrowest."""


@dataclass(frozen=True, slots=True)
class Header:
    """The arrangement of legends: `columns` side by side, with `lines` of text each, in a total `height` [px].

    The title is on row 0; `bar`, `value` and `meaning` are the rows of the other items. Only the meaning may
    take several lines.
    """

    columns: int
    bar: int
    value: int
    meaning: int
    lines: int
    height: int


def _line(style: Style) -> int:
    return round(1.7 * style.header)


def _gap(style: Style) -> int:
    return round(0.6 * style.header)


def _swatch(style: Style) -> int:
    return round(0.8 * style.header)


def _scale_width(style: Style, legend: Legend, bar: int) -> int:
    """Width of "0", the bar and the value of full heat, including gaps [px]."""
    texts = style.width("0", style.header) + style.width(legend.full, style.header)
    return texts + bar + 2 * (_gap(style) // 2)


def _one_line_width(style: Style, legend: Legend) -> int:
    """Width that a legend needs on one line [px]."""
    texts = style.width(legend.title, style.header, BOLD) + style.width(legend.meaning, style.header)
    return _swatch(style) + texts + _scale_width(style, legend, 4 * style.header) + 6 * _gap(style)


def _legend_height(style: Style, lines: int) -> int:
    """Height of a legend with this many lines [px]; its lines are closer together than two legends."""
    return _line(style) + (lines - 1) * _pitch(style) + (round(0.2 * style.header) if lines > 1 else 0)


def _pitch(style: Style) -> int:
    """Distance between the lines of a legend [px]."""
    return round(1.5 * style.header)


def _indent(style: Style) -> int:
    """Indent of the title, after its swatch [px]."""
    return _swatch(style) + 2 * _gap(style)


def _text_indent(style: Style, bar: int) -> int:
    """Indent of the lines under a title: that of the title, or less in narrow arrangements [px]."""
    return _indent(style) if bar == 0 else _gap(style)


def _fits(style: Style, legend: Legend, form: tuple[int, int, int], width: int) -> bool:
    """Whether the legend in the arrangement `form` fits into `width` px."""
    bar, value, meaning = form
    if meaning == 0:
        return _one_line_width(style, legend) <= width
    if value > bar:
        return True
    title = _indent(style) + style.width(legend.title, style.header, BOLD) if bar == 0 else 0
    return title + _scale_width(style, legend, round(2.5 * style.header)) + 2 * _gap(style) <= width


def arrange(style: Style, legends: Sequence[Legend], width: int, shown: int) -> Header:
    """The arrangement of headers `width` px wide with `shown` legends each: one line per legend if they fit.

    `legends` are those of the whole canvas, so that all headers have the same arrangement.
    """
    columns, lines, rows = 1, 1, _FORMS[0]
    if legends:
        widest = max(_one_line_width(style, legend) for legend in legends)
        columns = min(max(width // widest, 1), max(shown, 1))
        rows = next(form for form in _FORMS if all(_fits(style, legend, form, width) for legend in legends))
    if rows[2]:
        available = width - _text_indent(style, rows[0]) - _gap(style)
        lines = rows[2] + max(len(style.wrap(legend.meaning, available, style.header)) for legend in legends)
    stacked = -(-max(shown, 1) // columns)
    return Header(columns, *rows, lines, stacked * _legend_height(style, lines) + _gap(style) // 2)


def draw_title(canvas: Image, rect: Rect, style: Style, lines: int, title: str, meaning: str) -> None:
    """Draw the header of a panel without heat: `title`, and `meaning` after or under it if it fits."""
    gap, size = _gap(style), style.header
    middle = rect.bottom - _gap(style) // 4 - _legend_height(style, lines) + _line(style) // 2
    title = style.fit(title, rect.width - 2 * gap, size, BOLD)
    style.draw(canvas, title, rect.left + gap, middle, TEXT, size, BOLD)
    start = rect.left + gap
    if lines == 1:
        start += gap + style.width(title, size, BOLD)
        texts = [meaning]
    else:
        middle += _pitch(style)
        texts = style.wrap(meaning, rect.width - 2 * gap, size)
    widest = max((style.width(text, size) for text in texts), default=0)
    if len(texts) <= max(lines - 1, 1) and start + widest + gap <= rect.right:
        _draw_lines(canvas, start, middle, style, texts)


def _draw_lines(canvas: Image, left: int, middle: int, style: Style, texts: Sequence[str]) -> None:
    """Draw the lines of a meaning, the first vertically centred on `middle`."""
    for number, text in enumerate(texts):
        style.draw(canvas, text, left, middle + number * _pitch(style), DIM, style.header)


def draw_legends(
    canvas: Image, rect: Rect, style: Style, header: Header, legends: Sequence[Legend], ramps: Sequence[Image]
) -> None:
    """Draw every legend in its cell of the header; `ramps` are their (256, 3) uint8 colours for heat 0..1."""
    cell_width, cell_height = rect.width // header.columns, _legend_height(style, header.lines)
    rows = -(-len(legends) // header.columns)
    top = rect.bottom - rows * cell_height - _gap(style) // 4
    for number, (legend, ramp) in enumerate(zip(legends, ramps, strict=True)):
        row, column = divmod(number, header.columns)
        cell = Rect(rect.left + column * cell_width, top + row * cell_height, cell_width, cell_height)
        _draw_legend(canvas, cell, style, header, legend, ramp)


def _draw_legend(canvas: Image, cell: Rect, style: Style, header: Header, legend: Legend, ramp: Image) -> None:
    """Draw swatch, title, scale and meaning on their rows of the header.

    On one line, the scale is at the right and the meaning between it and the title. Only a title that is too
    long for the cell is shortened.
    """
    gap, size, pitch = _gap(style), style.header, _pitch(style)
    middle = cell.top + _line(style) // 2
    x = cell.left + _indent(style)
    _draw_swatch(canvas, cell.left + gap, middle, _swatch(style), ramp)
    title = style.fit(legend.title, cell.right - gap - x, size, BOLD)
    style.draw(canvas, title, x, middle, TEXT, size, BOLD)
    after = x + style.width(title, size, BOLD) + gap
    below = cell.left + _text_indent(style, header.bar)
    bar = _bar_width(style, legend, header, cell.right - gap - (below if header.bar else after))
    rows = middle + header.bar * pitch, middle + header.value * pitch
    _draw_scale(canvas, cell.right - gap, rows, style, legend, ramp, bar)
    if header.meaning == 0:
        _draw_lines(canvas, after, middle, style, [legend.meaning])
    else:
        texts = style.wrap(legend.meaning, cell.right - gap - below, size)
        _draw_lines(canvas, below, middle + header.meaning * pitch, style, texts)


def _bar_width(style: Style, legend: Legend, header: Header, available: int) -> int:
    """Width of a scale's bar [px]: all of `available` on its own line, else the largest that leaves space."""
    if header.value > header.bar:
        return available - style.width("0", style.header) - _gap(style) // 2
    if header.bar:
        return available - _scale_width(style, legend, 0)
    if header.meaning == 0:
        available -= style.width(legend.meaning, style.header) + _gap(style)
    bars = [round(times * style.header) for times in (8, 6, 4)]
    fitting = [bar for bar in bars if _scale_width(style, legend, bar) <= available]
    return fitting[0] if fitting else round(2.5 * style.header)


def _draw_swatch(canvas: Image, left: int, middle: int, side: int, ramp: Image) -> None:
    colour = tuple(int(value) for value in ramp[175])
    Rect(left, middle - side // 2, side, side).of(canvas)[:] = colour


def _draw_scale(
    canvas: Image, right: int, rows: tuple[int, int], style: Style, legend: Legend, ramp: Image, bar: int
) -> None:
    """Draw "0 [bar] full" ending at `right`; `rows` are the vertical centres of the bar and of the value."""
    size, gap, (middle, below) = style.header, _gap(style) // 2, rows
    style.draw(canvas, legend.full, right, below, DIM, size, align="right")
    end = right if below > middle else right - style.width(legend.full, size) - gap
    side = _swatch(style)
    _draw_bar(canvas, Rect(end - bar, middle - side // 2, bar, side), ramp, legend.curve)
    style.draw(canvas, "0", end - bar - gap, middle, DIM, size, align="right")


def _draw_bar(canvas: Image, rect: Rect, ramp: Image, curve: float) -> None:
    """Draw the ramp from heat 0 at the left to 1 at the right, over a grey similar to a road's."""
    heat = np.linspace(0, 1, rect.width)
    colours = ramp[(heat * 255).round().astype(int)].astype(np.float64)
    covered = coverage(heat, curve, 1.0, ramp)[:, None]
    shown = covered * colours + (1 - covered) * _ROAD
    rect.of(canvas)[:] = shown.round().astype(np.uint8)
