"""What stands and lies along a road, fixed to the world: plants, poles, signs, shadows, repairs, other cars.

All of it is laid out along the road as it is; a road bent for its evidence finds everything where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivesal.world.road import STEP_M, Road
from drivesal.world.scene import Scene
from drivesal.world.sprites import VARIANTS
from drivesal.world.textures import fractal
from drivesal.world.vehicles import KINDS, PAINTS, Placed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STANDING = ("broadleaf", "conifer", "bush", "thicket", "sign", "pole", "post")
_BROADLEAF, _CONIFER, _BUSH, _THICKET, _SIGN, _POLE, _POST = range(7)
_CORNERS = 20
"""Of every shadow's outline, so that all are one array."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Upright things: `place` (n, 2) [m], `kind` (n,) of `STANDING`, `variant` (n,), `height` (n,) [m]."""

    place: Floats
    kind: Ints
    variant: Ints
    height: Floats


class Traffic(NamedTuple):
    """A moving vehicle: from `along_m` at time 0 with `speed_m_s` (negative: towards us), `left_m` of our lane.

    Where `leads`, `along_m` is how far it is ahead of the car instead, always.
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

    `shadows` (n, 20, 2) and `repairs` (n, 4, 2) outlines on the ground [m]; `repair_tones` (n,) how much
    brighter than the asphalt, in levels; `old_lines` (n, 4, 2).
    """

    standing: Standing
    shadows: Floats
    repairs: Floats
    repair_tones: Floats
    old_lines: Floats
    traffic: tuple[Traffic, ...]
    parked: tuple[Placed, ...]

    @classmethod
    def laid_out(cls, scene: Scene, road: Road, rng: np.random.Generator) -> Scenery:
        """Everything for this road, drawn at random as the scene asks for."""
        seeds = rng.integers(2**32, size=6)
        standing = _standing(scene, road, np.random.default_rng(seeds[0]))
        repairs, tones = _repairs(scene, road, np.random.default_rng(seeds[1]))
        return cls(
            standing,
            _shadows(scene, standing, np.random.default_rng(seeds[2])),
            repairs,
            tones,
            _old_lines(scene, road, np.random.default_rng(seeds[3])),
            _traffic(scene, road, np.random.default_rng(seeds[4])),
            _parked(scene, road, np.random.default_rng(seeds[5])),
        )

    def vehicles(self, road: Road, time_s: float, along_m: float) -> list[Placed]:
        """Where all vehicles are at a time, with the car at `along_m`; `road` is the road as laid out."""
        placed = list(self.parked)
        for one in self.traffic:
            if one.leads:
                along = along_m + one.along_m + 4 * np.sin(0.3 * time_s + one.along_m)
            else:
                along = one.along_m + one.speed_m_s * time_s
            if 0 < along < road.length_m and abs(along - along_m) < 500:
                x, y = road.beside(along, one.left_m)
                heading = road.at(along).heading + (np.pi if one.speed_m_s < 0 else 0.0)
                placed.append(Placed(float(x), float(y), heading, one.kind, one.paint))
        return placed


def side_of(scene: Scene) -> int:
    """1 where the centre line lies to the left of the car, -1 where it lies to its right."""
    return 1 if scene.traffic == "right" else -1


def edges(scene: Scene) -> tuple[float, float]:
    """How far left of the lane's centre the road's left and right edges are [m], at the edge lines."""
    width = scene.lane_width_m
    beyond, outside = width * (0.5 + scene.lanes_beyond), -width * (0.5 + scene.lanes_outside)
    return (beyond, outside) if side_of(scene) > 0 else (-outside, -beyond)


def verges(scene: Scene) -> tuple[float, float]:
    """Where the land begins on the left and on the right [m]."""
    left, right = edges(scene)
    return left + scene.shoulder_m + scene.gravel_m, right - scene.shoulder_m - scene.gravel_m


def _standing(scene: Scene, road: Road, rng: np.random.Generator) -> Standing:
    rows = [_plants(scene, road, rng), _furniture(scene, road, rng)]
    table = np.concatenate(rows)  # along, left, kind, variant, height
    place = road.beside(table[:, 0], table[:, 1])
    # a bend's inside, or the road's next stretch, may be where a tree would stand
    left, right = verges(scene)
    clear = _from_road(road, table[:, 0], place)
    keep = clear > np.minimum(np.abs(table[:, 1]), max(left, -right)) - 0.5
    table, place = table[keep], place[keep]
    return Standing(place, table[:, 2].astype(int), table[:, 3].astype(int), table[:, 4])


def _from_road(road: Road, along_m: Floats, places: Floats) -> Floats:
    """(n,) how far places (n, 2) beside the road at `along_m` (n,) are from its lane's centre, within 0.25 m.

    The road within 200 m counts; it never comes back.
    """
    every = np.stack([road.x[::4], road.y[::4]], axis=1).astype(np.float32)
    nearest = np.empty(len(places))
    for some in np.array_split(np.argsort(along_m), max(1, len(places) // 64)):
        if not some.size:
            continue
        first, last = (int(max(along_m[end], 0) / (4 * STEP_M)) for end in (some[0], some[-1]))
        part = every[max(first - 100, 0) : last + 100]
        away = np.hypot(places[some, None, 0] - part[None, :, 0], places[some, None, 1] - part[None, :, 1])
        nearest[some] = away.min(axis=1)
    return nearest


def _plants(scene: Scene, road: Road, rng: np.random.Generator) -> Floats:
    """(n, 5) along, left, kind, variant, height of trees and bushes, in groups along the road."""
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
    wall = (choice > 0.6) & (dense > 0.0) & (scene.trees > 0.3)  # in the thick of a wood
    tree = np.where(rng.random(count) < scene.conifers, _CONIFER, _BROADLEAF)
    kind = np.where(wall, _THICKET, np.where(choice < 0.35, _BUSH, tree))
    low = np.array([4.5, 6.0, 0.8, 3.0])[kind]
    height = low + rng.random(count) * np.array([6.5, 11.0, 1.8, 5.0])[kind]
    # crowns do not hang over the lane, and flat pictures must not stand in it where they turn
    lateral = lateral + side * np.array([0.3, 0.22, 0.85, 1.25])[kind] * height
    return np.stack([along, lateral, kind, rng.integers(VARIANTS, size=count), height], axis=1)


def _furniture(scene: Scene, road: Road, rng: np.random.Generator) -> Floats:
    """(n, 5) of posts, poles and signs."""
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
        ours = (rng.random() < 0.6) == (side_of(scene) > 0)  # most stand on the side that we drive on
        lateral = right - 1.2 if ours else left + 1.2
        along = rng.uniform(0, road.length_m)
        rows.append((along, lateral, _SIGN, int(rng.integers(VARIANTS)), rng.uniform(2.2, 3.0)))
    return np.array(rows, float).reshape(-1, 5)


def _shadows(scene: Scene, standing: Standing, rng: np.random.Generator) -> Floats:
    """(n, 20, 2) what plants and poles cast on the ground: crowns and stems, away from the sun."""
    if scene.light == "night" or scene.overcast > 0.9:
        return np.zeros((0, _CORNERS, 2))
    azimuth = np.radians(scene.sun_azimuth_deg)
    away = -np.array([np.cos(azimuth), np.sin(azimuth)])
    across = np.array([-away[1], away[0]])
    longer = min(1 / np.tan(np.radians(scene.sun_elevation_deg)), 4.0)
    plants = standing.kind <= _THICKET
    outlines = []
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    wide = np.array([0.36, 0.2, 0.9, 0.9, 0.0, 0.0, 0.0])[standing.kind]
    for place, height, reach in zip(standing.place[plants], standing.height[plants], wide[plants], strict=True):
        for _ in range(3):
            middle = (
                place + away * height * longer * rng.uniform(0.35, 0.85) + across * rng.normal(0, 0.1 * height)
            )
            ragged = rng.uniform(0.72, 1.15, (_CORNERS, 1)) * height
            outline = (
                np.cos(turn)[:, None] * away * 0.3 * max(longer, 0.6) + np.sin(turn)[:, None] * across * reach
            )
            outlines.append(middle + ragged * outline)
    tall = (standing.kind == _POLE) | (standing.kind == _BROADLEAF) | (standing.kind == _POST)
    for place, height in zip(standing.place[tall], standing.height[tall], strict=True):
        tip = place + away * height * longer * (1.0 if height < 2 or height == 8.5 else 0.5)
        side = across * (0.05 + 0.008 * height)
        halves = [
            np.linspace(place + side, tip + side, _CORNERS // 2),
            np.linspace(tip - side, place - side, _CORNERS // 2),
        ]
        outlines.append(np.concatenate(halves))
    return np.array(outlines).reshape(-1, _CORNERS, 2)


def _repairs(scene: Scene, road: Road, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(n, 4, 2) patches and tar seams on the asphalt, (n,) their tones."""
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


def _old_lines(scene: Scene, road: Road, rng: np.random.Generator) -> Floats:
    """(n, 4, 2) pieces of lines that were painted over, beside and across today's."""
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


def _traffic(scene: Scene, road: Road, rng: np.random.Generator) -> tuple[Traffic, ...]:
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


def _parked(scene: Scene, road: Road, rng: np.random.Generator) -> tuple[Placed, ...]:
    left, right = verges(scene)
    placed = []
    for _ in range(rng.poisson(scene.vehicles**2 * road.length_m / 90)):
        along = float(rng.uniform(10, road.length_m))
        on_left = rng.random() < 0.5
        lateral = left + 0.9 if on_left else right - 0.9
        x, y = road.beside(along, lateral)
        if _from_road(road, np.array([along]), np.array([[x, y]]))[0] > abs(lateral) - 0.5:
            heading = road.at(along).heading + rng.normal(0, 0.04)
            heading += np.pi * (on_left == (side_of(scene) > 0))  # beyond the centre line they face us
            placed.append(Placed(float(x), float(y), heading, *_model(rng)))
    return tuple(placed)


def _model(rng: np.random.Generator) -> tuple[int, int]:
    """A vehicle's kind and paint, as indices."""
    kind = int(rng.choice(len(KINDS), p=[0.5, 0.3, 0.12, 0.08]))
    return kind, int(rng.integers(len(PAINTS)))
