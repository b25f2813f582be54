"""A pinhole camera on the car above flat ground.

Points are in the camera's ground frame: origin on the ground below the camera, x forward, y left and z up, in
metres. Image columns `u` count to the right and rows `v` down; a pixel's centre is at +0.5.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivesal.synthetic.car import Pose
from drivesal.synthetic.scene_parameters import SceneParameters

if TYPE_CHECKING:
    from drivesal.types import Doubles

AHEAD_OF_AXLE_M = 1.8
"""The distance of the camera, behind the windscreen, from the rear axle."""
NEAR_M = 0.6
"""The near clipping distance along the optical axis."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without roll. `size` is (width, height); pitch is positive down, yaw left, in
    degrees."""

    size: tuple[int, int]
    height_m: float
    pitch_deg: float
    yaw_deg: float
    field_of_view_deg: float

    @classmethod
    def of(cls, scene: SceneParameters, size: tuple[int, int]) -> Camera:
        """The scene's camera with images of this size."""
        width, height = size
        focal_px = width / 2 / np.tan(np.radians(scene.field_of_view_deg) / 2)
        pitch_deg = float(np.degrees(np.arctan((0.5 - scene.horizon) * height / focal_px)))
        return cls(size, scene.camera_height_m, pitch_deg, scene.yaw_deg, scene.field_of_view_deg)

    @functools.cached_property
    def focal_px(self) -> float:
        """The focal length."""
        return float(self.size[0] / 2 / np.tan(np.radians(self.field_of_view_deg) / 2))

    @functools.cached_property
    def reach(self) -> float:
        """The factor, at least 1, by which drawing distances exceed those of a 60° field of view."""
        return float(max(1.0, self.focal_px / self.size[0] / 0.866))

    @functools.cached_property
    def matrix(self) -> Doubles:
        """(3, 4) projection of (x, y, z, 1) to (u·depth, v·depth, depth)."""
        width, height = self.size
        pitch, yaw = np.radians(self.pitch_deg), np.radians(self.yaw_deg)
        axis = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
        right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
        down = np.cross(axis, right)
        turn = np.stack([right, down, axis])
        lens = np.array([[self.focal_px, 0, width / 2], [0, self.focal_px, height / 2], [0, 0, 1]])
        whole: Doubles = lens @ np.column_stack([turn, -turn @ [0, 0, self.height_m]])
        return whole

    @functools.cached_property
    def horizon_px(self) -> float:
        """The row of the horizon, the same in all columns; it may be outside the image."""
        return float(self.size[1] / 2 - self.focal_px * np.tan(np.radians(self.pitch_deg)))

    @functools.cached_property
    def first_row(self) -> int:
        """The first row whose pixels see the ground."""
        return int(np.clip(np.ceil(self.horizon_px + 0.5), 0, self.size[1]))

    @functools.cached_property
    def row_depths(self) -> NDArray[np.float32]:
        """(rows, 1) depth along the optical axis [m] of the ground, for the rows from `first_row` on."""
        rows = np.arange(self.first_row, self.size[1]) + 0.5
        pitch = np.radians(self.pitch_deg)
        below = np.sin(pitch) + (rows - self.size[1] / 2) / self.focal_px * np.cos(pitch)
        depths: NDArray[np.float32] = (self.height_m / np.maximum(below, 1e-4)).astype(np.float32)
        return depths[:, None]

    @functools.cached_property
    def from_ground(self) -> Doubles:
        """(3, 3) homography from the ground (x, y, 1) to the image."""
        return self.matrix[:, [0, 1, 3]]

    @functools.cached_property
    def to_ground(self) -> Doubles:
        """(3, 3) homography from the image (u, v, 1) to the ground."""
        return np.linalg.inv(self.from_ground).astype(np.float64)

    def project(self, points: Doubles) -> tuple[Doubles, Doubles]:
        """Project (…, 3) points, or (…, 2) on the ground, [m] to (…, 2) columns and rows and (…,) depths
        [m]."""
        matrix = self.matrix if points.shape[-1] == 3 else self.from_ground
        projected = points @ matrix[:, :-1].T + matrix[:, -1]
        return projected[..., :2] / projected[..., 2:], projected[..., 2]

    def outline(self, points: Doubles) -> Doubles | None:
        """Project the polygon (n, 2) or (n, 3) to (m, 2) image points, clipped at `NEAR_M`; None if it
        vanishes."""
        matrix = self.matrix if points.shape[-1] == 3 else self.from_ground
        depths = points @ matrix[2, :-1] + matrix[2, -1]
        if depths.max() <= NEAR_M:
            return None
        if depths.min() < NEAR_M:
            points = _cut(points, depths)
        return self.project(points)[0]


def _cut(points: Doubles, depths: Doubles) -> Doubles:
    """Clip the polygon to `NEAR_M` or beyond (Sutherland and Hodgman 1974, one plane)."""
    kept = []
    for index in range(len(points)):
        before = depths[index - 1]
        here = depths[index]
        if (before < NEAR_M) != (here < NEAR_M):
            share = (NEAR_M - before) / (here - before)
            kept.append(points[index - 1] + share * (points[index] - points[index - 1]))
        if here >= NEAR_M:
            kept.append(points[index])
    return np.array(kept)


def camera_frame(pose: Pose, points: Doubles) -> Doubles:
    """(…, 2) world points [m] in the camera's ground frame of a car with this pose."""
    cos, sin = np.cos(pose.heading), np.sin(pose.heading)
    x, y = points[..., 0] - pose.x, points[..., 1] - pose.y
    return np.stack([cos * x + sin * y - AHEAD_OF_AXLE_M, cos * y - sin * x], axis=-1)


def world_from_camera(pose: Pose) -> Doubles:
    """(3, 3) transform of (x, y, 1) from the camera's ground frame to the world."""
    cos, sin = np.cos(pose.heading), np.sin(pose.heading)
    x, y = pose.x + AHEAD_OF_AXLE_M * cos, pose.y + AHEAD_OF_AXLE_M * sin
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])
