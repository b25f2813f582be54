"""States on a panel why it shows no heat, so that an empty map is not mistaken for a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import cv2

from drivesal.overlay.element import Element, PreparedFrame, Slot, register
from drivesal.overlay.palette import BACKGROUND, TEXT

if TYPE_CHECKING:
    from drivesal.types import Image


@register
class EmptyHeatNote(Element):
    """Text in the middle of the box for each of the panel's cases without heat."""

    name: ClassVar[str] = "empty-heat"
    slot: ClassVar[Slot] = "panel"
    order: ClassVar[int] = 15

    def draw(self, canvas: Image, frame: PreparedFrame) -> None:
        """Draw the text over the frame."""
        reasons = frame.shown.silent
        empty = [(legend.title, reasons[legend.case]) for legend in self.area.legends if legend.case in reasons]
        texts = [f"{title}: {reason}" if len(self.area.legends) > 1 else reason for title, reason in empty]
        if not texts:
            return
        style, box, view = self.style, self.area.box, self.area.box.of(canvas)
        size, pitch = style.header, round(1.6 * style.header)
        available = box.width - 2 * style.pad
        lines = [line for text in texts for line in style.wrap(text, available, size)]
        lines = lines[: max(box.height // pitch, 1)]
        top = (box.height - len(lines) * pitch) // 2
        for number, line in enumerate(lines):
            half, middle = style.width(line, size) // 2, top + number * pitch + pitch // 2
            left, right = box.width // 2 - half - style.pad // 2, box.width // 2 + half + style.pad // 2
            corners = (left, middle - pitch // 2), (right, middle + pitch // 2)
            cv2.rectangle(view, *corners, BACKGROUND, -1)
            style.draw(view, line, box.width // 2, middle, TEXT, size, align="centre")
