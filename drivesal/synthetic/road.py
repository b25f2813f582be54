"""The road: a flat path of clothoids, sampled finely."""

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
"""How far the road may turn from its general direction: less than 90 degrees, so it never meets itself."""
_TURN_LIMIT = np.radians(TURN_LIMIT_DEG)


class Place(NamedTuple):
    """A point of a path: `x`, `y` [m], `heading` [rad, left positive], `curvature` [1/m, left positive]."""

    x: float
    y: float
    heading: float
    curvature: float


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """The centre of the car's lane, a point every `STEP_M`; x forward and y left of where it starts.

    `along` [m], `x`, `y` [m], `heading` [rad], `curvature` [1/m], each (n,) float64; left is positive.
    """

    along: Doubles
    x: Doubles
    y: Doubles
    heading: Doubles
    curvature: Doubles

    @classmethod
    def from_pieces(cls, pieces: Sequence[tuple[float, float]], curvature: float = 0.0) -> Road:
        """A road of clothoids: each piece (length [m], curvature at its end [1/m]) goes there at an even rate.

        Two pieces of one curvature in a row are an arc (or, at 0, straight). `curvature` is the first piece's
        start. The curvature, and so the steering, is continuous.
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
        """A road with bends as the scene asks for them, at least `length_m` long."""
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

    def at(self, along_m: float) -> Place:
        """The point at this length along the road."""
        names = (self.x, self.y, self.heading, self.curvature)
        return Place(*(float(np.interp(along_m, self.along, values)) for values in names))

    def beside(self, along_m: Doubles | float, left_m: Doubles | float) -> Doubles:
        """(…, 2) the points so far along and so far to the left."""
        x, y, heading = (np.interp(along_m, self.along, v) for v in (self.x, self.y, self.heading))
        return np.stack([x - left_m * np.sin(heading), y + left_m * np.cos(heading)], axis=-1)

    def between(self, start_m: float, end_m: float) -> Road:
        """The part between two lengths, a point more at either end where there is one."""
        first = max(0, int(start_m / STEP_M))
        part = slice(first, max(first + 2, int(end_m / STEP_M) + 2))
        return Road(self.along[part], self.x[part], self.y[part], self.heading[part], self.curvature[part])

    def shifted(self, left_m: Doubles | float) -> Doubles:
        """(n, 2) the path's points moved to the left by `left_m`, a number or (n,)."""
        return np.stack(
            [self.x - left_m * np.sin(self.heading), self.y + left_m * np.cos(self.heading)], axis=1
        )

    def bent(self, from_m: float, reach_m: float, left_m: float) -> Road:
        """The same road pushed to the left by `left_m` around a point of it.

        The push is a raised cosine: nothing at `from_m`, all of it at `from_m + reach_m`, nothing again from
        `from_m + 2·reach_m`. Lengths along the road keep their names.
        """
        phase = np.clip((self.along - from_m) / reach_m, 0, 2)
        push = left_m * (1 - np.cos(np.pi * phase)) / 2
        slope = left_m * np.sin(np.pi * phase) * np.pi / (2 * reach_m)
        moved = self.shifted(push)
        return replace(self, x=moved[:, 0], y=moved[:, 1], heading=self.heading + np.arctan(slope))


def _bend(tightest_m: float, heading: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """A bend, or an S, as clothoid in, arc, clothoid out; to the side on which the road has room to turn."""
    radius = float(np.exp(rng.uniform(np.log(tightest_m), np.log(2.5 * tightest_m + 60))))
    side = 1.0 if rng.random() < (_TURN_LIMIT - heading) / (2 * _TURN_LIMIT) else -1.0
    room = _TURN_LIMIT - side * heading
    turn = min(rng.uniform(np.radians(8), np.radians(80)), room)
    ramp = float(np.clip(rng.uniform(0.3, 0.8) * turn * radius, 8.0, 50.0))
    # ramps turn by ramp / radius together; where that is too much already, the bend becomes gentler
    radius = max(radius, ramp / turn) if turn > 1e-3 else radius * 10
    arc = max(0.0, turn * radius - ramp)
    pieces = [(ramp, side / radius), (arc, side / radius), (ramp, 0.0)]
    if rng.random() < 0.3:  # an S
        back = max(float(rng.uniform(0.6, 1.4)) * radius, tightest_m)
        there = min(ramp / back + 0.8 * arc / radius, _TURN_LIMIT + side * heading + turn)
        ramp_back = min(ramp, there * back)
        pieces += [(ramp_back, -side / back), (there * back - ramp_back, -side / back), (ramp_back, 0.0)]
    return [(length, end) for length, end in pieces if length > 0]
