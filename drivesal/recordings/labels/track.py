"""The steering labels of a recording, and the label of a frame."""

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
"""Label times are often written with three or four decimals."""


@dataclass(frozen=True, slots=True)
class LabelTrack:
    """The steering labels of a recording, in drivesal's convention (degrees or norm, left positive).

    `keys` (N,) float64 ascending: frame numbers or times in seconds, as `by` says; `values` (N,) float64;
    `skipped` rows were no finite numbers; `notes` are sentences for the person: what was assumed or left out.
    `extras` are the table's other columns of numbers by name, (N,) float64 each, NaN where a row has none;
    `full_lock_deg` is what the file's norm 1.0 was said to stand for; `clock_s` what the clock showed at time 0
    [s since 1970], None where the file has no clock's times; `smoothed_s` is the time [s] that the values were
    averaged over.
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
        """The labels averaged over `width_s` (`smoothing`); `rate` frames a second where they go by frames."""
        times = self.keys / rate if self.by == "frame" else self.keys
        values = smoothed(times, self.values, width_s)
        return replace(self, values=values, smoothed_s=width_s, notes=(*self.notes, note(width_s)))

    def at(self, index: int, time_s: float) -> float | None:
        """The label of the frame with this index and time; None where there is none.

        By time, labels are interpolated linearly; nothing is invented outside their range.
        """
        return self._at(self.values, index, time_s)

    def extras_at(self, index: int, time_s: float) -> dict[str, float]:
        """The other columns' numbers of that frame, those that there are; interpolated like labels."""
        found = {name: self._at(column, index, time_s) for name, column in self.extras.items()}
        return {name: value for name, value in found.items() if value is not None and np.isfinite(value)}

    def _at(self, column: NDArray[np.float64], index: int, time_s: float) -> float | None:
        if self.by == "frame":
            place = int(np.searchsorted(self.keys, index))
            found = place < len(self.keys) and self.keys[place] == index
            return float(column[place]) if found else None
        if not self.keys[0] - _TOLERANCE_S <= time_s <= self.keys[-1] + _TOLERANCE_S:
            return None
        return float(np.interp(time_s, self.keys, column))

    def overlaps(self, length: int | None, start_s: float, end_s: float | None) -> bool:
        """Whether a recording of `length` frames from `start_s` to `end_s` can have a labelled frame.

        None for what is not known counts as without bound.
        """
        first, last = float(self.keys[0]), float(self.keys[-1])
        if self.by == "frame":
            return last >= 0 and (length is None or first < length)
        return last + _TOLERANCE_S >= start_s and (end_s is None or first - _TOLERANCE_S < end_s)

    @property
    def coverage(self) -> str:
        """The range of the labels as a person reads it."""
        first, last = self.keys[0], self.keys[-1]
        if self.by == "frame":
            return f"frames #{first:.0f} to #{last:.0f}"
        return f"{first:.3f} s to {last:.3f} s"


def beside(video_path: str | Path) -> Path | None:
    """The CSV of the same name next to a video (`run.csv` for `run.mp4`), None where there is none.

    A folder has none: it is no drive.
    """
    video_path = Path(video_path)
    if not video_path.name or video_path.is_dir():
        return None
    for suffix in (".csv", ".CSV"):
        candidate = video_path.with_suffix(suffix)
        if candidate != video_path and candidate.is_file():
            return candidate
    return None
