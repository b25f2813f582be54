"""Steering labels from a CSV: rows that count, times in seconds, angles in drivesal's convention."""

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
    angle_column_of,
    angle_spec_of,
    extras_of,
    is_challenge,
    key_column_of,
    keys_of,
)
from drivesal.recordings.labels.track import LabelTrack

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EPOCH_S = 1e8
"""A time above three years is a clock's, not a recording's."""


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
    angle = angle_column_of(table, angle_column)
    key = key_column_of(table, angle.index)
    notes: list[str] = []
    if is_challenge(table, angle, key) and unit is None:
        unit, positive = "rad", positive or "left"
        turns = turns if turns != "unknown" else "steering-wheel"
        said = "frame_id of nanoseconds with steering_angle, as in Udacity's Challenge 2"
        notes.append(f"{said}: radians at the steering wheel, left positive; --angle-unit says otherwise")
    spec = angle_spec_of(table, angle, unit, positive, full_lock_deg, turns, notes)
    if key.by == "frame" and offset_s:
        raise OptionError(
            "labels with times for a label offset",
            f"{path} gives frame numbers (column {table.names[key.index]})",
            "leave --label-offset out",
        )
    keys, values = keys_of(table, key.index), table.numbers(angle.index)
    finite = np.isfinite(keys) & np.isfinite(values)
    good = finite & ((key.by == "time") | (keys == np.rint(keys)))
    if not good.any():
        raise _no_row(table, key, angle, keys[finite])
    notes.extend(_skipped(path, finite, good))
    skipped = int(len(good) - good.sum())
    keys = keys[good]
    clock_s = None
    if key.by == "time":
        keys, clock_s = _seconds(keys, key.scale, table.names[key.index], notes)
        keys += offset_s
    keys, order = _ascending(keys, key.by, notes)
    values = values[good][order] * spec.factor + 0.0  # no -0.0
    extras = extras_of(table, {key.index, angle.index}, good, order)
    return LabelTrack(
        path, key.by, keys, values, spec.kind, skipped, tuple(notes), extras, spec.full_lock_deg, clock_s
    )


def _no_row(table: CsvTable, key: KeyColumn, angle: AngleColumn, odd: NDArray[np.float64]) -> LabelError:
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


def _seconds(
    times: NDArray[np.float64], scale: float | None, name: str, notes: list[str]
) -> tuple[NDArray[np.float64], float | None]:
    """Times in seconds, and what the clock showed at 0, None where they are no clock's.

    Without a unit in the name, numbers of a clock's size tell it (s, ms, us or ns).
    """
    middle = float(np.median(np.abs(times)))
    if scale is None:
        scale = next((one for limit, one in ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3)) if middle > limit), 1.0)
    if middle * scale > _EPOCH_S:
        notes.append(f"column {name} holds clock times: counted from its first row")
        return (times - times[0]) * scale, float(times[0]) * scale
    return times * scale, None


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
