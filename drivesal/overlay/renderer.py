"""Draws frames of a drive with heat, steering and what explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import OptionError
from drivesal.overlay import footer
from drivesal.overlay.backdrop import Preparer
from drivesal.overlay.element import Element, registered
from drivesal.overlay.layout import plan
from drivesal.overlay.palette import BACKGROUND, SURFACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drivesal.overlay.content import Scene, Shown
    from drivesal.types import Image


class Renderer:
    """The overlay of one clip.

    Elements keep what they need of earlier frames (the trace: ten seconds), so frames come in order. One
    renderer serves one thread. Raises OptionError for a width, an opacity, a layout or a colour map that
    cannot be drawn.
    """

    def __init__(self, scene: Scene) -> None:
        _check(scene)
        self.scene = scene
        self.plan = plan(scene)
        width, height = self.plan.size
        self._prepare = Preparer(self.plan.picture, self.plan.box)
        style = self.plan.style
        self._instruments = [cls(scene, style, area) for cls, area in self.plan.dashboard]
        self._elements: list[Element] = [
            cls(scene, style, area) for area in self.plan.panels for cls in registered("panel")
        ]
        self._elements += self._instruments
        self._canvas = np.empty((height, width, 3), np.uint8)
        self._canvas[:] = BACKGROUND
        self._surface()
        for element in self._elements:
            element.static(self._canvas)
        footer.draw(self._canvas, self.plan.footer, scene, style)
        # What an instrument draws over is taken from here for the next frame.
        self._fresh = [element.area.rect.of(self._canvas).copy() for element in self._instruments]

    def _surface(self) -> None:
        """Gives the whole strip one background, also where no instrument stands."""
        rects = [instrument.area.rect for instrument in self._instruments]
        if rects:
            top, bottom = min(rect.top for rect in rects), max(rect.bottom for rect in rects)
            self._canvas[top:bottom] = SURFACE

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the canvas [px], both even."""
        return self.plan.size

    def draw(self, shown: Shown) -> Image:
        """The canvas (height, width, 3) uint8 RGB with this frame on it.

        It is the renderer's own buffer, which the next call draws over: copy it to keep it. Raises ValueError
        where the image is not of the scene's frame size, KeyError where a case has no heat.
        """
        width, height = self.scene.frame_size
        if shown.image.shape != (height, width, 3):
            raise ValueError(f"the scene is for {width}x{height} RGB frames, not shape {shown.image.shape}")
        moment = self._prepare.moment(shown)
        for instrument, fresh in zip(self._instruments, self._fresh, strict=True):
            instrument.area.rect.of(self._canvas)[:] = fresh
        for element in self._elements:
            element.draw(self._canvas, moment)
        return self._canvas

    def reset(self, history: Iterable[tuple[float, float, float | None]] = ()) -> None:
        """Forgets earlier frames; `history` are (time_s, predicted, truth) in order to begin with instead."""
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
            "one case for a colour map in the layout single",
            f"there are {len(scene.legends)}, which only their own colours tell apart",
            "leave the colour map out or choose the layout grid",
        )
