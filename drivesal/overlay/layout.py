"""The layout of the canvas, computed once per clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.errors import OptionError
from drivesal.overlay import footer
from drivesal.overlay.element import Area, Element, registered
from drivesal.overlay.geometry import Rect, scaled_box
from drivesal.overlay.legend import Header, arrange
from drivesal.overlay.style import Style

if TYPE_CHECKING:
    from drivesal.overlay.content import Legend, Scene

WIDEST = 1920
"""Largest default width of a canvas [px]."""
HIGHEST = 1440
"""Largest height of a canvas [px], unless a larger width is requested."""
NARROWEST = 480
"""Smallest default width of a canvas, and of a single panel if the canvas is wide enough [px]."""
_MIN_WIDTH, _MIN_PANEL, _MAX_WIDTH = 320, 160, 7680


@dataclass(frozen=True, slots=True)
class LayoutPlan:
    """The layout of a canvas.

    `size` is (width, height) [px], an even width and a height that is a multiple of 4; `image_size` (width,
    height) that of the frame in a panel; `box` the model's view within that frame; `header` the arrangement of
    every panel header; `dashboard` the dashboard's elements with their areas.
    """

    size: tuple[int, int]
    style: Style
    image_size: tuple[int, int]
    box: Rect
    panels: tuple[Area, ...]
    header: Header
    dashboard: tuple[tuple[type[Element], Area], ...]
    footer: Rect


@dataclass(frozen=True, slots=True)
class _Grid:
    """The number of columns of panels, and the cases that each panel shows."""

    columns: int
    cases: tuple[tuple[Legend, ...], ...]

    @property
    def rows(self) -> int:
        return -(-len(self.cases) // self.columns)


def plan(scene: Scene) -> LayoutPlan:
    """The layout of a scene. Raises OptionError for a width that is too small or too large."""
    grid = _grid(scene)
    requested = _requested_width(scene, grid.columns)
    width = requested or WIDEST
    # The font size depends on the canvas, and the canvas on the space that the text leaves for the images.
    for _ in range(4):
        gap = max(4, width // 240)
        style, header, image_size, cell = _measure(scene, grid, width, gap, requested is None)
        shrunk = requested or min(max(NARROWEST, grid.columns * cell + (grid.columns - 1) * gap), WIDEST)
        shrunk += shrunk % 2
        if shrunk == width:
            break
        width = shrunk
    return _place(scene, grid, width, gap, style, header, image_size, cell)


def _requested_width(scene: Scene, columns: int) -> int | None:
    """The requested width, rounded down to an even number; None for the default."""
    if scene.width is None:
        return None
    least = max(_MIN_WIDTH, _MIN_PANEL * columns)
    if not least <= scene.width <= _MAX_WIDTH:
        raise OptionError(
            f"a width of {least} to {_MAX_WIDTH} pixels for {columns} panels side by side",
            f"{scene.width} came",
            "choose one in that range, or another layout",
        )
    return scene.width - scene.width % 2


def _grid(scene: Scene) -> _Grid:
    """The plain frame and one panel per case, or one panel with all cases, in the best number of columns."""
    if scene.layout == "single":
        return _Grid(1, (scene.legends,))
    cases: tuple[tuple[Legend, ...], ...] = ((), *((legend,) for legend in scene.legends))
    if scene.layout == "row":
        return _Grid(len(cases), cases)
    most = len(cases) if scene.width is None else min(len(cases), max(scene.width // _MIN_PANEL, 1))
    return _Grid(max(range(1, most + 1), key=lambda columns: _column_score(scene, columns, len(cases))), cases)


def _column_score(scene: Scene, columns: int, count: int) -> float:
    """Width of panels on a 16:9 screen with this many columns, reduced by the fraction of empty cells."""
    rows = -(-count // columns)
    cell_width, cell_height = 1920 / columns, (1080 - 200) / rows - 32
    frame_width, frame_height = scene.frame_size
    return min(cell_width, cell_height * frame_width / frame_height) * count / (rows * columns)


def _measure(
    scene: Scene, grid: _Grid, width: int, gap: int, native: bool
) -> tuple[Style, Header, tuple[int, int], int]:
    """Style, header, (width, height) of the images and the width of their cells on a canvas `width` px wide.

    `native` limits images to the recording's own width (or 480 px).
    """
    frame_width, frame_height = scene.frame_size
    cell = (width - gap * (grid.columns - 1)) // grid.columns
    if native:
        cell = min(cell, max(frame_width, NARROWEST))
    least = NARROWEST if grid.columns == 1 else _MIN_PANEL
    while True:
        style = Style.of(width, cell)
        header = arrange(style, scene.legends, cell, max(len(legends) for legends in grid.cases))
        reserved = grid.rows * (header.height + gap) + _dashboard(scene, style, width)[1] + gap
        reserved += footer.height(scene, style, width)
        available = (max(HIGHEST, 0 if native else width) - reserved - 3) // grid.rows
        image_width, image_height = cell, round(cell * frame_height / frame_width)
        if image_height > max(available, 64):
            image_height = max(available, 64)
            image_width = round(image_height * frame_width / frame_height)
        image_size = max(image_width, 2), max(image_height, 2)
        needed = min(max(image_size[0], least), cell)
        if needed == cell:
            return style, header, image_size, cell
        cell = needed  # the header above a narrower image may need more lines


def _dashboard(scene: Scene, style: Style, width: int) -> tuple[list[tuple[type[Element], Rect]], int]:
    """The dashboard's elements in rows that fit the width, relative to its top left, and its height [px]."""
    row_height = round(9.6 * style.size)
    rows: list[list[tuple[type[Element], int, int]]] = [[]]
    for cls in registered("dashboard"):
        least, most = cls.width(scene, style, row_height)
        if least <= 0:
            continue
        if rows[-1] and sum(item[1] for item in rows[-1]) + least > width:
            rows.append([])
        rows[-1].append((cls, min(least, width), most))
    placed = []
    for number, row in enumerate(rows):
        spare = width - sum(least for _, least, _ in row)
        x = 0
        for cls, least, most in row:
            grown = min(most - least, spare)
            spare -= grown
            placed.append((cls, Rect(x, number * row_height, least + grown, row_height)))
            x += least + grown
        if spare:  # no element can grow: centre the row
            placed = [(cls, r.moved(spare // 2, 0) if r.top == number * row_height else r) for cls, r in placed]
    return placed, len(rows) * row_height if placed else 0


def _place(
    scene: Scene,
    grid: _Grid,
    width: int,
    gap: int,
    style: Style,
    header: Header,
    image_size: tuple[int, int],
    cell: int,
) -> LayoutPlan:
    """Place the measured items on the canvas; an incomplete last row is centred."""
    box = scaled_box(scene.box, scene.frame_size, image_size)
    pitch = header.height + image_size[1] + gap
    panels = []
    for number, legends in enumerate(grid.cases):
        row, column = divmod(number, grid.columns)
        in_row = min(grid.columns, len(grid.cases) - row * grid.columns)
        left = (width - in_row * cell - (in_row - 1) * gap) // 2 + column * (cell + gap)
        rect = Rect(left, row * pitch, cell, header.height)
        image = Rect(left + (cell - image_size[0]) // 2, rect.bottom, *image_size)
        panels.append(Area(rect, image, box.moved(image.left, image.top), legends))
    top = grid.rows * pitch
    instruments, dashboard_height = _dashboard(scene, style, width)
    empty = Rect(0, 0, 0, 0)
    dashboard = tuple((cls, Area(rect.moved(0, top), empty, empty)) for cls, rect in instruments)
    foot = Rect(0, top + dashboard_height, width, footer.height(scene, style, width))
    height = -(-foot.bottom // 4) * 4  # the video writer takes frames of such a height without copying
    return LayoutPlan((width, height), style, image_size, box, tuple(panels), header, dashboard, foot)
