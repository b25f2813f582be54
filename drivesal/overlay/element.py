"""What an overlay element is, and the registry that the renderer walks.

A new element is one file in `drivesal/overlay/elements/` with one registered class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from drivesal.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivesal.overlay.content import Legend, Scene, Shown
    from drivesal.overlay.geometry import Rect
    from drivesal.overlay.style import Style
    from drivesal.types import Image

Slot = Literal["panel", "dashboard"]


@dataclass(frozen=True, slots=True)
class Area:
    """Where an element draws, in pixels of the canvas.

    In the dashboard only `rect` counts. In a panel `rect` is the header bar, `picture` the picture under it,
    `box` what the model saw in it, and `legends` the cases shown there (none: the plain drive).
    """

    rect: Rect
    picture: Rect
    box: Rect
    legends: tuple[Legend, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame, prepared once for all panels.

    `picture` is (h, w, 3) uint8 RGB at the panel's size; `grey` the (bh, bw) uint8 luminance of the box in it.
    """

    shown: Shown
    picture: Image
    grey: Image


class Element:
    """One thing on the canvas. Made once for a clip, and once a panel where its slot is "panel"."""

    name: ClassVar[str]
    slot: ClassVar[Slot]
    order: ClassVar[int] = 100
    """In the dashboard from left to right, in a panel from first drawn to last."""

    def __init__(self, scene: Scene, style: Style, area: Area) -> None:
        self.scene, self.style, self.area = scene, style, area

    @classmethod
    def width(cls, scene: Scene, style: Style, height: int) -> tuple[int, int]:
        """Least and most width [px] in a dashboard `height` high; (0, 0) where there is nothing to show."""
        return 0, 0

    def static(self, canvas: Image) -> None:
        """Draws what never changes; called once, on the background."""

    def draw(self, canvas: Image, moment: Moment) -> None:
        """Draws what this frame shows; in the dashboard on a fresh background, in a panel on what is there."""

    def reset(self) -> None:
        """Forgets all earlier frames."""

    def recall(self, history: Sequence[tuple[float, float, float | None]]) -> None:
        """Takes (time_s, predicted, truth) of earlier frames, in order, as if they had been drawn."""


E = TypeVar("E", bound=type[Element])
_registry: Registry[type[Element]] = Registry("drivesal.overlay.elements")


def register(cls: E) -> E:
    """Class decorator: the renderer draws this element from now on."""
    _registry.add(cls, cls.__module__, cls.name)
    return cls


def registered(slot: Slot) -> list[type[Element]]:
    """The elements of a slot in their order."""
    found = [cls for cls in _registry.items().values() if cls.slot == slot]
    return sorted(found, key=lambda cls: cls.order)
