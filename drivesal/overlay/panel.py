"""One picture with heat on it and nothing around it, as a page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drivesal.overlay.backdrop import Preparer
from drivesal.overlay.element import Area
from drivesal.overlay.elements.empty_heat import Silence
from drivesal.overlay.elements.heat import Heat
from drivesal.overlay.geometry import Rect, scaled_box
from drivesal.overlay.style import Style

if TYPE_CHECKING:
    from drivesal.overlay.content import Legend, Scene, Shown
    from drivesal.types import Image


class Panel:
    """Draws frames of a scene with the heat of `legends`, none for the plain frame, at `size` (width, height).

    The heat is that of the video's panels. One panel serves one thread.
    """

    def __init__(self, scene: Scene, legends: tuple[Legend, ...], size: tuple[int, int]) -> None:
        whole = Rect(0, 0, *size)
        box = scaled_box(scene.box, scene.frame_size, size)
        self._prepare = Preparer(size, box)
        style, area = Style.of(size[0], size[0]), Area(Rect(0, 0, 0, 0), whole, box, legends)
        self._elements = [Heat(scene, style, area), Silence(scene, style, area)]
        self._canvas = np.empty((size[1], size[0], 3), np.uint8)

    def draw(self, shown: Shown) -> Image:
        """(height, width, 3) uint8 RGB, valid until the next call."""
        moment = self._prepare.moment(shown)
        for element in self._elements:
            element.draw(self._canvas, moment)
        return self._canvas
