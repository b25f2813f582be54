"""The correction of labels of side cameras: how it is written, and what it is in the labels' unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.recordings import open_recording
from drivesal.training.batches import drawn_as_often
from drivesal.training.course import Recipe
from drivesal.training.examples import Examples
from drivesal.training.sides import Correction, corrected
from tests.recordings.drives import bag, simulator


@pytest.mark.parametrize(
    ("text", "amount", "degrees"),
    [("0.2", 0.2, False), (" .1 ", 0.1, False), ("5deg", 5, True), ("2.5°", 2.5, True), ("1", 1, False)],
)
def test_a_correction_is_a_share_or_degrees(text: str, amount: float, degrees: bool) -> None:
    assert Correction.parse(text) == Correction(amount, degrees)


@pytest.mark.parametrize("text", ["none", "None", "0", "0.0", "0deg"])
def test_none_and_0_are_none(text: str) -> None:
    assert Correction.parse(text) is None


@pytest.mark.parametrize("text", ["", "-0.2", "5", "nan", "0.2 norm", "1e3deg", "left"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--side-correction as a share of full lock"):
        Correction.parse(text)


def test_the_left_camera_asks_for_more_to_the_right(tmp_path: Path) -> None:
    simulator(tmp_path / "sim", [0, 70, 140], ["0", "0.1", "-0.1"])
    for camera, angles in (("left", [-5, -7.5, -2.5]), ("right", [5, 2.5, 7.5]), ("center", [0, -2.5, 2.5])):
        with open_recording(tmp_path / "sim", camera=camera) as recording:
            assert recording.info.camera == camera
            assert recording.info.cameras == ("center", "left", "right")
            found = corrected(recording, Correction(0.2, degrees=False))
            assert [frame.steering for frame in found.frames()] == pytest.approx(angles)
            assert found.at(1).steering == pytest.approx(angles[1])


def test_degrees_without_a_full_lock_take_no_share(tmp_path: Path) -> None:
    bag(tmp_path / "bag", 3)
    with open_recording(tmp_path / "bag", camera="left") as recording:
        assert Correction(0.2, degrees=False).angle(recording.info) is None
        with pytest.raises(OptionError, match="no known full lock; give it like 5deg"):
            corrected(recording, Correction(0.2, degrees=False))
        found = corrected(recording, Correction(5, degrees=True))
        assert found.at(2).steering == pytest.approx(recording.at(2).steering - 5)


def test_pulses_are_drawn_by_their_mean_over_a_second() -> None:
    """Else those that are not 0 would be drawn twice as often as they come, and angles learnt too large."""
    count = 400
    times = np.arange(count) / 10
    angles = np.where(np.arange(count) % 4 == 0, 8.0, 0.0).astype(np.float32)
    nothing = np.zeros(count, np.intp)
    pictures = np.zeros((1, 2, 2, 3), np.uint8)
    examples = Examples(pictures, nothing, angles, times, nothing, nothing.astype(bool))
    assert drawn_as_often(examples)[angles == 0].sum() == pytest.approx(0.75, abs=0.02)
    wheel = Examples(pictures, nothing, np.sort(angles), times, nothing, nothing.astype(bool))
    assert drawn_as_often(wheel)[wheel.angles == 0].sum() < 0.65


def test_side_cameras_make_an_epoch_no_longer() -> None:
    nothing = np.zeros(300, np.intp)
    pictures = np.zeros((1, 2, 2, 3), np.uint8)
    aside = np.arange(300) >= 100
    examples = Examples(pictures, nothing, np.zeros(300, np.float32), np.arange(300.0), nothing, aside)
    assert Recipe(batch=20).steps(examples) == 5
