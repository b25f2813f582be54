"""The base class of overlay elements, and the registry from which the renderer takes them.

To add an element, add one file to `drivesal/overlay/elements/` with one registered class.
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
    """The region of the canvas [px] that an element draws in.

    In the dashboard only `rect` is used. In a panel, `rect` is the header bar, `image` the frame below it,
    `box` the model's view within the frame, and `legends` the cases shown there (none: the plain frame).
    """

    rect: Rect
    image: Rect
    box: Rect
    legends: tuple[Legend, ...] = ()


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """One frame, prepared once for all panels.

    `image` is (h, w, 3) uint8 RGB at the panel's size, `grey` the (bh, bw) uint8 luminance of its box.
    """

    shown: Shown
    image: Image
    grey: Image


class Element:
    """One item on the canvas, created once per clip, or once per panel if its slot is "panel"."""

    name: ClassVar[str]
    slot: ClassVar[Slot]
    order: ClassVar[int] = 100
    """Position in the dashboard from left to right, or the drawing order in a panel."""

    def __init__(self, scene: Scene, style: Style, area: Area) -> None:
        self.scene, self.style, self.area = scene, style, area

    @classmethod
    def width(cls, scene: Scene, style: Style, height: int) -> tuple[int, int]:
        """Minimum and maximum width [px] in a dashboard of this height; (0, 0) if there is nothing to show."""
        return 0, 0

    def static(self, canvas: Image) -> None:
        """Draw what never changes. Called once, on the background."""

    def draw(self, canvas: Image, frame: PreparedFrame) -> None:
        """Draw one frame: in the dashboard on a fresh background, in a panel over what is already drawn."""

    def reset(self) -> None:
        """Forget all earlier frames."""

    def recall(self, history: Sequence[tuple[float, float, float | None]]) -> None:
        """Take (time_s, predicted, truth) of earlier frames, in order, as if they had been drawn."""


E = TypeVar("E", bound=type[Element])
_registry: Registry[type[Element]] = Registry("drivesal.overlay.elements")


def register(cls: E) -> E:
    """Class decorator that registers an element with the renderer."""
    _registry.add(cls, cls.__module__, cls.name)
    return cls


def registered(slot: Slot) -> list[type[Element]]:
    """The elements of a slot in order."""
    found = [cls for cls in _registry.items().values() if cls.slot == slot]
    return sorted(found, key=lambda cls: cls.order)
