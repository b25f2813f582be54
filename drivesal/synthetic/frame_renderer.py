"""Renders a frame: sky, ground, upright objects from far to near, and the hood."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.synthetic import vehicles
from drivesal.synthetic.camera import Camera, camera_frame
from drivesal.synthetic.car import Pose
from drivesal.synthetic.ground import Ground, Masks
from drivesal.synthetic.light import SHADE, Light, beam
from drivesal.synthetic.road import Road
from drivesal.synthetic.roadside import OBJECTS
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.scenery import Scenery
from drivesal.synthetic.sky import Panorama
from drivesal.synthetic.sprites import Sprite, sprite
from drivesal.synthetic.textures import blend

if TYPE_CHECKING:
    from drivesal.types import Doubles, Image

SKY, LAND, ROAD, VEGETATION, VEHICLE, FURNITURE, HOOD = range(7)
"""The classes of a pixel, the values of `Segmentation.classes`."""
_SIGHT_M = 130.0
"""The drawing distance of objects with a field of view of 60 degrees."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The classes of a frame's pixels: `classes` (H, W) uint8 is `SKY`, `LAND`, … per pixel.

    `markings` and `shadow` (H, W) uint8, for visible ground: 255 where there is paint, however worn; the shadow
    map, see `light`.
    """

    classes: Image
    markings: Image
    shadow: Image


class FrameRenderer:
    """Renders frames of one scene at one size. `seed` chooses textures, hills and clouds.

    In `image` and `segmentation`, `placed` are the vehicles in world coordinates, `cloud` 0..1 covers the sun,
    and `tie` -1..1 is the value shown by a shortcut's nuisance.
    """

    def __init__(self, scene: SceneParameters, size: tuple[int, int], seed: int) -> None:
        self._scene, self._size, self._seed = scene, size, seed
        self._camera = Camera.of(scene, size)
        self._ground = Ground(scene, self._camera, seed)
        self._far: Panorama | None = None
        self._lock = threading.Lock()  # frames of one scene may be rendered in several threads

    def image(
        self,
        pose: Pose,
        road: Road,
        scenery: Scenery,
        placed: list[vehicles.Placed],
        cloud: float = 0.0,
        tie: float = 0.0,
    ) -> Image:
        """(H, W, 3) uint8 RGB: the light that reaches the camera, before lens and sensor."""
        return self._compose(pose, road, scenery, placed, Light.of(self._scene, cloud), tie, None)[0]

    def segmentation(
        self, pose: Pose, road: Road, scenery: Scenery, placed: list[vehicles.Placed], cloud: float = 0.0
    ) -> Segmentation:
        """The classes of the pixels of `image`."""
        width, height = self._size
        first = self._camera.first_row
        light = Light.of(self._scene, cloud)
        classes = np.full((height, width), SKY, np.uint8)
        masks = self._compose(pose, road, scenery, placed, light, 0.0, classes)[1]
        markings, shadow = np.zeros((2, height, width), np.uint8)
        for paint in (masks.white, masks.yellow):
            if paint is not None:
                np.maximum(markings[first:], paint, out=markings[first:])
        shadow[first:] = masks.shadow
        if not light.casts:
            shadow[shadow <= SHADE] = 0  # shadow under vehicles remains
        on_ground = (classes == ROAD) | (classes == LAND)
        return Segmentation(classes, np.where(on_ground, markings, 0), np.where(on_ground, shadow, 0))

    def _compose(
        self,
        pose: Pose,
        road: Road,
        scenery: Scenery,
        placed: list[vehicles.Placed],
        light: Light,
        tie: float,
        classes: Image | None,
    ) -> tuple[Image, Masks]:
        """The image and the ground's masks; fills `classes` if given, which is `SKY` everywhere before."""
        near = [self._in_camera(pose, vehicle) for vehicle in placed]
        near = [vehicle for vehicle in near if 1.0 < vehicle.x < 1.5 * _SIGHT_M * self._camera.reach]
        under = [vehicles.footprint(vehicle) for vehicle in near]
        image = np.empty((self._size[1], self._size[0], 3), np.uint8)
        first = self._camera.first_row
        image[first:], masks = self._ground.draw(pose, road, scenery, under, light)
        if classes is not None:
            classes[first:] = np.where(masks.road > 127, ROAD, LAND)
        if first:
            image[:first] = self._draw_far(pose.heading, tie)
            if classes is not None:
                classes[:first][self._panorama.view(pose.heading, land=True) > 127] = LAND
        for draw in self._far_first(pose, scenery, near, light):
            draw(image, classes)
        self._draw_hood(image, classes, light, tie)
        return image, masks

    def _draw_far(self, heading: float, tie: float) -> Image:
        """(rows, width, 3): sky and hills. The shortcut darkens the sky, so that no exposure clips it."""
        far = self._panorama.view(heading)
        if self._scene.shortcut != "sky":
            return far
        return blend(
            cv2.convertScaleAbs(far, alpha=0.7 + 0.3 * tie), far, self._panorama.view(heading, land=True)
        )

    @property
    def _panorama(self) -> Panorama:
        with self._lock:
            if self._far is None:
                self._far = Panorama(self._scene, self._camera, self._seed)
            return self._far

    def _in_camera(self, pose: Pose, vehicle: vehicles.Placed) -> vehicles.Placed:
        x, y = camera_frame(pose, np.array([vehicle.x, vehicle.y]))
        return vehicle._replace(x=float(x), y=float(y), heading=vehicle.heading - pose.heading)

    def _far_first(
        self, pose: Pose, scenery: Scenery, near: list[vehicles.Placed], light: Light
    ) -> list[Callable[[Image, Image | None], None]]:
        """Functions that draw each visible upright object into image and classes, from far to near."""
        drawn: list[tuple[float, Callable[[Image, Image | None], None]]] = []
        objects = scenery.objects
        positions = camera_frame(pose, objects.position)
        seen = np.flatnonzero(
            (positions[:, 0] > 1.5) & (np.hypot(*positions.T) < _SIGHT_M * self._camera.reach)
        )
        columns, depths = self._camera.project(positions[seen])
        reach = objects.height[seen] * self._camera.focal_px / np.maximum(depths, 0.5)
        inside = (
            (columns[:, 0] > -reach) & (columns[:, 0] < self._size[0] + reach) & (depths > 1.5) & (reach > 5)
        )
        for index, (u, v), depth, tall in zip(
            seen[inside], columns[inside], depths[inside], reach[inside], strict=True
        ):
            figure = sprite(OBJECTS[objects.kind[index]], int(objects.variant[index]))
            shine = self._shine(positions[index], light, figure.plant)
            put = functools.partial(_put, figure, (float(u), float(v)), float(tall), shine, light, float(depth))
            drawn.append((float(depth), put))
        for vehicle in near:
            shine = self._shine(np.array([vehicle.x, vehicle.y]), light, plant=False)
            drawn.append((vehicle.x, functools.partial(self._draw_vehicle, vehicle, light, shine)))
        return [draw for _, draw in sorted(drawn, key=lambda pair: -pair[0])]

    def _draw_vehicle(
        self, vehicle: vehicles.Placed, light: Light, shine: Doubles, image: Image, classes: Image | None
    ) -> None:
        vehicles.draw(image, classes, vehicle, self._camera, light, shine, VEHICLE)

    def _shine(self, position: Doubles, light: Light, plant: bool) -> Doubles:
        """(3,) the light on an upright object at this position."""
        lit = 0.75 * light.open + 0.25 * light.shade
        if light.headlights > 0:
            bright = float(beam(position[:1], position[1:])[0])
            lit = lit + bright * light.headlights * np.array([1.0, 0.96, 0.84]) * (0.8 if plant else 1.1)
        return lit

    def _draw_hood(self, image: Image, classes: Image | None, light: Light, tie: float) -> None:
        """Draw the car's own hood at the bottom, with the shortcut's lamp on it."""
        width, height = self._size
        share = max(self._scene.hood, 0.1 if self._scene.shortcut == "lamp" else 0.0)
        if share > 0.01:
            shade, mask = _hood(self._size, share, self._seed)
            colour = cv2.multiply(shade, (*(light.open * 0.6 + light.shade * 0.4), 0.0))
            top = height - len(mask)
            keep = cv2.multiply(image[top:], cv2.bitwise_not(mask), scale=1 / 255)
            image[top:] = cv2.add(keep, cv2.multiply(colour, mask, scale=1 / 255))
            if classes is not None:
                classes[top:][mask[..., 0] > 127] = HOOD
        if self._scene.shortcut == "lamp":
            centre = (round(0.5 * width), round(height * (1 - 0.45 * share)))
            radius = max(2, round(0.028 * width))
            bright = (1 + tie) / 2
            colour = (30 + 225 * bright, 20 + 110 * bright, 20 + 20 * bright)
            cv2.circle(image, centre, radius, (24, 24, 26), -1, cv2.LINE_AA)
            cv2.circle(image, centre, round(0.75 * radius), colour, -1, cv2.LINE_AA)
            if classes is not None:
                cv2.circle(classes, centre, radius, HOOD, -1)


def _put(
    figure: Sprite,
    foot: tuple[float, float],
    tall_px: float,
    shine: Doubles,
    light: Light,
    depth: float,
    image: Image,
    classes: Image | None,
) -> None:
    """Draw a sprite with its foot at `foot` (column, row), `tall_px` high."""
    source = figure.near(tall_px)
    scale = tall_px / source.shape[0]
    left, top = foot[0] - source.shape[1] * scale / 2, foot[1] - tall_px
    c0, r0 = max(int(np.floor(left)), 0), max(int(np.floor(top)), 0)
    c1 = min(int(np.ceil(left + source.shape[1] * scale)), image.shape[1])
    r1 = min(int(np.ceil(foot[1])), image.shape[0])
    if c1 <= c0 or r1 <= r0:
        return
    position = np.array([[scale, 0, left - c0 + 0.5 * scale - 0.5], [0, scale, top - r0 + 0.5 * scale - 0.5]])
    cut = cv2.warpAffine(source, position, (c1 - c0, r1 - r0), flags=cv2.INTER_LINEAR)
    transmission = float(light.transmission(np.array(depth)))
    change = np.zeros((3, 4), np.float32)
    change[[0, 1, 2], [0, 1, 2]] = shine * transmission
    change[:, 3] = light.air * (1 - transmission) / 255
    lit = cv2.transform(cut, change)
    alpha = cut[..., 3]
    behind = cv2.bitwise_not(cv2.merge((alpha, alpha, alpha)))
    part = image[r0:r1, c0:c1]
    part[...] = cv2.add(cv2.multiply(part, behind, scale=1 / 255), lit)
    if classes is not None:
        classes[r0:r1, c0:c1][alpha > 127] = VEGETATION if figure.plant else FURNITURE


@functools.lru_cache(maxsize=8)
def _hood(size: tuple[int, int], share: float, seed: int) -> tuple[Image, Image]:
    """(rows, width, 3) uint8 colour and mask of a hood that covers `share` of the image's height."""
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
