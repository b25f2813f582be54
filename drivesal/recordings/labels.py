"""Steering labels from a CSV: which columns they are in, their unit and sign, and the label of a frame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from drivesal.errors import LabelError, OptionError
from drivesal.recordings.csvtable import Table, plain_name, read_table
from drivesal.steering import AngleKind, AngleSpec, Side, Turns, Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

# In the order of preference; names are compared in the form that `plain_name` gives them.
_ANGLES = (
    "steering_wheel_angle",
    "steering_angle",
    "steer_angle",
    "wheel_angle",
    "steering",
    "steer",
    "angle",
    "user_angle",
)
_UNITS: dict[str, Unit] = {
    "deg": "deg",
    "degree": "deg",
    "degrees": "deg",
    "rad": "rad",
    "radian": "rad",
    "radians": "rad",
    "norm": "norm",
    "normalized": "norm",
    "normalised": "norm",
}
_FRAMES = (
    "frame",
    "frame_index",
    "frame_number",
    "frame_no",
    "frame_idx",
    "frame_id",
    "index",
    "idx",
    "i",
)
_TIME = re.compile(
    r"(?:time|timestamp|t|ts|video_time|frame_time|seconds?|secs?)(?:_(s|sec|seconds?|ms|us|ns))?"
)
_SCALES = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_EPOCH_S = 1e8
"""A time above three years is a clock's, not a recording's."""
_TOLERANCE_S = 1e-3
"""Label times are often written with three or four decimals."""


@dataclass(frozen=True, slots=True)
class LabelTrack:
    """The steering labels of a recording, in drivesal's convention (degrees or norm, left positive).

    `keys` (N,) float64 ascending: frame numbers or times in seconds, as `by` says; `values` (N,) float64;
    `skipped` rows were no finite numbers; `notes` are sentences for the person: what was assumed or left out.
    `extras` are the table's other columns of numbers by name, (N,) float64 each, NaN where a row has none;
    `full_lock_deg` is what the file's norm 1.0 was said to stand for.
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


def read_labels(
    path: str | Path,
    *,
    angle_column: str | None = None,
    unit: Unit | None = None,
    positive: Side | None = None,
    full_lock_deg: float | None = None,
    turns: Turns = "unknown",
    offset_s: float = 0.0,
) -> LabelTrack:
    """Reads a CSV with a column of frame numbers or of times (both: frames win) and one of angles.

    Columns are found by the sense of their names, the angle's also by `angle_column`; `unit` and `positive`
    win over what the name says, and where neither says it degrees and left positive are assumed, with a note.
    `turns` says what was measured; a name with "wheel_angle" says the steering wheel; "unknown" is taken to be
    what the model answers. `full_lock_deg` is what norm 1.0 stands for; other units leave it. `offset_s` is
    added to the labels' times: a frame at time t gets the label that the file has for t − offset_s. Times of
    a clock (an epoch) count from the first row.

    Raises `LabelError` where the file has no usable labels, `OptionError` for options that do not fit it.
    """
    path = Path(path)
    table = read_table(path)
    angle = _angle_column(table, angle_column)
    key = _key_column(table, angle.index)
    notes: list[str] = []
    spec = _angle_spec(table, angle, unit, positive, full_lock_deg, turns, notes)
    if key.by == "frame" and offset_s:
        raise OptionError(
            "labels with times for a label offset",
            f"{path} gives frame numbers (column {table.names[key.index]})",
            "leave --label-offset out",
        )
    keys, values = table.numbers(key.index), table.numbers(angle.index)
    finite = np.isfinite(keys) & np.isfinite(values)
    good = finite & ((key.by == "time") | (keys == np.rint(keys)))
    if not good.any():
        raise _no_row(table, key, angle, keys[finite])
    notes.extend(_skipped(path, finite, good))
    skipped = int(len(good) - good.sum())
    keys = keys[good]
    if key.by == "time":
        keys = _seconds(keys, key.scale, table.names[key.index], notes) + offset_s
    keys, order = _ascending(keys, key.by, notes)
    values = values[good][order] * spec.factor
    extras = _extras(table, {key.index, angle.index}, good, order)
    return LabelTrack(path, key.by, keys, values, spec.kind, skipped, tuple(notes), extras, spec.full_lock_deg)


def _extras(
    table: Table, taken: set[int], good: NDArray[np.bool_], order: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    """The columns that are not taken, count no frames or time and hold a number, by name; rows as labels'."""
    columns = {
        name: i
        for i, (name, plain) in enumerate(zip(table.names, table.plain, strict=True))
        if i not in taken and plain not in _FRAMES and not _TIME.fullmatch(plain)
    }
    found = {name: table.numbers(i)[good][order] for name, i in columns.items()}
    return {name: column for name, column in found.items() if np.isfinite(column).any()}


def _no_row(table: Table, key: _Key, angle: _Angle, odd: NDArray[np.float64]) -> LabelError:
    """Why no row can be used; `odd` holds the finite keys, none of which is a frame number."""
    name = table.names[key.index]
    if len(odd):
        return LabelError(
            "whole frame numbers",
            f"column {name} of {table.path} has none ({odd[0]:g}, …)",
            "give frame numbers, or call a column of seconds time_s",
        )
    return LabelError(
        "rows of finite numbers",
        f"none of the {len(table.rows)} rows of {table.path} has both {name} and "
        f"{table.names[angle.index]} as a finite number",
        "check the file, or name the column with --angle-column",
    )


def _skipped(path: Path, finite: NDArray[np.bool_], good: NDArray[np.bool_]) -> Iterator[str]:
    """Notes on the rows that are left out."""
    whys = ("not finite numbers", ~finite), ("frame numbers that are not whole", finite & ~good)
    for why, rows in whys:
        if rows.any():
            yield f"{rows.sum()} of {len(rows)} rows of {path.name} skipped: {why}"


@dataclass(frozen=True, slots=True)
class _Angle:
    index: int
    base: str
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class _Key:
    index: int
    by: Literal["frame", "time"]
    scale: float | None = None


def _split_unit(plain: str) -> tuple[str, Unit | None]:
    base, _, suffix = plain.rpartition("_")
    return (base, _UNITS[suffix]) if base and suffix in _UNITS else (plain, None)


def _no_column(table: Table, what: str, looked_for: str, do: str) -> LabelError:
    columns = ", ".join(table.names)
    return LabelError(f"a column of {what} ({looked_for})", f"{table.path} has the columns {columns}", do)


def _angle_column(table: Table, wanted: str | None) -> _Angle:
    if wanted is not None:
        for index, (name, plain) in enumerate(zip(table.names, table.plain, strict=True)):
            if name == wanted or plain == plain_name(wanted):
                return _Angle(index, *_split_unit(plain))
        raise _no_column(table, "angles", wanted, "name one of them with --angle-column")
    found = []
    for index, plain in enumerate(table.plain):
        base, unit = _split_unit(plain)
        if base in _ANGLES:
            order = (_ANGLES.index(base), ("deg", "rad", None, "norm").index(unit))
            found.append((order, _Angle(index, base, unit)))
    if not found:
        looked_for = ", ".join(_ANGLES) + ", with _deg, _rad or _norm"
        raise _no_column(table, "angles", looked_for, "name it with --angle-column")
    return min(found, key=lambda one: one[0])[1]


def _key_column(table: Table, angle_index: int) -> _Key:
    times: list[_Key] = []
    for name in _FRAMES:
        if name not in table.plain or (index := table.plain.index(name)) == angle_index:
            continue
        numbers = table.numbers(index)
        numbers = numbers[np.isfinite(numbers)]
        # Udacity writes the capture time in nanoseconds under `frame_id`.
        if len(numbers) and np.median(numbers) > 1e9:
            times.append(_Key(index, "time"))
        elif len(numbers):
            return _Key(index, "frame")
    for index, plain in enumerate(table.plain):
        if index != angle_index and (match := _TIME.fullmatch(plain)):
            suffix = match.group(1)
            times.append(_Key(index, "time", None if suffix is None else _SCALES.get(suffix, 1.0)))
    if not times:
        looked_for = "frame, index, time_s, timestamp, …"
        raise _no_column(table, "frame numbers or times", looked_for, "give one of them such a name")
    return times[-1]


def _angle_spec(
    table: Table,
    angle: _Angle,
    unit: Unit | None,
    positive: Side | None,
    full_lock_deg: float | None,
    turns: Turns,
    notes: list[str],
) -> AngleSpec:
    name = table.names[angle.index]
    donkey = angle.base == "user_angle"  # a donkeycar tub: -1..1, right positive
    if unit is None and angle.unit is None:
        assumed: Unit = "norm" if donkey or full_lock_deg is not None else "deg"
        note = f"unit {assumed} assumed for column {name}; --angle-unit says otherwise"
        values = table.numbers(angle.index)
        values = values[np.isfinite(values)]
        if assumed == "deg" and len(values) and np.abs(values).max() <= np.pi:
            note += " (no value is beyond ±π: they may be radians or -1..1)"
        notes.append(note)
    else:
        assumed = angle.unit or "deg"
    if positive is None:
        side: Side = "right" if donkey else "left"
        notes.append(f"{side} assumed positive for column {name}; --positive says otherwise")
    unit = unit or assumed
    # a full lock may be meant for the model alone
    lock = full_lock_deg if unit == "norm" else None
    if turns == "unknown" and "wheel_angle" in angle.base:
        turns = "steering-wheel"
    return AngleSpec(unit, turns, positive or ("right" if donkey else "left"), lock)


def _seconds(
    times: NDArray[np.float64], scale: float | None, name: str, notes: list[str]
) -> NDArray[np.float64]:
    """Times in seconds. Without a unit in the name, numbers of a clock's size tell it (s, ms, us or ns)."""
    middle = float(np.median(np.abs(times)))
    if scale is None:
        scale = next((one for limit, one in ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3)) if middle > limit), 1.0)
    if middle * scale > _EPOCH_S:
        notes.append(f"column {name} holds clock times: counted from its first row")
        times = times - times[0]
    return times * scale


def _ascending(
    keys: NDArray[np.float64], by: str, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The keys sorted, and which rows they are; of rows with the same key the last one in the file stays."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    last = np.append(keys[1:] != keys[:-1], True)
    if twice := int(len(keys) - last.sum()):
        what = "frame numbers" if by == "frame" else "times"
        notes.append(f"{twice} repeated {what} in the labels: the last row of each counts")
    return keys[last], order[last]
