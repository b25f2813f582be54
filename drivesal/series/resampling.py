"""Uncertainty of a correlation: block bootstrap over time, and a test against labels shifted in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Doubles

MIN_SHIFT_S = 5.0
"""Labels are shifted by at least this [s]."""
MIN_SHIFTS = 20
BLOCK_S, MIN_BLOCKS, RESAMPLED, SEED = 5.0, 10, 1000, 0
"""Length [s] and least number of blocks, number of draws, seed. Frames within a block are not independent."""


def block_length(duration_s: float) -> float:
    """Length [s] of a block for a drive of this duration: BLOCK_S, or less to have MIN_BLOCKS of them."""
    return min(BLOCK_S, max(duration_s, 1e-9) / MIN_BLOCKS)


def drawn_correlations(times_drawn: Doubles, block: NDArray[np.integer], a: Doubles, b: Doubles) -> Doubles:
    """Pearson correlations (D,) of two roughly standardised series (n,) over bootstrap draws of blocks.

    `times_drawn` (D, B) is how often each draw contains each block, `block` (n,) the block of each value. 0
    where the values drawn are constant.
    """
    columns = (np.ones_like(a), a, b, a * a, b * b, a * b)
    sums = np.stack([np.bincount(block, column, times_drawn.shape[1]) for column in columns])
    n, sa, sb, saa, sbb, sab = (times_drawn @ sums.T).T
    product = (saa - sa * sa / n) * (sbb - sb * sb / n)
    safe = product > 1e-12
    r: Doubles = np.where(safe, (sab - sa * sb / n) / np.sqrt(np.where(safe, product, 1.0)), 0.0)
    return r


class Resampled:
    """Block bootstrap of the Pearson correlation with labels (n,) at times (n,)."""

    def __init__(self, times_s: Doubles, labels: Doubles) -> None:
        length = block_length(float(np.ptp(times_s)))
        _, self._block = np.unique(((times_s - times_s.min()) / length).astype(np.int64), return_inverse=True)
        blocks = int(self._block.max()) + 1
        draws = np.random.default_rng(SEED).integers(0, blocks, (RESAMPLED, blocks))
        self._times_drawn = np.stack([np.bincount(draw, minlength=blocks) for draw in draws]).astype(np.float64)
        self._labels = labels - labels.mean()

    def __call__(self, predictions: Doubles) -> Doubles:
        """Correlations (RESAMPLED,) of predictions (n,); 0 where the values drawn are constant."""
        standard = (predictions - predictions.mean()) / (predictions.std() or 1.0)
        return drawn_correlations(self._times_drawn, self._block, standard, self._labels)


def correlations(predictions: Doubles, labels: Doubles) -> Doubles:
    """Pearson correlations (P, L) of predictions (P, n) and labels (L, n); 0 where either is constant."""

    def standard(values: Doubles) -> Doubles:
        centred = values - values.mean(axis=1, keepdims=True)
        norm = np.sqrt((centred**2).sum(axis=1, keepdims=True))
        varies = norm > 1e-9 * np.abs(values).max(axis=1, keepdims=True)
        unit: Doubles = np.divide(centred, norm, out=np.zeros_like(centred), where=varies)
        return unit

    r: Doubles = standard(predictions) @ standard(labels).T
    return r


def chance(predictions: Doubles, labels: Doubles, times_s: Doubles) -> float | None:
    """Permutation p-value of the best |r| of predictions (P, n) with labels (n,), against shifted labels.

    The share of circular shifts, by MIN_SHIFT_S or more either way, whose best |r| is at least as high; the
    unshifted labels count as one of them. None where fewer than MIN_SHIFTS shifts are possible.
    """
    count = len(labels)
    step_s = float(np.ptp(times_s)) / max(count - 1, 1)
    shifts = [k for k in range(1, count) if min(k, count - k) * step_s >= MIN_SHIFT_S]
    if len(shifts) < MIN_SHIFTS:
        return None
    shifted = np.stack([labels, *(np.roll(labels, k) for k in shifts)])
    best = np.abs(correlations(predictions, shifted)).max(axis=0)
    return float((1 + (best[1:] >= best[0]).sum()) / len(best))
