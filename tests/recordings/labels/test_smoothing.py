"""Labels averaged over time, and the detection of labels from keyboard steering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.recordings import open_recording, read_labels
from drivesal.series.pulses import pulses
from drivesal.series.smoothing import smoothed
from tests.clips import make_clip
from tests.recordings.drives import comma, simulator

TIMES = np.arange(200) / 10


def key_labels(share: int = 4) -> np.ndarray:
    """Labels of keyboard steering: 2 of every 2 · `share` frames are ±0.5; the sign flips every 40 frames."""
    phase = np.arange(200) % (2 * share)
    return np.where(phase < 2, 0.5, 0.0) * np.where(np.arange(200) // 40 % 2, -1, 1)


def test_the_moving_average_of_labels() -> None:
    values = np.sin(TIMES)
    means = smoothed(TIMES, values, 1.0)
    assert means[50] == pytest.approx(values[45:56].mean())
    assert means[0] == pytest.approx(values[:6].mean())  # the window is truncated at the ends
    assert smoothed(TIMES, values, 0.05) == pytest.approx(values)
    with pytest.raises(OptionError, match="above 0"):
        smoothed(TIMES, values, 0.0)


def test_no_average_across_gaps_or_for_missing_labels() -> None:
    times = np.concatenate([np.arange(5) / 10, 1.6 + np.arange(5) / 10])
    values = np.array([1.0] * 5 + [9.0] * 5)
    values[2] = np.nan
    means = smoothed(times, values, 4.0)
    assert np.isnan(means[2])
    assert means[[0, 1, 3, 4]] == pytest.approx(1.0)
    assert means[5:] == pytest.approx(9.0)
    without_gap = np.where(times > 1, times - 0.3, times)  # a step of 0.9 s is not a gap
    assert 1 < smoothed(without_gap, values, 4.0)[0] < 9


def test_own_labels_are_smoothed_for_every_access_method(tmp_path: Path) -> None:
    folder = simulator(tmp_path / "sim", [100 * i for i in range(12)], ["0", "0", "0.4", "0"] * 3)
    with open_recording(folder, smooth_s=0.4) as recording:
        labels = [frame.steering for frame in recording.frames()]
        assert labels[3] == pytest.approx(-25 * 0.4 / 5)
        assert recording.at(3).steering == labels[3]
        assert recording.info.smoothed_s == 0.4
        assert any("mean over 0.4 s" in note for note in recording.info.notes)
    with open_recording(folder) as recording:
        assert recording.at(2).steering == pytest.approx(-10)
        assert recording.info.smoothed_s is None


def test_table_labels_are_smoothed_by_time_and_by_frame(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "run.mp4", 20)  # 20 frames a second
    for key, name in ((lambda i: i, "frame"), (lambda i: f"{i / 20:.3f}", "time_s")):
        rows = [f"{name},steering_angle_deg", *(f"{key(i)},{10 * (i == 10)}" for i in range(20))]
        (tmp_path / "run.csv").write_text("\n".join(rows))
        with open_recording(clip, labels=read_labels(tmp_path / "run.csv"), smooth_s=0.2) as recording:
            assert [recording.at(i).steering for i in (7, 8, 10, 12)] == pytest.approx([0, 2, 2, 2]), name
            assert recording.info.smoothed_s == 0.2


def test_comma2k19_labels_are_smoothed(tmp_path: Path) -> None:
    folder = comma(tmp_path / "segment", 20)
    with open_recording(folder, smooth_s=0.8) as recording, open_recording(folder) as plain:
        assert recording.at(10).steering == pytest.approx(
            plain.at(10).steering
        )  # the mean of a linear signal is its middle
        assert recording.at(0).steering > plain.at(0).steering
        assert recording.info.smoothed_s == 0.8


def test_labels_of_keyboard_steering_are_detected() -> None:
    detected = pulses(TIMES, key_labels())
    assert detected is not None
    assert (detected.share, detected.count, detected.usual_s) == (0.75, 25, pytest.approx(0.2))
    assert "75% are exactly 0" in detected.sentence
    rng = np.random.default_rng(0)
    wheel = np.cumsum(rng.normal(size=200))
    for labels in (
        wheel,
        np.where(TIMES < 10, 0.0, wheel),  # stationary, then driving
        np.where(np.sin(TIMES / 2) > 0, np.sin(TIMES / 2), 0),  # bends and straight segments
        np.zeros(200),
        np.full(200, np.nan),
        np.zeros(1),
    ):
        assert pulses(TIMES[: len(labels)], labels) is None
    assert pulses(TIMES, smoothed(TIMES, key_labels(), 1.0)) is None
