"""The bar above a panel: its case, the meaning of bright heat and the scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drivesal.overlay.element import Element, Slot, register
from drivesal.overlay.legend import arrange, draw_legends, draw_title
from drivesal.overlay.palette import ramp

if TYPE_CHECKING:
    from drivesal.types import Image


@register
class PanelHeader(Element):
    """Draws swatch, title, meaning and scale of every case in the panel."""

    name: ClassVar[str] = "header"
    slot: ClassVar[Slot] = "panel"
    order: ClassVar[int] = 20

    def static(self, canvas: Image) -> None:
        """Draw the whole bar."""
        scene, area, style = self.scene, self.area, self.style
        header = arrange(style, scene.legends, area.rect.width, len(area.legends))
        if area.legends:
            ramps = [ramp(legend.colour, scene.colormap, len(area.legends)) for legend in area.legends]
            draw_legends(canvas, area.rect, style, header, area.legends, ramps)
        else:
            cropped = scene.box != (0, 0, *scene.frame_size) and scene.legends
            meaning = "grey in the other panels: what the model sees" if cropped else ""
            draw_title(canvas, area.rect, style, header.lines, "drive", meaning)
