"""The baseline of contributions: the clip's mean image, or the card's for a single image; and its report."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

import drivesal
from drivesal.errors import OptionError
from drivesal.explanation.study import study_of
from drivesal.model.card import encode_image
from drivesal.types import Frame
from tests.clips import make_clip, picture
from tests.models import asked, convolutional, pictures, steering

SIZE = (24, 32)
MEAN = pictures(1, SIZE, seed=5)[0]
FRAME = Frame(0, 0.0, pictures(1, SIZE, seed=1)[0])
NEEDS = [
    ("expected-gradients", {}, ("increase",)),
    ("integrated-gradients", {"baseline": "mean"}, ("increase",)),
    ("occlusion", {}, ("increase",)),
    ("rise", {}, ("increase",)),
    ("gradient", {}, ("support",)),
]


@pytest.fixture(scope="module")
def bare():
    return steering(convolutional(), scale=1 / 255)


@pytest.fixture(scope="module")
def with_mean(bare):
    return drivesal.load_model(
        bare.network, card=dataclasses.replace(bare.card, mean_picture=encode_image(MEAN))
    )


def studied(model, method, options=None, cases=("increase",), frames=(FRAME,)):
    return study_of(list(frames), model, asked(cases, method, options))


@pytest.mark.parametrize(("method", "options", "cases"), NEEDS)
def test_a_single_image_uses_the_mean_image_of_the_card(with_mean, method, options, cases):
    explainer = studied(with_mean, method, options, cases).explainer
    np.testing.assert_array_equal(explainer.context.mean, MEAN)
    reference = explainer.contribution_reference if cases == ("support",) else explainer.reference
    assert reference == "the mean image in the model's card"


@pytest.mark.parametrize(("method", "options", "cases"), NEEDS)
def test_without_a_mean_image_the_error_lists_the_alternatives(bare, method, options, cases):
    with pytest.raises(OptionError, match="a mean image for the baseline") as error:
        studied(bare, method, options, cases)
    message = str(error.value)
    assert "--at" in message
    alternatives = {"expected-gradients": "integrated-gradients", "integrated-gradients": "--baseline blur"}
    default = "--fill blur" if cases == ("increase",) else "leave the case support out"
    assert alternatives.get(method, default) in message


def test_expected_gradients_of_a_single_image_equal_integrated_gradients(with_mean):
    expected = studied(with_mean, "expected-gradients", {"samples": 256}).probe[0]
    integrated = studied(with_mean, "integrated-gradients", {"steps": 256, "baseline": "mean"}).probe[0]
    assert expected.baseline_score == pytest.approx(integrated.baseline_score, abs=1e-4)
    assert expected.completeness_error < 0.02 * abs(expected.score - expected.baseline_score) + 1e-4
    assert np.corrcoef(expected.attribution.ravel(), integrated.attribution.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    ("method", "options", "reference"),
    [
        ("expected-gradients", {}, "3 frames of the clip"),
        ("integrated-gradients", {"baseline": "mean"}, "the mean of 3 frames of the clip"),
        ("integrated-gradients", {}, "the blurred image"),
        ("occlusion", {"fill": "black"}, "black"),
        ("gradient", {}, None),
    ],
)
def test_the_reference_of_a_clip(bare, method, options, reference):
    frames = [Frame(i, i / 10, image) for i, image in enumerate(pictures(3, SIZE))]
    assert studied(bare, method, options, frames=frames).explainer.reference == reference


def test_the_commands_report_the_reference_for_an_image_and_a_drive(inside, tmp_path, with_mean):
    with_mean.save(tmp_path / "m.keras")
    cv2.imwrite(str(tmp_path / "frame.png"), picture(3)[..., ::-1])
    given = ("--model", "m.keras", "--method", "expected-gradients", "--samples", "4", "--overwrite")
    ran = inside("image", "frame.png", *given)
    assert ran.code == 0, ran
    assert "measured against the mean image in the model's card" in ran.out
    assert json.loads(inside("image", "frame.png", *given, "--json").out)["against"].endswith("card")
    make_clip(tmp_path / "run.mp4", 4)
    ran = inside("image", "run.mp4", "--at", "#1", *given)
    assert "measured against 4 frames of the clip" in ran.out
    ran = inside("video", "run.mp4", *given, "--cases", "increase,support", "--quiet")
    assert ran.code == 0, ran
    facts = json.loads((tmp_path / "run.saliency.json").read_text())["method"]
    assert facts["against"] == "4 frames of the clip"
    assert facts["support_against"] == "the mean of 4 frames of the clip"


def test_the_shipped_card_states_the_source_of_its_mean_image():
    assert drivesal.load_model().card.training["mean_picture"] == "the mean of the 2200 real frames of training"
