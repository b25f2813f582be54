"""A table with one row per frame: prediction, ground truth, and total and centre of each case's attribution.

docs/outputs.md documents the columns.
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
    """Units ("deg", "norm" or "score") of the angle, and of the explained number if that is not the angle.

    `labels` is the kind of the labels if they cannot be compared with the angle, so that there are no errors,
    else None.
    """

    angle: str
    explained: str | None = None
    labels: AngleKind | None = None

    @property
    def truth(self) -> str:
        """Suffix of the label column: the unit, and the wheels it refers to if the angle has the same unit."""
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
    return head + [f"{case}_{column}" for case in cases for column in ("total", "x", "y")]


class Table:
    """Writes rows immediately; keeps none in memory."""

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

    def add(self, explained: Explained, heats: Mapping[str, Floats]) -> None:
        """Add one frame with its unsmoothed, unscaled heats (h, w)."""
        frame, truth = explained.frame, explained.frame.steering
        error = None if truth is None or not self._compared else explained.angle - truth
        row: list[object] = [frame.index, f"{frame.time_s:.6f}", _number(explained.angle), _number(truth)]
        row.append(_number(error))
        if self._explained:
            row.append(_number(explained.score))
        if self._contributions:
            row += [_number(explained.baseline_score), _number(explained.completeness_error)]
        height, width = frame.image.shape[:2]
        for case in self._cases:
            row += self._total_and_centre(heats[case], width, height)
        self._writer.writerow(row)

    def _total_and_centre(self, heat: Floats, width: int, height: int) -> list[str]:
        """Total of the heat and its centre as fractions of the frame; no centre without heat."""
        across, down = heat.sum(axis=0, dtype=np.float64), heat.sum(axis=1, dtype=np.float64)
        total = float(across.sum())
        if total <= 0:
            return ["0", "", ""]
        x = float(across @ np.arange(len(across))) / total
        y = float(down @ np.arange(len(down))) / total
        left, top = self._preprocess.to_frame(x, y, width, height)
        return [f"{total:.6g}", f"{(left + 0.5) / width:.4f}", f"{(top + 0.5) / height:.4f}"]


def _number(value: float | None) -> str:
    return "" if value is None else digits(value, ".6g")
