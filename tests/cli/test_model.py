import json

import pytest

from drivesal.angle import AngleSpec
from drivesal.attribution.registry import methods
from drivesal.errors import ModelError
from drivesal.model.card import card_path, read_card
from drivesal.model.preprocess import Crop
from drivesal.model.shipped import default_model
from tests.models import convolutional

INPUT = ("--crop", "60:-25", "--color", "YUV", "--input-scale", "-1..1")
SAID = (*INPUT, "--angle-unit", "norm", "--full-lock", "25", "--positive", "right", "--turns", "road-wheels")


def test_what_a_model_expects_and_gives(drivesal, model_path):
    done = drivesal("model", model_path)
    assert done.returncode == 0, done.stderr
    for part in (
        "32x24 RGB, 0..255 becomes 0..1",
        "steering, deg at steering-wheel, positive is left",
        "conv2d",
    ):
        assert part in done.stdout


def test_options_can_be_kept_in_the_card(inside, tmp_path):
    convolutional().save(tmp_path / "bare.keras")
    ran = inside("model", "bare.keras")
    assert ran.code == 0, ran
    assert "assumed: input scaling" in ran.out
    ran = inside("model", "bare.keras", "--write-card", *INPUT)
    assert ran.code == 1
    assert "positive = left" in ran.err
    assert not (tmp_path / "bare.keras.card.json").exists()
    ran = inside("model", "bare.keras", *SAID, "--write-card", "--json")
    assert ran.code == 0, ran
    assert json.loads(ran.out)["assumed"] == []
    card = read_card(tmp_path / "bare.keras.card.json")
    assert card.preprocess.crop == Crop("pixel", (60, -25), (0, 0))
    assert (card.preprocess.colour, card.preprocess.offset) == ("YUV", -1)
    assert card.target.angle == AngleSpec("norm", "road-wheels", "right", 25.0)
    assert "assumed" not in inside("model", "bare.keras").out
    ran = inside("model", "bare.keras", "--write-card")
    assert ran.code == 1
    assert "--overwrite" in ran.err


def test_a_broken_card_names_its_field(inside, tmp_path):
    convolutional().save(tmp_path / "m.keras")
    assert inside("model", "m.keras", *SAID, "--write-card").code == 0
    path = tmp_path / "m.keras.card.json"
    path.write_text(path.read_text().replace('"YUV"', '"PINK"'))
    ran = inside("model", "m.keras")
    assert ran.code == 1
    assert "preprocess.colour" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("json_wanted", [True, False])
def test_methods(inside, json_wanted):
    ran = inside("methods", *(["--json"] if json_wanted else []))
    assert ran.code == 0
    if json_wanted:
        rows = {row["name"]: row for row in json.loads(ran.out)}
        assert set(rows) == set(methods())
        assert rows["rectified"]["aliases"] == ["deconv", "zeiler-fergus"]
        assert rows["visualbackprop"]["caution"]
        assert not rows["gradient"]["caution"]
    else:
        assert "arXiv:1312.6034" in ran.out
        assert "--steps" in ran.out
        assert "rectified or deconv or zeiler-fergus" in ran.out
        assert "Caution: " in ran.out


def test_an_input_size_missing_in_the_file_can_be_declared(inside, tmp_path):
    from drivesal.model.backend import keras

    layers = keras().layers
    network = keras().Sequential(
        [layers.Input((None, None, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), layers.Dense(1)]
    )
    network.save(tmp_path / "open.keras")
    ran = inside("model", "open.keras")
    assert ran.code == 0, ran
    assert "--input-size HEIGHTxWIDTH" in ran.out
    assert "missing" in ran.out
    ran = inside("model", "open.keras", "--input-size", "30x40")
    assert ran.code == 0, ran
    assert "40x30 RGB" in ran.out


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("preprocess.colour", "PINK", "preprocess.colour in m.keras.card.json to be '"),
        ("preprocess.size", [66.5, 200], "preprocess.size.0 in m.keras.card.json to be a whole number"),
        ("preprocess.interpolation", 3, "but it is 3"),
        ("target.angle.full_lock_deg", "x", "target.angle.full_lock_deg in m.keras.card.json to be a number"),
        ("target.output", [1], "target.output in m.keras.card.json to be a name or a number, but it is [1]"),
        ("target.pre_activation", "maybe", "to be true or false"),
        ("lambdas", [], "lambdas in m.keras.card.json to be an object"),
        ("tarket", 1, "fields of a card in m.keras.card.json (docs/models.md), but tarket is not one"),
        ("preprocess.crop.rows", [0.9, 0.1], "preprocess.crop in m.keras.card.json"),
        ("preprocess", None, "preprocess in m.keras.card.json to be an object"),
        ("target", ..., "target in m.keras.card.json, but it is missing"),
    ],
)
def test_errors_in_a_card_are_readable(tmp_path, field, value, message):
    card = json.loads(card_path(default_model()).read_text())
    *folders, last = field.split(".")
    part = card
    for name in folders:
        part = part[name]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    path = tmp_path / "m.keras.card.json"
    path.write_text(json.dumps(card))
    with pytest.raises(ModelError) as refused:
        read_card(path)
    text = str(refused.value)
    assert message in text
    for leaked in ("Input should", "Field required", "valid dictionary", "keyword argument"):
        assert leaked not in text
