"""The ground as seen by the camera: land, gravel, asphalt, paint, shadows and headlights.

The parts of the road move with it when it is bent; the grain of all surfaces, shadows and repairs are fixed in
the world.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from drivesal.synthetic.camera import Camera
from drivesal.synthetic.car import Pose
from drivesal.synthetic.cross_section import edges, side_of
from drivesal.synthetic.ground_view import COARSE_M, FINE_M, LEAVES_M, GroundView
from drivesal.synthetic.light import DARK, SHADE, Light, beam
from drivesal.synthetic.road import STEP_M, Road
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.scenery import Scenery
from drivesal.synthetic.textures import blend, fill, fractal, paint, ramp, three_channels, tile

if TYPE_CHECKING:
    from drivesal.types import Doubles, Image

_SIGHT_M, _DETAIL_M = 260.0, 70.0
"""The drawing distances with a field of view of 60 degrees: of the road, and of repairs and shadows on it."""
_DASHES = {"short": (3.0, 9.0), "long": (6.0, 12.0)}  # painted length and period [m]
_DAPPLE = np.clip(255 - np.clip(np.arange(256) - 150, 0, None) * 4.5, 60, 255).astype(np.uint8)


class Masks(NamedTuple):
    """Masks of the ground, (rows, width) uint8, 255 inside; a paint mask is None if there is no paint of its
    colour.

    `shadow` is the shadow map: see `light`.
    """

    road: Image
    white: Image | None
    yellow: Image | None
    shadow: Image


@dataclass(frozen=True, eq=False)
class Ground:
    """The ground of one scene through one camera; data that is the same in all frames is cached."""

    scene: SceneParameters
    camera: Camera
    seed: int

    def draw(
        self, pose: Pose, road: Road, scenery: Scenery, under_cars: list[Doubles], light: Light
    ) -> tuple[Image, Masks]:
        """Render (rows, width, 3) uint8 RGB from the camera's first ground row on, and its masks.

        `under_cars` are the outlines of vehicles on the ground, in the camera's frame.
        """
        ahead = _thinned(road.between(pose.along - 12, pose.along + _SIGHT_M * self.camera.reach))
        fine, coarse = self._grain(pose)
        land = cv2.multiply(paint(coarse, self._land_colours), three_channels(fine), scale=1 / 128)
        image = self._gravel(land, fine, ahead, pose)
        asphalt_mask = self._view.strip(ahead, pose, *self._asphalt)
        image = blend(image, self._tarmac(fine, coarse, ahead, pose, scenery), asphalt_mask)
        white, yellow = self._lines(ahead, pose)
        for paint_of, colour in ((white, self._paint_white), (yellow, self._paint_yellow)):
            if paint_of is not None:
                image = blend(image, colour, cv2.multiply(paint_of, self._worn, scale=1 / 255))
        shadow = self._shadow(pose, scenery, under_cars, light)
        lit = paint(shadow, light.table())
        if light.headlights > 0:
            lit = cv2.add(lit, cv2.convertScaleAbs(self._beam, alpha=light.headlights))
        image = cv2.multiply(image, lit, scale=1 / 128)
        image = self._air(image, light)
        return image, Masks(asphalt_mask, white, yellow, shadow)

    # ---- the same in every frame

    @functools.cached_property
    def _view(self) -> GroundView:
        return GroundView(self.camera)

    @functools.cached_property
    def _land_colours(self) -> Image:
        colours = {
            "grass": [(46, 58, 30), (66, 80, 40), (88, 98, 50), (122, 116, 66)],
            "dry": [(84, 78, 48), (126, 112, 68), (158, 138, 88), (178, 158, 108)],
            "sand": [(150, 126, 92), (180, 154, 114), (196, 172, 130), (208, 188, 150)],
            "snow": [(196, 204, 214), (222, 228, 234), (234, 238, 242), (212, 210, 204)],
        }[self.scene.ground]
        return ramp(colours)

    @functools.cached_property
    def _asphalt_colours(self) -> Image:
        warm = 1 + 0.07 * self.scene.asphalt_warmth * np.array([1, 0.2, -1.0])
        middle = 255 * self.scene.asphalt * warm
        return ramp([tuple(middle * share) for share in (0.2, 0.62, 1.0, 1.38, 1.9)])

    @functools.cached_property
    def _gravel_colour(self) -> Image:
        colour = {
            "grass": (116, 108, 94),
            "dry": (146, 130, 104),
            "sand": (176, 154, 118),
            "snow": (206, 208, 210),
        }
        return np.full((*self._view.shape, 3), colour[self.scene.ground], np.uint8)

    @functools.cached_property
    def _paint_white(self) -> Image:
        return np.full((*self._view.shape, 3), (222, 220, 214), np.uint8)

    @functools.cached_property
    def _paint_yellow(self) -> Image:
        return np.full((*self._view.shape, 3), (218, 168, 56), np.uint8)

    @functools.cached_property
    def _worn(self) -> Image:
        """The largest opacity of paint per row: thin distant lines are drawn too wide, so they are made
        fainter."""
        line_px = self.scene.line_width_m * self.camera.focal_px / self.camera.row_depths
        cover = 235 * (1 - 0.75 * self.scene.wear) * line_px / (line_px + 0.8)
        return np.broadcast_to(np.round(cover), self._view.shape).astype(np.uint8)

    @functools.cached_property
    def _beam(self) -> Image:
        """(rows, width, 3) the headlights' contribution to the light map, 128 for 1."""
        rows, columns = self._view.shape
        u, v = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + self.camera.first_row + 0.5)
        x, y, w = np.moveaxis(np.stack([u, v, np.ones_like(u)], axis=-1) @ self.camera.to_ground.T, -1, 0)
        bright = 128 * 1.4 * beam(x / w, y / w)
        return (bright[..., None] * [1.0, 0.96, 0.84]).astype(np.uint8)

    @functools.cached_property
    def _asphalt(self) -> tuple[float, float]:
        left, right = edges(self.scene)
        return left + self.scene.shoulder_m + 0.12, right - self.scene.shoulder_m - 0.12

    # ---- drawn for every frame

    def _grain(self, pose: Pose) -> tuple[Image, Image]:
        """(rows, width) uint8 around 128 each: fine grain and coarse patches, fixed in the world."""
        fine = self._view.textured(pose, tile(self.seed % 4, 0.25), FINE_M)
        return fine, self._view.textured(pose, tile(self.seed % 4 + 4, 1.1), COARSE_M, coarser=2)

    def _gravel(self, land: Image, fine: Image, road: Road, pose: Pose) -> Image:
        """The land with ragged strips of gravel beside the asphalt."""
        if self.scene.gravel_m < 0.1:
            return land
        left, right = self._asphalt
        rough = fractal(self.seed % 8, 0.5, (4, 2048))
        index = np.round(road.along / STEP_M).astype(int) % 2048
        wide = self.scene.gravel_m * (1 + 0.22 * np.clip(rough[:2, index], -2, 2))
        mask = self._view.strip(road, pose, left + wide[0], right - wide[1])
        gravel = cv2.multiply(self._gravel_colour, three_channels(fine), scale=1 / 128)
        return blend(land, gravel, mask)

    def _tarmac(self, fine: Image, coarse: Image, road: Road, pose: Pose, scenery: Scenery) -> Image:
        """(rows, width, 3) asphalt over the whole image: grain, stains, tyre tracks, repairs, old lines."""
        tone = cv2.addWeighted(fine, 0.2, coarse, 0.12, 128 * 0.68)
        tracks = np.zeros(self._view.shape, np.uint8)
        width = self.scene.lane_width_m
        side = side_of(self.scene)
        lanes = [side * width * lane for lane in range(-self.scene.lanes_outside, self.scene.lanes_beyond + 1)]
        for lane in lanes:
            for wheel in (-0.8, 0.8):
                outline = self._view.ribbon(road, pose, lane + wheel + 0.28, lane + wheel - 0.28)
                if outline is not None:
                    fill(tracks, [outline], 9)
        tone = cv2.subtract(tone, cv2.blur(tracks, (9, 3)))
        tone = self._repair(tone, pose, scenery)
        return paint(tone, self._asphalt_colours)

    def _repair(self, tone: Image, pose: Pose, scenery: Scenery) -> Image:
        """Draw patches, seams and old lines, darker or brighter than the surrounding asphalt."""
        darker, brighter = np.zeros(self._view.shape, np.uint8), np.zeros(self._view.shape, np.uint8)
        for outline, which in self._view.on_ground(scenery.repairs, pose, _DETAIL_M * self.camera.reach):
            level = scenery.repair_tones[which]
            fill(darker if level < 0 else brighter, [outline], int(abs(level)))
        for outline, _ in self._view.on_ground(scenery.old_lines, pose, _DETAIL_M * self.camera.reach):
            fill(brighter, [outline], 22)
        return cv2.add(cv2.subtract(tone, darker), brighter)  # type: ignore[no-any-return]

    def _lines(self, road: Road, pose: Pose) -> tuple[Image | None, Image | None]:
        """(rows, width) uint8 masks of white and yellow paint, however worn; None for an unused colour."""
        scene, side, width = self.scene, side_of(self.scene), self.scene.lane_width_m
        outlines: dict[str, list[Doubles]] = {"white": [], "yellow": []}
        if scene.lanes_beyond and scene.centre_line != "none":
            offsets = (-0.16, 0.16) if scene.centre_line == "double" else (0.0,)
            for offset in offsets:
                at = side * width / 2 + offset
                outlines[scene.centre_colour] += self._line(road, pose, at, scene.centre_line == "dashed")
        between = [side * width * (lane + 0.5) for lane in range(1, scene.lanes_beyond)]
        between += [-side * width * 0.5] * scene.lanes_outside
        for at in between:
            outlines["white"] += self._line(road, pose, at, dashed=True)
        if scene.edge_line != "none":
            for at in edges(scene):
                outlines[scene.edge_colour] += self._line(road, pose, at, scene.edge_line == "dashed")
        white, yellow = (self._painted(outlines[colour]) for colour in ("white", "yellow"))
        return white, yellow

    def _line(self, road: Road, pose: Pose, at_m: float, dashed: bool) -> list[Doubles]:
        """Image outlines of a painted line `at_m` left of the lane's centre."""
        half = self.scene.line_width_m / 2
        if not dashed:
            outline = self._view.ribbon(road, pose, at_m + half, at_m - half)
            return [] if outline is None else [outline]
        long, period = _DASHES["long" if self.scene.speed_m_s > 20 else "short"]
        starts = (
            np.arange(np.ceil((pose.along - 8) / period), (pose.along + 130 * self.camera.reach) // period)
            * period
        )
        steps = starts[:, None] + np.linspace(0, long, 4)
        dashes = np.concatenate(
            [road.beside(steps, at_m + half), road.beside(steps, at_m - half)[:, ::-1]], axis=1
        )
        return [outline for outline, _ in self._view.on_ground(dashes, pose, 150 * self.camera.reach)]

    def _painted(self, outlines: list[Doubles]) -> Image | None:
        if not outlines:
            return None
        mask = np.zeros(self._view.shape, np.uint8)
        for outline in outlines:
            fill(mask, [outline])
        return mask

    def _shadow(self, pose: Pose, scenery: Scenery, under_cars: list[Doubles], light: Light) -> Image:
        """(rows, width) uint8 shadow map: 0 unshaded, `SHADE` in the shade, more under vehicles."""
        mask = np.zeros(self._view.shape, np.uint8)
        if light.clear > 0.02:
            cast = self._view.on_ground(scenery.shadows, pose, _DETAIL_M * self.camera.reach)
            for outline, _ in cast:
                fill(mask, [outline], SHADE)
            if cast:  # light that falls through leaves
                dapple = cv2.LUT(
                    self._view.textured(pose, tile(self.seed % 4 + 8, 0.8), LEAVES_M, coarser=2), _DAPPLE
                )
                mask = cv2.multiply(mask, dapple, scale=1 / 255)
        for corners in under_cars:
            below = self.camera.outline(corners)
            if below is not None:
                fill(mask, [self._view.columns(below)], DARK)
        return cv2.GaussianBlur(mask, (3, 3), 0)  # type: ignore[no-any-return]

    def _air(self, image: Image, light: Light) -> Image:
        """Blend distant ground into the colour of the air."""
        levels = np.round(255 * light.transmission(self.camera.row_depths))  # (rows, 1)
        share = np.broadcast_to(levels[..., None], image.shape).astype(np.uint8)
        air = np.clip((255 - levels[..., None]) / 255 * light.air, 0, 255)
        haze = np.broadcast_to(np.round(air), image.shape).astype(np.uint8)
        return cv2.add(cv2.multiply(image, share, scale=1 / 255), haze)  # type: ignore[no-any-return]


def _thinned(road: Road) -> Road:
    """Thin out distant points: all within 70 m, every fourth up to 150 m, every eighth beyond.

    The selection depends on the position along the road, so that it stays the same while the car moves.
    """
    number, ahead = np.round(road.along / STEP_M).astype(int), np.arange(len(road.along))
    kept = (ahead < 140) | ((ahead < 300) & (number % 4 == 0)) | (number % 8 == 0)
    return Road(*(getattr(road, name)[kept] for name in ("along", "x", "y", "heading", "curvature")))
