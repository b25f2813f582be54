"""Single frames of many random scenes, for training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from drivesal.errors import OptionError
from drivesal.synthetic.car import pose_beside
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.world import BEYOND_M, SyntheticMoment, World

STILLS_PER_SCENE = 12
_MOST_STILLS = 10_000_000


def stills(
    seed: int, count: int, size: tuple[int, int] = (640, 480), **held: Any
) -> Iterator[tuple[World, SyntheticMoment]]:
    """`count` single frames for training: `STILLS_PER_SCENE` of each random scene, scene after scene.

    Their `index` is a position in a shuffled order. The car is up to a metre off the lane's centre and turned
    by a few degrees. `held` are scene parameters with fixed values. Raises `OptionError` for a count below 1
    or above ten million, and for an unknown parameter.
    """
    if not 1 <= count <= _MOST_STILLS:
        raise OptionError(f"one frame or more, up to {_MOST_STILLS}", f"{count}", "choose another number")
    order = np.random.default_rng([seed, 4]).permutation(count)
    for number in range(-(-count // STILLS_PER_SCENE)):
        for world, moment in scene_stills(seed, number, size, **held):
            if moment.index < count:
                yield world, replace(moment, index=int(order[moment.index]))


def scene_stills(
    seed: int, number: int, size: tuple[int, int] = (640, 480), **held: Any
) -> Iterator[tuple[World, SyntheticMoment]]:
    """The `STILLS_PER_SCENE` frames of scene `number` of `stills`, to draw many scenes in parallel."""
    world = _still_world(seed, number, size, held)
    first = number * STILLS_PER_SCENE
    for frame in range(first, first + STILLS_PER_SCENE):
        yield _still(world, seed, frame, frame)


def _still_world(seed: int, number: int, size: tuple[int, int], held: dict[str, Any]) -> World:
    own = int(np.random.default_rng([seed, 5, number]).integers(2**31))
    return World.drawn(
        SceneParameters.drawn(np.random.default_rng([own, 0]), **held), own, BEYOND_M + 500.0, size
    )


def _still(world: World, seed: int, index: int, frame: int) -> tuple[World, SyntheticMoment]:
    rng = np.random.default_rng([seed, 6, frame])
    # prefer bends: at a uniform position, most frames would be on straight road
    along = rng.uniform(10, world.road.length_m - BEYOND_M, 2)
    bends = [abs(world.road.at(position + 15).curvature) for position in along]
    position = float(along[int(np.argmax(bends))])
    left = float(np.clip(rng.normal(0, 0.3), -1.0, 1.0))
    pose = pose_beside(world.road, position, left, float(np.radians(np.clip(rng.normal(0, 1.5), -6, 6))))
    cloud = float(rng.random()) if rng.random() < world.scene.passing_clouds else 0.0
    chance, time_s = float(rng.uniform(-1, 1)), float(rng.uniform(0, 30))
    moment = world.moment(index, time_s, pose, cloud=cloud, chance=chance, seed=frame)
    return world, moment
