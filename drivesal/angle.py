"""Angle units and signs, in one place.

Inside drivesal an angle is in degrees with left positive (the sense of ISO 8855), converted here at the edge
from what a recording or a model card declares. Where no scale to degrees is known it stays `norm` (-1..1 of
an unknown full lock, left positive): degrees are never invented.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

Unit = Literal["deg", "rad", "norm"]
Turns = Literal["steering-wheel", "road-wheels", "unknown"]
Side = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class AngleKind:
    """What an angle inside drivesal measures. Two kinds that differ are never compared.

    `unit` is "deg" or "norm", or "score" for a number that is no angle (an activation, a class's score);
    `turns` says what the angle is measured at.
    """

    unit: Literal["deg", "norm", "score"]
    turns: Turns = "unknown"

    @property
    def sided(self) -> bool:
        """Whether it has a left and a right: an angle."""
        return self.unit != "score"

    @property
    def symbol(self) -> str:
        """What follows a number on screen: "°", " norm" or nothing."""
        return {"deg": "°", "norm": " norm", "score": ""}[self.unit]

    @property
    def phrase(self) -> str:
        """The kind in words: "deg at the steering wheel", "norm" where nothing says what turns."""
        return self.unit + ("" if self.turns == "unknown" else f" at the {self.turns.replace('-', ' ')}")

    def text(self, value: float) -> str:
        """The angle as a person reads it, its side written out: "12.3° L", "0.42 norm R", "0.0°"; "1.43"."""
        if not self.sided:
            return f"{value + 0.0:.4g}"  # -0.0 + 0.0 is 0.0
        digits = 1 if self.unit == "deg" else 3
        number = f"{abs(value):.{digits}f}"
        side = "" if float(number) == 0 else (" L" if value > 0 else " R")
        return f"{number}{self.symbol}{side}"

    def comparable(self, other: "AngleKind") -> bool:
        """Whether values of the two kinds may be subtracted: same unit, and nothing that says they differ."""
        same_place = self.turns == other.turns or "unknown" in (self.turns, other.turns)
        return self.unit == other.unit and same_place

    def factor_to(self, other: "AngleKind", steering_ratio: float | None = None) -> float | None:
        """A value of this kind × the factor = one of the other kind; None where nothing says.

        `steering_ratio` is the degrees that the steering wheel turns for one degree of the road wheels.
        """
        if self.comparable(other):
            return 1.0
        if self.unit != other.unit or steering_ratio is None:
            return None
        return steering_ratio if other.turns == "steering-wheel" else 1 / steering_ratio


@dataclass(frozen=True, slots=True)
class AngleSpec:
    """How a recording or a model writes its angles.

    `unit`: deg, rad or norm (-1..1); `turns`: what is measured; `positive`: which side a positive number
    means; `full_lock_deg`: degrees that norm 1.0 stands for, where known.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    unit: Unit
    turns: Turns = "unknown"
    positive: Side = "left"
    full_lock_deg: float | None = None

    def __post_init__(self) -> None:
        lock = self.full_lock_deg
        if lock is not None and not (math.isfinite(lock) and lock > 0):
            raise ValueError(f"full_lock_deg must be a positive number of degrees, not {lock}")
        if lock is not None and self.unit != "norm":
            raise ValueError("full_lock_deg only goes with unit 'norm'")

    @property
    def kind(self) -> AngleKind:
        """What the angle is once it is inside drivesal."""
        in_degrees = self.unit != "norm" or self.full_lock_deg is not None
        return AngleKind("deg" if in_degrees else "norm", self.turns)

    @property
    def factor(self) -> float:
        """Declared value × factor = the angle inside drivesal (degrees or norm, left positive)."""
        scale = {"deg": 1.0, "rad": 180.0 / math.pi, "norm": self.full_lock_deg or 1.0}[self.unit]
        return scale if self.positive == "left" else -scale


def digits(value: float, spec: str) -> str:
    """`format(value, spec)`, where what rounds to zero has no sign: neither -0.00 nor +0.00."""
    text = format(value, spec)
    return text.replace("-", "", 1).replace("+", "", 1) if text[:1] in "+-" and float(text) == 0 else text
