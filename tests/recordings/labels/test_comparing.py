"""Labels of another kind than the model's angle: the drive is accepted, the labels are not compared."""

import csv
import json
import math

import numpy as np
import pytest

import drivesal
from drivesal.angle import AngleKind
from drivesal.errors import LabelError
from drivesal.recordings import open_recording, read_labels
from drivesal.recordings.labels.comparing import apart, fitted, told, with_full_lock
from tests.clips import make_clip
from tests.recordings.drives import simulator, tub

WHEEL, ROAD, NORM = AngleKind("deg", "steering-wheel"), AngleKind("deg", "road-wheels"), AngleKind("norm")
TIMES = [50 * i for i in range(6)]


def labels_of(recording):
    return [frame.steering for frame in recording.frames()]


def test_own_labels_of_another_kind_stay_unchanged(tmp_path):
    with open_recording(tub(tmp_path / "tub", 4)) as recording:
        unchanged = fitted(recording, WHEEL)
        assert unchanged is recording
        assert apart(unchanged, WHEEL) == NORM
        assert apart(unchanged, NORM) is None
        assert "--full-lock" in told(NORM, WHEEL, 0.5)
        assert "0.500" in told(NORM, WHEEL, 0.5)


def test_a_full_lock_converts_own_labels_to_degrees(tmp_path):
    with open_recording(tub(tmp_path / "tub", 4)) as recording:
        locked = with_full_lock(recording, 20.0)
        assert labels_of(locked) == pytest.approx([20 * label for label in labels_of(recording)])
        assert (locked.at(1).steering, next(locked.sample(1)).steering) == pytest.approx((8.0, 10.0))
        assert locked.info.full_lock_deg == 20
        assert apart(locked, WHEEL) is None
        assert with_full_lock(recording, None) is recording


def test_a_steering_ratio_converts_road_wheel_labels(tmp_path):
    with open_recording(simulator(tmp_path / "sim", TIMES)) as recording:
        assert apart(fitted(recording, WHEEL), WHEEL) == ROAD
        converted = fitted(recording, WHEEL, 15.0)
        assert apart(converted, WHEEL) is None
        assert labels_of(converted) == pytest.approx([15 * label for label in labels_of(recording)])
        assert any("times 15" in note for note in converted.info.notes)


def test_labels_named_by_the_user_must_be_convertible(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("frame,angle_norm\n0,0.5\n1,0.25\n")
    folder = tub(tmp_path / "tub", 4)
    with open_recording(folder, labels=read_labels(table)) as recording:
        with pytest.raises(LabelError, match="--full-lock"):
            fitted(recording, WHEEL)
        assert fitted(recording, NORM) is recording
    with open_recording(folder, labels=read_labels(table), named=False) as recording:
        assert apart(fitted(recording, WHEEL), WHEEL) == NORM


def test_a_video_with_own_labels_of_another_kind(inside, model_path, tmp_path):
    tub(tmp_path / "tub", 8)
    result = inside("video", "tub", "--model", model_path, "--quiet")
    assert result.code == 0, result
    assert "RMSE" not in result.out
    assert "scale of their own" in result.out
    assert "--full-lock" in result.out
    facts = json.loads((tmp_path / "tub.saliency.json").read_text())
    assert facts["errors"] is None
    assert facts["labelled_frames"] == 8
    with (tmp_path / "tub.saliency.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["error_deg"] for row in rows} == {""}
    truth = [float(row["truth_norm"]) for row in rows]
    assert truth == pytest.approx([0.5 - 0.1 * i for i in range(8)], abs=1e-3)
    predicted = [float(row["predicted_deg"]) for row in rows]
    assert facts["correlation"] == pytest.approx(np.corrcoef(predicted, truth)[0, 1], abs=1e-3)


def test_a_video_with_a_full_lock(inside, model_path, tmp_path):
    tub(tmp_path / "tub", 8)
    result = inside("video", "tub", "--model", model_path, "--full-lock", "25", "--quiet", "--json")
    assert result.code == 0, result
    assert result.err == ""
    facts = json.loads(result.out)
    assert facts["errors"]["rmse"] > 0
    with (tmp_path / "tub.saliency.csv").open() as file:
        assert float(next(csv.DictReader(file))["truth_deg"]) == pytest.approx(12.5)


def test_a_norm_table_with_a_full_lock_is_compared_with_a_model_in_degrees(inside, model_path, tmp_path):
    tub(tmp_path / "tub", 4)
    (tmp_path / "labels.csv").write_text("frame,angle_norm\n0,0.5\n1,0.25\n")
    command = ("image", "tub", "--at", "#0", "--model", model_path, "--labels", "labels.csv", "--json")
    result = inside(*command)
    assert result.code == 1
    assert "--full-lock" in result.err
    result = inside(*command, "--full-lock", "25")
    assert result.code == 0, result
    assert json.loads(result.out)["truth"] == pytest.approx(12.5)


def test_an_unused_full_lock_is_rejected(inside, model_path, tmp_path):
    simulator(tmp_path / "sim", TIMES)
    result = inside("image", "sim", "--at", "#0", "--model", model_path, "--full-lock", "25")
    assert result.code == 1
    assert "full lock" in result.err


def test_an_image_shows_the_label_in_its_own_unit(inside, model_path, tmp_path):
    tub(tmp_path / "tub", 4)
    command = ("image", "tub", "--at", "#0", "--model", model_path, "--overwrite")
    result = inside(*command)
    assert result.code == 0, result
    assert "label 0.500 norm L" in result.out
    facts = json.loads(inside(*command, "--json").out)
    assert (facts["truth"], facts["truth_unit"], facts["unit"]) == (pytest.approx(0.5), "norm", "deg")


def test_a_table_of_another_kind_beside_the_video_is_accepted(inside, model_path, tmp_path):
    make_clip(tmp_path / "run.mp4", 4)
    (tmp_path / "run.csv").write_text("frame,angle_norm\n0,0.5\n1,0.25\n2,0.1\n")
    command = ("video", "run.mp4", "--model", model_path, "--quiet")
    result = inside(*command)
    assert result.code == 0, result
    assert "scale of their own" in result.out
    result = inside(*command, "--labels", "run.csv", "--overwrite")
    assert result.code == 1


def test_the_python_api_converts_labels(model_path, tmp_path):
    folder = simulator(tmp_path / "sim", TIMES)
    facts = drivesal.render(folder, model_path, tmp_path / "a.mp4")
    assert facts["errors"] is None
    facts = drivesal.render(folder, model_path, tmp_path / "b.mp4", steering_ratio=15)
    assert facts["errors"]["rmse"] > 0
    with drivesal.Recording(tub(tmp_path / "tub", 4), full_lock=20) as recording:
        assert recording.at(0).steering == pytest.approx(10.0)


def test_a_constant_label_has_no_correlation():
    from drivesal.rendering.error_summary import _Pairs

    pairs = _Pairs()
    for value in (1e6, 1e6 + 1, 1e6 + 2):
        pairs.add(value, 3.0)
    assert pairs.correlation() is None
    pairs = _Pairs()
    for value in (1e6, 1e6 + 1, 1e6 + 3):
        pairs.add(value, 2 * value)
    assert math.isclose(pairs.correlation(), 1.0)
