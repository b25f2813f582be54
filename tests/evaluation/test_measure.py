"""Measures of error against their definitions, and the parts of a drive."""

import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.evaluation.answers import Answers
from drivesal.evaluation.measure import by_brightness, by_steering, errors, measured, steering_limits


def answers(times, truth, predicted=None, index=None, step_s=0.1):
    count = len(times)
    return Answers(
        "drive",
        np.arange(count) if index is None else np.array(index),
        np.array(times, float),
        np.array(truth, float),
        np.array(truth if predicted is None else predicted, float),
        np.full(count, 100.0),
        step_s,
    )


def test_errors_by_hand():
    found = errors([1.0, -1, 4], [0.0, 1, 2])
    assert found.frames == 3
    assert found.rmse == pytest.approx(np.sqrt(9 / 3))
    assert found.mean_absolute == pytest.approx(5 / 3)
    assert found.bias == pytest.approx(1 / 3)  # predicted too far left: positive
    assert found.correlation == pytest.approx(np.corrcoef([1, -1, 4], [0, 1, 2])[0, 1])


def test_what_cannot_be_measured_is_none():
    nothing = errors([], [])
    assert (nothing.frames, nothing.rmse, nothing.bias, nothing.correlation) == (0, None, None, None)
    assert errors([1.0, 2], [3.0, 3]).correlation is None
    assert errors([3.0, 3], [1.0, 2]).correlation is None
    with pytest.raises(ValueError, match="as many predictions as labels"):
        errors([1.0], [1.0, 2.0])


def test_always_0_and_the_last_label_by_hand():
    found = measured([answers([0, 0.1, 0.2], [1, 3, 6], [2, 2, 2])])
    assert found.model.rmse == pytest.approx(np.sqrt((1 + 1 + 16) / 3))
    assert found.always_0.rmse == pytest.approx(np.sqrt((1 + 9 + 36) / 3))
    assert found.always_0.bias == pytest.approx(-10 / 3)
    assert found.last_label.frames == 2
    assert found.last_label.rmse == pytest.approx(np.sqrt((4 + 9) / 2))
    assert found.last_label.bias == pytest.approx(-2.5)
    assert found.step_s == 0.1


def test_the_last_label_goes_across_no_gap_no_missing_frame_and_no_recording():
    gap = answers([0, 0.1, 0.9, 1.0], [1, 2, 30, 31])
    assert gap.last_label.tolist() == pytest.approx([np.nan, 1, np.nan, 30], nan_ok=True)
    missing = answers([0, 0.1, 0.3, 0.4], [1, 2, 30, 31], index=[0, 1, 3, 4])
    assert missing.last_label.tolist() == pytest.approx([np.nan, 1, np.nan, 30], nan_ok=True)
    every_5th = answers([0, 0.5, 1.0], [1, 2, 3], index=[0, 5, 10], step_s=0.5)
    assert every_5th.last_label.tolist() == pytest.approx([np.nan, 1, 2], nan_ok=True)
    two = measured([answers([0, 0.1], [0, 1]), answers([0, 0.1], [100, 101])])
    assert (two.last_label.frames, two.last_label.rmse) == (2, pytest.approx(1))
    alone = measured([answers([0], [5])])
    assert (alone.last_label.frames, alone.last_label.rmse) == (0, None)


def test_a_dropped_frame_cuts_no_drive_in_two_and_a_gap_does():
    assert answers([0, 0.1, 0.3, 0.4], [0] * 4).runs == [(0, 4)]
    assert answers([0, 0.1, 0.7, 0.8], [0] * 4).runs == [(0, 2), (2, 4)]
    assert answers([0, 2, 4, 8, 10], [0] * 5, step_s=2).runs == [(0, 3), (3, 5)]
    assert answers([3], [0]).runs == [(0, 1)]


def test_steering_bands_share_out_every_angle_and_are_symmetric():
    truth = np.array([-45, -20, -19.9, -5, -4.9, 0, 4.9, 5, 19.9, 20, 45])
    bands = by_steering(truth, (5, 20))
    assert {name: truth[mask].tolist() for name, mask in bands.items()} == {
        "sharp left": [20, 45],
        "left": [5, 19.9],
        "straight": [-4.9, 0, 4.9],
        "right": [-19.9, -5],
        "sharp right": [-45, -20],
    }
    assert np.sum(list(bands.values()), axis=0).tolist() == [1] * len(truth)


def test_brightness_bands():
    values = np.array([0, 59.9, 60, 119.9, 120, 255])
    bands = by_brightness(values)
    assert {name: values[mask].tolist() for name, mask in bands.items()} == {
        "dark": [0, 59.9],
        "medium": [60, 119.9],
        "bright": [120, 255],
    }


def test_limits_go_by_the_kind_of_angle():
    assert steering_limits(AngleKind("deg", "steering-wheel")) == (5, 20)
    assert steering_limits(AngleKind("deg")) == (5, 20)
    assert steering_limits(AngleKind("deg", "road-wheels")) == (1, 5)
    assert steering_limits(AngleKind("norm", "road-wheels")) == (0.05, 0.25)
