"""Whether a model is better than one that always answers 0, as far as so many frames can tell."""

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
"""An RMSE below this share of always 0's, with this correlation or more, is no chance, whatever the blocks say.

Over half a minute a single bend may hold all that the labels vary, and many draws miss it. Of pieces of 20, 30
and 60 s of a real drive this lets pass every one that a good model is right on, and no more of constants, noise
and the answers to another time than before; shorter blocks let more of those pass (docs/evaluate.md).
"""


@dataclass(frozen=True, slots=True)
class Gain:
    """The RMSE of a model and of always 0; `low` to `high` is the 95 % interval of the share of the latter's
    squared error that the model takes away, below 0 where it adds to it. `correlation` is that of answers and
    labels, None where either is constant.
    """

    rmse: float
    always_0: float
    low: float
    high: float
    correlation: float | None = None

    @property
    def clear(self) -> bool:
        """Whether the model is better beyond chance."""
        far = self.rmse < FAR * self.always_0 and (self.correlation or 0.0) >= FOLLOWS
        return far or self.low > 0

    def sentence(self, kind: AngleKind) -> str | None:
        """That the model is no better, in words with both figures; None where it clearly is better."""
        if self.clear:
            return None
        figures = f"RMSE {self.rmse:.3g}{kind.symbol} against {self.always_0:.3g}{kind.symbol}"
        if self.rmse >= self.always_0:
            return f"no better than always 0: {figures}"
        return f"not clearly better than always 0: {figures}, which chance alone may give"


def gain(predicted: ArrayLike, truth: ArrayLike, times_s: ArrayLike, drives: ArrayLike) -> Gain:
    """The gain over always 0 of (n,) angles against labels, at times [s] of the drives of these numbers."""
    answers, labels = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    own, still = (answers - labels) ** 2, labels**2
    block = _blocks(np.asarray(times_s, np.float64), np.asarray(drives))
    count = int(block.max()) + 1
    sums = np.stack([np.bincount(block, one, count) for one in (own, still)])
    draws = np.random.default_rng(SEED).integers(0, count, (RESAMPLED, count))
    mine, zero = sums[:, draws].sum(axis=2)
    shares = 1 - np.divide(mine, zero, out=np.full(RESAMPLED, np.inf), where=zero > 0)
    low, high = np.quantile(shares, (0.025, 0.975), method="nearest").tolist()
    varies = np.ptp(answers) > 0 and np.ptp(labels) > 0
    r = float(np.corrcoef(answers, labels)[0, 1]) if varies else None
    return Gain(math.sqrt(own.mean()), math.sqrt(still.mean()), low, high, r)


def _blocks(times_s: NDArray[np.float64], drives: NDArray[np.generic]) -> NDArray[np.int64]:
    """(n,) the number of each frame's block: BLOCK_S of one drive, less where there would be too few."""
    numbers, number = np.unique(drives, return_inverse=True)
    starts = np.array([times_s[number == one].min() for one in range(len(numbers))])
    since = times_s - starts[number]
    whole = sum(since[number == one].max() for one in range(len(numbers)))
    length = block_length(float(whole))
    pairs = np.stack([number, (since / length).astype(np.int64)], axis=1)
    _, found = np.unique(pairs, axis=0, return_inverse=True)
    return found.reshape(-1).astype(np.int64)
