"""One row a frame: the answer, the truth, and how much attribution each case has and where.

Columns are documented in docs/outputs.md.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TextIO

import numpy as np

if TYPE_CHECKING:
    from drivesal.preprocess import Preprocess
    from drivesal.types import Explained, Floats


def columns(unit: str, explained: str | None, cases: Iterable[str], contributions: bool) -> list[str]:
    """The table's header; `unit` is "deg", "norm" or "score", of the angle, `explained` of another score."""
    head = ["frame", "time_s", f"predicted_{unit}", f"truth_{unit}", f"error_{unit}"]
    if explained is not None:
        head.append(f"explained_{explained}")
    if contributions:
        head += [f"baseline_{explained or unit}", f"completeness_error_{explained or unit}"]
    return head + [f"{case}_{what}" for case in cases for what in ("total", "x", "y")]


class Table:
    """Writes rows as they come; nothing is kept but the sums for the errors' summary.

    `units` are the angle's and, where another score than the angle is explained, that one's.
    """

    def __init__(
        self,
        file: TextIO,
        units: tuple[str, str | None],
        cases: Iterable[str],
        preprocess: Preprocess,
        contributions: bool,
    ) -> None:
        self._cases = tuple(cases)
        self._preprocess = preprocess
        self._contributions = contributions
        self._writer = csv.writer(file, lineterminator="\n")
        self._explained = units[1] is not None
        self._writer.writerow(columns(*units, self._cases, contributions))
        self.rows = 0
        self.labelled = 0
        self._sums = np.zeros(3)
        self._completeness = np.zeros(2)

    def add(self, explained: Explained, heats: Mapping[str, Floats]) -> None:
        """One frame with its unsmoothed, unscaled heats (h, w)."""
        frame, truth = explained.frame, explained.frame.steering
        error = None if truth is None else explained.angle - truth
        row: list[object] = [frame.index, f"{frame.time_s:.6f}", _number(explained.angle), _number(truth)]
        row.append(_number(error))
        if self._explained:
            row.append(_number(explained.score))
        if self._contributions:
            row += [_number(explained.baseline_score), _number(explained.completeness_error)]
            missed = explained.completeness_error or 0.0
            self._completeness += (missed, 0)
            self._completeness[1] = max(self._completeness[1], missed)
        height, width = frame.image.shape[:2]
        for case in self._cases:
            row += self._where(heats[case], width, height)
        self._writer.writerow(row)
        self.rows += 1
        if error is not None:
            self.labelled += 1
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
        """RMSE, mean absolute error and bias of prediction − truth, None without labels."""
        if not self.labelled:
            return None
        mean, absolute, square = self._sums / self.labelled
        return {"rmse": float(square) ** 0.5, "mean_absolute": float(absolute), "bias": float(mean)}

    def completeness(self) -> dict[str, float] | None:
        """Mean and largest completeness error over the frames, None where no contributions were computed."""
        if not self._contributions or not self.rows:
            return None
        return {"mean": float(self._completeness[0]) / self.rows, "largest": float(self._completeness[1])}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
