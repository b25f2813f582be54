"""Labels with a time offset, with swapped sides, and the ambiguity of both on a winding road."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drivesal.recordings.inspection.label_check import check_fit
from drivesal.recordings.inspection.survey import _shift_advice
from drivesal.types import RecordingInfo

TIMES = np.arange(2400) / 20


def winding(times_s: np.ndarray, wander: float) -> np.ndarray:
    """Curvature of bends with a period of 5 s that varies with `wander`."""
    phase = 2 * np.pi * times_s / 5 + wander * np.sin(times_s / 7) + wander * np.sin(times_s / 11)
    return np.sin(phase) * (1 + 0.3 * np.sin(times_s / 9))


def warning_for(late_s: float, sign: int, wander: float) -> tuple[str, float | None]:
    shifts = 0.05 * np.repeat(winding(TIMES, wander)[:, None], 2, axis=1)
    shifts += np.random.default_rng(0).normal(size=shifts.shape) * 0.002
    fit = check_fit(sign * winding(TIMES - late_s, wander), shifts, TIMES)
    assert fit.warning is not None
    return fit.warning, fit.late_s


def test_late_labels_on_a_winding_road_are_not_reported_as_swapped() -> None:
    warning, late_s = warning_for(2.5, 1, 3.0)
    assert warning.startswith("the labels are about 2.5 s too late: r = 1.0")
    assert "swapped" not in warning
    assert late_s == 2.5
    warning, late_s = warning_for(0.0, -1, 3.0)
    assert warning == "the labels contradict the images: left and right are likely swapped"
    assert late_s is None


@pytest.mark.parametrize(("late_s", "sign"), [(2.5, 1), (0.0, -1)])
def test_an_ambiguous_mismatch_reports_both_causes_with_the_smallest_shift(late_s: float, sign: int) -> None:
    warning, reported_s = warning_for(late_s, sign, 0.0)
    assert "2.5 s too" in warning
    assert re.search(r"or left and right are swapped \(r = \d\.\d\d after swapping\)", warning)
    assert "likely" not in warning
    assert reported_s is not None
    assert abs(reported_s) == 2.5


def test_the_warning_ends_with_the_correlation_of_the_unchanged_labels() -> None:
    times = TIMES
    wander = np.convolve(np.random.default_rng(1).normal(size=2700), np.hanning(60), "same")
    shifts = 0.01 * np.repeat(wander[100:2500, None], 2, axis=1)
    fit = check_fit(wander[62:2462], shifts, times)
    assert fit.correlation is not None
    assert fit.warning is not None
    assert fit.warning.endswith(f"unchanged, r = {fit.correlation:.2f}")


def test_the_advice_for_late_labels_depends_on_where_they_are_stored() -> None:
    own = RecordingInfo(Path("a"), "video", 9, 9, Fraction(20), Fraction(1, 20), 99, 5.0, True, "h264")
    assert _shift_advice(2.5, own, 0.0) == "to correct them, shift the recording's own log by 50 frames"
    table = replace(own, labels_by="time")
    assert _shift_advice(2.5, table, 0.0) == "to correct them, use --label-offset -2.5"
    assert _shift_advice(-2.5, table, -1.0) == "to correct them, use --label-offset 1.5"
    by_frame = replace(own, labels_by="frame")
    late = "to correct them, subtract 50 frames from the frame numbers in the table"
    assert _shift_advice(2.5, by_frame, 0.0) == late
    assert (
        _shift_advice(-2.5, by_frame, 0.0) == "to correct them, add 50 frames to the frame numbers in the table"
    )
