"""Where everything lies on the canvas, computed once for a clip."""

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
"""Of a canvas whose width nobody gave [px]."""
HIGHEST = 1440
"""Of a canvas [px], unless a greater width was asked for."""
NARROWEST = 480
"""Of a canvas, and of a panel on its own where the canvas has the room [px]."""
_LEAST_WIDTH, _LEAST_PANEL, _MOST_WIDTH = 320, 160, 7680


@dataclass(frozen=True, slots=True)
class LayoutPlan:
    """The canvas: `size` (width, height) [px], even and a multiple of 4; `picture` (width, height) of a panel.

    `box` is what the model saw, in a panel's picture; `header` how every header is arranged; `dashboard` the
    elements of the strip with their areas.
    """

    size: tuple[int, int]
    style: Style
    picture: tuple[int, int]
    box: Rect
    panels: tuple[Area, ...]
    header: Header
    dashboard: tuple[tuple[type[Element], Area], ...]
    footer: Rect


@dataclass(frozen=True, slots=True)
class _Grid:
    """How many panels beside and above one another, and which cases each shows."""

    columns: int
    cases: tuple[tuple[Legend, ...], ...]

    @property
    def rows(self) -> int:
        return -(-len(self.cases) // self.columns)


def plan(scene: Scene) -> LayoutPlan:
    """The layout of a scene. Raises OptionError for a width that nothing legible fits into."""
    grid = _grid(scene)
    wanted = _wanted_width(scene, grid.columns)
    width = wanted or WIDEST
    # Lettering follows the canvas and the canvas follows what its lettering leaves to the pictures.
    for _ in range(4):
        gap = max(4, width // 240)
        style, header, picture, cell = _measure(scene, grid, width, gap, wanted is None)
        shrunk = wanted or min(max(NARROWEST, grid.columns * cell + (grid.columns - 1) * gap), WIDEST)
        shrunk += shrunk % 2
        if shrunk == width:
            break
        width = shrunk
    return _place(scene, grid, width, gap, style, header, picture, cell)


def _wanted_width(scene: Scene, columns: int) -> int | None:
    """The width that was asked for, made even; None for the default."""
    if scene.width is None:
        return None
    least = max(_LEAST_WIDTH, _LEAST_PANEL * columns)
    if not least <= scene.width <= _MOST_WIDTH:
        raise OptionError(
            f"a width of {least} to {_MOST_WIDTH} pixels for {columns} panels beside one another",
            f"{scene.width} came",
            "choose one in that range, or another layout",
        )
    return scene.width - scene.width % 2


def _grid(scene: Scene) -> _Grid:
    """The plain drive and one panel a case, or one panel with all cases; columns to suit pictures and width."""
    if scene.layout == "single":
        return _Grid(1, (scene.legends,))
    cases: tuple[tuple[Legend, ...], ...] = ((), *((legend,) for legend in scene.legends))
    if scene.layout == "row":
        return _Grid(len(cases), cases)
    most = len(cases) if scene.width is None else min(len(cases), max(scene.width // _LEAST_PANEL, 1))
    return _Grid(max(range(1, most + 1), key=lambda columns: _worth(scene, columns, len(cases))), cases)


def _worth(scene: Scene, columns: int, count: int) -> float:
    """How wide panels get on a 16:9 screen in so many columns, less for cells that stay empty."""
    rows = -(-count // columns)
    wide, high = 1920 / columns, (1080 - 200) / rows - 32
    across, down = scene.frame_size
    return min(wide, high * across / down) * count / (rows * columns)


def _measure(
    scene: Scene, grid: _Grid, width: int, gap: int, native: bool
) -> tuple[Style, Header, tuple[int, int], int]:
    """Lettering, header, (width, height) of a picture and the width of its cell on a canvas `width` px wide.

    `native` keeps pictures from growing beyond the recording's own size (or 480 px).
    """
    across, down = scene.frame_size
    cell = (width - gap * (grid.columns - 1)) // grid.columns
    if native:
        cell = min(cell, max(across, NARROWEST))
    least = NARROWEST if grid.columns == 1 else _LEAST_PANEL
    while True:
        style = Style.of(width, cell)
        header = arrange(style, scene.legends, cell, max(len(legends) for legends in grid.cases))
        others = grid.rows * (header.height + gap) + _strip(scene, style, width)[1] + gap
        others += footer.height(scene, style, width)
        room = (max(HIGHEST, 0 if native else width) - others - 3) // grid.rows
        picture_width, picture_height = cell, round(cell * down / across)
        if picture_height > max(room, 64):
            picture_height = max(room, 64)
            picture_width = round(picture_height * across / down)
        picture = max(picture_width, 2), max(picture_height, 2)
        needed = min(max(picture[0], least), cell)
        if needed == cell:
            return style, header, picture, cell
        cell = needed  # the header over a picture that must be narrower may need more lines


def _strip(scene: Scene, style: Style, width: int) -> tuple[list[tuple[type[Element], Rect]], int]:
    """The dashboard's elements in rows as wide as fit, with the origin at its top left; and its height [px]."""
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
        if spare:  # nothing stretches: in the middle it looks meant
            placed = [(cls, r.moved(spare // 2, 0) if r.top == number * row_height else r) for cls, r in placed]
    return placed, len(rows) * row_height if placed else 0


def _place(
    scene: Scene,
    grid: _Grid,
    width: int,
    gap: int,
    style: Style,
    header: Header,
    picture: tuple[int, int],
    cell: int,
) -> LayoutPlan:
    """Puts the measured parts on the canvas; a last row that is not full stands in the middle."""
    box = scaled_box(scene.box, scene.frame_size, picture)
    pitch = header.height + picture[1] + gap
    panels = []
    for number, legends in enumerate(grid.cases):
        row, column = divmod(number, grid.columns)
        beside = min(grid.columns, len(grid.cases) - row * grid.columns)
        left = (width - beside * cell - (beside - 1) * gap) // 2 + column * (cell + gap)
        rect = Rect(left, row * pitch, cell, header.height)
        shown = Rect(left + (cell - picture[0]) // 2, rect.bottom, *picture)
        panels.append(Area(rect, shown, box.moved(shown.left, shown.top), legends))
    top = grid.rows * pitch
    strip, strip_height = _strip(scene, style, width)
    nothing = Rect(0, 0, 0, 0)
    dashboard = tuple((cls, Area(rect.moved(0, top), nothing, nothing)) for cls, rect in strip)
    foot = Rect(0, top + strip_height, width, footer.height(scene, style, width))
    height = -(-foot.bottom // 4) * 4  # the writer takes such frames without copying them
    return LayoutPlan((width, height), style, picture, box, tuple(panels), header, dashboard, foot)
