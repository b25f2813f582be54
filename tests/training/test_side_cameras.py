"""The correction of side cameras' labels: its syntax, and its value in the labels' unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.recordings import open_recording
from drivesal.training.batches import sampling_weights
from drivesal.training.examples import Examples
from drivesal.training.side_cameras import SideCorrection, with_corrected_labels
from drivesal.training.training_run import Recipe
from tests.recordings.drives import bag, simulator


@pytest.mark.parametrize(
    ("text", "amount", "degrees"),
    [("0.2", 0.2, False), (" .1 ", 0.1, False), ("5deg", 5, True), ("2.5°", 2.5, True), ("1", 1, False)],
)
def test_a_correction_is_a_share_or_degrees(text: str, amount: float, degrees: bool) -> None:
    assert SideCorrection.parse(text) == SideCorrection(amount, degrees)


@pytest.mark.parametrize("text", ["none", "None", "0", "0.0", "0deg"])
def test_none_and_0_mean_no_correction(text: str) -> None:
    assert SideCorrection.parse(text) is None


@pytest.mark.parametrize("text", ["", "-0.2", "5", "nan", "0.2 norm", "1e3deg", "left"])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--side-correction as a share of full lock"):
        SideCorrection.parse(text)


def test_labels_of_the_left_camera_are_corrected_to_the_right(tmp_path: Path) -> None:
    simulator(tmp_path / "sim", [0, 70, 140], ["0", "0.1", "-0.1"])
    for camera, angles in (("left", [-5, -7.5, -2.5]), ("right", [5, 2.5, 7.5]), ("center", [0, -2.5, 2.5])):
        with open_recording(tmp_path / "sim", camera=camera) as recording:
            assert recording.info.camera == camera
            assert recording.info.cameras == ("center", "left", "right")
            side_recording = with_corrected_labels(recording, SideCorrection(0.2, degrees=False))
            assert [frame.steering for frame in side_recording.frames()] == pytest.approx(angles)
            assert side_recording.at(1).steering == pytest.approx(angles[1])


def test_labels_in_degrees_without_a_full_lock_need_degrees(tmp_path: Path) -> None:
    bag(tmp_path / "bag", 3)
    with open_recording(tmp_path / "bag", camera="left") as recording:
        assert SideCorrection(0.2, degrees=False).angle(recording.info) is None
        with pytest.raises(OptionError, match="no known full lock; give it like 5deg"):
            with_corrected_labels(recording, SideCorrection(0.2, degrees=False))
        side_recording = with_corrected_labels(recording, SideCorrection(5, degrees=True))
        assert side_recording.at(2).steering == pytest.approx(recording.at(2).steering - 5)


def test_pulses_are_sampled_by_their_mean_over_a_second() -> None:
    """Otherwise nonzero ones would be sampled twice as often as they occur, and too large angles be learnt."""
    count = 400
    times = np.arange(count) / 10
    angles = np.where(np.arange(count) % 4 == 0, 8.0, 0.0).astype(np.float32)
    zeros = np.zeros(count, np.intp)
    pictures = np.zeros((1, 2, 2, 3), np.uint8)
    examples = Examples(pictures, zeros, angles, times, zeros, zeros.astype(bool))
    assert sampling_weights(examples)[angles == 0].sum() == pytest.approx(0.75, abs=0.02)
    wheel = Examples(pictures, zeros, np.sort(angles), times, zeros, zeros.astype(bool))
    assert sampling_weights(wheel)[wheel.angles == 0].sum() < 0.65


def test_side_cameras_do_not_make_an_epoch_longer() -> None:
    zeros = np.zeros(300, np.intp)
    pictures = np.zeros((1, 2, 2, 3), np.uint8)
    side = np.arange(300) >= 100
    examples = Examples(pictures, zeros, np.zeros(300, np.float32), np.arange(300.0), zeros, side)
    assert Recipe(batch=20).steps(examples) == 5
