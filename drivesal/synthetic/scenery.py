"""Everything along a road, fixed in the world: roadside objects, repairs, old lines and other cars.

Positions follow the original road; they stay where they are when the road is bent for its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drivesal.synthetic.cross_section import edges, side_of, verges
from drivesal.synthetic.road import Road
from drivesal.synthetic.roadside import RoadsideObjects, distance_to_road, objects_beside, shadows_of
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.vehicles import KINDS, PAINTS, Placed

if TYPE_CHECKING:
    from drivesal.types import Doubles


class Traffic(NamedTuple):
    """A moving vehicle: at `along_m` at time 0, with `speed_m_s` (negative: oncoming), `left_m` of the car's
    lane.

    If `leads`, `along_m` is its mean distance ahead of the car instead.
    """

    along_m: float
    speed_m_s: float
    left_m: float
    kind: int
    paint: int
    leads: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scenery:
    """Everything beside and on a road.

    `shadows` (n, 20, 2), `repairs` (n, 4, 2) and `old_lines` (n, 4, 2) are outlines on the ground [m];
    `repair_tones` (n,) is the difference in brightness to the asphalt, in levels.
    """

    objects: RoadsideObjects
    shadows: Doubles
    repairs: Doubles
    repair_tones: Doubles
    old_lines: Doubles
    traffic: tuple[Traffic, ...]
    parked: tuple[Placed, ...]

    @classmethod
    def generate(cls, scene: SceneParameters, road: Road, rng: np.random.Generator) -> Scenery:
        """Random scenery for this road, with the scene's densities."""
        seeds = rng.integers(2**32, size=6)
        objects = objects_beside(scene, road, np.random.default_rng(seeds[0]))
        repairs, tones = _repairs(scene, road, np.random.default_rng(seeds[1]))
        return cls(
            objects,
            shadows_of(scene, objects, np.random.default_rng(seeds[2])),
            repairs,
            tones,
            _old_lines(scene, road, np.random.default_rng(seeds[3])),
            _traffic(scene, road, np.random.default_rng(seeds[4])),
            _parked(scene, road, np.random.default_rng(seeds[5])),
        )

    def vehicles(self, road: Road, time_s: float, along_m: float) -> list[Placed]:
        """All vehicles at a time, with the car at `along_m`; `road` is the original road."""
        placed = list(self.parked)
        for vehicle in self.traffic:
            if vehicle.leads:
                along = along_m + vehicle.along_m + 4 * np.sin(0.3 * time_s + vehicle.along_m)
            else:
                along = vehicle.along_m + vehicle.speed_m_s * time_s
            if 0 < along < road.length_m and abs(along - along_m) < 500:
                x, y = road.beside(along, vehicle.left_m)
                heading = road.at(along).heading + (np.pi if vehicle.speed_m_s < 0 else 0.0)
                placed.append(Placed(float(x), float(y), heading, vehicle.kind, vehicle.paint))
        return placed


def _repairs(scene: SceneParameters, road: Road, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    """(n, 4, 2) outlines of patches and tar seams on the asphalt, and (n,) their tones."""
    left, right = edges(scene)
    count = rng.poisson(scene.patches * road.length_m / 7)
    start = rng.uniform(0, road.length_m - 12, count)
    seam = rng.random(count) < 0.6
    long = np.where(seam, rng.uniform(0.08, 9.0, count), rng.uniform(1.0, 9.0, count))
    wide = np.where(seam, np.where(long > 2, rng.uniform(0.05, 0.1, count), rng.uniform(1, 3, count)), 1.8)
    middle = rng.uniform(right, left, count)
    skew = rng.normal(0, 0.15, count)
    corners = [
        road.beside(start + a * long, np.clip(middle + b * wide / 2 + a * skew, right, left))
        for a, b in ((0, -1), (1, -1), (1, 1), (0, 1))
    ]
    tones = np.where(seam, -34.0, rng.normal(-6, 18, count))
    return np.stack(corners, axis=1).reshape(-1, 4, 2), tones


def _old_lines(scene: SceneParameters, road: Road, rng: np.random.Generator) -> Doubles:
    """(n, 4, 2) outlines of painted-over lines, beside and across the current ones."""
    left, right = edges(scene)
    outlines = []
    for _ in range(rng.poisson(scene.old_markings * road.length_m / 45)):
        start, long = rng.uniform(0, road.length_m - 70), rng.uniform(15, 60)
        at, drift = rng.uniform(right + 0.3, left - 0.3), rng.normal(0, 0.5)
        for piece in np.arange(start, start + long, 6.0):
            ends = piece + np.array([0, 5.2])
            lateral = at + drift * (ends - start) / long
            lateral = np.clip(lateral, right + 0.1, left - 0.1)
            near, far = road.beside(ends, lateral - 0.06), road.beside(ends, lateral + 0.06)
            outlines.append([near[0], near[1], far[1], far[0]])
    return np.array(outlines, float).reshape(-1, 4, 2)


def _traffic(scene: SceneParameters, road: Road, rng: np.random.Generator) -> tuple[Traffic, ...]:
    side, width = side_of(scene), scene.lane_width_m
    lanes = [(side * width * (lane + 1), -1) for lane in range(scene.lanes_beyond)]
    lanes += [(-side * width, 1)] * scene.lanes_outside
    placed = []
    for lateral, direction in lanes:
        along = rng.uniform(10, 120)
        speed = scene.speed_m_s * rng.uniform(0.8, 1.1)
        while along < 2.2 * road.length_m and scene.vehicles > 0.05:
            kind, paint = _model(rng)
            placed.append(Traffic(along, direction * speed, lateral, kind, paint, leads=False))
            along += rng.exponential(45 / scene.vehicles**1.5) + 12
    if rng.random() < 0.7 * scene.vehicles:
        kind, paint = _model(rng)
        placed.append(Traffic(rng.uniform(28, 90), 1.0, 0.0, kind, paint, leads=True))
    return tuple(placed)


def _parked(scene: SceneParameters, road: Road, rng: np.random.Generator) -> tuple[Placed, ...]:
    left, right = verges(scene)
    placed = []
    for _ in range(rng.poisson(scene.vehicles**2 * road.length_m / 90)):
        along = float(rng.uniform(10, road.length_m))
        on_left = rng.random() < 0.5
        lateral = left + 0.9 if on_left else right - 0.9
        x, y = road.beside(along, lateral)
        if distance_to_road(road, np.array([along]), np.array([[x, y]]))[0] > abs(lateral) - 0.5:
            heading = road.at(along).heading + rng.normal(0, 0.04)
            heading += np.pi * (on_left == (side_of(scene) > 0))  # beyond the centre line they face the car
            placed.append(Placed(float(x), float(y), heading, *_model(rng)))
    return tuple(placed)


def _model(rng: np.random.Generator) -> tuple[int, int]:
    """A vehicle's kind and paint, as indices."""
    kind = int(rng.choice(len(KINDS), p=[0.5, 0.3, 0.12, 0.08]))
    return kind, int(rng.integers(len(PAINTS)))
