"""The picture of a panel, with the heat of its cases on what the model saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np

from drivesal.overlay.element import Area, Element, Moment, Slot, register
from drivesal.overlay.palette import GREY_SHARE, coverage, ramp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drivesal.overlay.content import Legend, Scene
    from drivesal.overlay.style import Style
    from drivesal.types import Floats, Image

_EDGE = (120, 120, 120)


def _premultiplied(colours: Image, alpha: NDArray[np.float64]) -> Image:
    """(256, 1, 3) uint8 colour · a, as cv2.applyColorMap wants it."""
    return (colours * alpha[:, None]).round().astype(np.uint8)[:, None]


def _merged(layers: Sequence[tuple[Image, Image]]) -> tuple[Image, Image]:
    """Several layers (h, w, 3), (h, w) as one: colours added, what they keep of the grey multiplied."""
    total, keep = layers[0][0].astype(np.uint16), layers[0][1]
    for colour, less in layers[1:]:
        total += colour
        keep = cv2.multiply(keep, less, scale=1 / 255)
    peak = np.maximum(np.maximum(total[..., 0], total[..., 1]), total[..., 2])
    if peak.max() <= 255:
        return total.astype(np.uint8), keep
    dimmed = total * (255 / np.maximum(peak, 255).astype(np.float32))[..., None]
    return dimmed.astype(np.uint8), keep


def _layer(table: tuple[Image, Image], heat: Floats) -> tuple[Image, Image]:
    """Premultiplied colour (h, w, 3) and 255 · (1 − a) (h, w), both uint8, of one case's heat (h, w)."""
    level = cv2.convertScaleAbs(np.fmax(heat, 0), alpha=255)
    return cv2.applyColorMap(level, table[0]), cv2.LUT(level, table[1])


@register
class Heat(Element):
    """The plain picture, and in the box: grey · (1 − a) + colour(heat) · a with a = opacity · heat^curve.

    A colour map that begins bright is drawn as on paper, without the picture.

    Several cases add their colours, and each takes its share of the grey away, so that none hides another; a
    sum that is too bright to show is dimmed as a whole, so that it keeps its hue.

    Colours are looked up at the model's size and premultiplied, then resized: one resize of colour and one of
    (1 − a) a panel, whatever the number of cases.
    """

    name: ClassVar[str] = "heat"
    slot: ClassVar[Slot] = "panel"
    order: ClassVar[int] = 10

    def __init__(self, scene: Scene, style: Style, area: Area) -> None:
        super().__init__(scene, style, area)
        self._tables = {legend.case: self._table(legend) for legend in area.legends}
        shape = area.box.height, area.box.width
        self._colour, self._kept = np.empty((*shape, 3), np.uint8), np.empty(shape, np.uint8)
        self._rgb = np.empty((*shape, 3), np.uint8)
        self._outside = area.picture.around(area.box) if area.legends else (area.picture,)

    def _table(self, legend: Legend) -> tuple[Image, Image]:
        """By heat 0..255: the case's premultiplied colour (256, 1, 3), and 255 · (1 − a) (256,), both uint8."""
        colours = ramp(legend.colour, self.scene.colormap, len(self.area.legends))
        alpha = coverage(np.linspace(0, 1, 256), legend.curve, self.scene.opacity, colours)
        return _premultiplied(colours, alpha), (255 * (1 - alpha)).round().astype(np.uint8)

    def draw(self, canvas: Image, moment: Moment) -> None:
        """Pastes the picture and paints the box."""
        for rect in self._outside:
            origin = rect.moved(-self.area.picture.left, -self.area.picture.top)
            rect.of(canvas)[:] = origin.of(moment.picture)
        if self.area.legends:
            self._paint(self.area.box.of(canvas), moment)
            self._edge(canvas)

    def _paint(self, view: Image, moment: Moment) -> None:
        """Grey and heat into `view`, the box on the canvas."""
        layers = [_layer(table, moment.shown.heats[case]) for case, table in self._tables.items()]
        colour, keep = layers[0] if len(layers) == 1 else _merged(layers)
        size = self.area.box.width, self.area.box.height
        cv2.resize(colour, size, dst=self._colour, interpolation=cv2.INTER_LINEAR)
        cv2.resize(keep, size, dst=self._kept, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(moment.grey, self._kept, dst=self._kept, scale=GREY_SHARE / 255)
        cv2.cvtColor(self._kept, cv2.COLOR_GRAY2RGB, dst=self._rgb)
        cv2.add(self._rgb, self._colour, dst=view)

    def _edge(self, canvas: Image) -> None:
        """A thin line along those sides of the box that are not the picture's own, inside the box."""
        box, picture = self.area.box, self.area.picture
        view, thick = box.of(canvas), max(1, self.style.stroke // 2)
        if box.top > picture.top:
            view[:thick] = _EDGE
        if box.bottom < picture.bottom:
            view[-thick:] = _EDGE
        if box.left > picture.left:
            view[:, :thick] = _EDGE
        if box.right < picture.right:
            view[:, -thick:] = _EDGE
