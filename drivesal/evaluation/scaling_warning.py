"""The predictions under each input scaling in figures, and the warning that the declared one looks wrong."""

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
    """Plausible predictions of one kind of angle: an absolute value above `most` is impossible; over varied
    frames, a standard deviation below `still` is not driving, and one above `moving` is."""

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
    """The bounds of this kind of angle."""
    return _BOUNDS_NORM if kind.unit == "norm" else _BOUNDS[kind.turns]


@dataclass(frozen=True, slots=True)
class ScalingResult:
    """The predictions under one scaling.

    `median` is of the absolute predictions, `deviation` their standard deviation, both in the angle's unit;
    `saturated` and `beyond` are the shares of frames (0..1) with a saturated head and with an impossible
    prediction. `rmse`, `centred` (the RMSE without the mean error) and `correlation` are against the labels,
    None without labels.
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
        """ "-1..1", as `--input-scale` takes it, if all channels share one scaling."""
        return self.scaling.text


@dataclass(frozen=True, slots=True)
class ScalingWarning:
    """Why the declared scaling looks wrong, and which scalings fit better, the best first.

    `reason`: "labels", another scaling's predictions are much closer to the labels; "saturated", the head is
    saturated on most frames; "beyond", many predictions are impossible; "still", they do not vary. `assumed` is
    whether the scaling was assumed and not declared. `labels` is the number of labelled frames, `constant` the
    RMSE of the best constant prediction, None without labels.
    """

    reason: Reason
    declared: ScalingResult
    better: tuple[ScalingResult, ...]
    kind: AngleKind
    assumed: bool
    frames: int
    labels: int
    constant: float | None

    @property
    def short(self) -> str:
        """Short text for the overlay."""
        fits = "fits" if len(self.better) == 1 else "fit"
        return f"input scaling {self.declared.text} looks wrong: {self._names} {fits} better"

    @property
    def sentence(self) -> str:
        """The declared scaling, what it leads to, what fits better and what to do, in one line."""
        origin = ", which was assumed," if self.assumed else ""
        return f"input scaling {self.declared.text}{origin} looks wrong: {self._evidence}; {self._remedy}"

    def as_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        scalings = {"declared": _json(self.declared), "better": [_json(result) for result in self.better]}
        counts = {"frames": self.frames, "labels": self.labels, "rmse_constant": self.constant}
        return {"reason": self.reason, "assumed": self.assumed, **scalings, **counts, "unit": self.kind.unit}

    @property
    def _names(self) -> str:
        return " or ".join(result.text for result in self.better)

    @property
    def _evidence(self) -> str:
        declared, number = self.declared, self._number
        if self.reason == "labels":
            errors = ", ".join(f"{number(with_labels(other.rmse))} with {other.text}" for other in self.better)
            return (
                f"against {self.labels} labels its RMSE is {number(with_labels(declared.rmse))}, {errors} "
                f"({number(with_labels(self.constant))} for the best constant prediction)"
            )
        better = ", ".join(
            f"with {other.text} they are around {number(other.median)} and vary by {number(other.deviation)}"
            for other in self.better
        )
        if self.reason == "still":
            text = f"over {self.frames} varied frames the predictions vary by only {number(declared.deviation)}"
        elif self.reason == "saturated":
            text = f"on {declared.saturated:.0%} of {self.frames} frames the steering head is saturated"
            text += f" (predictions around ±{number(declared.median)})"
        else:
            limit = f"{bounds(self.kind).most:g}{self.kind.symbol}"
            text = f"on {declared.beyond:.0%} of {self.frames} frames the prediction is more than {limit}"
            text += f" (around ±{number(declared.median)})"
        return f"{text}, {better}"

    @property
    def _remedy(self) -> str:
        flags = " or ".join(" ".join(result.scaling.options) for result in self.better)
        if self.assumed:
            return f"use {flags} (`drivesal model --write-card` stores it)"
        unit = " or its angle unit" if self.reason == "beyond" else ""
        return f"use {flags}, or correct {self.declared.text}{unit} in the model card"

    def _number(self, value: float) -> str:
        return f"{value:.3g}{self.kind.symbol}" if abs(value) < 100 else f"{value:.0f}{self.kind.symbol}"


def with_labels(value: float | None) -> float:
    """A figure that is only None without labels, where there are labels."""
    assert value is not None
    return value


def _json(result: ScalingResult) -> dict[str, Any]:
    figures = dataclasses.asdict(result)
    return {"input_scale": result.text, **figures.pop("scaling"), **figures}
