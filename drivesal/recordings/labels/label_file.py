"""Steering labels from a CSV: valid rows, times in seconds, angles in drivesal's convention."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drivesal.angle import Side, Turns, Unit
from drivesal.errors import LabelError, OptionError
from drivesal.recordings.labels.csv_columns import CsvTable, read_table
from drivesal.recordings.labels.label_columns import (
    AngleColumn,
    KeyColumn,
    extra_columns,
    find_angle_column,
    find_key_column,
    is_udacity_challenge,
    parse_keys,
    resolve_angle_spec,
)
from drivesal.recordings.labels.track import LabelTrack

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EPOCH_S = 1e8
"""A time beyond about three years is a clock time, not a time in the recording."""


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
    """Read a CSV with a column of angles and one of frame numbers or times; frame numbers take precedence.

    Columns are found by their names; `angle_column` names the angle column explicitly. `unit` and `positive`
    override the column name; if neither specifies them, degrees and left positive are assumed, with a note.
    `turns` is what the angle is measured at; a name with "wheel_angle" implies the steering wheel; "unknown"
    counts as that of the model's angle. `full_lock_deg` is the angle at norm 1.0, ignored for other units.
    `offset_s` is added to the label times: a frame at time t gets the label of t − offset_s in the file. Clock
    times (seconds since an epoch) are counted from the first row.

    Raises `LabelError` if the file has no usable labels, `OptionError` for options that do not apply to it.
    """
    path = Path(path)
    table = read_table(path)
    angle = find_angle_column(table, angle_column)
    key = find_key_column(table, angle.index)
    notes: list[str] = []
    if is_udacity_challenge(table, angle, key) and unit is None:
        unit, positive = "rad", positive or "left"
        turns = turns if turns != "unknown" else "steering-wheel"
        columns = "frame_id in nanoseconds and steering_angle, as in the Udacity Challenge 2"
        notes.append(f"{columns}: radians at the steering wheel, left positive; change it with --angle-unit")
    spec = resolve_angle_spec(table, angle, unit, positive, full_lock_deg, turns, notes)
    if key.by == "frame" and offset_s:
        raise OptionError(
            "labels keyed by time for --label-offset",
            f"{path} has frame numbers (column {table.names[key.index]})",
            "leave --label-offset out",
        )
    keys, values = parse_keys(table, key.index), table.numbers(angle.index)
    finite = np.isfinite(keys) & np.isfinite(values)
    usable = finite & ((key.by == "time") | (keys == np.rint(keys)))
    if not usable.any():
        raise _no_usable_row(table, key, angle, keys[finite])
    notes.extend(_skipped_notes(path, finite, usable))
    skipped = int(len(usable) - usable.sum())
    keys = keys[usable]
    clock_s = None
    if key.by == "time":
        keys, clock_s = _to_seconds(keys, key.scale, table.names[key.index], notes)
        keys += offset_s
    keys, order = _sorted_keys(keys, key.by, notes)
    values = values[usable][order] * spec.factor + 0.0  # no -0.0
    extras = extra_columns(table, {key.index, angle.index}, usable, order)
    return LabelTrack(
        path, key.by, keys, values, spec.kind, skipped, tuple(notes), extras, spec.full_lock_deg, clock_s
    )


def _no_usable_row(
    table: CsvTable, key: KeyColumn, angle: AngleColumn, bad_keys: NDArray[np.float64]
) -> LabelError:
    """The error if no row is usable; `bad_keys` are finite keys, none of which is a frame number."""
    name = table.names[key.index]
    if len(bad_keys):
        return LabelError(
            "integer frame numbers",
            f"column {name} of {table.path} has none ({bad_keys[0]:g}, …)",
            "give frame numbers, or name a column of seconds time_s",
        )
    return LabelError(
        "rows with finite numbers",
        f"none of the {len(table.rows)} rows of {table.path} has both {name} and "
        f"{table.names[angle.index]} as a finite number",
        "check the file, or name the column with --angle-column",
    )


def _skipped_notes(path: Path, finite: NDArray[np.bool_], usable: NDArray[np.bool_]) -> Iterator[str]:
    """Notes about skipped rows."""
    reasons = ("not finite numbers", ~finite), ("frame numbers that are not integers", finite & ~usable)
    for reason, rows in reasons:
        if rows.any():
            yield f"{rows.sum()} of {len(rows)} rows of {path.name} skipped: {reason}"


def _to_seconds(
    times: NDArray[np.float64], scale: float | None, name: str, notes: list[str]
) -> tuple[NDArray[np.float64], float | None]:
    """Times in seconds, and the clock time at 0, None if they are not clock times.

    Without a unit in the column name, the unit of clock times (s, ms, us or ns) follows from their magnitude.
    """
    median = float(np.median(np.abs(times)))
    if scale is None:
        units = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
        scale = next((seconds for limit, seconds in units if median > limit), 1.0)
    if median * scale > _EPOCH_S:
        notes.append(f"column {name} holds clock times: counted from its first row")
        return (times - times[0]) * scale, float(times[0]) * scale
    return times * scale, None


def _sorted_keys(
    keys: NDArray[np.float64], by: str, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Sorted unique keys, and the row of each; of rows with equal keys the last one in the file is kept."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    last = np.append(keys[1:] != keys[:-1], True)
    if repeated := int(len(keys) - last.sum()):
        kind = "frame numbers" if by == "frame" else "times"
        notes.append(f"{repeated} repeated {kind} in the labels: the last row of each is used")
    return keys[last], order[last]
