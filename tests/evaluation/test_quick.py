"""The quick look at other settings: single and double mistakes are said, the right setting never is."""

import dataclasses
import json

import numpy as np
import pytest

from drivesal.angle import AngleSpec
from drivesal.evaluation.candidates import crops_for
from drivesal.evaluation.gathered import Views
from drivesal.evaluation.quick import better_setting
from drivesal.evaluation.sizing import LabelsSaid, size_doubt
from drivesal.model.preprocess import Crop
from tests.evaluation.test_fitting import FRAME, RIGHT, road, seeing, smooth
from tests.models import convolutional


def looked_at(model, frames, unit=None):
    views = Views(model, crops_for(model, [FRAME[::-1]]), 128)
    views.begin()
    views.look(frames)
    return better_setting(model, views.gathered(unit=unit))


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
def test_mistakes_are_said(wrong, words):
    found = looked_at(seeing(**wrong), road())
    assert found.words == words
    assert found.r > 0.8
    assert found.declared_r < 0.5
    assert found.rmse < found.declared_rmse
    assert " ".join(words) in found.sentence
    assert "\n" not in found.sentence
    json.dumps(found.as_json())


@pytest.mark.parametrize("seed", range(6))
def test_the_right_setting_is_never_doubted(seed):
    frames = road(240, seed)
    for first, count in ((0, 240), (0, 60), (100, 40), (180, 60)):
        assert looked_at(seeing(), frames[first : first + count]) is None


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_said_of_a_network_that_sees_nothing(seed):
    from drivesal.model.steering_model import SteeringModel

    model = SteeringModel(convolutional(seed, (12, 24)), seeing().card)
    assert looked_at(model, road(120, seed)) is None


def test_too_little_tells_nothing():
    wrong = seeing(positive="right")
    assert looked_at(wrong, road()[:10]) is None
    assert looked_at(wrong, []) is None
    straight = [dataclasses.replace(one, steering=one.steering / 50) for one in road()]
    assert looked_at(wrong, straight) is None
    assert looked_at(seeing(), road(), unit="norm") is None


def test_labels_of_another_kind_still_tell_by_their_correlation():
    found = looked_at(seeing(colour="BGR"), road(), unit="norm")
    assert found.words == ("--color", "RGB")
    assert found.rmse is None
    assert "RMSE" not in found.sentence


def test_frames_that_do_not_hold_a_crop_are_left_out():
    model = seeing(colour="BGR")
    views = Views(model, [RIGHT, Crop("pixel", (0, 40))], 128)
    views.begin()
    small = dataclasses.replace(road()[0], image=np.zeros((20, 64, 3), np.uint8))
    views.look([small, *road()])
    assert len(views.gathered().labels) <= 128
    assert better_setting(model, views.gathered()).words == ("--color", "RGB")


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
def test_answers_of_the_wrong_size(spec, times, words):
    rng = np.random.default_rng(0)
    labels = smooth(rng, 400)
    angles = (labels + smooth(rng, 400) / 5) / times
    found = size_doubt(angles, labels, spec, "deg")
    if words is None:
        assert found is None
        return
    assert found.times == pytest.approx(times, rel=0.1)
    assert found.words[:-1] == words[:-1]
    if "--full-lock" in words:
        assert float(found.words[-1]) == pytest.approx(float(words[-1]), rel=0.1)
    else:
        assert found.words == words
    assert ("small" in found.sentence) == (times > 1)
    json.dumps(found.as_json())
    assert size_doubt(-angles, labels, spec, "deg") is None
    assert size_doubt(smooth(rng, 400), labels, spec, "deg") is None


def test_a_norm_of_unknown_lock_is_told_what_goes_with_it():
    labels = smooth(np.random.default_rng(0), 400)
    found = size_doubt(labels / 450, labels, AngleSpec("norm"), "deg")
    assert found.sentence.startswith("1.0 of the network's answer goes with about 450° of the labels")
    assert size_doubt(labels, labels, AngleSpec("norm"), "norm") is None


@pytest.mark.parametrize(
    ("times", "words"),
    [(np.pi / 180, ("--angle-unit", "rad")), (180 / np.pi, ("--angle-unit", "deg")), (7.0, ())],
)
def test_where_the_models_unit_is_stated_the_labels_look_wrong(times, words):
    labels = smooth(np.random.default_rng(0), 400)
    said = LabelsSaid(own=False, stated=True)
    found = size_doubt(labels / times, labels, AngleSpec("deg"), "deg", said)
    assert found.words == words
    assert "that of the labels looks wrong" in found.sentence
    own = dataclasses.replace(said, own=True)
    assert "--angle-unit" not in size_doubt(labels / times, labels, AngleSpec("deg"), "deg", own).words


def test_no_impossible_full_lock_is_advised():
    labels = smooth(np.random.default_rng(0), 400)
    for times in (1e-3, 3000.0):
        found = size_doubt(labels / times, labels, AngleSpec("deg"), "deg")
        assert found.words == ()
        assert "check the units" in found.sentence


def test_the_models_full_lock_is_not_said_in_place_of_the_labels():
    labels = smooth(np.random.default_rng(0), 400)
    found = size_doubt(labels / 255, labels, AngleSpec("deg"), "deg", LabelsSaid(lock=25.0))
    assert found.words == ()
    assert "--full-lock 25 is the labels'" in found.sentence
