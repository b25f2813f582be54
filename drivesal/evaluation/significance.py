"""Whether a model is significantly better than always predicting 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.series.resampling import RESAMPLED, SEED, block_length

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from drivesal.angle import AngleKind

FAR, FOLLOWS = 0.6, 0.7
"""An RMSE below FAR of always 0's with a correlation of at least FOLLOWS is significant despite the interval.

Within half a minute a single bend may hold all variation of the labels, and many resamples miss it. On segments
of 20, 30 and 60 s of a real drive, this rule accepts all on which a good model is right, and no more constants,
noise or predictions of another time than without it; shorter blocks would accept more (docs/evaluate.md).
"""


@dataclass(frozen=True, slots=True)
class Gain:
    """RMSE of a model and of always predicting 0. `low` to `high` is the 95 % interval of the share of always
    0's squared error that the model removes, negative if it adds error. `correlation` is of predictions and
    labels, None if either is constant.
    """

    rmse: float
    always_0: float
    low: float
    high: float
    correlation: float | None = None

    @property
    def clear(self) -> bool:
        """Whether the model is significantly better."""
        far = self.rmse < FAR * self.always_0 and (self.correlation or 0.0) >= FOLLOWS
        return far or self.low > 0

    def sentence(self, kind: AngleKind) -> str | None:
        """States that the model is not better, with both RMSEs; None if it is significantly better."""
        if self.clear:
            return None
        figures = f"RMSE {self.rmse:.3g}{kind.symbol} against {self.always_0:.3g}{kind.symbol}"
        if self.rmse >= self.always_0:
            return f"no better than always 0: {figures}"
        return f"not clearly better than always 0: {figures}, a difference that may be chance"


def gain(predicted: ArrayLike, truth: ArrayLike, times_s: ArrayLike, drives: ArrayLike) -> Gain:
    """The gain over always 0 of (n,) predictions against labels, at `times_s` [s] in `drives` (drive
    numbers)."""
    predictions, labels = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    of_model, of_zero = (predictions - labels) ** 2, labels**2
    block = _blocks(np.asarray(times_s, np.float64), np.asarray(drives))
    count = int(block.max()) + 1
    sums = np.stack([np.bincount(block, squared, count) for squared in (of_model, of_zero)])
    draws = np.random.default_rng(SEED).integers(0, count, (RESAMPLED, count))
    model, zero = sums[:, draws].sum(axis=2)
    shares = 1 - np.divide(model, zero, out=np.full(RESAMPLED, np.inf), where=zero > 0)
    low, high = np.quantile(shares, (0.025, 0.975), method="nearest").tolist()
    varies = np.ptp(predictions) > 0 and np.ptp(labels) > 0
    r = float(np.corrcoef(predictions, labels)[0, 1]) if varies else None
    return Gain(math.sqrt(of_model.mean()), math.sqrt(of_zero.mean()), low, high, r)


def _blocks(times_s: NDArray[np.float64], drives: NDArray[np.generic]) -> NDArray[np.int64]:
    """(n,) the block number of each frame: BLOCK_S of one drive, shorter if there would be too few blocks."""
    names, number = np.unique(drives, return_inverse=True)
    starts = np.array([times_s[number == drive].min() for drive in range(len(names))])
    since_s = times_s - starts[number]
    total_s = sum(since_s[number == drive].max() for drive in range(len(names)))
    length_s = block_length(float(total_s))
    pairs = np.stack([number, (since_s / length_s).astype(np.int64)], axis=1)
    _, block = np.unique(pairs, axis=0, return_inverse=True)
    return block.reshape(-1).astype(np.int64)
