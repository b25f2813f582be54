"""A synthetic road frame and scenes with it, so that the overlay's tests need no recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from drivesal.angle import AngleKind
from drivesal.explanation.registry import cases
from drivesal.overlay.content import Legend, Scene, Shown

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

TEXTS = {
    "increase": ("increase (left)", "brighter here → more left", "0.031° per 1/255"),
    "decrease": ("decrease (right)", "brighter here → more right", "0.031° per 1/255"),
    "maintain": ("maintain", "structure the answer ignores", "relative"),
    "support": ("support", "holds the angle where it is", "0.21°"),
}
STEERING_WHEEL = AngleKind("deg", "steering-wheel")


def legends(count: int) -> tuple[Legend, ...]:
    return tuple(Legend(case, *TEXTS[case], cases()[case].colour) for case in list(TEXTS)[:count])


def road(size: tuple[int, int]) -> Image:
    """Sky, meadow and a lane with white edges, (H, W, 3) uint8 RGB."""
    width, height = size
    shade = np.linspace(0, 1, height)[:, None, None]
    image = np.broadcast_to((60 + 100 * shade + np.array([0, 20, 60]) * (1 - shade)), (height, width, 3))
    image = np.ascontiguousarray(image.astype(np.uint8))
    horizon, middle = int(0.45 * height), width // 2
    cv2.rectangle(image, (0, horizon), (width, height), (92, 118, 70), -1)
    lane = np.array([(middle, horizon), (int(0.9 * width), height), (int(0.1 * width), height)])
    cv2.fillPoly(image, [lane], (84, 84, 90))
    cv2.polylines(image, [lane], True, (240, 240, 240), max(1, width // 120), cv2.LINE_AA)
    return image


def spot(x: float, y: float, radius: float = 6.0) -> Floats:
    """(66, 200) float32 heat: 1 at the fractions x and y, decaying to 0."""
    rows, columns = np.mgrid[0:66, 0:200]
    distance = (columns + 0.5 - 200 * x) ** 2 + (rows + 0.5 - 66 * y) ** 2
    return np.exp(-distance / (2 * radius**2)).astype(np.float32)


def make_scene(size: tuple[int, int] = (320, 160), cases: int = 3, **options: Any) -> Scene:
    width, height = size
    options.setdefault("box", (0, int(0.4 * height), width, int(0.9 * height)))
    options.setdefault("kind", STEERING_WHEEL)
    return Scene(size, legends=legends(cases), **{"angle_range": 25.0, **options})


def make_shown(scene: Scene, **given: Any) -> Shown:
    heats = {legend.case: spot(0.3 + 0.15 * n, 0.6) for n, legend in enumerate(scene.legends)}
    values: dict[str, Any] = {"index": 7, "time_s": 83.25, "predicted": 12.3, "truth": None, "heats": heats}
    return Shown(**{**values, "image": road(scene.frame_size), **given})


def no_heat(scene: Scene) -> dict[str, Floats]:
    """Zero heat for every case."""
    return {legend.case: np.zeros((66, 200), np.float32) for legend in scene.legends}
