"""Projection of the ground into the image: outlines along the road and on the land, and textures."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.synthetic.camera import NEAR_M, Camera, camera_frame, world_from_camera
from drivesal.synthetic.car import Pose
from drivesal.synthetic.road import Road
from drivesal.synthetic.textures import fill

if TYPE_CHECKING:
    from drivesal.types import Doubles, Image


FINE_M, COARSE_M, LEAVES_M = 7.0, 90.0, 9.0
"""The side length of a tile of grain, of patches, and of light through leaves."""


@dataclass(frozen=True, eq=False)
class GroundView:
    """The ground through one camera; rows are counted from the first that shows the ground."""

    camera: Camera

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, width) of the ground in the image."""
        return self.camera.size[1] - self.camera.first_row, self.camera.size[0]

    @functools.cached_property
    def _fadings(self) -> dict[float, tuple[Image, Image, int]]:
        """`_fading` for every texture size."""
        return {size_m: self._fading(size_m) for size_m in (FINE_M, COARSE_M, LEAVES_M)}

    def _fading(self, size_m: float) -> tuple[Image, Image, int]:
        """The weight per row of a texture that repeats every `size_m`, the complementary grey, its first
        row."""
        depth = self.camera.row_depths
        row_m = np.hypot(depth**2 / (self.camera.focal_px * self.camera.height_m), depth / self.camera.focal_px)
        share = np.clip(1.3 - row_m / (size_m / 40), 0, 1)
        left = np.broadcast_to(np.round(255 * share), self.shape).astype(np.uint8)
        seen = np.flatnonzero(share[:, 0] > 0)
        return (
            left,
            (128 - np.round(left * (128 / 255))).astype(np.uint8),
            int(seen[0]) if seen.size else len(left),
        )

    def textured(self, pose: Pose, texture: Image, size_m: float, coarser: int = 1) -> Image:
        """(rows, width) uint8: a texture that repeats every `size_m` on the ground, grey where it is too far.

        Blocks of `coarser` pixels are rendered as one, for textures without fine detail.
        """
        left, rest, first = self._fadings[size_m]
        rows, columns = self.shape
        seen = rest.copy()
        if first == rows:
            return seen
        origin = world_from_camera(pose)
        origin[:2, 2] %= size_m
        top = self.camera.first_row + first
        pixels = np.array([[coarser, 0, coarser / 2], [0, coarser, top + coarser / 2], [0, 0, 1]])
        scale = len(texture) / size_m
        warped = cv2.warpPerspective(
            texture,
            np.diag([scale, scale, 1]) @ origin @ self.camera.to_ground @ pixels,
            (-(-columns // coarser), -(-(rows - first) // coarser)),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_WRAP,
        )
        if coarser > 1:
            warped = cv2.resize(warped, (warped.shape[1] * coarser, warped.shape[0] * coarser))
            warped = warped[: rows - first, :columns]
        seen[first:] = cv2.add(cv2.multiply(warped, left[first:], scale=1 / 255), rest[first:])
        return seen

    def _edge(self, road: Road, pose: Pose, left_m: Doubles | float) -> Doubles | None:
        """(n, 2) image points of a line along the road, from where it comes into view."""
        points = camera_frame(pose, road.shifted(left_m))
        depths = points @ self.camera.matrix[2, :2] + self.camera.matrix[2, 3]
        seen = np.flatnonzero(depths >= NEAR_M)
        if not seen.size:
            return None
        first = int(seen[0])
        hidden = np.flatnonzero(depths[first:] < NEAR_M)
        last = first + int(hidden[0]) if hidden.size else len(points)
        kept = points[first:last]
        if first:
            share = (NEAR_M - depths[first - 1]) / (depths[first] - depths[first - 1])
            start = points[first - 1] + share * (points[first] - points[first - 1])
            kept = np.concatenate([start[None], kept])
        if len(kept) < 2:
            return None
        return self.columns(self.camera.project(kept)[0])

    def columns(self, outline: Doubles) -> Doubles:
        """Shift rows to the first ground row, and clip the coordinates to what OpenCV can draw."""
        limit = 40 * self.camera.size[0]
        return np.clip(outline - [0, self.camera.first_row], -limit, limit)

    def strip(self, road: Road, pose: Pose, left_m: Doubles | float, right_m: Doubles | float) -> Image:
        """(rows, width) uint8 mask of the strip along the road between two distances to the left."""
        mask = np.zeros(self.shape, np.uint8)
        outline = self.ribbon(road, pose, left_m, right_m)
        if outline is not None:
            fill(mask, [outline])
        return mask

    def ribbon(
        self, road: Road, pose: Pose, left_m: Doubles | float, right_m: Doubles | float
    ) -> Doubles | None:
        """(n, 2) image outline of such a strip; None if it is out of view."""
        sides = self._edge(road, pose, left_m), self._edge(road, pose, right_m)
        if sides[0] is None or sides[1] is None:
            return None
        return np.concatenate([sides[0], sides[1][::-1]])

    def on_ground(self, outlines: Doubles, pose: Pose, reach_m: float) -> list[tuple[Doubles, int]]:
        """Image outlines of those of the world outlines (n, k, 2) that may be visible, with their indices."""
        if not len(outlines):
            return []
        near = np.flatnonzero(np.hypot(*(outlines[:, 0] - [pose.x, pose.y]).T) < reach_m)
        points = camera_frame(pose, outlines[near])
        columns, depths = self.camera.project(points)
        nearest = depths.min(axis=1)
        inside = (columns[..., 0].max(axis=1) > -8) & (columns[..., 0].min(axis=1) < self.camera.size[0] + 8)
        whole = np.flatnonzero((nearest >= NEAR_M) & inside)
        seen = list(zip(self.columns(columns[whole]), near[whole].tolist(), strict=True))
        for index in np.flatnonzero((nearest < NEAR_M) & (depths.max(axis=1) > NEAR_M)):
            cut = self.camera.outline(points[index])
            if cut is not None:
                seen.append((self.columns(cut), int(near[index])))
        return seen
