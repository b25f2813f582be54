"""The car: where it is, how it steers, how it moves.

The label of every frame is what a driver would ask of the steering wheel: pure pursuit of a point
`LOOK_AHEAD_M` = 25 m ahead on the centre of the lane,

    κ = 2 · sin(α) / LOOK_AHEAD_M,    wheel angle = STEERING_RATIO · atan(WHEELBASE_M · κ),

α the direction of that point from the car's heading, seen from the rear axle (R. C. Coulter, "Implementation of
the Pure Pursuit Path Tracking Algorithm", CMU-RI-TR-92-01, 1992), and the second the kinematic bicycle model
(R. Rajamani, "Vehicle Dynamics and Control", 2nd ed. 2012, section 2.2) with wheelbase 2.85 m and steering
ratio 14.8, a large saloon. Degrees at the steering wheel, left positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drivesal.synthetic.drift import smooth
from drivesal.synthetic.road import Road
from drivesal.synthetic.scene_parameters import SceneParameters

if TYPE_CHECKING:
    from drivesal.types import Doubles

WHEELBASE_M = 2.85
STEERING_RATIO = 14.8
LOOK_AHEAD_M = 25.0
_SIDE_ACCELERATION = 3.0
"""[m/s²] A driver slows down for a bend rather than go through it faster than this."""
_BRAKING = 4.0
"""[m/s²]"""
_STEER_HZ = 20.0
"""The wheel is turned at least so often, whatever the rate of the frames."""


class Pose(NamedTuple):
    """Where the rear axle is: `x`, `y` [m], `heading` [rad, left positive], `along` [m] next to it."""

    x: float
    y: float
    heading: float
    along: float


def pose_beside(road: Road, along_m: float, left_m: float = 0.0, turned_rad: float = 0.0) -> Pose:
    """The car at this place of the road, so far left of the lane's centre and so much turned to the left."""
    x, y = road.beside(along_m, left_m)
    return Pose(float(x), float(y), road.at(along_m).heading + turned_rad, along_m)


def wheel_deg(curvature: float) -> float:
    """The steering-wheel angle [deg, left positive] that drives this curvature [1/m, left positive]."""
    return float(np.degrees(np.arctan(WHEELBASE_M * curvature)) * STEERING_RATIO)


def curvature_of(angle_deg: float) -> float:
    """The curvature [1/m] that this steering-wheel angle [deg] drives."""
    return float(np.tan(np.radians(angle_deg / STEERING_RATIO)) / WHEELBASE_M)


def steering_deg(road: Road, pose: Pose) -> float:
    """The steering-wheel angle [deg, left positive] that a driver would ask for here: see the module.

    Raises `ValueError` where the road ends within the look-ahead.
    """
    part = road.between(max(0.0, pose.along - 5), pose.along + 2 * LOOK_AHEAD_M)
    away = np.hypot(part.x - pose.x, part.y - pose.y)
    beyond = np.flatnonzero((away >= LOOK_AHEAD_M) & (part.along > pose.along))
    if not beyond.size:
        raise ValueError(f"the road ends within {LOOK_AHEAD_M:g} m of {pose.along:.1f} m")
    last = int(beyond[0])
    x, y = _crossing(part, last, pose)
    direction = np.arctan2(y - pose.y, x - pose.x) - pose.heading
    return wheel_deg(2 * float(np.sin(direction)) / LOOK_AHEAD_M)


def _crossing(road: Road, last: int, pose: Pose) -> tuple[float, float]:
    """Where the path leaves the circle of the look-ahead around the car, between `last - 1` and `last`."""
    start = np.array([road.x[last - 1] - pose.x, road.y[last - 1] - pose.y])
    step = np.array([road.x[last] - road.x[last - 1], road.y[last] - road.y[last - 1]])
    a, b, c = step @ step, start @ step, start @ start - LOOK_AHEAD_M**2
    share = (-b + np.sqrt(max(b * b - a * c, 0.0))) / a
    x, y = start + np.clip(share, 0, 1) * step
    return float(x + pose.x), float(y + pose.y)


def nearest_along(road: Road, x: float, y: float, near_m: float) -> float:
    """How far along the road its nearest point to (x, y) is, searched within 20 m of `near_m`."""
    part = road.between(max(0.0, near_m - 20), near_m + 20)
    index = int(np.argmin((part.x - x) ** 2 + (part.y - y) ** 2))
    heading = part.heading[index]
    ahead = (x - part.x[index]) * np.cos(heading) + (y - part.y[index]) * np.sin(heading)
    return float(part.along[index] + ahead)


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A car's way: a pose and its speed [m/s] for every frame."""

    poses: list[Pose]
    speeds: Doubles


def drive(road: Road, scene: SceneParameters, frames: int, rate: float, rng: np.random.Generator) -> Motion:
    """Drives the road, `frames` frames at `rate` a second. The car is pushed about and steers back.

    What pushes it is not in the label: the label is what the driver asks for, the car does that and the push.
    Raises `ValueError` where the road is too short.
    """
    steps = int(np.ceil(_STEER_HZ / rate))  # a frame
    pushes = (
        smooth(rng.standard_normal, frames * steps, rate * steps, 2.0) * 9.0 * scene.wander
    )  # deg at the wheel
    step_s = 1 / (rate * steps)
    pose = pose_beside(road, 8.0)
    poses, speeds = [], []
    speed = _wanted(road, scene, pose.along, 0.0)
    for number, push in enumerate(pushes):
        if number % steps == 0:
            poses.append(pose)
            speeds.append(speed)
        wanted = _wanted(road, scene, pose.along, speed)
        speed += float(np.clip(wanted - speed, -_BRAKING * step_s, 2 * step_s))
        pose = _step(pose, steering_deg(road, pose) + float(push), speed * step_s, road)
    return Motion(poses, np.array(speeds))


def _wanted(road: Road, scene: SceneParameters, along_m: float, speed: float) -> float:
    """The speed [m/s] that a driver wants here: slow enough for the bends within stopping distance."""
    part = road.between(along_m, along_m + 25 + speed**2 / (2 * _BRAKING))
    return min(scene.speed_m_s, float(np.sqrt(_SIDE_ACCELERATION / max(np.abs(part.curvature).max(), 1e-4))))


def _step(pose: Pose, angle_deg: float, length_m: float, road: Road) -> Pose:
    """The pose after `length_m` at this steering-wheel angle: an arc."""
    turn = curvature_of(angle_deg) * length_m
    chord = length_m * float(np.sinc(turn / (2 * np.pi)))
    x = pose.x + chord * float(np.cos(pose.heading + turn / 2))
    y = pose.y + chord * float(np.sin(pose.heading + turn / 2))
    return Pose(x, y, pose.heading + turn, nearest_along(road, x, y, pose.along + length_m))
