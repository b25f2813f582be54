"""Pictures as another day, another camera or another car might have shown them.

Pictures are (h, w, 3) uint8 RGB; where something is left to chance a `numpy.random.Generator` decides. None
changes the label but `change_view`, whose `ViewChange` knows what to add to it.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from drivesal.types import Floats, Image


def change_light(picture: Image, rng: np.random.Generator) -> Image:
    """Another exposure, contrast, gamma and white balance."""
    level = np.linspace(0, 1, 256)[:, None] ** math.exp(rng.normal(0, 0.3))
    gain = math.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.06, 3))
    table = np.clip(255 * gain * level + rng.normal(0, 12), 0, 255).round().astype(np.uint8)
    return cv2.LUT(picture, table[None])  # type: ignore[no-any-return]


def cast_shadow(picture: Image, rng: np.random.Generator) -> Image:
    """One soft-edged band across the picture, darker than it was or brighter."""
    height, width = picture.shape[:2]
    top, bottom = rng.uniform(-0.3 * width, 1.3 * width, (2, 1))
    corners = np.array([[top[0], 0], [top[0], 0], [bottom[0], height], [bottom[0], height]])
    corners[1:3, 0] += rng.uniform(0.1, 0.6, 2) * width
    if rng.random() < 0.5:  # a band that lies across the road: a pole's or a tree's shadow
        corners = corners[:, ::-1] * [width / height, height / width]
    mask = cv2.fillPoly(np.zeros((height, width), np.float32), [corners.astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 3))[..., None]
    factor = math.exp(rng.uniform(-1.2, 0.5))
    shaded: Image = np.clip(picture * (1 + (factor - 1) * mask), 0, 255).astype(np.uint8)
    return shaded


def blur(picture: Image, rng: np.random.Generator) -> Image:
    """A lens out of focus, up to 1.2 pixels."""
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))  # type: ignore[no-any-return]


def add_noise(picture: Image, rng: np.random.Generator) -> Image:
    """A sensor's noise, up to 10 levels."""
    sheet = _noise(picture.size)
    start = int(rng.integers(len(sheet) - picture.size))
    noise = sheet[start : start + picture.size].reshape(picture.shape)
    noisy: Image = np.clip(picture + noise * np.float32(rng.uniform(0, 10)), 0, 255).astype(np.uint8)
    return noisy


@functools.lru_cache(maxsize=2)
def _noise(size: int) -> Floats:
    """Normal numbers, ten pictures' worth to cut from: drawing them anew is half of all augmentation's time."""
    return np.random.default_rng(0).standard_normal(10 * size, np.float32)


@dataclass(frozen=True, slots=True)
class Geometry:
    """A camera over flat ground: `focal` (fx / width, fy / height) and `horizon` (row / height) as shares.

    `height_m` of the camera; `wheelbase_m` and `steering_ratio` of the car.
    """

    focal: tuple[float, float]
    horizon: float
    height_m: float
    wheelbase_m: float
    steering_ratio: float

    def wheel_deg(self, curvature: float) -> float:
        """The steering-wheel angle [deg] that drives this curvature [1/m] (kinematic bicycle)."""
        return self.steering_ratio * math.degrees(math.atan(self.wheelbase_m * curvature))

    def curvature(self, wheel_deg: float) -> float:
        """The curvature [1/m] that this steering-wheel angle [deg] drives."""
        return math.tan(math.radians(wheel_deg / self.steering_ratio)) / self.wheelbase_m


@dataclass(frozen=True, slots=True)
class ViewChanges:
    """How views are changed: standard deviations, and the look-aheads [m] that the corrected label goes by."""

    bend_deg: float = 6.0
    yaw_deg: float = 0.0
    shift_m: float = 0.0
    yaw_ahead_m: float = 41.0
    shift_ahead_m: float = 27.0


_BENT_TO_M = 60.0
"""What lies farther off, and everything above the horizon, is moved by a bend as what lies here."""


@dataclass(frozen=True, slots=True)
class ViewChange:
    """Another view of the same place: the road bent by `bend_deg` more (as a wheel angle), the car turned by
    `yaw_deg` and shifted by `shift_m`, all to the left, and the camera moved so little that the label holds.

    The ground is a plane. A bend of the road by Δκ moves what lies at depth Z sideways by Δκ·Z²/2, so in the
    picture by fx·Δκ·Z/2, and adds the wheel angle of Δκ. A rotation and a shift are those of section 5.2 of
    Bojarski et al. 2016; their labels are corrected by pure pursuit, κ = −2·sin(α)/L, with L fitted to what a
    network trained without them answers.
    """

    bend_deg: float = 0.0
    yaw_deg: float = 0.0
    shift_m: float = 0.0
    camera: CameraMove = field(default_factory=lambda: CameraMove())

    @classmethod
    def drawn(cls, views: ViewChanges, rng: np.random.Generator) -> ViewChange:
        """One at random."""
        bend, yaw, shift = rng.normal(0, (views.bend_deg, views.yaw_deg, views.shift_m)).tolist()
        return cls(bend, yaw, shift, CameraMove.drawn(rng))

    def label_deg(self, geometry: Geometry, views: ViewChanges) -> float:
        """What to add to the label [deg]."""
        turned = 2 * math.sin(math.radians(self.yaw_deg)) / views.yaw_ahead_m
        beside = 2 * self.shift_m / views.shift_ahead_m**2
        return self.bend_deg - geometry.wheel_deg(turned) - geometry.wheel_deg(beside)

    def sources(
        self, shape: tuple[int, ...], seen: tuple[float, float], size: tuple[int, int], geometry: Geometry
    ) -> tuple[Floats, Floats]:
        """(h, w) float32 columns and rows of the frame that the view's pixels show, for `cv2.remap`.

        `shape` is the frame's, `seen` the rows that the model sees of it (shares), `size` (h, w) its picture's.
        """
        columns, rows = self.camera.sources(shape, seen, size)
        focal_x, focal_y = geometry.focal[0] * shape[1], geometry.focal[1] * shape[0]
        middle, horizon = shape[1] / 2, geometry.horizon * shape[0]
        x, y = (columns - middle) / focal_x, (rows - horizon) / focal_y
        turn = math.radians(self.yaw_deg)
        away = x * math.sin(turn) + math.cos(turn)
        x, y = (x * math.cos(turn) - math.sin(turn)) / away, y / away
        x = x - np.maximum(y, 0) * (self.shift_m / geometry.height_m)
        depth = np.minimum(geometry.height_m / np.maximum(y, 1e-4), _BENT_TO_M)
        x = x + depth * (geometry.curvature(self.bend_deg) / 2)
        return (middle + focal_x * x - 0.5).astype(np.float32), (horizon + focal_y * y - 0.5).astype(np.float32)


@dataclass(frozen=True, slots=True)
class CameraMove:
    """A camera rolled, zoomed and, in pixels of the model's picture, shifted."""

    roll_deg: float = 0.0
    zoom: float = 1.0
    right_px: float = 0.0
    down_px: float = 0.0

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> CameraMove:
        """One so small that the label holds."""
        roll, zoom, right, down = rng.normal(0, (0.7, 0.03, 0.75, 1.5)).tolist()
        return cls(roll, math.exp(zoom), right, down)

    def sources(
        self, shape: tuple[int, ...], seen: tuple[float, float], size: tuple[int, int]
    ) -> tuple[Floats, Floats]:
        """(h, w) float32 columns and rows of the frame that the camera's pixels show; see `ViewChange`."""
        top, bottom = seen[0] * shape[0], seen[1] * shape[0]
        across = (np.arange(size[1], dtype=np.float32) + 0.5) / size[1] * shape[1] - shape[1] / 2
        down = (((np.arange(size[0], dtype=np.float32) + 0.5) / size[0] - 0.5) * (bottom - top))[:, None]
        cos, sin = math.cos(math.radians(self.roll_deg)), math.sin(math.radians(self.roll_deg))
        pixel = shape[1] / size[1]
        columns = shape[1] / 2 + (across * cos - down * sin) / self.zoom + self.right_px * pixel
        rows = (top + bottom) / 2 + (across * sin + down * cos) / self.zoom + self.down_px * pixel
        return columns.astype(np.float32), rows.astype(np.float32)


def change_view(
    frame: Image,
    seen: tuple[float, float],
    filler: Image,
    geometry: Geometry,
    change: ViewChange,
    decoy: ViewChange,
) -> Image:
    """What the model would have seen of the whole `frame`, at any size, from another view.

    `filler` (h, w, 3), a picture of another frame, shows where that view looks past the frame's edge, and where
    the view `decoy` would: an edge must not tell the bend.
    """
    columns, rows = change.sources(frame.shape, seen, filler.shape[:2], geometry)
    into = filler.copy()
    picture = cv2.remap(frame, columns, rows, cv2.INTER_LINEAR, dst=into, borderMode=cv2.BORDER_TRANSPARENT)
    other, _ = decoy.sources(frame.shape, seen, filler.shape[:2], geometry)
    past = (other < 0) | (other > frame.shape[1] - 1)
    picture[past] = filler[past]
    return picture  # type: ignore[no-any-return]


def move_camera(picture: Image, rng: np.random.Generator) -> Image:
    """What a slightly moved camera would have made of a picture, of which there is no more."""
    columns, rows = CameraMove.drawn(rng).sources(picture.shape, (0.0, 1.0), picture.shape[:2])
    return cv2.remap(  # type: ignore[no-any-return]
        picture, columns - 0.5, rows - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def change_look(picture: Image, rng: np.random.Generator) -> Image:
    """Shadow, light, blur and noise, each in some of the pictures."""
    for change, share in ((cast_shadow, 0.5), (change_light, 0.8), (blur, 0.3), (add_noise, 0.5)):
        if rng.random() < share:
            picture = change(picture, rng)
    return picture


def balanced(angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) how often each frame is drawn, summing to 1, so that bends are not drowned by straight road.

    One over the root of how common an angle [deg] of that size is, over bins of 2 degrees.
    """
    bins = (np.abs(angles) // 2).astype(int)
    weights = 1 / np.sqrt(np.bincount(bins)[bins])
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares
