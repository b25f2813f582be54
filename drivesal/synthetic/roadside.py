"""Objects beside a road, fixed in the world: plants, posts, poles and signs, and their shadows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.synthetic.cross_section import side_of, verges
from drivesal.synthetic.road import STEP_M, Road
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.sprites import VARIANTS
from drivesal.synthetic.textures import fractal

if TYPE_CHECKING:
    from drivesal.types import Doubles, Ints


OBJECTS = ("broadleaf", "conifer", "bush", "thicket", "sign", "pole", "post")
_BROADLEAF, _CONIFER, _BUSH, _THICKET, _SIGN, _POLE, _POST = range(7)
_CORNERS = 20
"""Corners of every shadow's outline, so that all fit into one array."""


@dataclass(frozen=True, slots=True, eq=False)
class RoadsideObjects:
    """Upright objects: `position` (n, 2) [m], `kind` (n,) index into `OBJECTS`, `variant` (n,), `height` (n,)
    [m]."""

    position: Doubles
    kind: Ints
    variant: Ints
    height: Doubles


def objects_beside(scene: SceneParameters, road: Road, rng: np.random.Generator) -> RoadsideObjects:
    """Random plants and road furniture beside the road, none on it, with the scene's densities."""
    rows = [_plants(scene, road, rng), _furniture(scene, road, rng)]
    table = np.concatenate(rows)  # along, left, kind, variant, height
    position = road.beside(table[:, 0], table[:, 1])
    # in a bend, a position beside the road may be on another section of it
    left, right = verges(scene)
    clear = distance_to_road(road, table[:, 0], position)
    keep = clear > np.minimum(np.abs(table[:, 1]), max(left, -right)) - 0.5
    table, position = table[keep], position[keep]
    return RoadsideObjects(position, table[:, 2].astype(int), table[:, 3].astype(int), table[:, 4])


def distance_to_road(road: Road, along_m: Doubles, positions: Doubles) -> Doubles:
    """(n,) distances of positions (n, 2) beside the road at `along_m` (n,) from the lane's centre, within 0.25
    m.

    Only the road within 200 m is searched; it never comes back.
    """
    path = np.stack([road.x[::4], road.y[::4]], axis=1).astype(np.float32)
    nearest = np.empty(len(positions))
    for some in np.array_split(np.argsort(along_m), max(1, len(positions) // 64)):
        if not some.size:
            continue
        first, last = (int(max(along_m[end], 0) / (4 * STEP_M)) for end in (some[0], some[-1]))
        near = path[max(first - 100, 0) : last + 100]
        dx, dy = (positions[some, None, axis] - near[None, :, axis] for axis in (0, 1))
        nearest[some] = np.hypot(dx, dy).min(axis=1)
    return nearest


def _plants(scene: SceneParameters, road: Road, rng: np.random.Generator) -> Doubles:
    """(n, 5) along, left, kind, variant and height of trees and bushes, clustered along the road."""
    count = int(road.length_m * 1.1 * scene.trees)
    along = rng.uniform(0, road.length_m, count)
    groups = fractal(int(rng.integers(8)), 0.9, (4, 2048))
    side = rng.choice([-1.0, 1.0], count)
    dense = np.interp(along, np.arange(2048) * 6.0, groups[0]) * 0.6
    dense += np.where(side > 0, *(np.interp(along, np.arange(2048) * 9.0, row) for row in groups[1:3])) * 0.6
    keep = rng.random(count) < np.clip(0.5 + 0.6 * dense, 0.05, 1)
    along, side, dense = along[keep], side[keep], dense[keep]
    count = len(along)
    if scene.shortcut == "trees":
        bend = np.interp(along, road.along, road.curvature)
        tied = rng.random(count) < scene.shortcut_strength
        side = np.where(tied & (np.abs(bend) > 1e-4), np.sign(bend), side)
    left, right = verges(scene)
    away = 1.0 + 24 * rng.random(count) ** 1.6
    lateral = np.where(side > 0, left + away, right - away)
    choice = rng.random(count)
    wall = (choice > 0.6) & (dense > 0.0) & (scene.trees > 0.3)  # inside a dense wood
    tree = np.where(rng.random(count) < scene.conifers, _CONIFER, _BROADLEAF)
    kind = np.where(wall, _THICKET, np.where(choice < 0.35, _BUSH, tree))
    low = np.array([4.5, 6.0, 0.8, 3.0])[kind]
    height = low + rng.random(count) * np.array([6.5, 11.0, 1.8, 5.0])[kind]
    # crowns must not hang over the lane, nor flat sprites reach into it when they turn towards the camera
    lateral = lateral + side * np.array([0.3, 0.22, 0.85, 1.25])[kind] * height
    return np.stack([along, lateral, kind, rng.integers(VARIANTS, size=count), height], axis=1)


def _furniture(scene: SceneParameters, road: Road, rng: np.random.Generator) -> Doubles:
    """(n, 5) like `_plants`, for posts, poles and signs."""
    left, right = verges(scene)
    rows: list[tuple[float, float, int, int, float]] = []
    variants = rng.integers(VARIANTS, size=3)
    if scene.posts > 0.15:
        gap = 50 - 30 * scene.posts
        for along in np.arange(rng.uniform(0, gap), road.length_m, gap):
            rows += [(along, lateral, _POST, variants[0], 1.0) for lateral in (left + 0.5, right - 0.5)]
    if scene.poles > 0.15:
        lateral = left + 2.5 if rng.random() < 0.5 else right - 2.5
        for along in np.arange(rng.uniform(0, 40), road.length_m, 55 - 20 * scene.poles):
            rows.append((along, lateral, _POLE, variants[1], 8.5))
    for _ in range(rng.poisson(scene.signs * road.length_m / 90)):
        ours = (rng.random() < 0.6) == (side_of(scene) > 0)  # most signs are on the car's own side
        lateral = right - 1.2 if ours else left + 1.2
        along = rng.uniform(0, road.length_m)
        rows.append((along, lateral, _SIGN, int(rng.integers(VARIANTS)), rng.uniform(2.2, 3.0)))
    return np.array(rows, float).reshape(-1, 5)


def shadows_of(scene: SceneParameters, objects: RoadsideObjects, rng: np.random.Generator) -> Doubles:
    """(n, 20, 2) outlines of the shadows of plants and poles on the ground: crowns and trunks, away from the
    sun."""
    if scene.light == "night" or scene.overcast > 0.9:
        return np.zeros((0, _CORNERS, 2))
    azimuth = np.radians(scene.sun_azimuth_deg)
    away = -np.array([np.cos(azimuth), np.sin(azimuth)])
    across = np.array([-away[1], away[0]])
    longer = min(1 / np.tan(np.radians(scene.sun_elevation_deg)), 4.0)
    plants = objects.kind <= _THICKET
    outlines = []
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    wide = np.array([0.36, 0.2, 0.9, 0.9, 0.0, 0.0, 0.0])[objects.kind]
    for position, height, reach in zip(
        objects.position[plants], objects.height[plants], wide[plants], strict=True
    ):
        for _ in range(3):
            middle = (
                position
                + away * height * longer * rng.uniform(0.35, 0.85)
                + across * rng.normal(0, 0.1 * height)
            )
            ragged = rng.uniform(0.72, 1.15, (_CORNERS, 1)) * height
            outline = (
                np.cos(turn)[:, None] * away * 0.3 * max(longer, 0.6) + np.sin(turn)[:, None] * across * reach
            )
            outlines.append(middle + ragged * outline)
    tall = (objects.kind == _POLE) | (objects.kind == _BROADLEAF) | (objects.kind == _POST)
    for position, height in zip(objects.position[tall], objects.height[tall], strict=True):
        tip = position + away * height * longer * (1.0 if height < 2 or height == 8.5 else 0.5)
        side = across * (0.05 + 0.008 * height)
        halves = [
            np.linspace(position + side, tip + side, _CORNERS // 2),
            np.linspace(tip - side, position - side, _CORNERS // 2),
        ]
        outlines.append(np.concatenate(halves))
    return np.array(outlines).reshape(-1, _CORNERS, 2)
