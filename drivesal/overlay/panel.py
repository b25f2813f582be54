"""A single panel: the frame with heat and without header or dashboard, for the review page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drivesal.overlay.backdrop import FramePreparer
from drivesal.overlay.element import Area
from drivesal.overlay.elements.empty_heat import EmptyHeatNote
from drivesal.overlay.elements.heat import Heat
from drivesal.overlay.geometry import Rect, scaled_box
from drivesal.overlay.style import Style

if TYPE_CHECKING:
    from drivesal.overlay.content import Legend, Scene, Shown
    from drivesal.types import Image


class Panel:
    """Draws frames of a scene at `size` (width, height) with the heat of `legends`; none for the plain frame.

    The heat is drawn as in the video's panels. A panel must be used by one thread only.
    """

    def __init__(self, scene: Scene, legends: tuple[Legend, ...], size: tuple[int, int]) -> None:
        image = Rect(0, 0, *size)
        box = scaled_box(scene.box, scene.frame_size, size)
        self._preparer = FramePreparer(size, box)
        style, area = Style.of(size[0], size[0]), Area(Rect(0, 0, 0, 0), image, box, legends)
        self._elements = [Heat(scene, style, area), EmptyHeatNote(scene, style, area)]
        self._canvas = np.empty((size[1], size[0], 3), np.uint8)

    def draw(self, shown: Shown) -> Image:
        """The drawn frame, (height, width, 3) uint8 RGB, valid until the next call."""
        frame = self._preparer.prepare(shown)
        for element in self._elements:
            element.draw(self._canvas, frame)
        return self._canvas
