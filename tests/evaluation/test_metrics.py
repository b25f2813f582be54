"""Error metrics against their definitions, and the bands and runs of a drive."""

import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.evaluation.metrics import (
    by_brightness,
    by_steering,
    compare_with_baselines,
    errors,
    steering_limits,
)
from drivesal.evaluation.predictions import Predictions


def predictions(times, truth, predicted=None, index=None, step_s=0.1):
    count = len(times)
    return Predictions(
        "drive",
        np.arange(count) if index is None else np.array(index),
        np.array(times, float),
        np.array(truth, float),
        np.array(truth if predicted is None else predicted, float),
        np.full(count, 100.0),
        step_s,
    )


def test_errors_by_hand():
    result = errors([1.0, -1, 4], [0.0, 1, 2])
    assert result.frames == 3
    assert result.rmse == pytest.approx(np.sqrt(9 / 3))
    assert result.mean_absolute == pytest.approx(5 / 3)
    assert result.bias == pytest.approx(1 / 3)  # predicted too far left: positive
    assert result.correlation == pytest.approx(np.corrcoef([1, -1, 4], [0, 1, 2])[0, 1])


def test_undefined_metrics_are_none():
    empty = errors([], [])
    assert (empty.frames, empty.rmse, empty.bias, empty.correlation) == (0, None, None, None)
    assert errors([1.0, 2], [3.0, 3]).correlation is None
    assert errors([3.0, 3], [1.0, 2]).correlation is None
    with pytest.raises(ValueError, match="as many predictions as labels"):
        errors([1.0], [1.0, 2.0])


def test_always_0_and_the_last_label_by_hand():
    result = compare_with_baselines([predictions([0, 0.1, 0.2], [1, 3, 6], [2, 2, 2])])
    assert result.model.rmse == pytest.approx(np.sqrt((1 + 1 + 16) / 3))
    assert result.always_0.rmse == pytest.approx(np.sqrt((1 + 9 + 36) / 3))
    assert result.always_0.bias == pytest.approx(-10 / 3)
    assert result.last_label.frames == 2
    assert result.last_label.rmse == pytest.approx(np.sqrt((4 + 9) / 2))
    assert result.last_label.bias == pytest.approx(-2.5)
    assert result.step_s == 0.1


def test_the_last_label_never_comes_from_across_a_gap_a_missing_frame_or_another_recording():
    gap = predictions([0, 0.1, 0.9, 1.0], [1, 2, 30, 31])
    assert gap.last_label.tolist() == pytest.approx([np.nan, 1, np.nan, 30], nan_ok=True)
    missing = predictions([0, 0.1, 0.3, 0.4], [1, 2, 30, 31], index=[0, 1, 3, 4])
    assert missing.last_label.tolist() == pytest.approx([np.nan, 1, np.nan, 30], nan_ok=True)
    every_5th = predictions([0, 0.5, 1.0], [1, 2, 3], index=[0, 5, 10], step_s=0.5)
    assert every_5th.last_label.tolist() == pytest.approx([np.nan, 1, 2], nan_ok=True)
    two = compare_with_baselines([predictions([0, 0.1], [0, 1]), predictions([0, 0.1], [100, 101])])
    assert (two.last_label.frames, two.last_label.rmse) == (2, pytest.approx(1))
    alone = compare_with_baselines([predictions([0], [5])])
    assert (alone.last_label.frames, alone.last_label.rmse) == (0, None)


def test_a_gap_splits_a_drive_and_a_dropped_frame_does_not():
    assert predictions([0, 0.1, 0.3, 0.4], [0] * 4).runs == [(0, 4)]
    assert predictions([0, 0.1, 0.7, 0.8], [0] * 4).runs == [(0, 2), (2, 4)]
    assert predictions([0, 2, 4, 8, 10], [0] * 5, step_s=2).runs == [(0, 3), (3, 5)]
    assert predictions([3], [0]).runs == [(0, 1)]


def test_steering_bands_contain_every_angle_once_and_are_symmetric():
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


def test_limits_depend_on_the_kind_of_angle():
    assert steering_limits(AngleKind("deg", "steering-wheel")) == (5, 20)
    assert steering_limits(AngleKind("deg")) == (5, 20)
    assert steering_limits(AngleKind("deg", "road-wheels")) == (1, 5)
    assert steering_limits(AngleKind("norm", "road-wheels")) == (0.05, 0.25)
