"""The car: its pose, its steering and its motion.

The label of every frame is the steering-wheel angle of a driver: pure pursuit of a point `LOOK_AHEAD_M` = 25 m
ahead on the centre of the lane,

    κ = 2 · sin(α) / LOOK_AHEAD_M,    wheel angle = STEERING_RATIO · atan(WHEELBASE_M · κ),

where α is the direction of that point relative to the car's heading, from the rear axle (R. C. Coulter,
"Implementation of the Pure Pursuit Path Tracking Algorithm", CMU-RI-TR-92-01, 1992). The second equation is
the kinematic bicycle model (R. Rajamani, "Vehicle Dynamics and Control", 2nd ed. 2012, section 2.2) with the
wheelbase 2.85 m and steering ratio 14.8 of a large saloon. Angles are degrees at the steering wheel, left
positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drivesal.synthetic.road import Road
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.smooth_noise import smooth

if TYPE_CHECKING:
    from drivesal.types import Doubles

WHEELBASE_M = 2.85
STEERING_RATIO = 14.8
LOOK_AHEAD_M = 25.0
_SIDE_ACCELERATION = 3.0
"""The largest lateral acceleration [m/s²]: a driver slows down before bends to stay below it."""
_BRAKING = 4.0
"""The largest deceleration [m/s²]."""
_STEER_HZ = 20.0
"""The least rate of steering updates, whatever the frame rate."""


class Pose(NamedTuple):
    """The rear axle's `x`, `y` [m], `heading` [rad, left positive], and distance `along` the road [m]."""

    x: float
    y: float
    heading: float
    along: float


def pose_beside(road: Road, along_m: float, left_m: float = 0.0, turned_rad: float = 0.0) -> Pose:
    """The pose at a distance along the road, `left_m` left of the lane's centre and turned left by
    `turned_rad`."""
    x, y = road.beside(along_m, left_m)
    return Pose(float(x), float(y), road.at(along_m).heading + turned_rad, along_m)


def wheel_deg(curvature: float) -> float:
    """The steering-wheel angle [deg, left positive] that drives this curvature [1/m, left positive]."""
    return float(np.degrees(np.arctan(WHEELBASE_M * curvature)) * STEERING_RATIO)


def curvature_of(angle_deg: float) -> float:
    """The curvature [1/m] that this steering-wheel angle [deg] drives."""
    return float(np.tan(np.radians(angle_deg / STEERING_RATIO)) / WHEELBASE_M)


def steering_deg(road: Road, pose: Pose) -> float:
    """The driver's steering-wheel angle [deg, left positive] at this pose; see the module docstring.

    Raises `ValueError` if the road ends within the look-ahead.
    """
    segment = road.between(max(0.0, pose.along - 5), pose.along + 2 * LOOK_AHEAD_M)
    distance = np.hypot(segment.x - pose.x, segment.y - pose.y)
    beyond = np.flatnonzero((distance >= LOOK_AHEAD_M) & (segment.along > pose.along))
    if not beyond.size:
        raise ValueError(f"the road ends within {LOOK_AHEAD_M:g} m of {pose.along:.1f} m")
    last = int(beyond[0])
    x, y = _crossing(segment, last, pose)
    direction = np.arctan2(y - pose.y, x - pose.x) - pose.heading
    return wheel_deg(2 * float(np.sin(direction)) / LOOK_AHEAD_M)


def _crossing(road: Road, last: int, pose: Pose) -> tuple[float, float]:
    """The point between `last - 1` and `last` where the path leaves the look-ahead circle around the car."""
    start = np.array([road.x[last - 1] - pose.x, road.y[last - 1] - pose.y])
    step = np.array([road.x[last] - road.x[last - 1], road.y[last] - road.y[last - 1]])
    a, b, c = step @ step, start @ step, start @ start - LOOK_AHEAD_M**2
    share = (-b + np.sqrt(max(b * b - a * c, 0.0))) / a
    x, y = start + np.clip(share, 0, 1) * step
    return float(x + pose.x), float(y + pose.y)


def nearest_along(road: Road, x: float, y: float, near_m: float) -> float:
    """The distance along the road of its nearest point to (x, y), searched within 20 m of `near_m`."""
    segment = road.between(max(0.0, near_m - 20), near_m + 20)
    index = int(np.argmin((segment.x - x) ** 2 + (segment.y - y) ** 2))
    heading = segment.heading[index]
    ahead = (x - segment.x[index]) * np.cos(heading) + (y - segment.y[index]) * np.sin(heading)
    return float(segment.along[index] + ahead)


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A trajectory: the pose and the speed [m/s] for every frame."""

    poses: list[Pose]
    speeds: Doubles


def drive(road: Road, scene: SceneParameters, frames: int, rate: float, rng: np.random.Generator) -> Motion:
    """Drive the road for `frames` frames at `rate` per second. Disturbances move the car, and it steers back.

    The label contains the driver's angle alone; the car follows the sum of angle and disturbance. Raises
    `ValueError` if the road is too short.
    """
    steps = int(np.ceil(_STEER_HZ / rate))  # per frame
    # degrees at the steering wheel
    disturbances = smooth(rng.standard_normal, frames * steps, rate * steps, 2.0) * 9.0 * scene.wander
    step_s = 1 / (rate * steps)
    pose = pose_beside(road, 8.0)
    poses, speeds = [], []
    speed = _target_speed(road, scene, pose.along, 0.0)
    for number, disturbance in enumerate(disturbances):
        if number % steps == 0:
            poses.append(pose)
            speeds.append(speed)
        target = _target_speed(road, scene, pose.along, speed)
        speed += float(np.clip(target - speed, -_BRAKING * step_s, 2 * step_s))
        pose = _step(pose, steering_deg(road, pose) + float(disturbance), speed * step_s, road)
    return Motion(poses, np.array(speeds))


def _target_speed(road: Road, scene: SceneParameters, along_m: float, speed: float) -> float:
    """The driver's target speed [m/s]: slow enough for the bends within the braking distance."""
    ahead = road.between(along_m, along_m + 25 + speed**2 / (2 * _BRAKING))
    return min(scene.speed_m_s, float(np.sqrt(_SIDE_ACCELERATION / max(np.abs(ahead.curvature).max(), 1e-4))))


def _step(pose: Pose, angle_deg: float, length_m: float, road: Road) -> Pose:
    """The pose after driving `length_m` along an arc at this steering-wheel angle."""
    turn = curvature_of(angle_deg) * length_m
    chord = length_m * float(np.sinc(turn / (2 * np.pi)))
    x = pose.x + chord * float(np.cos(pose.heading + turn / 2))
    y = pose.y + chord * float(np.sin(pose.heading + turn / 2))
    return Pose(x, y, pose.heading + turn, nearest_along(road, x, y, pose.along + length_m))
