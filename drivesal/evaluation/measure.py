"""Measures of error and the parts of a drive that they are taken over. Plain NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from drivesal.angle import AngleKind
    from drivesal.evaluation.answers import Answers
    from drivesal.types import Doubles, Mask


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of predicted − truth over `frames`, in the angles' unit; None where there is no frame.

    `bias` is the mean error, left positive; `correlation` is None where predictions or labels do not vary.
    """

    frames: int
    rmse: float | None = None
    mean_absolute: float | None = None
    bias: float | None = None
    correlation: float | None = None


def errors(predicted: ArrayLike, truth: ArrayLike) -> Errors:
    """The errors of (n,) predicted angles against (n,) true ones. Raises ValueError where they do not pair."""
    answers, labels = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if answers.shape != labels.shape or answers.ndim != 1:
        raise ValueError(f"as many predictions as labels are needed, not {answers.shape} and {labels.shape}")
    if not len(labels):
        return Errors(0)
    off = answers - labels
    varies = bool(np.ptp(answers) > 0 and np.ptp(labels) > 0)
    return Errors(
        frames=len(labels),
        rmse=float(np.sqrt(np.mean(off**2))),
        mean_absolute=float(np.mean(np.abs(off))),
        bias=float(np.mean(off)),
        correlation=float(np.corrcoef(answers, labels)[0, 1]) if varies else None,
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """The errors of a model and of two that look at nothing, over the same recordings.

    `always_0` answers 0; `last_label` answers the label of the frame before, which lies `step_s` back, and is
    measured where there is such a frame.
    """

    model: Errors
    always_0: Errors
    last_label: Errors
    step_s: float


def measured(drives: Sequence[Answers]) -> Measured:
    """The errors over all frames of these recordings."""
    truth, predicted = (joined(drives, name) for name in ("truth", "predicted"))
    before = joined(drives, "last_label")
    known = np.isfinite(before)
    return Measured(
        errors(predicted, truth),
        errors(np.zeros_like(truth), truth),
        errors(before[known], truth[known]),
        float(np.median([one.step_s for one in drives])),
    )


def joined(drives: Sequence[Answers], name: str) -> Doubles:
    """One of the arrays of `Answers`, of all recordings one after another."""
    return np.concatenate([getattr(one, name) for one in drives])


STEERING = ("sharp left", "left", "straight", "right", "sharp right")
BRIGHTNESS = ("dark", "medium", "bright")
BRIGHTNESS_LIMITS = (60.0, 120.0)
"""Mean brightness 0..255 from which a picture is medium, and bright."""
_LIMITS = {"deg": (5.0, 20.0), "norm": (0.05, 0.25)}
_ROAD_WHEELS = (1.0, 5.0)


def steering_limits(kind: AngleKind) -> tuple[float, float]:
    """The angles from which a label counts as left or right, and as sharp.

    ±5° and ±20° of a steering wheel, also where nothing says what turns; ±1° and ±5° of road wheels; ±0.05 and
    ±0.25 of norm, whose 1 is full lock.
    """
    if kind.unit == "deg" and kind.turns == "road-wheels":
        return _ROAD_WHEELS
    return _LIMITS[kind.unit]


def by_steering(truth: Doubles, limits: tuple[float, float]) -> dict[str, Mask]:
    """(n,) bool for each band of `STEERING`: straight is within the first limit, sharp from the second on."""
    size = np.searchsorted(limits, np.abs(truth), side="right")  # 0 straight, 1 turned, 2 sharp
    place = 2 - np.where(truth < 0, -size, size)
    return {name: place == number for number, name in enumerate(STEERING)}


def by_brightness(brightness: Doubles) -> dict[str, Mask]:
    """(n,) bool for each of `BRIGHTNESS`."""
    place = np.searchsorted(BRIGHTNESS_LIMITS, brightness, side="right")
    return {name: place == number for number, name in enumerate(BRIGHTNESS)}
