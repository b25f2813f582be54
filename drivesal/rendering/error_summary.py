"""Prediction errors and completeness errors over the frames of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from drivesal.types import Explained


class ErrorSummary:
    """Sums over frames as they come; nothing else is kept.

    `comparable` False means that the labels are of another kind than the angle, so that there are no errors;
    `contributions` that frames have a baseline's score.
    """

    def __init__(self, comparable: bool, contributions: bool) -> None:
        self._comparable, self._contributions = comparable, contributions
        self.frames = 0
        self.labelled = 0
        self._sums = np.zeros(3)
        self._pairs = _Pairs()
        self._completeness = np.zeros(3)

    def add(self, explained: Explained) -> None:
        """Take one frame."""
        self.frames += 1
        if self._contributions:
            missed = explained.completeness_error or 0.0
            self._completeness += (missed, 0, abs(explained.score - (explained.baseline_score or 0.0)))
            self._completeness[1] = max(self._completeness[1], missed)
        truth = explained.frame.steering
        if truth is None:
            return
        self.labelled += 1
        self._pairs.add(explained.angle, truth)
        if self._comparable:
            error = explained.angle - truth
            self._sums += (error, abs(error), error * error)

    def errors(self) -> dict[str, float] | None:
        """RMSE, mean absolute error and bias of prediction − truth, None without labels to compare with."""
        if not self.labelled or not self._comparable:
            return None
        mean, absolute, square = self._sums / self.labelled
        return {"rmse": float(square) ** 0.5, "mean_absolute": float(absolute), "bias": float(mean)}

    def correlation(self) -> float | None:
        """Of predictions and labels, whatever their units; None without labels or where either is constant."""
        return self._pairs.correlation()

    def completeness(self) -> dict[str, float] | None:
        """Mean and largest completeness error over the frames, and the mean |f(x) − f(x0)| to compare it with.

        None where no contributions were computed.
        """
        if not self._contributions or not self.frames:
            return None
        missed, largest, change = self._completeness.tolist()
        return {"mean": missed / self.frames, "largest": largest, "of": change / self.frames}


class _Pairs:
    """The correlation of pairs that come one by one, by Welford's update."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = np.zeros(2)
        self._squares = np.zeros((2, 2))

    def add(self, one: float, other: float) -> None:
        pair = np.array([one, other])
        self._count += 1
        before = pair - self._mean
        self._mean += before / self._count
        self._squares += np.outer(before, pair - self._mean)

    def correlation(self) -> float | None:
        spread = self._squares[0, 0] * self._squares[1, 1]
        return float(self._squares[0, 1] / spread**0.5) if spread > 0 else None
