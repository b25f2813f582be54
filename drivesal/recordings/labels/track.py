"""Steering labels over the frames or the time of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from drivesal.angle import AngleKind
from drivesal.series.smoothing import note, smoothed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOLERANCE_S = 1e-3
"""Tolerance for label times, which are often rounded to three or four decimals."""


@dataclass(frozen=True, slots=True)
class LabelTrack:
    """The steering labels of a recording, in drivesal's convention (degrees or norm, left positive).

    `keys` (N,) float64 ascending: frame numbers or times [s], according to `by`; `values` (N,) float64;
    `skipped` is the number of unusable rows; `notes` are messages for the user about assumptions and skipped
    rows. `extras` are the other numeric columns of the table by name, (N,) float64 each, NaN where a row has no
    number; `full_lock_deg` is the given angle at norm 1.0; `clock_s` is the clock time at time 0 [s since
    1970], None if the file has no clock times; `smoothed_s` is the window [s] that the values were averaged
    over.
    """

    path: Path
    by: Literal["frame", "time"]
    keys: NDArray[np.float64]
    values: NDArray[np.float64]
    kind: AngleKind
    skipped: int = 0
    notes: tuple[str, ...] = ()
    extras: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    full_lock_deg: float | None = None
    clock_s: float | None = None
    smoothed_s: float | None = None

    def smoothed(self, width_s: float, rate: float) -> LabelTrack:
        """The labels averaged over `width_s`; `rate` [frames/s] converts frame numbers to times."""
        times = self.keys / rate if self.by == "frame" else self.keys
        values = smoothed(times, self.values, width_s)
        return replace(self, values=values, smoothed_s=width_s, notes=(*self.notes, note(width_s)))

    def at(self, index: int, time_s: float) -> float | None:
        """The label of the frame with this index and time; None if there is none.

        Labels keyed by time are interpolated linearly, and not extrapolated.
        """
        return self._at(self.values, index, time_s)

    def extras_at(self, index: int, time_s: float) -> dict[str, float]:
        """Finite values of the other columns for that frame, interpolated like labels."""
        values = {name: self._at(column, index, time_s) for name, column in self.extras.items()}
        return {name: value for name, value in values.items() if value is not None and np.isfinite(value)}

    def _at(self, column: NDArray[np.float64], index: int, time_s: float) -> float | None:
        if self.by == "frame":
            row = int(np.searchsorted(self.keys, index))
            exists = row < len(self.keys) and self.keys[row] == index
            return float(column[row]) if exists else None
        if not self.keys[0] - _TOLERANCE_S <= time_s <= self.keys[-1] + _TOLERANCE_S:
            return None
        return float(np.interp(time_s, self.keys, column))

    def overlaps(self, length: int | None, start_s: float, end_s: float | None) -> bool:
        """Whether a recording of `length` frames from `start_s` to `end_s` can have a labelled frame.

        None for an unknown length or end means unbounded.
        """
        first, last = float(self.keys[0]), float(self.keys[-1])
        if self.by == "frame":
            return last >= 0 and (length is None or first < length)
        return last + _TOLERANCE_S >= start_s and (end_s is None or first - _TOLERANCE_S < end_s)

    @property
    def coverage(self) -> str:
        """The range of the labels, formatted for messages."""
        first, last = self.keys[0], self.keys[-1]
        if self.by == "frame":
            return f"frames #{first:.0f} to #{last:.0f}"
        return f"{first:.3f} s to {last:.3f} s"


def beside(video_path: str | Path) -> Path | None:
    """The CSV with the name of a video next to it (`run.csv` for `run.mp4`), None if there is none.

    For a folder the result is None.
    """
    video_path = Path(video_path)
    if not video_path.name or video_path.is_dir():
        return None
    for suffix in (".csv", ".CSV"):
        candidate = video_path.with_suffix(suffix)
        if candidate != video_path and candidate.is_file():
            return candidate
    return None
