"""Draws frames of a drive with heat, steering and legends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import OptionError
from drivesal.overlay import footer
from drivesal.overlay.backdrop import FramePreparer
from drivesal.overlay.element import Element, registered
from drivesal.overlay.layout import plan
from drivesal.overlay.palette import BACKGROUND, SURFACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drivesal.overlay.content import Scene, Shown
    from drivesal.types import Image


class Renderer:
    """Draws the overlay of one clip.

    Frames must be drawn in order, since elements remember earlier frames (the trace: ten seconds). A renderer
    must be used by one thread only. Raises OptionError for an invalid width, opacity, layout or colour map.
    """

    def __init__(self, scene: Scene) -> None:
        _check(scene)
        self.scene = scene
        self.plan = plan(scene)
        width, height = self.plan.size
        self._preparer = FramePreparer(self.plan.image_size, self.plan.box)
        style = self.plan.style
        self._instruments = [cls(scene, style, area) for cls, area in self.plan.dashboard]
        self._elements: list[Element] = [
            cls(scene, style, area) for area in self.plan.panels for cls in registered("panel")
        ]
        self._elements += self._instruments
        self._canvas = np.empty((height, width, 3), np.uint8)
        self._canvas[:] = BACKGROUND
        self._fill_dashboard()
        for element in self._elements:
            element.static(self._canvas)
        footer.draw(self._canvas, self.plan.footer, scene, style)
        # The background of each instrument, restored before the next frame is drawn.
        self._backgrounds = [element.area.rect.of(self._canvas).copy() for element in self._instruments]

    def _fill_dashboard(self) -> None:
        """Fill the whole dashboard with one background, including the gaps between instruments."""
        rects = [instrument.area.rect for instrument in self._instruments]
        if rects:
            top, bottom = min(rect.top for rect in rects), max(rect.bottom for rect in rects)
            self._canvas[top:bottom] = SURFACE

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the canvas [px], both even."""
        return self.plan.size

    def draw(self, shown: Shown) -> Image:
        """The canvas (height, width, 3) uint8 RGB with this frame drawn.

        The canvas is the renderer's own buffer, which the next call overwrites; copy it to keep it. Raises
        ValueError if the image does not have the scene's frame size, KeyError if a case has no heat.
        """
        width, height = self.scene.frame_size
        if shown.image.shape != (height, width, 3):
            raise ValueError(f"the scene is for {width}x{height} RGB frames, not shape {shown.image.shape}")
        frame = self._preparer.prepare(shown)
        for instrument, background in zip(self._instruments, self._backgrounds, strict=True):
            instrument.area.rect.of(self._canvas)[:] = background
        for element in self._elements:
            element.draw(self._canvas, frame)
        return self._canvas

    def reset(self, history: Iterable[tuple[float, float, float | None]] = ()) -> None:
        """Forget earlier frames, and start with `history` instead: (time_s, predicted, truth) in order."""
        rows = list(history)
        for element in self._elements:
            element.reset()
            element.recall(rows)


def _check(scene: Scene) -> None:
    if not 0 <= scene.opacity <= 1:
        raise OptionError("an opacity from 0 to 1", f"{scene.opacity:g} came", "0.8 is the default")
    if scene.layout not in ("grid", "row", "single"):
        raise OptionError("the layout grid, row or single", f"{scene.layout!r} came", "choose one of them")
    if scene.layout == "single" and scene.colormap is not None and len(scene.legends) > 1:
        raise OptionError(
            "a single case for a colour map in the layout single",
            f"there are {len(scene.legends)}, which only their own colours distinguish",
            "omit the colour map or choose the layout grid",
        )
