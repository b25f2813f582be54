"""Outputs with common names and shapes are assumed to steer and reported as such; anything else is refused."""

import json
import shlex

import numpy as np
import pytest

from drivesal.errors import IncompleteError, ModelError
from drivesal.model.readers import join, load_model
from drivesal.model.target import Bins
from drivesal.settings import ModelSettings
from tests.models import pictures

SIZE = (24, 32)


def network(heads, activation=None):
    """A network with one Dense layer per head, by name and width."""
    from drivesal.model.backend import keras

    layers = keras().layers
    keras().utils.set_random_seed(0)
    inputs = layers.Input((*SIZE, 3))
    flat = layers.Flatten()(layers.Conv2D(2, 5, strides=4, name="conv")(inputs))
    outputs = [layers.Dense(width, activation, name=name)(flat) for name, width in heads.items()]
    return keras().Model(inputs, outputs if len(outputs) > 1 else outputs[0])


@pytest.mark.parametrize(
    ("heads", "chosen"),
    [
        ({"angle_out": 1, "throttle_out": 1}, "angle_out"),
        ({"n_outputs0": 1, "n_outputs1": 1}, "n_outputs0"),
        ({"out_0": 1, "out_1": 1}, "out_0"),
        ({"throttle": 1, "steering": 1}, "steering"),
        ({"brake": 1, "wheel_angle": 1, "speed": 1}, "wheel_angle"),
    ],
)
def test_the_steering_output_is_found_by_its_name(heads, chosen):
    built = network(heads)
    model = join(built)
    assert model.output_name == chosen
    assert f"output {chosen} steers" in model.assumed
    frames = pictures(2, SIZE)
    outputs = dict(zip(heads, built(frames.astype(np.float32)), strict=True))
    np.testing.assert_allclose(model.predict(frames), np.array(outputs[chosen])[:, 0], rtol=1e-4)


@pytest.mark.parametrize("heads", [{"angle_out": 15, "throttle_out": 20}, {"dense": 15}])
def test_fifteen_bins_are_assumed_to_be_donkeycars(heads):
    model = join(network(heads, "softmax"))
    assert model.card.target.bins == Bins(-1.0, 1.0)
    assert "15 bins over -1..1" in model.assumed
    assert np.abs(model.predict(pictures(2, SIZE))).max() <= 1


@pytest.mark.parametrize(
    ("heads", "activation", "declared"),
    [
        ({"a": 1, "b": 1}, None, ModelSettings()),
        ({"n_outputs0": 1, "n_outputs1": 1, "n_outputs2": 1}, None, ModelSettings()),
        ({"left_angle": 1, "right_angle": 1}, None, ModelSettings()),
        ({"both": 2}, None, ModelSettings()),
        ({"bins": 15}, None, ModelSettings()),  # no distribution
        ({"bins": 15}, "softmax", ModelSettings(angle_unit="deg")),  # -1..1 of what?
        ({"bins": 21}, "softmax", ModelSettings()),
    ],
)
def test_ambiguous_outputs_are_refused(heads, activation, declared):
    with pytest.raises(IncompleteError, match="--output"):
        join(network(heads, activation), settings=declared)


def test_what_was_said_is_not_assumed():
    model = join(network({"angle_out": 1, "throttle_out": 1}), settings=ModelSettings(output="throttle_out"))
    assert model.output_name == "throttle_out"
    assert not any("steers" in one for one in model.assumed)
    with pytest.raises(ModelError, match="no output 'gas'"):
        join(network({"angle_out": 1, "throttle_out": 1}), settings=ModelSettings(output="gas"))


def test_a_card_without_the_output_leaves_only_the_output_assumed(tmp_path):
    path = tmp_path / "m.keras"
    join(network({"angle_out": 1, "throttle_out": 1})).save(path)
    card = tmp_path / "m.keras.card.json"
    card.write_text(card.read_text().replace('"output": "angle_out"', '"output": null'))
    assert load_model(path).assumed == ("output angle_out steers",)


def test_an_incomplete_model_is_described(inside, tmp_path):
    network({"left": 1, "right": 3}).save(tmp_path / "m.keras")
    ran = inside("model", "m.keras")
    assert ran.code == 0, ran
    for text in ("left 1", "right 3", "24x32x3", "conv", "--output left"):
        assert text in ran.out
    found = json.loads(inside("model", "m.keras", "--json").out)
    assert found["complete"] is False
    assert found["outputs"] == [{"name": "left", "shape": [1]}, {"name": "right", "shape": [3]}]
    assert [one["name"] for one in found["layers"]][-2:] == ["left", "right"]
    # the suggested command completes it
    ran = inside(*shlex.split(found["command"])[1:])
    assert ran.code == 0, ran
    found = json.loads(inside("model", "m.keras", "--json").out)
    assert (found["complete"], found["command"], found["assumed"]) == (True, None, [])
    for command in ("model", "image"):
        more = ("--at", "#0") if command == "image" else ("--write-card",)
        network({"left": 1, "right": 3}).save(tmp_path / "bare.keras")
        given = (tmp_path / "bare.keras",) if command == "model" else (clip(tmp_path), "--model", "bare.keras")
        ran = inside(command, *given, *more)
        assert ran.code == 1
        assert "--output left" in ran.err


def test_the_suggested_command_keeps_the_assumptions(inside, tmp_path):
    network({"angle_out": 15, "throttle_out": 20}, "softmax").save(tmp_path / "m.keras")
    ran = inside("model", "m.keras", "--color", "BGR")
    assert ran.code == 0, ran
    assert "--preset donkey" in ran.out
    command = next(line for line in ran.out.splitlines() if line.startswith("complete it: "))
    words = shlex.split(command.removeprefix("complete it: ").split("   (")[0])
    assert inside(*words[1:]).code == 0
    model = load_model(tmp_path / "m.keras")
    assert model.assumed == ()
    assert (model.preprocess.colour, model.card.target.output) == ("BGR", "angle_out")


def test_several_frames_as_input_are_described_without_a_command(inside, tmp_path):
    from drivesal.model.backend import keras

    layers = keras().layers
    inputs = layers.Input((3, *SIZE, 3))
    keras().Model(inputs, layers.Dense(1)(layers.Flatten()(inputs))).save(tmp_path / "m.keras")
    ran = inside("model", "m.keras", "--json")
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    assert found["command"] is None
    assert "not supported yet" in found["missing"]


def clip(folder):
    from tests.clips import make_clip

    return make_clip(folder / "run.mp4", 3)
