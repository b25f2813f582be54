"""Survey of a recording: its contents, and whether its labels match its images."""

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

_GAP_STEPS = 1.5
"""A time step longer than this many median steps is a gap."""


def survey(
    recording: Recording, progress: Callable[[int], object] = lambda _: None, *, offset_s: float = 0.0
) -> dict[str, Any]:
    """Read every frame of the recording and return its contents as JSON values (docs/recordings.md).

    `offset_s` is the offset that was added to the times of its label table.
    """
    shifts = Shifts()
    times, angles, image_shifts, indices = [], [], [], []
    for frame in recording.frames():
        indices.append(frame.index)
        times.append(frame.time_s)
        angles.append(np.nan if frame.steering is None else frame.steering)
        image_shifts.append(shifts.add(frame.image))
        progress(1)
    steps = np.diff(np.array(times))
    median_step = float(np.median(steps)) if len(steps) else float(1 / recording.info.rate)
    gaps = steps[steps > _GAP_STEPS * median_step]
    consecutive = np.append(False, (steps <= _GAP_STEPS * median_step) & (np.diff(indices) == 1))
    facts = input_facts(recording)
    return {
        **facts,
        "path": str(recording.info.path),
        "frames": len(times),
        "gaps": {"count": len(gaps), "largest_s": float(gaps.max()) if len(gaps) else 0.0},
        "own_labels": recording.info.own_labels,
        "angles": _angles(
            recording,
            np.array(angles),
            np.where(consecutive[:, None], np.array(image_shifts), np.nan),
            times,
            offset_s,
        ),
        "losses": list(recording.losses),
        "notes": list(recording.info.notes),
    }


def _angles(
    recording: Recording,
    angles: NDArray[np.float64],
    image_shifts: NDArray[np.float64],
    times: list[float],
    offset_s: float,
) -> dict[str, Any] | None:
    """Range, share of zeros and fit of the labels; None without labels."""
    known = angles[np.isfinite(angles)]
    if recording.info.angle is None or not len(known):
        return None
    key_pulses = pulses(np.array(times), angles)
    fit = check_fit(angles, image_shifts, np.array(times))
    return {
        "frames": len(known),
        "lowest": float(known.min()),
        "highest": float(known.max()),
        "mean": float(known.mean()),
        "share_of_zeros": float((known == 0).mean()),
        "pulses": None if key_pulses is None else key_pulses.sentence,
        "correlation_with_shift": fit.correlation,
        "correlation_interval": None if fit.interval is None else list(fit.interval),
        "halves_agree": fit.agreement,
        "moving_frames": fit.frames,
        "check": fit.sentence,
        "warning": fit.warning
        if fit.warning is None or fit.late_s is None
        else f"{fit.warning}; {_shift_advice(fit.late_s, recording.info, offset_s)}",
    }


def _shift_advice(late_s: float, info: RecordingInfo, offset_s: float) -> str:
    """How to correct labels that are late by this much [s]; depends on where the labels are stored."""
    if info.labels_by == "time":
        return f"to correct them, use --label-offset {offset_s - late_s:.1f}"
    count = round(abs(late_s) * float(info.rate))
    frames = f"{count} frame{'s'[: count != 1]}"
    if info.labels_by == "frame":
        change = f"subtract {frames} from" if late_s > 0 else f"add {frames} to"
        return f"to correct them, {change} the frame numbers in the table"
    return f"to correct them, shift the recording's own log by {frames}"
