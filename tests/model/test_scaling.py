"""Input scaling: ranges, and means and deviations per channel, as options, in cards and from Python."""

import dataclasses
import json

import numpy as np
import pytest

import drivesal
from drivesal.errors import DrivesalError, ModelError, OptionError
from drivesal.model.card import card_path, read_card
from drivesal.model.preprocess import Preprocess
from drivesal.model.scaling import STANDARDISED, Scaling, scaling_from_text
from tests.models import convolutional, linear, pictures, steering

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = (24, 32)


def test_means_and_deviations_match_torchvision():
    images = pictures(2, SIZE)
    expected = (images / 255 - np.array(MEAN)) / np.array(STD)
    for scaling in (
        Scaling.standardised(MEAN, STD),
        scaling_from_text(None, "0.485,0.456,0.406", "0.229,0.224,0.225"),
        STANDARDISED[0],
    ):
        scale, offset = (np.array(one) for one in scaling.by_channel(3))
        assert images * scale + offset == pytest.approx(expected, abs=1e-6)
        matrix, shift = Preprocess(SIZE, scale=scaling.scale, offset=scaling.offset).colour_map()
        assert images.astype(np.float32) @ matrix + shift == pytest.approx(expected, abs=1e-5)


def test_means_alone_in_units_of_0_to_255_in_the_networks_order():
    scaling = scaling_from_text("0..255", "103.939,116.779,123.68")
    preprocess = Preprocess(SIZE, colour="BGR", scale=scaling.scale, offset=scaling.offset)
    matrix, shift = preprocess.colour_map()
    red = np.array([200.0, 0.0, 0.0], np.float32)
    assert red @ matrix + shift == pytest.approx([-103.939, -116.779, 200 - 123.68], abs=1e-3)
    low, high = preprocess.input_limits()
    assert low == pytest.approx([-103.939, -116.779, -123.68], abs=1e-3)
    assert high == pytest.approx(low + 255)


@pytest.mark.parametrize(
    ("declared", "text", "options"),
    [
        (("-1..1", None, None), "-1..1", ("--input-scale", "-1..1")),
        (
            (None, "0.485,0.456,0.406", "0.229,0.224,0.225"),
            "0..1 less 0.485, 0.456, 0.406, over 0.229, 0.224, 0.225",
            ("--input-mean", "0.485,0.456,0.406", "--input-std", "0.229,0.224,0.225"),
        ),
        (
            ("0..255", "123.68,116.779,103.939", None),
            "0..255 less 123.7, 116.8, 103.9",
            ("--input-scale", "0..255", "--input-mean", "123.68,116.779,103.939"),
        ),
        ((None, "0.5", "0.5"), "-1..1", ("--input-scale", "-1..1")),
    ],
)
def test_options_reproduce_the_scaling(declared, text, options):
    scaling = scaling_from_text(*declared)
    assert scaling.text == text
    assert scaling.options == options
    given = dict(zip(options[::2], options[1::2], strict=True))
    again = scaling_from_text(*(given.get(f"--input-{name}") for name in ("scale", "mean", "std")))
    assert again.same(scaling)
    assert scaling_from_text() is None


def test_equal_channels_collapse_to_one_number():
    assert Scaling((0.5, 0.5, 0.5), (1.0, 1.0, 1.0)) == Scaling(0.5, 1.0)
    assert Scaling.to_range(-1, 1).same(Scaling(1 / 128, -1.0))
    assert not Scaling.to_range(0, 1).same(STANDARDISED[0])
    assert not STANDARDISED[0].same(STANDARDISED[1])


@pytest.mark.parametrize(
    "declared",
    [
        (None, "a,b,c", None),
        (None, "0.4,0.5", "0.2,0.2,0.2"),
        (None, None, "0"),
        (None, None, "-1,1,1"),
        (None, "nan", None),
    ],
)
def test_invalid_means_and_deviations_are_refused(declared):
    with pytest.raises(OptionError, match="means and deviations per channel"):
        scaling_from_text(*declared)


def test_cards_hold_a_number_for_each_channel(tmp_path):
    model = drivesal.load_model(
        convolutional(), color="rgb", input_mean=MEAN, input_std=STD, angle_unit="deg", positive="left"
    )
    path = tmp_path / "my.keras"
    model.save(path)
    data = json.loads(card_path(path).read_text())
    assert data["preprocess"]["scale"] == pytest.approx([1 / 255 / one for one in STD])
    assert read_card(card_path(path)).preprocess == model.preprocess
    images = pictures(3, SIZE)
    assert drivesal.load_model(path).predict(images) == pytest.approx(model.predict(images), abs=1e-6)
    expected = model.network(((images / 255 - MEAN) / STD).astype(np.float32)).numpy()[:, 0]
    assert model.predict(images) == pytest.approx(expected, abs=1e-4)
    for wrong in ([1.0, 2.0], ["a", 1, 1], []):
        data["preprocess"]["scale"] = wrong
        card_path(path).write_text(json.dumps(data))
        with pytest.raises(ModelError, match="preprocess"):
            read_card(card_path(path))


def test_gradients_are_taken_at_rgb():
    weights = np.ones((6, 8, 3), np.float32)
    model = steering(linear(weights))
    model.preprocess = dataclasses.replace(model.preprocess, scale=(0.1, 0.2, 0.4), offset=(1.0, 0.0, -1.0))
    found = drivesal.attribute(model, pictures(1, (6, 8)))
    assert found[0].reshape(-1, 3) == pytest.approx(np.tile([0.1, 0.2, 0.4], (48, 1)), rel=1e-5)


def test_three_channel_scaling_is_refused_for_a_grey_network():
    with pytest.raises(DrivesalError, match="do not match GREY"):
        drivesal.load_model(linear(np.ones((6, 8, 1), np.float32)), input_mean=MEAN)


def test_the_command_shows_and_stores_means_and_deviations(inside, tmp_path):
    path = tmp_path / "my.keras"
    convolutional().save(path)
    declared = ("--input-mean", "0.485,0.456,0.406", "--input-std", "0.229,0.224,0.225", "--color", "RGB")
    ran = inside("model", path, *declared, "--angle-unit", "deg", "--positive", "left", "--write-card")
    assert ran.code == 0, ran
    assert "0..255 becomes 0..1 less 0.485, 0.456, 0.406, over 0.229, 0.224, 0.225" in ran.out
    assert read_card(card_path(path)).preprocess.scaling.same(STANDARDISED[0])


def test_inexpressible_scalings_have_no_options():
    assert Scaling((-1 / 255, -1 / 255, 1 / 255), (1.0, 1.0, 0.0)).options == ()
    assert Scaling(-1 / 255, 1.0).options == ("--input-scale", "1..0")
