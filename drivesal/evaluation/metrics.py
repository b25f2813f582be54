"""Error metrics, baselines, and the steering and brightness bands that they are reported for. Plain NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from drivesal.angle import AngleKind
    from drivesal.evaluation.predictions import Predictions
    from drivesal.types import Doubles, Mask


@dataclass(frozen=True, slots=True)
class Errors:
    """Error metrics of predicted − truth over `frames`, in the angles' unit; None without frames.

    `bias` is the mean error, left positive; `correlation` is None where predictions or labels are constant.
    """

    frames: int
    rmse: float | None = None
    mean_absolute: float | None = None
    bias: float | None = None
    correlation: float | None = None


def errors(predicted: ArrayLike, truth: ArrayLike) -> Errors:
    """Error metrics of (n,) predicted angles against (n,) labels. Raises ValueError if the shapes differ."""
    predictions, labels = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if predictions.shape != labels.shape or predictions.ndim != 1:
        raise ValueError(f"expected as many predictions as labels, got {predictions.shape} and {labels.shape}")
    if not len(labels):
        return Errors(0)
    error = predictions - labels
    varies = bool(np.ptp(predictions) > 0 and np.ptp(labels) > 0)
    return Errors(
        frames=len(labels),
        rmse=float(np.sqrt(np.mean(error**2))),
        mean_absolute=float(np.mean(np.abs(error))),
        bias=float(np.mean(error)),
        correlation=float(np.corrcoef(predictions, labels)[0, 1]) if varies else None,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """The errors of a model and of two baselines that ignore the image, over the same recordings.

    `always_0` predicts 0. `last_label` predicts the label of the previous frame, `step_s` earlier; it covers
    only frames that have such a predecessor.
    """

    model: Errors
    always_0: Errors
    last_label: Errors
    step_s: float


def compare_with_baselines(drives: Sequence[Predictions]) -> Comparison:
    """Errors of the model and of the baselines over all frames of these recordings."""
    truth, predicted = (joined(drives, name) for name in ("truth", "predicted"))
    previous = joined(drives, "last_label")
    known = np.isfinite(previous)
    return Comparison(
        errors(predicted, truth),
        errors(np.zeros_like(truth), truth),
        errors(previous[known], truth[known]),
        float(np.median([drive.step_s for drive in drives])),
    )


def joined(drives: Sequence[Predictions], name: str) -> Doubles:
    """The array `name` of `Predictions`, concatenated over all recordings."""
    return np.concatenate([getattr(drive, name) for drive in drives])


STEERING = ("sharp left", "left", "straight", "right", "sharp right")
BRIGHTNESS = ("dark", "medium", "bright")
BRIGHTNESS_LIMITS = (60.0, 120.0)
"""Lower limits (mean brightness, 0..255) of the bands medium and bright."""
_LIMITS = {"deg": (5.0, 20.0), "norm": (0.05, 0.25)}
_ROAD_WHEELS = (1.0, 5.0)


def steering_limits(kind: AngleKind) -> tuple[float, float]:
    """The absolute angles from which a label counts as left or right, and as sharp.

    5° and 20° at the steering wheel, also where what turns is unknown; 1° and 5° at the road wheels; 0.05 and
    0.25 in norm, whose 1 is full lock.
    """
    if kind.unit == "deg" and kind.turns == "road-wheels":
        return _ROAD_WHEELS
    return _LIMITS[kind.unit]


def by_steering(truth: Doubles, limits: tuple[float, float]) -> dict[str, Mask]:
    """(n,) bool for each band of `STEERING`: straight is below the first limit, sharp from the second on."""
    size = np.searchsorted(limits, np.abs(truth), side="right")  # 0 straight, 1 turning, 2 sharp
    band = 2 - np.where(truth < 0, -size, size)
    return {name: band == number for number, name in enumerate(STEERING)}


def by_brightness(brightness: Doubles) -> dict[str, Mask]:
    """(n,) bool for each band of `BRIGHTNESS`."""
    band = np.searchsorted(BRIGHTNESS_LIMITS, brightness, side="right")
    return {name: band == number for number, name in enumerate(BRIGHTNESS)}
