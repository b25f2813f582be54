"""Angle units and sign conventions.

Internally, angles are in degrees with left positive (as in ISO 8855). They are converted on input from the unit
that the recording or the model card declares. If no scale to degrees is known, the angle stays `norm` (-1..1 of
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
    """Unit and measuring point of an angle in drivesal. Angles of different kinds are never compared.

    `unit` is "deg" or "norm", or "score" for a number that is not an angle (an activation, a class score).
    `turns` is what the angle is measured at: the steering wheel, the road wheels or unknown.
    """

    unit: Literal["deg", "norm", "score"]
    turns: Turns = "unknown"

    @property
    def sided(self) -> bool:
        """Whether the value is an angle, with a left and a right side."""
        return self.unit != "score"

    @property
    def symbol(self) -> str:
        """Unit suffix of a displayed number: "°", " norm" or empty."""
        return {"deg": "°", "norm": " norm", "score": ""}[self.unit]

    @property
    def phrase(self) -> str:
        """The kind in words: "deg at the steering wheel", or "norm" if the measuring point is unknown."""
        return self.unit + ("" if self.turns == "unknown" else f" at the {self.turns.replace('-', ' ')}")

    def text(self, value: float) -> str:
        """The value for display, with its side: "12.3° L", "0.420 norm R", "0.0°"; a score: "1.43"."""
        if not self.sided:
            return f"{value + 0.0:.4g}"  # -0.0 + 0.0 is 0.0
        digits = 1 if self.unit == "deg" else 3
        number = f"{abs(value):.{digits}f}"
        side = "" if float(number) == 0 else (" L" if value > 0 else " R")
        return f"{number}{self.symbol}{side}"

    def comparable(self, other: "AngleKind") -> bool:
        """Whether values of the two kinds may be subtracted: same unit, and no known difference in `turns`."""
        same_turns = self.turns == other.turns or "unknown" in (self.turns, other.turns)
        return self.unit == other.unit and same_turns

    def factor_to(self, other: "AngleKind", steering_ratio: float | None = None) -> float | None:
        """The factor that converts a value of this kind to the other kind; None if it is not known.

        `steering_ratio` is steering wheel degrees per degree of the road wheels.
        """
        if self.comparable(other):
            return 1.0
        if self.unit != other.unit or steering_ratio is None:
            return None
        return steering_ratio if other.turns == "steering-wheel" else 1 / steering_ratio


@dataclass(frozen=True, slots=True)
class AngleSpec:
    """The angle convention of a recording or a model.

    `unit`: deg, rad or norm (-1..1); `turns`: what the angle is measured at; `positive`: the side of a positive
    value; `full_lock_deg`: degrees at norm 1.0, if known.
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
            raise ValueError("full_lock_deg is only valid with unit 'norm'")

    @property
    def kind(self) -> AngleKind:
        """The kind of the angle after conversion to drivesal's convention."""
        in_degrees = self.unit != "norm" or self.full_lock_deg is not None
        return AngleKind("deg" if in_degrees else "norm", self.turns)

    @property
    def factor(self) -> float:
        """Declared value × factor = angle in drivesal's convention (degrees or norm, left positive)."""
        scale = {"deg": 1.0, "rad": 180.0 / math.pi, "norm": self.full_lock_deg or 1.0}[self.unit]
        return scale if self.positive == "left" else -scale


def digits(value: float, spec: str) -> str:
    """`format(value, spec)` without a sign on values that round to zero: neither -0.00 nor +0.00."""
    text = format(value, spec)
    return text.replace("-", "", 1).replace("+", "", 1) if text[:1] in "+-" and float(text) == 0 else text
