import json
import zipfile

import numpy as np
import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.errors import InputError, ModelError
from drivesal.model.backend import keras
from drivesal.model.card import Card
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.model.readers import load_model
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import SCORE, Bins, Class, Filters, Target
from drivesal.settings import ModelSettings
from drivesal.types import Frame
from tests.models import (
    DEGREES,
    SIZE,
    categorical,
    classifier,
    convolutional,
    linear,
    linear_weights,
    pictures,
    steering,
    subclassed,
    two_inputs,
)


def test_predictions_are_left_positive_degrees():
    model = steering(linear(), AngleSpec("rad", "steering-wheel", "right"), scale=1 / 255, offset=-0.5)
    seen = pictures(5, SIZE)
    inputs = seen.astype(np.float64) / 255 - 0.5
    expected = -np.degrees((inputs * linear_weights()).sum(axis=(1, 2, 3)) + 0.5)
    assert model.predict(seen) == pytest.approx(expected, rel=1e-5)
    assert model.kind == AngleKind("deg", "steering-wheel")
    assert model.unit == "deg"
    assert model.explains_prediction


def test_grey_networks_see_grey():
    weights = linear_weights(1)
    model = steering(linear(weights), colour="GREY")
    seen = pictures(3, SIZE)
    grey = seen.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert model.predict(seen) == pytest.approx((grey * weights[..., 0]).sum(axis=(1, 2)) + 0.5, rel=1e-4)


def test_a_model_survives_saving_and_loading(tmp_path):
    model = steering(convolutional(), AngleSpec("norm", "road-wheels", "right", 25.0), "YUV", 1 / 127.5, -1)
    path = tmp_path / "m.keras"
    model.save(path)
    again = load_model(path)
    assert again.card == model.card
    assert again.assumed == ()
    assert len(again.sha256) == 64
    seen = pictures(4, (24, 32))
    assert again.predict(seen) == pytest.approx(model.predict(seen), rel=1e-5)


def test_without_a_card_all_assumptions_are_reported(tmp_path):
    path = tmp_path / "m.keras"
    linear().save(path)
    model = load_model(path)
    assert model.preprocess == Preprocess(SIZE)
    assert model.kind.unit == "norm"
    assumed = " ".join(model.assumed)
    assert all(word in assumed for word in ("scaling", "colour", "unit", "positive"))


def test_declarations_override_the_card_and_are_not_assumed(tmp_path):
    path = tmp_path / "m.keras"
    linear().save(path)
    how = {
        "crop": Crop("pixel", (0, 6)),
        "interpolation": "area",
        "color": "BGR",
        "input_scale": (0, 1),
    }
    said = ModelSettings(**how, output="steering", angle_unit="rad", positive="right")
    model = load_model(path, said)
    assert model.assumed == ()
    assert model.preprocess == Preprocess(SIZE, Crop("pixel", (0, 6)), "area", "BGR", 1 / 255, 0.0)
    assert model.target.angle == AngleSpec("rad", "unknown", "right")
    model.save(path)
    assert load_model(path, ModelSettings(angle_unit="deg")).target.angle == AngleSpec(
        "deg", "unknown", "right"
    )


def two_outputs():
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    flat = layers.Flatten()(inputs)
    return keras().Model(inputs, [layers.Dense(1, name="angle")(flat), layers.Dense(1, name="throttle")(flat)])


def card(output=None):
    return Card(Preprocess(SIZE), Target(DEGREES, output))


def test_two_outputs_are_listed_if_none_is_chosen():
    with pytest.raises(ModelError, match=r"0: angle \(1,\), 1: throttle \(1,\).*--output"):
        SteeringModel(two_outputs(), card())


@pytest.mark.parametrize(("output", "name"), [("throttle", "throttle"), (1, "throttle"), (0, "angle")])
def test_outputs_are_chosen_by_name_and_number(output, name):
    network = two_outputs()
    model = SteeringModel(network, card(output))
    assert model.output_name == name
    seen = pictures(2, SIZE)
    direct = network(seen.astype(np.float32))[0 if name == "angle" else 1].numpy()[:, 0]
    assert model.predict(seen) == pytest.approx(direct, rel=1e-5)


@pytest.mark.parametrize("output", ["nothing", 7, -1])
def test_a_missing_output_is_refused(output):
    with pytest.raises(ModelError, match="there is no output"):
        SteeringModel(two_outputs(), card(output))


def test_an_element_of_a_vector_output():
    layers = keras().layers
    network = keras().Sequential([layers.Input((*SIZE, 3)), layers.Flatten(), layers.Dense(3, name="both")])
    with pytest.raises(ModelError, match="both has 3 elements"):
        SteeringModel(network, card())
    assert SteeringModel(network, card(2)).output_name == "both[2]"


def test_a_vector_among_several_outputs_is_not_an_angle():
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    flat = layers.Flatten()(inputs)
    network = keras().Model(
        inputs, [layers.Dense(15, name="bins")(flat), layers.Dense(1, name="throttle")(flat)]
    )
    with pytest.raises(ModelError, match="bins has 15 elements"):
        SteeringModel(network, card(0))


def test_a_sequential_that_was_never_built():
    network = keras().Sequential([keras().layers.Conv2D(2, 3), keras().layers.Flatten()])
    with pytest.raises(ModelError, match="no fixed inputs"):
        SteeringModel(network, card())


def test_weights_that_are_not_finite_are_named():
    network = linear()
    layer = network.get_layer("steering")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias * np.nan])
    with pytest.raises(ModelError, match="steering/bias holds NaN"):
        steering(network)


@pytest.mark.parametrize("shape", [(4,), (6, 8, 4), (5, 6, 8, 3)])
def test_a_model_without_an_image_input_is_refused(shape):
    layers = keras().layers
    network = keras().Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(ModelError, match="one image input"):
        SteeringModel(network, card())


def test_a_card_that_does_not_fit_the_network():
    with pytest.raises(ModelError, match=r"\(6, 8, 3\).*\(6, 8, 1\)"):
        steering(linear(), colour="GREY")


def test_lambda_code_only_runs_with_unsafe(tmp_path):
    layers = keras().layers
    marker = tmp_path / "ran"

    touch = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    code = eval(f"lambda x: ({touch}, x / 127.5 - 1)[1]")  # Keras saves the byte code of a lambda
    scaling = layers.Lambda(code, output_shape=(*SIZE, 3))
    network = keras().Sequential([layers.Input((*SIZE, 3)), scaling, layers.Flatten(), layers.Dense(1)])
    path = tmp_path / "m.keras"
    network.save(path)
    marker.unlink(missing_ok=True)
    with pytest.raises(ModelError, match=r"Lambda code in lambda.*--unsafe"):
        load_model(path)
    assert not marker.exists()
    load_model(path, ModelSettings(unsafe=True)).predict(pictures(1, SIZE))
    assert marker.exists()


def not_zip(path):
    path.write_text("not a model")


def empty(path):
    path.touch()


def zip_without_config(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme", "nothing")


def unknown_layer(path):
    linear().save(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1]["class_name"] = "Mystery"
    config["config"]["layers"][1]["registered_name"] = "Mystery"
    config["config"]["layers"][1]["module"] = None
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder"),
        (empty, "is not one"),
        (not_zip, "is not one"),
        (zip_without_config, "config.json"),
        (unknown_layer, "Mystery"),
    ],
)
def test_invalid_model_files_are_refused_in_one_line(tmp_path, make, message):
    path = tmp_path / "m.keras"
    make(path)
    with pytest.raises(ModelError) as error:
        load_model(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_score_is_computed_at_the_networks_input():
    model = steering(convolutional(), colour="YUV", scale=1 / 127.5, offset=-1)
    seen = pictures(2, (24, 32)).astype(np.float32)
    assert np.allclose(model.score(seen), model.score_of(model.inputs(seen)))
    assert np.allclose(model.score(seen), model.predict(seen.astype(np.uint8)), rtol=1e-5)


def test_negated_negates_the_score_and_not_the_prediction():
    model = steering(convolutional(), scale=1 / 255)
    seen = pictures(3, (24, 32))
    expected = model.predict(seen)
    assert np.allclose(model.negated.score(seen.astype(np.float32)), -expected, rtol=1e-5)
    assert np.allclose(model.negated.negated.score(seen.astype(np.float32)), expected, rtol=1e-5)
    assert model.negated.predict(seen) == pytest.approx(expected, rel=1e-5)
    assert model.negated is model.negated
    assert model.negated.network is model.network


def test_functions_are_compiled_once_per_model():
    model, made = steering(linear()), []

    def ask(one, name):
        return one.compiled(name, lambda: made.append(name) or object())

    assert ask(model, "a") is ask(model, "a")
    assert ask(model, "a") is not ask(model, "b")
    assert ask(model.negated, "a") is not ask(model, "a")
    assert made == ["a", "b", "a"]


def test_explaining_another_score_of_the_same_network():
    model = steering(convolutional(), scale=1 / 255)
    other = model.explaining(Filters(0))
    assert other.network is model.network
    assert (other.unit, other.target.kind) == ("score", SCORE)
    assert not other.explains_prediction
    seen = pictures(3, (24, 32))
    # the prediction is still the network's angle
    assert other.kind.unit == "deg"
    assert other.steering == model.target
    assert other.output_name == "steering"
    assert other.predict(seen) == pytest.approx(model.predict(seen), rel=1e-5)
    assert not np.allclose(other.score(seen.astype(np.float32)), other.predict(seen))
    with pytest.raises(ModelError, match="there is no layer 'conv3d'"):
        model.explaining(Filters("conv3d"))


def test_a_classifier_has_no_steering():
    model = steering(classifier(), target=Class(2))
    assert model.steering is None
    assert model.kind == SCORE
    assert model.unit == "score"
    assert model.explains_prediction
    assert model.output_name == "class 2"
    seen = pictures(3, SIZE)
    assert np.allclose(model.predict(seen), _compiled_score(model, seen), rtol=1e-5)


def _compiled_score(model, seen, others=None):
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    beside = np.zeros((len(seen), 0), np.float32) if others is None else others
    return tf.function(model.score, autograph=False)(tf.cast(seen, tf.float32), tf.constant(beside)).numpy()


def test_a_classifier_without_a_class_is_refused():
    with pytest.raises(ModelError, match=r"classes has 4 elements; .*--bins"):
        steering(classifier())


@pytest.mark.parametrize(
    ("output", "bins", "name"),
    [
        ("throttle", None, "throttle"),
        ("angle[2]", None, "angle[2]"),
        ("0.5*throttle+-0.5*angle[1]", None, "0.5*throttle+-0.5*angle[1]"),
        ("angle", Bins(-1, 1), "expected angle of angle"),
    ],
)
def test_the_output_is_named(output, bins, name):
    model = SteeringModel(categorical(), Card(Preprocess(SIZE), Target(DEGREES, output, bins)))
    assert model.output_name == name


def frame(index=0, **extras):
    return Frame(index, index / 20, pictures(1, (24, 32))[0], None, extras)


def test_auxiliary_inputs_are_read_from_the_recording():
    model = steering(two_inputs())
    assert model.signature.auxiliary == (("speed", 1),)
    found = model.auxiliary_inputs_of([frame(0, speed=3.5), frame(1, speed=7.0, gear=2)])
    assert found.dtype == np.float32
    assert found.tolist() == [[3.5], [7.0]]
    assert steering(convolutional()).auxiliary_inputs_of([frame(), frame(1)]).shape == (2, 0)


@pytest.mark.parametrize(("feed", "expected"), [(12.5, [[12.5], [12.5]]), ("kmh", [[36.0], [18.0]])])
def test_an_auxiliary_input_takes_a_constant_or_a_column(feed, expected):
    model = steering(two_inputs(), feed={"speed": feed})
    assert model.auxiliary_inputs_of([frame(kmh=36.0, speed=1.0), frame(1, kmh=18.0)]).tolist() == expected
    assert model.explaining(Filters("conv1")).feed == {"speed": feed}


def test_a_constant_fills_a_whole_vector():
    layers = keras().layers
    picture, state = layers.Input((*SIZE, 3), name="picture"), layers.Input((3,), name="state")
    speed = layers.Input((1,), name="speed")
    x = layers.Concatenate()([layers.Flatten()(picture), state, speed])
    network = keras().Model([state, picture, speed], layers.Dense(1, name="steering")(x))
    model = steering(network, feed={"state": 2.0})
    assert model.signature.image_index == 1
    assert model.signature.auxiliary == (("state", 3), ("speed", 1))
    assert model.auxiliary_inputs_of([frame(speed=9.0)]).tolist() == [[2.0, 2.0, 2.0, 9.0]]
    seen, beside = pictures(2, SIZE), np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
    expected = network([beside[:, :3], seen.astype(np.float32), beside[:, 3:]]).numpy()[:, 0]
    assert model.predict(seen, beside) == pytest.approx(expected, rel=1e-4)


def test_a_missing_recorded_value_is_reported():
    model = steering(two_inputs())
    with pytest.raises(InputError, match=r"input speed, but frame 4 has gear, lat; .*--feed speed=NUMBER"):
        model.auxiliary_inputs_of([frame(3, speed=1.0), frame(4, gear=2.0, lat=1.0)])
    with pytest.raises(InputError, match="frame 0 has no values other than the image"):
        steering(two_inputs(), feed={"speed": "kmh"}).auxiliary_inputs_of([frame()])


def test_feeding_a_missing_input_is_refused():
    with pytest.raises(ModelError, match=r"auxiliary inputs \(speed\), but a value for 'sped' was given"):
        steering(two_inputs(), feed={"sped": 1.0})
    with pytest.raises(ModelError, match=r"\(it has none\)"):
        steering(linear(), feed={"speed": 1.0})


def test_two_image_inputs_are_refused():
    layers = keras().layers
    left, right = layers.Input((*SIZE, 3), name="left"), layers.Input((*SIZE, 3), name="right")
    x = layers.Flatten()(layers.Concatenate()([left, right]))
    network = keras().Model([left, right], layers.Dense(1)(x))
    with pytest.raises(ModelError, match=r"its inputs are left \(6, 8, 3\); right \(6, 8, 3\)"):
        SteeringModel(network, card())


def test_a_subclassed_models_predictions_are_unchanged():
    network = subclassed()
    model = steering(network, scale=1 / 255, size=(24, 32))
    seen = pictures(3, (24, 32))
    assert model.predict(seen) == pytest.approx(network(seen / np.float32(255)).numpy()[:, 0], rel=1e-4)
    assert model.output_name == "output_0"


def test_a_target_can_be_chosen_when_loading(tmp_path):
    path = tmp_path / "m.keras"
    two_inputs().save(path)
    model = load_model(path, ModelSettings(feed={"speed": 5.0}), target=Filters("conv1", (2,)))
    assert model.target == Filters("conv1", (2,))
    assert model.feed == {"speed": 5.0}
    assert model.steering == Target(AngleSpec("norm"))
    assert any("unit" in one for one in model.assumed)


def test_no_angle_is_assumed_for_a_classifier(tmp_path):
    path = tmp_path / "m.keras"
    classifier().save(path)
    model = load_model(path, target=Class(1))
    assert model.steering is None
    assert not any("unit" in one or "positive" in one for one in model.assumed)


def test_declared_bins_override_the_card(tmp_path):
    path = tmp_path / "m.keras"
    categorical().save(path)
    said = ModelSettings(output="angle", bins=(-40.0, 40.0), angle_unit="deg", positive="left")
    model = load_model(path, said)
    assert model.target == Target(AngleSpec("deg"), "angle", Bins(-40.0, 40.0))
    model.save(path)
    assert load_model(path).target == model.target
    chances = model.network(pictures(2, SIZE).astype(np.float32))[0].numpy()
    assert load_model(path).predict(pictures(2, SIZE)) == pytest.approx(
        chances @ np.linspace(-40, 40, 5), rel=1e-4
    )


def test_pre_activation_can_be_declared(tmp_path):
    path = tmp_path / "m.keras"
    convolutional(head="tanh").save(path)
    model = load_model(path, ModelSettings(pre_activation=True))
    assert model.target == Target(AngleSpec("norm"), pre_activation=True)
    assert model.steering is not None
