"""What is in a recording, and whether its labels fit its picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from drivesal.facts import input_facts
from drivesal.types import Recording

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Floats, Image

_WIDTH = 160
"""Width [px] of the small pictures whose shift is measured."""
_ROWS = (0.35, 0.75)
"""The share of the rows that holds what is far: neither only sky nor only the car's bonnet."""
_STILL = 0.5
"""Mean change of brightness below which the car is taken to stand."""
_GAP = 1.5
"""A step is a gap where it is longer than this many usual ones."""
_LEAST_MOVING = 50
_LEAST_CORRELATION = 0.2


@dataclass(frozen=True, slots=True)
class Fit:
    """How the labels go with the picture: `correlation` of angle and shift to the right over `frames` steps.

    A turn to the left moves the picture to the right, so true labels (left positive) give a positive one.
    `correlation` is None where too little moves to say.
    """

    correlation: float | None
    frames: int
    warning: str | None


class Shifts:
    """The horizontal shift [share of the width, right positive] of each picture to the one before it."""

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._window: Floats | None = None

    def add(self, image: Image) -> float:
        """The shift to the picture added before; NaN for the first one and where nothing moves."""
        height, width = image.shape[:2]
        rows = image[int(_ROWS[0] * height) : max(int(_ROWS[1] * height), 1)]
        size = (_WIDTH, max(round(rows.shape[0] * _WIDTH / width), 4))
        gray = cv2.cvtColor(cv2.resize(rows, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        small = gray.astype(np.float32)
        last, self._last = self._last, small
        if last is None or np.abs(small - last).mean() < _STILL:
            return np.nan
        if self._window is None:
            self._window = cv2.createHanningWindow(size, cv2.CV_32F)
        (shift, _), _ = cv2.phaseCorrelate(last, small, self._window)
        return float(shift) / _WIDTH


def survey(recording: Recording, progress: Callable[[int], object] = lambda _: None) -> dict[str, Any]:
    """Reads every frame of the recording; what it holds, as plain JSON values (docs/recordings.md)."""
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
        "angles": _angles(recording, np.array(angles), np.where(beside, np.array(moves), np.nan)),
        "losses": list(recording.losses),
        "notes": list(recording.info.notes),
    }


def _angles(
    recording: Recording, angles: NDArray[np.float64], moves: NDArray[np.float64]
) -> dict[str, Any] | None:
    """Range, share of zeros and fit of the labels; None where there are none."""
    known = angles[np.isfinite(angles)]
    if recording.info.angle is None or not len(known):
        return None
    fit = check_fit(angles, moves)
    return {
        "frames": len(known),
        "lowest": float(known.min()),
        "highest": float(known.max()),
        "mean": float(known.mean()),
        "share_of_zeros": float((known == 0).mean()),
        "correlation_with_shift": fit.correlation,
        "moving_frames": fit.frames,
        "warning": fit.warning,
    }


def check_fit(angles: NDArray[np.float64], moves: NDArray[np.float64]) -> Fit:
    """Correlates angles (N,), left positive, with the pictures' shifts (N,), right positive; NaN: unknown.

    Shifts of more than a quarter of the width are no movement of a car and are left out.
    """
    good = np.isfinite(angles) & np.isfinite(moves) & (np.abs(np.nan_to_num(moves)) < 0.25)
    count = int(good.sum())
    a, m = angles[good], moves[good]
    if count < _LEAST_MOVING or a.std() == 0 or m.std() == 0:
        return Fit(None, count, None)
    r = float(np.corrcoef(a, m)[0, 1])
    warning = None
    if abs(r) < _LEAST_CORRELATION:
        warning = (
            "the labels hardly go with the picture: they may be another drive's, shifted in time, or noise"
        )
    elif r < 0:
        warning = "the labels go against the picture: left and right are likely exchanged"
    return Fit(r, count, warning)
