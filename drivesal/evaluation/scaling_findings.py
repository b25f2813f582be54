"""What the answers under each input scaling are like, and why the declared one looks wrong."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.model.scaling import Scaling

Reason = Literal["labels", "saturated", "beyond", "still"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What answers of one kind of angle can be: more than `most` is impossible, and a standard deviation over
    varied frames under `still` is none of driving, over `moving` it is."""

    most: float
    still: float
    moving: float


_BOUNDS = {
    "steering-wheel": Bounds(900.0, 0.15, 2.0),
    "road-wheels": Bounds(60.0, 0.01, 0.2),
    "unknown": Bounds(900.0, 0.15, 2.0),
}
_BOUNDS_NORM = Bounds(1.5, 0.003, 0.05)


def bounds(kind: AngleKind) -> Bounds:
    """What answers of this kind can be."""
    return _BOUNDS_NORM if kind.unit == "norm" else _BOUNDS[kind.turns]


@dataclass(frozen=True, slots=True)
class Tried:
    """The answers under one scaling.

    `median` is of the answers' size, `deviation` their standard deviation, both in the angle's unit;
    `saturated` and `beyond` are the shares of frames (0..1) where the head is saturated and where the answer is
    more than can be. `rmse`, `centred` (the RMSE without the mean error) and `correlation` are against the
    labels, None without.
    """

    scaling: Scaling
    median: float
    deviation: float
    saturated: float
    beyond: float
    rmse: float | None = None
    centred: float | None = None
    correlation: float | None = None

    @property
    def text(self) -> str:
        """ "-1..1", as `--input-scale` takes it, where it is one for all channels."""
        return self.scaling.text


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the declared scaling looks wrong, and which fit better, the best first.

    `reason`: "labels", the answers are much closer to the labels under another; "saturated", the head is flat
    on most frames; "beyond", many answers are more than can be; "still", they do not move. `labels` is how many
    frames had one and `constant` the RMSE of the best constant answer, None without labels.
    """

    reason: Reason
    declared: Tried
    better: tuple[Tried, ...]
    kind: AngleKind
    assumed: bool
    frames: int
    labels: int
    constant: float | None

    @property
    def short(self) -> str:
        """For the picture."""
        fits = "fits" if len(self.better) == 1 else "fit"
        return f"input scaling {self.declared.text} looks wrong: {self._names} {fits} better"

    @property
    def sentence(self) -> str:
        """What was declared, what came of it, what fits better and what to do, in one line."""
        whose = ", which was assumed," if self.assumed else ""
        return f"input scaling {self.declared.text}{whose} looks wrong: {self._found}; {self._do}"

    def as_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        said = {"declared": _json(self.declared), "better": [_json(one) for one in self.better]}
        counts = {"frames": self.frames, "labels": self.labels, "rmse_constant": self.constant}
        return {"reason": self.reason, "assumed": self.assumed, **said, **counts, "unit": self.kind.unit}

    @property
    def _names(self) -> str:
        return " or ".join(one.text for one in self.better)

    @property
    def _found(self) -> str:
        declared, of = self.declared, self._number
        if self.reason == "labels":
            errors = ", ".join(f"{of(measured(one.rmse))} with {one.text}" for one in self.better)
            return (
                f"against {self.labels} labels its RMSE is {of(measured(declared.rmse))}, {errors} "
                f"({of(measured(self.constant))} for the best constant answer)"
            )
        others = ", ".join(
            f"with {one.text} they are around {of(one.median)} and vary by {of(one.deviation)}"
            for one in self.better
        )
        if self.reason == "still":
            came = f"over {self.frames} varied frames the answers vary by no more than {of(declared.deviation)}"
        elif self.reason == "saturated":
            came = f"on {declared.saturated:.0%} of {self.frames} frames the steering head is saturated"
            came += f" (answers around {of(declared.median)} to either side)"
        else:
            limit = f"{bounds(self.kind).most:g}{self.kind.symbol}"
            came = f"on {declared.beyond:.0%} of {self.frames} frames the answer is more than {limit}"
            came += f" (around {of(declared.median)} to either side)"
        return f"{came}, {others}"

    @property
    def _do(self) -> str:
        flags = " or ".join(" ".join(one.scaling.options) for one in self.better)
        if self.assumed:
            return f"say {flags} (`drivesal model --write-card` keeps it)"
        unit = ", or its angle's unit" if self.reason == "beyond" else ""
        return f"say {flags}, or mend the model's card where it has {self.declared.text}{unit}"

    def _number(self, value: float) -> str:
        return f"{value:.3g}{self.kind.symbol}" if abs(value) < 100 else f"{value:.0f}{self.kind.symbol}"


def measured(value: float | None) -> float:
    """A figure against labels where there are labels."""
    assert value is not None
    return value


def _json(tried: Tried) -> dict[str, Any]:
    figures = dataclasses.asdict(tried)
    return {"input_scale": tried.text, **figures.pop("scaling"), **figures}
