"""Which columns of a table of labels hold the angle, its frame or time, and other numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from drivesal.angle import AngleSpec, Side, Turns, Unit
from drivesal.errors import LabelError
from drivesal.recordings.labels.csv_columns import CsvTable, parts_of, plain_name

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


@dataclass(frozen=True, slots=True)
class AngleColumn:
    """The column of angles: its place, its name without a unit, the unit that the name says."""

    index: int
    base: str
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """The column of frame numbers or times: its place, and the seconds of its unit where the name says it."""

    index: int
    by: Literal["frame", "time"]
    scale: float | None = None


def _split_unit(plain: str) -> tuple[str, Unit | None]:
    base, _, suffix = plain.rpartition("_")
    return (base, _UNITS[suffix]) if base and suffix in _UNITS else (plain, None)


def _no_column(table: CsvTable, what: str, looked_for: str, do: str) -> LabelError:
    columns = ", ".join(table.names)
    return LabelError(f"a column of {what} ({looked_for})", f"{table.path} has the columns {columns}", do)


def angle_column_of(table: CsvTable, wanted: str | None) -> AngleColumn:
    """The column of this name, else the one whose name means an angle. Raises `LabelError` without one."""
    if wanted is not None:
        for index, (name, plain) in enumerate(zip(table.names, table.plain, strict=True)):
            if name == wanted or plain == plain_name(wanted):
                return AngleColumn(index, *_split_unit(plain))
        raise _no_column(table, "angles", wanted, "name one of them with --angle-column")
    found = []
    for index, plain in enumerate(table.plain):
        base, unit = _split_unit(plain)
        if base in _ANGLES:
            order = (_ANGLES.index(base), ("deg", "rad", None, "norm").index(unit))
            found.append((order, AngleColumn(index, base, unit)))
    if not found:
        looked_for = ", ".join(_ANGLES) + ", with _deg, _rad or _norm"
        raise _no_column(table, "angles", looked_for, "name it with --angle-column")
    return min(found, key=lambda one: one[0])[1]


def key_column_of(table: CsvTable, angle_index: int) -> KeyColumn:
    """The column of frame numbers, else of times. Raises `LabelError` without one."""
    times: list[KeyColumn] = []
    for name in _FRAMES:
        if name not in table.plain or (index := table.plain.index(name)) == angle_index:
            continue
        numbers = keys_of(table, index)
        numbers = numbers[np.isfinite(numbers)]
        # Udacity writes the capture time in nanoseconds under `frame_id`.
        if len(numbers) and np.median(numbers) > 1e9:
            times.append(KeyColumn(index, "time"))
        elif len(numbers):
            return KeyColumn(index, "frame")
    for index, plain in enumerate(table.plain):
        if index != angle_index and (match := _TIME.fullmatch(plain)):
            suffix = match.group(1)
            times.append(KeyColumn(index, "time", None if suffix is None else _SCALES.get(suffix, 1.0)))
    if not times:
        looked_for = "frame, index, time_s, timestamp, …"
        raise _no_column(table, "frame numbers or times", looked_for, "give one of them such a name")
    return times[-1]


def keys_of(table: CsvTable, index: int) -> NDArray[np.float64]:
    """(N,) float64 of a column of frame numbers or times; an image's name counts as the number in it.

    Published drives have ids such as Ch2_001/center/1479425440130861447 and 1479425440130861447.jpg.
    """
    numbers = table.numbers(index)
    for row in np.flatnonzero(np.isnan(numbers)):
        cells = table.rows[row]
        numbers[row] = table.number(parts_of(cells[index])[1]) if index < len(cells) else np.nan
    return numbers


def extras_of(
    table: CsvTable, taken: set[int], good: NDArray[np.bool_], order: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    """The columns that are not taken, count no frames or time and hold a number, by name; rows as labels'."""
    columns = {
        name: i
        for i, (name, plain) in enumerate(zip(table.names, table.plain, strict=True))
        if i not in taken and plain not in _FRAMES and not _TIME.fullmatch(plain)
    }
    found = {name: table.numbers(i)[good][order] for name, i in columns.items()}
    return {name: column for name, column in found.items() if np.isfinite(column).any()}


def is_challenge(table: CsvTable, angle: AngleColumn, key: KeyColumn) -> bool:
    """Whether the columns are those of Udacity's Challenge 2, whose unit is known."""
    names = table.plain[key.index], table.plain[angle.index]
    return key.by == "time" and names == ("frame_id", "steering_angle")


def angle_spec_of(
    table: CsvTable,
    angle: AngleColumn,
    unit: Unit | None,
    positive: Side | None,
    full_lock_deg: float | None,
    turns: Turns,
    notes: list[str],
) -> AngleSpec:
    """Unit, sign and full lock of the column: as given, as its name says, or as assumed, which `notes` gets."""
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
