"""The frame in a panel, with the heat of the panel's cases on the region that the model saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np

from drivesal.overlay.element import Area, Element, PreparedFrame, Slot, register
from drivesal.overlay.palette import GREY_SHARE, coverage, ramp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drivesal.overlay.content import Legend, Scene
    from drivesal.overlay.style import Style
    from drivesal.types import Floats, Image

_BORDER = (120, 120, 120)


def _premultiplied(colours: Image, alpha: NDArray[np.float64]) -> Image:
    """(256, 1, 3) uint8 colour · a, in the shape that cv2.applyColorMap takes."""
    return (colours * alpha[:, None]).round().astype(np.uint8)[:, None]


def _merged(layers: Sequence[tuple[Image, Image]]) -> tuple[Image, Image]:
    """Combine layers (h, w, 3), (h, w) into one: colours are added, the transmitted grey is multiplied."""
    total, transmitted = layers[0][0].astype(np.uint16), layers[0][1]
    for colour, layer_transmitted in layers[1:]:
        total += colour
        transmitted = cv2.multiply(transmitted, layer_transmitted, scale=1 / 255)
    peak = np.maximum(np.maximum(total[..., 0], total[..., 1]), total[..., 2])
    if peak.max() <= 255:
        return total.astype(np.uint8), transmitted
    dimmed = total * (255 / np.maximum(peak, 255).astype(np.float32))[..., None]
    return dimmed.astype(np.uint8), transmitted


def _layer(table: tuple[Image, Image], heat: Floats) -> tuple[Image, Image]:
    """Premultiplied colour (h, w, 3) and 255 · (1 − a) (h, w), both uint8, for one case's heat (h, w)."""
    level = cv2.convertScaleAbs(np.fmax(heat, 0), alpha=255)
    return cv2.applyColorMap(level, table[0]), cv2.LUT(level, table[1])


@register
class Heat(Element):
    """The plain frame, and in the box grey · (1 − a) + colour(heat) · a with a = opacity · heat^curve.

    A colour map that begins bright is opaque, as for print, and hides the frame.

    The colours of several cases are added, and each reduces the grey by its own a, so that none hides another.
    A sum that exceeds 255 is dimmed in all channels, which keeps its hue.

    Colours are looked up at the model's size and premultiplied, then resized: one resize of the colour and one
    of (1 − a) per panel, whatever the number of cases.
    """

    name: ClassVar[str] = "heat"
    slot: ClassVar[Slot] = "panel"
    order: ClassVar[int] = 10

    def __init__(self, scene: Scene, style: Style, area: Area) -> None:
        super().__init__(scene, style, area)
        self._tables = {legend.case: self._table(legend) for legend in area.legends}
        shape = area.box.height, area.box.width
        self._colour, self._transmitted = np.empty((*shape, 3), np.uint8), np.empty(shape, np.uint8)
        self._rgb = np.empty((*shape, 3), np.uint8)
        self._outside = area.image.around(area.box) if area.legends else (area.image,)

    def _table(self, legend: Legend) -> tuple[Image, Image]:
        """Lookup tables over heat 0..255: premultiplied colour (256, 1, 3) and 255 · (1 − a) (256,), uint8."""
        colours = ramp(legend.colour, self.scene.colormap, len(self.area.legends))
        alpha = coverage(np.linspace(0, 1, 256), legend.curve, self.scene.opacity, colours)
        return _premultiplied(colours, alpha), (255 * (1 - alpha)).round().astype(np.uint8)

    def draw(self, canvas: Image, frame: PreparedFrame) -> None:
        """Copy the frame outside the box, and draw grey and heat inside it."""
        for rect in self._outside:
            source = rect.moved(-self.area.image.left, -self.area.image.top)
            rect.of(canvas)[:] = source.of(frame.image)
        if self.area.legends:
            self._draw_box(self.area.box.of(canvas), frame)
            self._draw_border(canvas)

    def _draw_box(self, view: Image, frame: PreparedFrame) -> None:
        """Draw grey and heat into `view`, the box on the canvas."""
        layers = [_layer(table, frame.shown.heats[case]) for case, table in self._tables.items()]
        colour, transmitted = layers[0] if len(layers) == 1 else _merged(layers)
        size = self.area.box.width, self.area.box.height
        cv2.resize(colour, size, dst=self._colour, interpolation=cv2.INTER_LINEAR)
        cv2.resize(transmitted, size, dst=self._transmitted, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(frame.grey, self._transmitted, dst=self._transmitted, scale=GREY_SHARE / 255)
        cv2.cvtColor(self._transmitted, cv2.COLOR_GRAY2RGB, dst=self._rgb)
        cv2.add(self._rgb, self._colour, dst=view)

    def _draw_border(self, canvas: Image) -> None:
        """Draw a thin line inside the box, along those sides that do not coincide with the image's sides."""
        box, image = self.area.box, self.area.image
        view, thick = box.of(canvas), max(1, self.style.stroke // 2)
        if box.top > image.top:
            view[:thick] = _BORDER
        if box.bottom < image.bottom:
            view[-thick:] = _BORDER
        if box.left > image.left:
            view[:, :thick] = _BORDER
        if box.right < image.right:
            view[:, -thick:] = _BORDER
