"""Labels of another time, of the other side, and of both as far as a winding road tells."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drivesal.recordings.inspection.label_check import check_fit
from drivesal.recordings.inspection.survey import _mended
from drivesal.types import RecordingInfo

TIMES = np.arange(2400) / 20


def winding(times_s: np.ndarray, wander: float) -> np.ndarray:
    """Bends of 5 s, whose period wanders."""
    phase = 2 * np.pi * times_s / 5 + wander * np.sin(times_s / 7) + wander * np.sin(times_s / 11)
    return np.sin(phase) * (1 + 0.3 * np.sin(times_s / 9))


def warned(late_s: float, sign: int, wander: float) -> tuple[str, float | None]:
    moves = 0.05 * np.repeat(winding(TIMES, wander)[:, None], 2, axis=1)
    moves += np.random.default_rng(0).normal(size=moves.shape) * 0.002
    fit = check_fit(sign * winding(TIMES - late_s, wander), moves, TIMES)
    assert fit.warning is not None
    return fit.warning, fit.late_s


def test_late_labels_of_a_winding_road_are_not_told_to_be_exchanged() -> None:
    said, late_s = warned(2.5, 1, 3.0)
    assert said.startswith("the labels come about 2.5 s too late: shifted by that, r = 1.0")
    assert "exchanged" not in said
    assert late_s == 2.5
    said, late_s = warned(0.0, -1, 3.0)
    assert said == "the labels go against the picture: left and right are likely exchanged"
    assert late_s is None


@pytest.mark.parametrize(("late_s", "sign"), [(2.5, 1), (0.0, -1)])
def test_where_both_fit_both_are_named_with_the_smallest_shift(late_s: float, sign: int) -> None:
    said, found = warned(late_s, sign, 0.0)
    assert "2.5 s too" in said
    assert "or left and right are exchanged (exchanged, r = " in said
    assert "likely" not in said
    assert found is not None
    assert abs(found) == 2.5


def test_as_they_are_is_told_of_the_labels_as_they_are() -> None:
    times = TIMES
    wander = np.convolve(np.random.default_rng(1).normal(size=2700), np.hanning(60), "same")
    moves = 0.01 * np.repeat(wander[100:2500, None], 2, axis=1)
    fit = check_fit(wander[62:2462], moves, times)
    assert fit.correlation is not None
    assert fit.warning is not None
    assert fit.warning.endswith(f"as they are {fit.correlation:.2f}")


def test_what_mends_labels_that_come_late_can_be_done() -> None:
    own = RecordingInfo(Path("a"), "video", 9, 9, Fraction(20), Fraction(1, 20), 99, 5.0, True, "h264")
    assert _mended(2.5, own, 0.0) == "to shift them, mend the recording's own log by 50 frames"
    table = replace(own, labels_by="time")
    assert _mended(2.5, table, 0.0) == "to shift them, --label-offset -2.5"
    assert _mended(-2.5, table, -1.0) == "to shift them, --label-offset 1.5"
    frames = _mended(2.5, replace(own, labels_by="frame"), 0.0)
    assert frames == "to shift them, subtract 50 frames in the table, which is keyed by frame"
