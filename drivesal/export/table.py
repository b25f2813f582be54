"""One row a frame: the answer, the truth, and how much attribution each case has and where.

Columns are documented in docs/outputs.md.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import numpy as np

from drivesal.angle import digits

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.model.preprocess import Preprocess
    from drivesal.types import Explained, Floats


@dataclass(frozen=True, slots=True)
class Units:
    """ "deg", "norm" or "score": of the angle, and of what is explained where that is another number.

    `labels` is their kind where they cannot be compared with the angle, and there are no errors, else None.
    """

    angle: str
    explained: str | None = None
    labels: AngleKind | None = None

    @property
    def truth(self) -> str:
        """How the labels' column ends: their unit, and what turns where the angle has the same unit."""
        if self.labels is None:
            return self.angle
        turns = f"_{self.labels.turns.replace('-', '_')}" if self.labels.unit == self.angle else ""
        return self.labels.unit + turns


def columns(units: Units, cases: Iterable[str], contributions: bool) -> list[str]:
    """The table's header."""
    unit, explained = units.angle, units.explained
    head = ["frame", "time_s", f"predicted_{unit}", f"truth_{units.truth}", f"error_{unit}"]
    if explained is not None:
        head.append(f"explained_{explained}")
    if contributions:
        head += [f"baseline_{explained or unit}", f"completeness_error_{explained or unit}"]
    return head + [f"{case}_{what}" for case in cases for what in ("total", "x", "y")]


class Table:
    """Writes rows as they come; nothing is kept but the sums for the errors' summary."""

    def __init__(
        self,
        file: TextIO,
        units: Units,
        cases: Iterable[str],
        preprocess: Preprocess,
        contributions: bool,
    ) -> None:
        self._cases = tuple(cases)
        self._preprocess = preprocess
        self._contributions = contributions
        self._writer = csv.writer(file, lineterminator="\n")
        self._explained, self._compared = units.explained is not None, units.labels is None
        self._writer.writerow(columns(units, self._cases, contributions))
        self.rows = 0
        self.labelled = 0
        self._sums = np.zeros(3)
        self._pairs = _Pairs()
        self._completeness = np.zeros(3)

    def add(self, explained: Explained, heats: Mapping[str, Floats]) -> None:
        """One frame with its unsmoothed, unscaled heats (h, w)."""
        frame, truth = explained.frame, explained.frame.steering
        error = None if truth is None or not self._compared else explained.angle - truth
        row: list[object] = [frame.index, f"{frame.time_s:.6f}", _number(explained.angle), _number(truth)]
        row.append(_number(error))
        if self._explained:
            row.append(_number(explained.score))
        if self._contributions:
            row += [_number(explained.baseline_score), _number(explained.completeness_error)]
            missed = explained.completeness_error or 0.0
            self._completeness += (missed, 0, abs(explained.score - (explained.baseline_score or 0.0)))
            self._completeness[1] = max(self._completeness[1], missed)
        height, width = frame.image.shape[:2]
        for case in self._cases:
            row += self._where(heats[case], width, height)
        self._writer.writerow(row)
        self.rows += 1
        if truth is not None:
            self.labelled += 1
            self._pairs.add(explained.angle, truth)
        if error is not None:
            self._sums += (error, abs(error), error * error)

    def _where(self, heat: Floats, width: int, height: int) -> list[str]:
        """Total of the heat and its centre as fractions of the frame; no centre where there is no heat."""
        across, down = heat.sum(axis=0, dtype=np.float64), heat.sum(axis=1, dtype=np.float64)
        total = float(across.sum())
        if total <= 0:
            return ["0", "", ""]
        x = float(across @ np.arange(len(across))) / total
        y = float(down @ np.arange(len(down))) / total
        left, top = self._preprocess.to_frame(x, y, width, height)
        return [f"{total:.6g}", f"{(left + 0.5) / width:.4f}", f"{(top + 0.5) / height:.4f}"]

    def errors(self) -> dict[str, float] | None:
        """RMSE, mean absolute error and bias of prediction − truth, None without labels to compare with."""
        if not self.labelled or not self._compared:
            return None
        mean, absolute, square = self._sums / self.labelled
        return {"rmse": float(square) ** 0.5, "mean_absolute": float(absolute), "bias": float(mean)}

    def correlation(self) -> float | None:
        """Of predictions and labels, whatever their units; None without labels or where either is constant."""
        return self._pairs.correlation()

    def completeness(self) -> dict[str, float] | None:
        """Mean and largest completeness error over the frames, and the mean |f(x) − f(x0)| that it is part of.

        None where no contributions were computed.
        """
        if not self._contributions or not self.rows:
            return None
        missed, largest, change = self._completeness.tolist()
        return {"mean": missed / self.rows, "largest": largest, "of": change / self.rows}


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


def _number(value: float | None) -> str:
    return "" if value is None else digits(value, ".6g")
