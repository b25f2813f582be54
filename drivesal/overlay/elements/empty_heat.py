"""Why a panel shows no heat in a frame, said on it: an empty map must not be taken for a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import cv2

from drivesal.overlay.element import Element, Moment, Slot, register
from drivesal.overlay.palette import BACKGROUND, TEXT

if TYPE_CHECKING:
    from drivesal.types import Image


@register
class Silence(Element):
    """A line in the middle of the box for each of the panel's cases that has nothing to show."""

    name: ClassVar[str] = "silence"
    slot: ClassVar[Slot] = "panel"
    order: ClassVar[int] = 15

    def draw(self, canvas: Image, moment: Moment) -> None:
        """Writes the lines over the picture."""
        silent = moment.shown.silent
        told = [(legend.title, silent[legend.case]) for legend in self.area.legends if legend.case in silent]
        said = [f"{title}: {text}" if len(self.area.legends) > 1 else text for title, text in told]
        if not said:
            return
        style, box, view = self.style, self.area.box, self.area.box.of(canvas)
        size, pitch = style.header, round(1.6 * style.header)
        room = box.width - 2 * style.pad
        parts = [part for line in said for part in style.wrap(line, room, size)]
        parts = parts[: max(box.height // pitch, 1)]
        top = (box.height - len(parts) * pitch) // 2
        for number, part in enumerate(parts):
            half, middle = style.width(part, size) // 2, top + number * pitch + pitch // 2
            left, right = box.width // 2 - half - style.pad // 2, box.width // 2 + half + style.pad // 2
            corners = (left, middle - pitch // 2), (right, middle + pitch // 2)
            cv2.rectangle(view, *corners, BACKGROUND, -1)
            style.draw(view, part, box.width // 2, middle, TEXT, size, align="centre")
