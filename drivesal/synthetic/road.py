"""The road: a flat path of clothoids, finely sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drivesal.synthetic.scene_parameters import SceneParameters

if TYPE_CHECKING:
    from drivesal.types import Doubles

STEP_M = 0.5
TURN_LIMIT_DEG = 75.0
"""The most that the road may turn from its general direction: below 90 degrees, so that it never meets
itself."""
_TURN_LIMIT = np.radians(TURN_LIMIT_DEG)


class PathPoint(NamedTuple):
    """A point of a path: `x`, `y` [m], `heading` [rad, left positive], `curvature` [1/m, left positive]."""

    x: float
    y: float
    heading: float
    curvature: float


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """The centre of the car's lane, a point every `STEP_M`; x forward and y left of its start.

    `along` [m], `x`, `y` [m], `heading` [rad], `curvature` [1/m], each (n,) float64; left is positive.
    """

    along: Doubles
    x: Doubles
    y: Doubles
    heading: Doubles
    curvature: Doubles

    @classmethod
    def from_pieces(cls, pieces: Sequence[tuple[float, float]], curvature: float = 0.0) -> Road:
        """A road of clothoids, given as (length [m], curvature at the end [1/m]); curvature changes linearly.

        Two consecutive pieces with the same curvature form an arc (or, at 0, a straight). `curvature` is that
        of the start. The curvature, and so the steering, is continuous.
        """
        ends = np.cumsum([0.0, *(length for length, _ in pieces)])
        knots = np.array([curvature, *(end for _, end in pieces)])
        along = np.arange(0.0, ends[-1] + STEP_M / 2, STEP_M)
        bend = np.interp(along, ends, knots)
        turned = np.concatenate([[0.0], np.cumsum((bend[1:] + bend[:-1]) / 2 * STEP_M)])
        middle = (turned[1:] + turned[:-1]) / 2  # a chord's direction, exact on an arc
        # the chord is shorter than the arc: 2 sin(a/2) / a for the angle a that a step turns
        chord = STEP_M * np.sinc(np.diff(turned) / (2 * np.pi))
        x = np.concatenate([[0.0], np.cumsum(np.cos(middle) * chord)])
        y = np.concatenate([[0.0], np.cumsum(np.sin(middle) * chord)])
        return cls(along, x, y, turned, bend)

    @classmethod
    def drawn(cls, scene: SceneParameters, length_m: float, rng: np.random.Generator) -> Road:
        """A random road with the scene's kind of bends, at least `length_m` long."""
        pieces = [(20.0, 0.0)]
        total, straight, heading = 20.0, 20.0, 0.0
        while total < length_m:
            missing = scene.straight_share * total - straight
            if rng.random() < scene.straight_share + missing / 60:
                new = [(float(rng.uniform(20, 120)), 0.0)]
                straight += new[0][0]
            else:
                new = _bend(scene.tightest_radius_m, heading, rng)
            for length, end in new:
                heading += length * (pieces[-1][1] + end) / 2
                pieces.append((length, end))
                total += length
        return cls.from_pieces(pieces)

    @property
    def length_m(self) -> float:
        """The road's length."""
        return float(self.along[-1])

    def at(self, along_m: float) -> PathPoint:
        """The point at this distance along the road."""
        columns = (self.x, self.y, self.heading, self.curvature)
        return PathPoint(*(float(np.interp(along_m, self.along, values)) for values in columns))

    def beside(self, along_m: Doubles | float, left_m: Doubles | float) -> Doubles:
        """(…, 2) points at these distances along the road and to the left of its centre."""
        x, y, heading = (np.interp(along_m, self.along, v) for v in (self.x, self.y, self.heading))
        return np.stack([x - left_m * np.sin(heading), y + left_m * np.cos(heading)], axis=-1)

    def between(self, start_m: float, end_m: float) -> Road:
        """The segment between two distances, with one more point at either end if there is one."""
        first = max(0, int(start_m / STEP_M))
        segment = slice(first, max(first + 2, int(end_m / STEP_M) + 2))
        names = ("along", "x", "y", "heading", "curvature")
        return Road(*(getattr(self, name)[segment] for name in names))

    def shifted(self, left_m: Doubles | float) -> Doubles:
        """(n, 2) the path's points moved to the left by `left_m`, a scalar or (n,)."""
        return np.stack(
            [self.x - left_m * np.sin(self.heading), self.y + left_m * np.cos(self.heading)], axis=1
        )

    def bent(self, from_m: float, reach_m: float, left_m: float) -> Road:
        """The same road displaced to the left by up to `left_m`.

        The displacement is a raised cosine: 0 at `from_m`, `left_m` at `from_m + reach_m`, and 0 again from
        `from_m + 2·reach_m`. The points keep their `along`.
        """
        phase = np.clip((self.along - from_m) / reach_m, 0, 2)
        displacement = left_m * (1 - np.cos(np.pi * phase)) / 2
        slope = left_m * np.sin(np.pi * phase) * np.pi / (2 * reach_m)
        moved = self.shifted(displacement)
        return replace(self, x=moved[:, 0], y=moved[:, 1], heading=self.heading + np.arctan(slope))


def _bend(tightest_m: float, heading: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """A random bend or S-bend: clothoid, arc, clothoid; towards the side where the road may still turn."""
    radius = float(np.exp(rng.uniform(np.log(tightest_m), np.log(2.5 * tightest_m + 60))))
    side = 1.0 if rng.random() < (_TURN_LIMIT - heading) / (2 * _TURN_LIMIT) else -1.0
    room = _TURN_LIMIT - side * heading
    turn = min(rng.uniform(np.radians(8), np.radians(80)), room)
    ramp = float(np.clip(rng.uniform(0.3, 0.8) * turn * radius, 8.0, 50.0))
    # both ramps together turn by ramp / radius; if that is too much already, the radius grows
    radius = max(radius, ramp / turn) if turn > 1e-3 else radius * 10
    arc = max(0.0, turn * radius - ramp)
    pieces = [(ramp, side / radius), (arc, side / radius), (ramp, 0.0)]
    if rng.random() < 0.3:  # an S-bend
        back = max(float(rng.uniform(0.6, 1.4)) * radius, tightest_m)
        there = min(ramp / back + 0.8 * arc / radius, _TURN_LIMIT + side * heading + turn)
        ramp_back = min(ramp, there * back)
        pieces += [(ramp_back, -side / back), (there * back - ramp_back, -side / back), (ramp_back, 0.0)]
    return [(length, end) for length, end in pieces if length > 0]
