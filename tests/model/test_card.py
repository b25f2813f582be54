import json
import warnings

import numpy as np
import pytest

from drivesal.angle import AngleSpec
from drivesal.errors import ModelError
from drivesal.model.card import Card, card_path, card_text, encode_image, read_card
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.model.target import Bins, Target

CARD = Card(
    Preprocess((4, 6), Crop("pixel", (60, -25)), "area", "YUV", 1 / 127.5, -1.0),
    Target(AngleSpec("norm", "road-wheels", "right", 25.0), "steering"),
    training={"seed": 7},
)


def write(tmp_path, change):
    data = json.loads(card_text(CARD))
    change(data)
    path = tmp_path / "m.keras.card.json"
    path.write_text(json.dumps(data))
    return path


def test_a_card_survives_a_round_trip(tmp_path):
    assert read_card(write(tmp_path, lambda data: None)) == CARD


def test_cards_with_bins_and_pre_activation_survive_a_round_trip(tmp_path):
    for target in (
        Target(CARD.target.angle, "angle", Bins(-1.0, 1.0)),
        Target(CARD.target.angle, "0.5*left+0.5*right", pre_activation=True),
        Target(CARD.target.angle, 3),
    ):
        path = tmp_path / "other.keras.card.json"
        path.write_text(card_text(Card(CARD.preprocess, target)))
        assert read_card(path).target == target


def test_a_card_without_a_bins_field_is_read(tmp_path):
    def older(data):
        del data["target"]["bins"], data["target"]["pre_activation"]

    assert read_card(write(tmp_path, older)) == CARD


@pytest.mark.parametrize("before", [{}, {"drivesal_card": 1}])
def test_a_card_of_the_first_schema_is_read_on(tmp_path, before):
    def older(data):
        del data["schema"]
        data.update(before)

    card = read_card(write(tmp_path, older))
    assert card == CARD
    assert json.loads(card_text(card))["schema"] == 2


def test_the_card_lies_beside_the_weights(tmp_path):
    assert card_path(tmp_path / "m.keras") == tmp_path / "m.keras.card.json"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d["preprocess"].update(colour="PINK"), "preprocess.colour"),
        (lambda d: d["preprocess"].pop("size"), "preprocess.size"),
        (lambda d: d["preprocess"]["crop"].update(unit="mile"), "preprocess.crop.unit"),
        (lambda d: d["preprocess"].update(scale=0), "preprocess"),
        (lambda d: d["target"]["angle"].update(unit="gon"), "target.angle.unit"),
        (lambda d: d["target"]["angle"].update(full_lock_deg=-3), "target.angle"),
        (lambda d: d["target"].update(bins={"low": -1.0}), "target.bins"),
        (lambda d: d["target"].update(bins={"low": -1.0, "high": 1.0, "count": 3}), "target.bins"),
        (lambda d: d["target"].update(pre_activation="maybe"), "target.pre_activation"),
        (lambda d: d["target"].update(layer="conv1"), "target.layer"),
        (lambda d: d.update(colour="RGB"), "colour"),
        (
            lambda d: d.update(drivesal_card=d.pop("schema") + 97),
            "schema 2 or older in m.keras.card.json, but it is 99; update drivesal",
        ),
        (lambda d: d.update(schema=3), "schema 2 or older in m.keras.card.json, but it is 3; update drivesal"),
        (lambda d: d.update(schema="new"), "a schema number in m.keras.card.json, but it is 'new'"),
    ],
)
def test_an_error_names_the_field(tmp_path, change, named):
    with pytest.raises(ModelError) as error:
        read_card(write(tmp_path, change))
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "values", [{"scale": one} for one in (1e308, -1e308, 1e300, 1e-320, float("nan"), float("inf"), 0.0)]
    + [{"offset": 1e308}, {"offset": float("-inf")}],
)  # fmt: skip
def test_an_invalid_scaling_is_refused_in_one_line_without_a_warning(tmp_path, values):
    path = write(tmp_path, lambda data: data["preprocess"].update(values))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ModelError, match=r"valid preprocess in m\.keras\.card\.json") as error:
            read_card(path)
    assert "\n" not in str(error.value)


def test_a_card_with_one_column_of_pixels_explains_the_notation(tmp_path):
    path = write(tmp_path, lambda data: data["preprocess"]["crop"].update(columns=[0.0, 1.0]))
    with pytest.raises(
        ModelError, match=r"preprocess\.crop .*columns 0:1 in pixels select a single one; .*0:0"
    ):
        read_card(path)
    path = write(tmp_path, lambda data: data["preprocess"]["crop"].pop("columns"))
    assert read_card(path) == CARD


def test_invalid_json(tmp_path):
    path = tmp_path / "card.json"
    path.write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(path)


def test_the_mean_image_survives_a_round_trip():
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    card = Card(CARD.preprocess, CARD.target, encode_image(image))
    assert np.array_equal(card.mean(), image)


@pytest.mark.parametrize("text", ["####", "", encode_image(np.zeros((3, 3, 3), np.uint8))])
def test_an_invalid_mean_image(text):
    with pytest.raises(ModelError, match="mean_picture"):
        Card(CARD.preprocess, CARD.target, text).mean()
