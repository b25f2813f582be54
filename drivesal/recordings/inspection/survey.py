"""What is in a recording, and whether its labels fit its picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.recordings.inspection.facts import input_facts
from drivesal.recordings.inspection.label_check import Shifts, check_fit
from drivesal.series.pulses import pulses
from drivesal.types import Recording, RecordingInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GAP = 1.5
"""A step is a gap where it is longer than this many usual ones."""


def survey(
    recording: Recording, progress: Callable[[int], object] = lambda _: None, *, offset_s: float = 0.0
) -> dict[str, Any]:
    """Reads every frame of the recording; what it holds, as plain JSON values (docs/recordings.md).

    `offset_s` was added to the times of its table of labels.
    """
    shifts = Shifts()
    times, angles, moves, places = [], [], [], []
    for frame in recording.frames():
        places.append(frame.index)
        times.append(frame.time_s)
        angles.append(np.nan if frame.steering is None else frame.steering)
        moves.append(shifts.add(frame.image))
        progress(1)
    steps = np.diff(np.array(times))
    usual = float(np.median(steps)) if len(steps) else float(1 / recording.info.rate)
    gaps = steps[steps > _GAP * usual]
    beside = np.append(False, (steps <= _GAP * usual) & (np.diff(places) == 1))
    facts = input_facts(recording)
    return {
        **facts,
        "path": str(recording.info.path),
        "frames": len(times),
        "gaps": {"count": len(gaps), "largest_s": float(gaps.max()) if len(gaps) else 0.0},
        "own_labels": recording.info.own_labels,
        "angles": _angles(
            recording, np.array(angles), np.where(beside[:, None], np.array(moves), np.nan), times, offset_s
        ),
        "losses": list(recording.losses),
        "notes": list(recording.info.notes),
    }


def _angles(
    recording: Recording,
    angles: NDArray[np.float64],
    moves: NDArray[np.float64],
    times: list[float],
    offset_s: float,
) -> dict[str, Any] | None:
    """Range, share of zeros and fit of the labels; None where there are none."""
    known = angles[np.isfinite(angles)]
    if recording.info.angle is None or not len(known):
        return None
    keys = pulses(np.array(times), angles)
    fit = check_fit(angles, moves, np.array(times))
    return {
        "frames": len(known),
        "lowest": float(known.min()),
        "highest": float(known.max()),
        "mean": float(known.mean()),
        "share_of_zeros": float((known == 0).mean()),
        "pulses": None if keys is None else keys.sentence,
        "correlation_with_shift": fit.correlation,
        "correlation_interval": None if fit.interval is None else list(fit.interval),
        "halves_agree": fit.agreement,
        "moving_frames": fit.frames,
        "check": fit.sentence,
        "warning": fit.warning
        if fit.warning is None or fit.late_s is None
        else f"{fit.warning}; {_mended(fit.late_s, recording.info, offset_s)}",
    }


def _mended(late_s: float, info: RecordingInfo, offset_s: float) -> str:
    """What to do about labels that come so late [s], as they can be shifted."""
    if info.labels_by == "time":
        return f"to shift them, --label-offset {offset_s - late_s:.1f}"
    count = round(abs(late_s) * float(info.rate))
    frames = f"{count} frame{'s'[: count != 1]}"
    if info.labels_by == "frame":
        do = "subtract" if late_s > 0 else "add"
        return f"to shift them, {do} {frames} in the table, which is keyed by frame"
    return f"to shift them, mend the recording's own log by {frames}"
