import json
import zipfile

import numpy as np
import pytest

from drivesal.backend import keras
from drivesal.card import Card, Target
from drivesal.errors import ModelError
from drivesal.loading import Declared, load_model
from drivesal.model import SteeringModel
from drivesal.preprocess import Crop, Preprocess
from drivesal.steering import AngleSpec
from tests.models import DEGREES, SIZE, convolutional, linear, linear_weights, pictures, steering


def test_the_answer_is_the_networks_in_left_positive_degrees():
    model = steering(linear(), AngleSpec("rad", "steering-wheel", "right"), scale=1 / 255, offset=-0.5)
    seen = pictures(5, SIZE)
    inputs = seen.astype(np.float64) / 255 - 0.5
    expected = -np.degrees((inputs * linear_weights()).sum(axis=(1, 2, 3)) + 0.5)
    assert model.predict(seen) == pytest.approx(expected, rel=1e-5)
    assert model.kind.unit == "deg"


def test_grey_networks_see_grey():
    weights = linear_weights(1)
    model = steering(linear(weights), colour="GREY")
    seen = pictures(3, SIZE)
    grey = seen.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert model.predict(seen) == pytest.approx((grey * weights[..., 0]).sum(axis=(1, 2)) + 0.5, rel=1e-4)


def test_saved_and_loaded_it_is_the_same(tmp_path):
    model = steering(convolutional(), AngleSpec("norm", "road-wheels", "right", 25.0), "YUV", 1 / 127.5, -1)
    path = tmp_path / "m.keras"
    model.save(path)
    again = load_model(path)
    assert again.card == model.card
    assert again.assumed == ()
    assert len(again.sha256) == 64
    seen = pictures(4, (24, 32))
    assert again.predict(seen) == pytest.approx(model.predict(seen), rel=1e-5)


def test_without_a_card_everything_assumed_is_told(tmp_path):
    path = tmp_path / "m.keras"
    linear().save(path)
    model = load_model(path)
    assert model.preprocess == Preprocess(SIZE)
    assert model.kind.unit == "norm"
    told = " ".join(model.assumed)
    assert all(word in told for word in ("scaling", "colour", "unit", "positive"))


def test_what_is_declared_is_not_assumed_and_beats_the_card(tmp_path):
    path = tmp_path / "m.keras"
    linear().save(path)
    said = Declared(Crop("pixel", (0, 6)), "area", "BGR", (1 / 255, 0.0), "steering", "rad", None, "right")
    model = load_model(path, said)
    assert model.assumed == ()
    assert model.preprocess == Preprocess(SIZE, Crop("pixel", (0, 6)), "area", "BGR", 1 / 255, 0.0)
    assert model.target.angle == AngleSpec("rad", "unknown", "right")
    model.save(path)
    assert load_model(path, Declared(unit="deg")).target.angle == AngleSpec("deg", "unknown", "right")


def two_outputs():
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    flat = layers.Flatten()(inputs)
    return keras().Model(inputs, [layers.Dense(1, name="angle")(flat), layers.Dense(1, name="throttle")(flat)])


def card(output=None):
    return Card(Preprocess(SIZE), Target(DEGREES, output))


def test_two_outputs_and_none_chosen_are_listed():
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
def test_an_output_that_is_not_there(output):
    with pytest.raises(ModelError, match="there is no output"):
        SteeringModel(two_outputs(), card(output))


def test_one_number_of_a_vector():
    layers = keras().layers
    network = keras().Sequential([layers.Input((*SIZE, 3)), layers.Flatten(), layers.Dense(3, name="both")])
    with pytest.raises(ModelError, match="both gives 3 numbers"):
        SteeringModel(network, card())
    assert SteeringModel(network, card(2)).output_name == "both[2]"


def test_a_vector_among_several_outputs_is_no_angle():
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    flat = layers.Flatten()(inputs)
    network = keras().Model(
        inputs, [layers.Dense(15, name="bins")(flat), layers.Dense(1, name="throttle")(flat)]
    )
    with pytest.raises(ModelError, match="bins gives 15 numbers"):
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
def test_a_model_without_a_picture_is_refused(shape):
    layers = keras().layers
    network = keras().Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(ModelError, match="one picture as input"):
        SteeringModel(network, card())


def test_a_card_that_does_not_fit_the_network():
    with pytest.raises(ModelError, match=r"\(6, 8, 3\).*\(6, 8, 1\)"):
        steering(linear(), colour="GREY")


def test_lambda_code_never_runs_unless_told(tmp_path):
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
    load_model(path, unsafe=True).predict(pictures(1, SIZE))
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
    ("make", "says"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder"),
        (empty, "is not one"),
        (not_zip, "is not one"),
        (zip_without_config, "config.json"),
        (unknown_layer, "Mystery"),
    ],
)
def test_what_is_no_model_gets_one_line(tmp_path, make, says):
    path = tmp_path / "m.keras"
    make(path)
    with pytest.raises(ModelError) as error:
        load_model(path)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
