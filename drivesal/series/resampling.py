"""How sure a correlation is: blocks of time drawn again, and labels that are shifted in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Doubles

APART_S = 5.0
"""Labels are shifted by at least this [s]."""
LEAST_SHIFTS = 20
BLOCK_S, LEAST_BLOCKS, RESAMPLED, SEED = 5.0, 10, 1000, 0
"""Blocks [s] of the drive are drawn again: frames closer than that are not independent."""


def block_length(whole_s: float) -> float:
    """The length [s] of a block of so long a drive: BLOCK_S, less where there would be too few."""
    return min(BLOCK_S, max(whole_s, 1e-9) / LEAST_BLOCKS)


def drawn_correlations(
    times_drawn: Doubles, block: NDArray[np.integer], one: Doubles, other: Doubles
) -> Doubles:
    """(D,) Pearson's correlations of two values (n,), each about standard, where blocks are drawn again.

    `times_drawn` (D, B) is how often each draw holds each block, `block` (n,) whose each value is. 0 where what
    was drawn does not vary.
    """
    columns = (np.ones_like(one), one, other, one * one, other * other, one * other)
    sums = np.stack([np.bincount(block, column, times_drawn.shape[1]) for column in columns])
    n, sa, sb, saa, sbb, sab = (times_drawn @ sums.T).T
    both = (saa - sa * sa / n) * (sbb - sb * sb / n)
    safe = both > 1e-12
    found: Doubles = np.where(safe, (sab - sa * sb / n) / np.sqrt(np.where(safe, both, 1.0)), 0.0)
    return found


class Resampled:
    """Pearson's correlation with labels over blocks of time, drawn again and again: the block bootstrap."""

    def __init__(self, times_s: Doubles, labels: Doubles) -> None:
        length = block_length(float(np.ptp(times_s)))
        _, self._block = np.unique(((times_s - times_s.min()) / length).astype(np.int64), return_inverse=True)
        blocks = int(self._block.max()) + 1
        draws = np.random.default_rng(SEED).integers(0, blocks, (RESAMPLED, blocks))
        self._times = np.stack([np.bincount(one, minlength=blocks) for one in draws]).astype(np.float64)
        self._labels = labels - labels.mean()

    def __call__(self, answers: Doubles) -> Doubles:
        """(RESAMPLED,) correlations; 0 where what was drawn does not vary."""
        standard = (answers - answers.mean()) / (answers.std() or 1.0)
        return drawn_correlations(self._times, self._block, standard, self._labels)


def correlations(answers: Doubles, labels: Doubles) -> Doubles:
    """(A, L) Pearson's correlations of answers (A, n) and labels (L, n); 0 where either does not vary."""

    def standard(values: Doubles) -> Doubles:
        centred = values - values.mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).sum(axis=1, keepdims=True))
        varies = size > 1e-9 * np.abs(values).max(axis=1, keepdims=True)
        unit: Doubles = np.divide(centred, size, out=np.zeros_like(centred), where=varies)
        return unit

    found: Doubles = standard(answers) @ standard(labels).T
    return found


def chance(answers: Doubles, labels: Doubles, times_s: Doubles) -> float | None:
    """The share of shifted labels that some answers (A, n) go with as well as any does with the labels (n,).

    Labels are shifted round, by APART_S or more either way. None where fewer than LEAST_SHIFTS are possible.
    """
    count = len(labels)
    step_s = float(np.ptp(times_s)) / max(count - 1, 1)
    apart = [k for k in range(1, count) if min(k, count - k) * step_s >= APART_S]
    if len(apart) < LEAST_SHIFTS:
        return None
    shifted = np.stack([labels, *(np.roll(labels, k) for k in apart)])
    best = np.abs(correlations(answers, shifted)).max(axis=0)
    return float((1 + (best[1:] >= best[0]).sum()) / len(best))
