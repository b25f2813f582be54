"""Data augmentation: light, shadows, blur, noise, and other camera poses.

Images are (h, w, 3) uint8 RGB; all randomness comes from a `numpy.random.Generator`. Only `change_view` changes
the label; its `ViewChange` gives the correction.
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


def change_light(image: Image, rng: np.random.Generator) -> Image:
    """Change exposure, contrast, gamma and white balance."""
    level = np.linspace(0, 1, 256)[:, None] ** math.exp(rng.normal(0, 0.3))
    gain = math.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.06, 3))
    table = np.clip(255 * gain * level + rng.normal(0, 12), 0, 255).round().astype(np.uint8)
    return cv2.LUT(image, table[None])  # type: ignore[no-any-return]


def cast_shadow(image: Image, rng: np.random.Generator) -> Image:
    """Darken or brighten one soft-edged band across the image."""
    height, width = image.shape[:2]
    top, bottom = rng.uniform(-0.3 * width, 1.3 * width, (2, 1))
    corners = np.array([[top[0], 0], [top[0], 0], [bottom[0], height], [bottom[0], height]])
    corners[1:3, 0] += rng.uniform(0.1, 0.6, 2) * width
    if rng.random() < 0.5:  # a band across the road, like the shadow of a pole or tree
        corners = corners[:, ::-1] * [width / height, height / width]
    mask = cv2.fillPoly(np.zeros((height, width), np.float32), [corners.astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 3))[..., None]
    factor = math.exp(rng.uniform(-1.2, 0.5))
    shaded: Image = np.clip(image * (1 + (factor - 1) * mask), 0, 255).astype(np.uint8)
    return shaded


def blur(image: Image, rng: np.random.Generator) -> Image:
    """Defocus with a Gaussian of up to 1.2 pixels."""
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2))  # type: ignore[no-any-return]


def add_noise(image: Image, rng: np.random.Generator) -> Image:
    """Add sensor noise of up to 10 grey levels."""
    sheet = _noise(image.size)
    start = int(rng.integers(len(sheet) - image.size))
    noise = sheet[start : start + image.size].reshape(image.shape)
    noisy: Image = np.clip(image + noise * np.float32(rng.uniform(0, 10)), 0, 255).astype(np.uint8)
    return noisy


@functools.lru_cache(maxsize=2)
def _noise(size: int) -> Floats:
    """Normal numbers for ten images to cut from: new ones each time would take half of all augmentation
    time."""
    return np.random.default_rng(0).standard_normal(10 * size, np.float32)


@dataclass(frozen=True, slots=True)
class Geometry:
    """A camera above flat ground: `focal` (fx / width, fy / height), `horizon` (row / height) and `height_m`;
    and the car's `wheelbase_m` and `steering_ratio`.
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
    """Standard deviations of view changes, and the look-ahead distances [m] of the label correction."""

    bend_deg: float = 6.0
    yaw_deg: float = 0.0
    shift_m: float = 0.0
    yaw_ahead_m: float = 41.0
    shift_ahead_m: float = 27.0


_BENT_TO_M = 60.0
"""The farthest depth [m] of a bend: farther points and those above the horizon move like points at this
depth."""


@dataclass(frozen=True, slots=True)
class ViewChange:
    """Another view of the same scene: the road bends by `bend_deg` more (as a steering-wheel angle), the car is
    turned by `yaw_deg` and shifted by `shift_m`, all to the left, and the camera is moved too little to change
    the label.

    The ground is a plane. An additional curvature Δκ moves points at depth Z sideways by Δκ·Z²/2, in the image
    by fx·Δκ·Z/2, and adds the wheel angle of Δκ. Rotation and shift follow section 5.2 of Bojarski et al.
    2016; their labels are corrected by pure pursuit, κ = −2·sin(α)/L, with L fitted to the predictions of a
    network trained without them.
    """

    bend_deg: float = 0.0
    yaw_deg: float = 0.0
    shift_m: float = 0.0
    camera: CameraMove = field(default_factory=lambda: CameraMove())

    @classmethod
    def drawn(cls, views: ViewChanges, rng: np.random.Generator) -> ViewChange:
        """A random view change."""
        bend, yaw, shift = rng.normal(0, (views.bend_deg, views.yaw_deg, views.shift_m)).tolist()
        return cls(bend, yaw, shift, CameraMove.drawn(rng))

    def label_deg(self, geometry: Geometry, views: ViewChanges) -> float:
        """The angle to add to the label [deg]."""
        of_yaw = 2 * math.sin(math.radians(self.yaw_deg)) / views.yaw_ahead_m
        of_shift = 2 * self.shift_m / views.shift_ahead_m**2
        return self.bend_deg - geometry.wheel_deg(of_yaw) - geometry.wheel_deg(of_shift)

    def sources(
        self, shape: tuple[int, ...], seen: tuple[float, float], size: tuple[int, int], geometry: Geometry
    ) -> tuple[Floats, Floats]:
        """(h, w) float32 columns and rows of the frame for each pixel of the view, for `cv2.remap`.

        `shape` is the frame's, `seen` the range of its rows in the crop (shares), `size` (h, w) the model
        input's.
        """
        columns, rows = self.camera.sources(shape, seen, size)
        focal_x, focal_y = geometry.focal[0] * shape[1], geometry.focal[1] * shape[0]
        middle, horizon = shape[1] / 2, geometry.horizon * shape[0]
        x, y = (columns - middle) / focal_x, (rows - horizon) / focal_y
        turn = math.radians(self.yaw_deg)
        scale = x * math.sin(turn) + math.cos(turn)
        x, y = (x * math.cos(turn) - math.sin(turn)) / scale, y / scale
        x = x - np.maximum(y, 0) * (self.shift_m / geometry.height_m)
        depth = np.minimum(geometry.height_m / np.maximum(y, 1e-4), _BENT_TO_M)
        x = x + depth * (geometry.curvature(self.bend_deg) / 2)
        return (middle + focal_x * x - 0.5).astype(np.float32), (horizon + focal_y * y - 0.5).astype(np.float32)


@dataclass(frozen=True, slots=True)
class CameraMove:
    """A camera's roll, zoom and shift; the shift is in pixels of the model input."""

    roll_deg: float = 0.0
    zoom: float = 1.0
    right_px: float = 0.0
    down_px: float = 0.0

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> CameraMove:
        """A random move, too small to change the label."""
        roll, zoom, right, down = rng.normal(0, (0.7, 0.03, 0.75, 1.5)).tolist()
        return cls(roll, math.exp(zoom), right, down)

    def sources(
        self, shape: tuple[int, ...], seen: tuple[float, float], size: tuple[int, int]
    ) -> tuple[Floats, Floats]:
        """(h, w) float32 columns and rows of the frame for each pixel; see `ViewChange.sources`."""
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
    """The model input of the full `frame`, of any size, from another view.

    `filler` (h, w, 3), the model input of another frame, fills the pixels outside the frame, both of this view
    and of the view `decoy`: the position of the edge must not reveal the bend.
    """
    columns, rows = change.sources(frame.shape, seen, filler.shape[:2], geometry)
    target = filler.copy()
    view = cv2.remap(frame, columns, rows, cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_TRANSPARENT)
    decoy_columns, _ = decoy.sources(frame.shape, seen, filler.shape[:2], geometry)
    outside = (decoy_columns < 0) | (decoy_columns > frame.shape[1] - 1)
    view[outside] = filler[outside]
    return view  # type: ignore[no-any-return]


def move_camera(image: Image, rng: np.random.Generator) -> Image:
    """Move the camera slightly, for a model input without a larger frame; edges are replicated."""
    columns, rows = CameraMove.drawn(rng).sources(image.shape, (0.0, 1.0), image.shape[:2])
    return cv2.remap(  # type: ignore[no-any-return]
        image, columns - 0.5, rows - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def change_look(image: Image, rng: np.random.Generator) -> Image:
    """Apply shadow, light, blur and noise, each to a share of the images."""
    for change, share in ((cast_shadow, 0.5), (change_light, 0.8), (blur, 0.3), (add_noise, 0.5)):
        if rng.random() < share:
            image = change(image, rng)
    return image


def balancing_weights(angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) sampling probabilities that sum to 1 and favour bends over straight road.

    Proportional to one over the root of the frequency of the absolute angle [deg], in bins of 2 degrees.
    """
    bins = (np.abs(angles) // 2).astype(int)
    weights = 1 / np.sqrt(np.bincount(bins)[bins])
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares
