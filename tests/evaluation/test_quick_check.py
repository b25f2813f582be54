"""The quick check of other settings: single and double mistakes are reported, the right setting never is."""

import dataclasses
import json

import numpy as np
import pytest

from drivesal.angle import AngleSpec
from drivesal.evaluation.candidates import crops_for
from drivesal.evaluation.crop_views import CropViewCollector
from drivesal.evaluation.prediction_scale import LabelMetadata, check_magnitude
from drivesal.evaluation.quick_check import better_setting
from drivesal.model.preprocess import Crop
from tests.evaluation.test_setting_search import FRAME, RIGHT, red_follower, road, smooth
from tests.models import convolutional


def checked(model, frames, unit=None):
    collector = CropViewCollector(model, crops_for(model, [FRAME[::-1]]), 128)
    collector.begin()
    collector.add_suitable(frames)
    return better_setting(model, collector.views(unit=unit))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"positive": "right"}, ("--model-positive", "left")),
        ({"colour": "BGR"}, ("--color", "RGB")),
        ({"colour": "HSV"}, ("--color", "RGB")),
        ({"crop": Crop("pixel", (0, 16))}, ("--crop", "0.42:0.92")),
        ({"colour": "BGR", "positive": "right"}, ("--color", "RGB", "--model-positive", "left")),
    ],
)
def test_mistakes_are_reported(wrong, words):
    result = checked(red_follower(**wrong), road())
    assert result.words == words
    assert result.r > 0.8
    assert result.declared_r < 0.5
    assert result.rmse < result.declared_rmse
    assert " ".join(words) in result.sentence
    assert "\n" not in result.sentence
    json.dumps(result.as_json())


@pytest.mark.parametrize("seed", range(6))
def test_the_right_setting_is_never_questioned(seed):
    frames = road(240, seed)
    for first, count in ((0, 240), (0, 60), (100, 40), (180, 60)):
        assert checked(red_follower(), frames[first : first + count]) is None


@pytest.mark.parametrize("seed", range(6))
def test_an_untrained_network_gets_no_advice(seed):
    from drivesal.model.steering_model import SteeringModel

    model = SteeringModel(convolutional(seed, (12, 24)), red_follower().card)
    assert checked(model, road(120, seed)) is None


def test_too_little_data_gives_no_result():
    wrong = red_follower(positive="right")
    assert checked(wrong, road()[:10]) is None
    assert checked(wrong, []) is None
    straight = [dataclasses.replace(one, steering=one.steering / 50) for one in road()]
    assert checked(wrong, straight) is None
    assert checked(red_follower(), road(), unit="norm") is None


def test_labels_of_another_kind_are_judged_by_their_correlation():
    result = checked(red_follower(colour="BGR"), road(), unit="norm")
    assert result.words == ("--color", "RGB")
    assert result.rmse is None
    assert "RMSE" not in result.sentence


def test_frames_that_do_not_contain_a_crop_are_left_out():
    model = red_follower(colour="BGR")
    collector = CropViewCollector(model, [RIGHT, Crop("pixel", (0, 40))], 128)
    collector.begin()
    small = dataclasses.replace(road()[0], image=np.zeros((20, 64, 3), np.uint8))
    collector.add_suitable([small, *road()])
    assert len(collector.views().labels) <= 128
    assert better_setting(model, collector.views()).words == ("--color", "RGB")


@pytest.mark.parametrize(
    ("spec", "times", "words"),
    [
        (AngleSpec("deg"), 180 / np.pi, ("--model-angle-unit", "rad")),
        (AngleSpec("rad"), np.pi / 180, ("--model-angle-unit", "deg")),
        (AngleSpec("deg"), 25, ("--model-angle-unit", "norm", "--full-lock", "25")),
        (AngleSpec("deg"), 430, ("--model-angle-unit", "norm", "--full-lock", "430")),
        (AngleSpec("norm", full_lock_deg=25.0), 180 / np.pi / 25, ("--model-angle-unit", "rad")),
        (AngleSpec("deg"), 1.0, None),
        (AngleSpec("deg"), 1.5, None),
        (AngleSpec("deg", positive="right"), 180 / np.pi, ("--model-angle-unit", "rad")),
    ],
)
def test_predictions_of_the_wrong_magnitude(spec, times, words):
    rng = np.random.default_rng(0)
    labels = smooth(rng, 400)
    angles = (labels + smooth(rng, 400) / 5) / times
    result = check_magnitude(angles, labels, spec, "deg")
    if words is None:
        assert result is None
        return
    assert result.times == pytest.approx(times, rel=0.1)
    assert result.words[:-1] == words[:-1]
    if "--full-lock" in words:
        assert float(result.words[-1]) == pytest.approx(float(words[-1]), rel=0.1)
    else:
        assert result.words == words
    assert ("small" in result.sentence) == (times > 1)
    json.dumps(result.as_json())
    assert check_magnitude(-angles, labels, spec, "deg") is None
    assert check_magnitude(smooth(rng, 400), labels, spec, "deg") is None


def test_for_a_norm_of_unknown_full_lock_the_matching_angle_is_reported():
    labels = smooth(np.random.default_rng(0), 400)
    result = check_magnitude(labels / 450, labels, AngleSpec("norm"), "deg")
    assert result.sentence.startswith("a network output of 1.0 means about 450° of the labels")
    assert check_magnitude(labels, labels, AngleSpec("norm"), "norm") is None


@pytest.mark.parametrize(
    ("times", "words"),
    [(np.pi / 180, ("--angle-unit", "rad")), (180 / np.pi, ("--angle-unit", "deg")), (7.0, ())],
)
def test_if_the_models_unit_is_declared_the_labels_look_wrong(times, words):
    labels = smooth(np.random.default_rng(0), 400)
    metadata = LabelMetadata(own=False, stated=True)
    result = check_magnitude(labels / times, labels, AngleSpec("deg"), "deg", metadata)
    assert result.words == words
    assert "that of the labels looks wrong" in result.sentence
    own = dataclasses.replace(metadata, own=True)
    assert "--angle-unit" not in check_magnitude(labels / times, labels, AngleSpec("deg"), "deg", own).words


def test_no_impossible_full_lock_is_suggested():
    labels = smooth(np.random.default_rng(0), 400)
    for times in (1e-3, 3000.0):
        result = check_magnitude(labels / times, labels, AngleSpec("deg"), "deg")
        assert result.words == ()
        assert "check the units" in result.sentence


def test_the_models_full_lock_does_not_replace_the_labels():
    labels = smooth(np.random.default_rng(0), 400)
    result = check_magnitude(labels / 255, labels, AngleSpec("deg"), "deg", LabelMetadata(lock=25.0))
    assert result.words == ()
    assert "--full-lock 25 is the labels'" in result.sentence
