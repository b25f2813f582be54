"""One frame: sky, ground, what stands on it, the hood; far things first."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesal.world import vehicles
from drivesal.world.camera import Camera, camera_frame
from drivesal.world.car import Pose
from drivesal.world.ground import Ground
from drivesal.world.light import Light, beam
from drivesal.world.road import Road
from drivesal.world.scene import Scene
from drivesal.world.scenery import STANDING, Scenery
from drivesal.world.sky import Panorama
from drivesal.world.sprites import Sprite, sprite

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

SKY, LAND, ROAD, VEGETATION, VEHICLE, FURNITURE, HOOD = range(7)
"""What a pixel shows, the values of `Seen.what`."""
_SIGHT_M = 130.0
"""With a view of 60 degrees, things are drawn so far ahead."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A rendered frame: `image` (H, W, 3) uint8 RGB, before noise and compression.

    Where asked for, `what` (H, W) uint8 is one of `SKY`, `LAND`, … a pixel; `markings`, `shadow` (H, W) uint8
    are 255 where the ground is painted or in full shade.
    """

    image: Image
    what: Image | None = None
    markings: Image | None = None
    shadow: Image | None = None


@dataclass(frozen=True)
class Renderer:
    """Draws frames of one scene at one size. `seed` chooses textures, hills and clouds."""

    scene: Scene
    size: tuple[int, int]
    seed: int

    def draw(
        self,
        pose: Pose,
        road: Road,
        scenery: Scenery,
        placed: list[vehicles.Parked],
        *,
        cloud: float = 0.0,
        tie: float = 0.0,
        meaning: bool = False,
    ) -> Seen:
        """What the camera sees from `pose`. `placed` are the vehicles, in the world.

        `cloud` 0..1 covers the sun; `tie` -1..1 is what a nuisance that tells the label shows. With `meaning`
        what every pixel shows comes too.
        """
        light = Light.of(self.scene, cloud)
        camera = self._camera
        width, height = self.size
        near = [self._in_camera(pose, vehicle) for vehicle in placed]
        near = [vehicle for vehicle in near if 1.0 < vehicle.x < 1.5 * _SIGHT_M * camera.reach]
        picture = np.empty((height, width, 3), np.uint8)
        what = np.full((height, width), SKY, np.uint8) if meaning else None
        first = camera.first_row
        ground, masks = self._ground.draw(pose, road, scenery, [vehicles.footprint(v) for v in near], light)
        picture[first:] = ground
        if first:
            sky = self._panorama.view(pose.heading)
            if self.scene.shortcut == "sky":
                sky = cv2.convertScaleAbs(sky, alpha=1 + 0.35 * tie)
            picture[:first] = sky
        if what is not None:
            what[first:] = np.where(masks.road > 127, ROAD, LAND)
            if first:
                what[:first][self._panorama.view(pose.heading, land=True) > 127] = LAND
        for draw in self._far_first(pose, scenery, near, light):
            draw(picture, what)
        self._draw_hood(picture, what, light, tie)
        if what is None:
            return Seen(picture)
        whole = np.zeros((2, height, width), np.uint8)
        whole[0, first:], whole[1, first:] = masks.markings, masks.shadow
        return Seen(picture, what, *(np.where((what == ROAD) | (what == LAND), mask, 0) for mask in whole))

    @functools.cached_property
    def _camera(self) -> Camera:
        return Camera.of(self.scene, self.size)

    @functools.cached_property
    def _ground(self) -> Ground:
        return Ground(self.scene, self._camera, self.seed)

    @functools.cached_property
    def _panorama(self) -> Panorama:
        return Panorama(self.scene, self._camera, self.seed)

    def _in_camera(self, pose: Pose, vehicle: vehicles.Parked) -> vehicles.Parked:
        x, y = camera_frame(pose, np.array([vehicle.x, vehicle.y]))
        return vehicle._replace(x=float(x), y=float(y), heading=vehicle.heading - pose.heading)

    def _far_first(
        self, pose: Pose, scenery: Scenery, near: list[vehicles.Parked], light: Light
    ) -> list[Callable[[Image, Image | None], None]]:
        """What draws each upright thing in sight into the picture and its meaning, far ones first."""
        drawn: list[tuple[float, Callable[[Image, Image | None], None]]] = []
        standing = scenery.standing
        places = camera_frame(pose, standing.place)
        seen = np.flatnonzero((places[:, 0] > 1.5) & (np.hypot(*places.T) < _SIGHT_M * self._camera.reach))
        columns, depths = self._camera.project(places[seen])
        reach = standing.height[seen] * self._camera.focal_px / np.maximum(depths, 0.5)
        inside = (
            (columns[:, 0] > -reach) & (columns[:, 0] < self.size[0] + reach) & (depths > 1.5) & (reach > 5)
        )
        for index, (u, v), depth, tall in zip(
            seen[inside], columns[inside], depths[inside], reach[inside], strict=True
        ):
            figure = sprite(STANDING[standing.kind[index]], int(standing.variant[index]))
            shine = self._shine(places[index], light, figure.plant)
            one = functools.partial(_put, figure, (float(u), float(v)), float(tall), shine, light, float(depth))
            drawn.append((float(depth), one))
        for vehicle in near:
            shine = self._shine(np.array([vehicle.x, vehicle.y]), light, plant=False)
            drawn.append((vehicle.x, functools.partial(self._draw_vehicle, vehicle, light, shine)))
        return [draw for _, draw in sorted(drawn, key=lambda pair: -pair[0])]

    def _draw_vehicle(
        self, vehicle: vehicles.Parked, light: Light, shine: Floats, picture: Image, what: Image | None
    ) -> None:
        vehicles.draw(picture, what, vehicle, self._camera, light, shine, VEHICLE)

    def _shine(self, place: Floats, light: Light, plant: bool) -> Floats:
        """(3,) the light on an upright thing there."""
        lit = 0.75 * light.open + 0.25 * light.shade
        if light.headlights > 0:
            bright = float(beam(place[:1], place[1:])[0])
            lit = lit + bright * light.headlights * np.array([1.0, 0.96, 0.84]) * (0.8 if plant else 1.1)
        return lit

    def _draw_hood(self, picture: Image, what: Image | None, light: Light, tie: float) -> None:
        """The car's own hood at the bottom, with the lamp of the shortcut on it."""
        width, height = self.size
        share = max(self.scene.hood, 0.1 if self.scene.shortcut == "lamp" else 0.0)
        if share > 0.01:
            shade, mask = _hood(self.size, share, self.seed)
            colour = cv2.multiply(shade, (*(light.open * 0.6 + light.shade * 0.4), 0.0))
            top = height - len(mask)
            keep = cv2.multiply(picture[top:], cv2.bitwise_not(mask), scale=1 / 255)
            picture[top:] = cv2.add(keep, cv2.multiply(colour, mask, scale=1 / 255))
            if what is not None:
                what[top:][mask[..., 0] > 127] = HOOD
        if self.scene.shortcut == "lamp":
            centre = (round(0.5 * width), round(height * (1 - 0.45 * share)))
            radius = max(2, round(0.028 * width))
            bright = (1 + tie) / 2
            colour = (30 + 225 * bright, 20 + 110 * bright, 20 + 20 * bright)
            cv2.circle(picture, centre, radius, (24, 24, 26), -1, cv2.LINE_AA)
            cv2.circle(picture, centre, round(0.75 * radius), colour, -1, cv2.LINE_AA)
            if what is not None:
                cv2.circle(what, centre, radius, HOOD, -1)


def _put(
    figure: Sprite,
    foot: tuple[float, float],
    tall_px: float,
    shine: Floats,
    light: Light,
    depth: float,
    picture: Image,
    what: Image | None,
) -> None:
    """Draws a sprite standing at `foot` (column, row), `tall_px` high."""
    source = figure.near(tall_px)
    scale = tall_px / source.shape[0]
    left, top = foot[0] - source.shape[1] * scale / 2, foot[1] - tall_px
    c0, r0 = max(int(np.floor(left)), 0), max(int(np.floor(top)), 0)
    c1 = min(int(np.ceil(left + source.shape[1] * scale)), picture.shape[1])
    r1 = min(int(np.ceil(foot[1])), picture.shape[0])
    if c1 <= c0 or r1 <= r0:
        return
    place = np.array([[scale, 0, left - c0 + 0.5 * scale - 0.5], [0, scale, top - r0 + 0.5 * scale - 0.5]])
    cut = cv2.warpAffine(source, place, (c1 - c0, r1 - r0), flags=cv2.INTER_LINEAR)
    kept = float(light.kept(np.array(depth)))
    change = np.zeros((3, 4), np.float32)
    change[[0, 1, 2], [0, 1, 2]] = shine * kept
    change[:, 3] = light.air * (1 - kept) / 255
    lit = cv2.transform(cut, change)
    alpha = cut[..., 3]
    behind = cv2.bitwise_not(cv2.merge((alpha, alpha, alpha)))
    part = picture[r0:r1, c0:c1]
    part[...] = cv2.add(cv2.multiply(part, behind, scale=1 / 255), lit)
    if what is not None:
        what[r0:r1, c0:c1][alpha > 127] = VEGETATION if figure.plant else FURNITURE


@functools.lru_cache(maxsize=8)
def _hood(size: tuple[int, int], share: float, seed: int) -> tuple[Image, Image]:
    """(rows, width, 3) uint8 colour and mask of a hood that takes `share` of the picture's height."""
    width, height = size
    rows = int(np.ceil(share * height)) + 2
    v, u = np.mgrid[:rows, :width] + 0.5
    across = (u / width - 0.5) * 2
    edge = 2 + (rows - 2) * 0.55 * np.abs(across) ** 2.5
    mask = np.clip(v - edge, 0, 1)
    paint = np.array(vehicles.PAINTS[seed % len(vehicles.PAINTS)], float) * 0.8 + 10
    shine = 0.55 + 0.5 * np.exp(-((((v - edge) / rows - 0.08) / 0.1) ** 2)) + 0.12 * np.cos(across * 4)
    colour = np.clip(shine[..., None] * paint, 0, 255).astype(np.uint8)
    return colour, cv2.merge([(255 * mask).astype(np.uint8)] * 3)
