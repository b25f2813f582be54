"""Prediction errors and completeness errors over the frames of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from drivesal.types import Explained


class ErrorSummary:
    """Running sums over frames; the frames themselves are not kept.

    `comparable` False means that labels and angle are of different kinds, so that there are no errors;
    `contributions` that frames have a baseline score.
    """

    def __init__(self, comparable: bool, contributions: bool) -> None:
        self._comparable, self._contributions = comparable, contributions
        self.frames = 0
        self.labelled = 0
        self._sums = np.zeros(3)
        self._pairs = _Pairs()
        self._completeness = np.zeros(3)

    def add(self, explained: Explained) -> None:
        """Add one frame."""
        self.frames += 1
        if self._contributions:
            missing = explained.completeness_error or 0.0
            self._completeness += (missing, 0, abs(explained.score - (explained.baseline_score or 0.0)))
            self._completeness[1] = max(self._completeness[1], missing)
        label = explained.frame.steering
        if label is None:
            return
        self.labelled += 1
        self._pairs.add(explained.angle, label)
        if self._comparable:
            error = explained.angle - label
            self._sums += (error, abs(error), error * error)

    def errors(self) -> dict[str, float] | None:
        """RMSE, mean absolute error and bias of prediction − label; None without comparable labels."""
        if not self.labelled or not self._comparable:
            return None
        mean, absolute, square = self._sums / self.labelled
        return {"rmse": float(square) ** 0.5, "mean_absolute": float(absolute), "bias": float(mean)}

    def correlation(self) -> float | None:
        """Correlation of predictions and labels of any units; None without labels or if either is constant."""
        return self._pairs.correlation()

    def completeness(self) -> dict[str, float] | None:
        """Mean and largest completeness error over the frames, and for comparison the mean |f(x) − f(x0)|.

        None if no contributions were computed.
        """
        if not self._contributions or not self.frames:
            return None
        total, largest, change = self._completeness.tolist()
        return {"mean": total / self.frames, "largest": largest, "of": change / self.frames}


class _Pairs:
    """Correlation of pairs added one by one, by Welford's update."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = np.zeros(2)
        self._squares = np.zeros((2, 2))

    def add(self, x: float, y: float) -> None:
        pair = np.array([x, y])
        self._count += 1
        before = pair - self._mean
        self._mean += before / self._count
        self._squares += np.outer(before, pair - self._mean)

    def correlation(self) -> float | None:
        spread = self._squares[0, 0] * self._squares[1, 1]
        return float(self._squares[0, 1] / spread**0.5) if spread > 0 else None
