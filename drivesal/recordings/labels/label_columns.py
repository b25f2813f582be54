"""Detection of the columns of a label table: angle, frame number or time, and other signals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from drivesal.angle import AngleSpec, Side, Turns, Unit
from drivesal.errors import LabelError
from drivesal.recordings.labels.csv_columns import CsvTable, normalized_name, split_image_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

# In order of preference, in the form of `normalized_name`.
_ANGLE_NAMES = (
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
_FRAME_NAMES = (
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
_TIME_NAME = re.compile(
    r"(?:time|timestamp|t|ts|video_time|frame_time|seconds?|secs?)(?:_(s|sec|seconds?|ms|us|ns))?"
)
_SECONDS_PER_UNIT = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class AngleColumn:
    """The angle column: its index, its name without the unit, and the unit in its name."""

    index: int
    base: str
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """The column of frame numbers or times: its index, and seconds per unit if its name has a unit."""

    index: int
    by: Literal["frame", "time"]
    scale: float | None = None


def _split_unit(normalized: str) -> tuple[str, Unit | None]:
    base, _, suffix = normalized.rpartition("_")
    return (base, _UNITS[suffix]) if base and suffix in _UNITS else (normalized, None)


def _missing_column(table: CsvTable, what: str, looked_for: str, do: str) -> LabelError:
    columns = ", ".join(table.names)
    return LabelError(f"a column of {what} ({looked_for})", f"{table.path} has the columns {columns}", do)


def find_angle_column(table: CsvTable, requested: str | None) -> AngleColumn:
    """The requested column, else the column with a known angle name. Raises `LabelError` if there is none."""
    if requested is not None:
        for index, (name, normalized) in enumerate(zip(table.names, table.normalized, strict=True)):
            if name == requested or normalized == normalized_name(requested):
                return AngleColumn(index, *_split_unit(normalized))
        raise _missing_column(table, "angles", requested, "name one of them with --angle-column")
    candidates = []
    for index, normalized in enumerate(table.normalized):
        base, unit = _split_unit(normalized)
        if base in _ANGLE_NAMES:
            order = (_ANGLE_NAMES.index(base), ("deg", "rad", None, "norm").index(unit))
            candidates.append((order, AngleColumn(index, base, unit)))
    if not candidates:
        looked_for = ", ".join(_ANGLE_NAMES) + ", with _deg, _rad or _norm"
        raise _missing_column(table, "angles", looked_for, "name it with --angle-column")
    return min(candidates, key=lambda candidate: candidate[0])[1]


def find_key_column(table: CsvTable, angle_index: int) -> KeyColumn:
    """The column of frame numbers, else that of times. Raises `LabelError` if there is neither."""
    times: list[KeyColumn] = []
    for name in _FRAME_NAMES:
        if name not in table.normalized or (index := table.normalized.index(name)) == angle_index:
            continue
        numbers = parse_keys(table, index)
        numbers = numbers[np.isfinite(numbers)]
        # Udacity stores the capture time in nanoseconds as `frame_id`.
        if len(numbers) and np.median(numbers) > 1e9:
            times.append(KeyColumn(index, "time"))
        elif len(numbers):
            return KeyColumn(index, "frame")
    for index, normalized in enumerate(table.normalized):
        if index != angle_index and (match := _TIME_NAME.fullmatch(normalized)):
            suffix = match.group(1)
            times.append(
                KeyColumn(index, "time", None if suffix is None else _SECONDS_PER_UNIT.get(suffix, 1.0))
            )
    if not times:
        looked_for = "frame, index, time_s, timestamp, …"
        raise _missing_column(table, "frame numbers or times", looked_for, "rename one of them accordingly")
    return times[-1]


def parse_keys(table: CsvTable, index: int) -> NDArray[np.float64]:
    """Values of a column of frame numbers or times, (N,) float64; an image name stands for the number in it.

    Published drives use ids such as Ch2_001/center/1479425440130861447 and 1479425440130861447.jpg.
    """
    numbers = table.numbers(index)
    for row in np.flatnonzero(np.isnan(numbers)):
        cells = table.rows[row]
        numbers[row] = table.number(split_image_name(cells[index])[1]) if index < len(cells) else np.nan
    return numbers


def extra_columns(
    table: CsvTable, taken: set[int], usable: NDArray[np.bool_], order: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    """Numeric columns by name, without those in `taken` and those of frames or times; rows as in the labels."""
    columns = {
        name: i
        for i, (name, normalized) in enumerate(zip(table.names, table.normalized, strict=True))
        if i not in taken and normalized not in _FRAME_NAMES and not _TIME_NAME.fullmatch(normalized)
    }
    values = {name: table.numbers(i)[usable][order] for name, i in columns.items()}
    return {name: column for name, column in values.items() if np.isfinite(column).any()}


def is_udacity_challenge(table: CsvTable, angle: AngleColumn, key: KeyColumn) -> bool:
    """Whether the columns are those of the Udacity Challenge 2, whose unit is known."""
    names = table.normalized[key.index], table.normalized[angle.index]
    return key.by == "time" and names == ("frame_id", "steering_angle")


def resolve_angle_spec(
    table: CsvTable,
    angle: AngleColumn,
    unit: Unit | None,
    positive: Side | None,
    full_lock_deg: float | None,
    turns: Turns,
    notes: list[str],
) -> AngleSpec:
    """Angle convention of the column: as given, from its name, or assumed, with a message added to `notes`."""
    name = table.names[angle.index]
    donkey = angle.base == "user_angle"  # a donkeycar tub: -1..1, right positive
    if unit is None and angle.unit is None:
        assumed: Unit = "norm" if donkey or full_lock_deg is not None else "deg"
        note = f"unit {assumed} assumed for column {name}; set it with --angle-unit"
        values = table.numbers(angle.index)
        values = values[np.isfinite(values)]
        if assumed == "deg" and len(values) and np.abs(values).max() <= np.pi:
            note += " (all values are within ±π: they may be radians or -1..1)"
        notes.append(note)
    else:
        assumed = angle.unit or "deg"
    if positive is None:
        side: Side = "right" if donkey else "left"
        notes.append(f"{side} assumed positive for column {name}; set it with --positive")
    unit = unit or assumed
    # the user may have given the full lock for the model only
    lock = full_lock_deg if unit == "norm" else None
    if turns == "unknown" and "wheel_angle" in angle.base:
        turns = "steering-wheel"
    return AngleSpec(unit, turns, positive or ("right" if donkey else "left"), lock)
