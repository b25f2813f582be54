import pytest

from drivesal.angle import AngleSpec
from drivesal.errors import ModelError, OptionError
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.model.presets import PRESETS
from drivesal.model.readers import load_model
from drivesal.model.readers.custom_objects import import_file
from drivesal.model.readers.stated import check_stated
from drivesal.model.target import Bins
from drivesal.settings import ModelSettings
from tests.model.readers.legacy import files
from tests.model.readers.legacy.test_hdf5 import two_outputs
from tests.models import convolutional, pictures


@pytest.mark.parametrize("family", PRESETS.values(), ids=list(PRESETS))
def test_the_settings_of_a_preset_can_be_parsed_and_are_complete(family):
    check_stated(family.settings)
    needed = ("color", "input_size", "input_scale", "angle_unit", "positive")
    assert all(getattr(family.settings, name) is not None for name in needed)


def saved(tmp_path):
    path = tmp_path / "m.keras"
    convolutional().save(path)
    return path


@pytest.mark.parametrize(
    ("name", "preprocess", "angle"),
    [
        (
            "pilotnet-udacity",
            Preprocess((24, 32), Crop("pixel", (60, -25)), colour="YUV", scale=2 / 255, offset=-1),
            AngleSpec("norm", "road-wheels", "right", 25.0),
        ),
        ("donkey", Preprocess((24, 32), scale=1 / 255), AngleSpec("norm", "unknown", "right")),
        (
            "sullychen",
            Preprocess((24, 32), Crop("pixel", (-150, 0)), scale=1 / 255),
            AngleSpec("rad", "steering-wheel", "right"),
        ),
        (
            "comma",
            Preprocess((24, 32), scale=2 / 255, offset=-1),
            AngleSpec("norm", "steering-wheel", "right", 0.1),  # tenths of a degree
        ),
    ],
)
def test_a_preset_fills_what_was_not_said(tmp_path, name, preprocess, angle):
    model = load_model(saved(tmp_path), ModelSettings(preset=name))
    assert model.preprocess == preprocess
    assert model.card.target.angle == angle
    assert model.assumed == ()


def test_options_and_the_card_go_before_a_preset(tmp_path):
    path = saved(tmp_path)
    said = ModelSettings(color="BGR", angle_unit="deg", crop=Crop("pixel", (1, 0)), input_scale=(0, 255))
    model = load_model(path, said.but(preset="pilotnet-udacity"))
    assert model.preprocess == Preprocess((24, 32), Crop("pixel", (1, 0)), colour="BGR")
    assert model.card.target.angle == AngleSpec("deg", "road-wheels", "right")
    model.save(path)
    assert load_model(path, ModelSettings(preset="donkey")).card == model.card


def test_a_network_that_scales_itself_gets_0_to_255(tmp_path):
    path = files.write(tmp_path / "old.h5", files.keras1(), files.KERAS1_WEIGHTS)
    model = load_model(path, ModelSettings(lambdas={"lambda_1": "x/127.5-1"}, preset="comma"))
    assert (model.preprocess.scale, model.preprocess.offset) == (1.0, 0.0)


def test_a_network_that_crops_itself_gets_whole_pictures(tmp_path):
    config = files.sequential("2.4.0")
    crop = files.plain("Cropping2D", "crop", cropping=[[2, 0], [0, 0]], data_format="channels_last")
    config["config"]["layers"].insert(1, crop)
    stored = files.keras2_weights() | {
        "dense_1": files.weights("dense_1", (files.drawn(40, 1), files.drawn(1)))
    }
    path = files.write(tmp_path / "m.h5", config, stored)
    assert load_model(path, ModelSettings(preset="pilotnet-udacity")).preprocess.crop == Crop()
    cropped = ModelSettings(crop="1:", preset="pilotnet-udacity")
    assert load_model(path, cropped).preprocess.crop == Crop("pixel", (1, 0))


def test_a_categorical_donkey_is_read_as_its_expected_angle(tmp_path):
    stored = {
        "conv2d_1": files.weights("conv2d_1", files.CONV),
        "angle_out": files.weights("angle_out", (files.drawn(60, 15), files.drawn(15))),
        "throttle_out": files.weights("throttle_out", (files.drawn(60, 1), files.drawn(1))),
    }
    path = files.write(tmp_path / "pilot", two_outputs("Model"), stored, version="2.1.6-tf")
    model = load_model(path, ModelSettings(preset="donkey"))
    assert model.output_name == "expected angle of angle_out"
    assert model.card.target.bins == Bins(-1.0, 1.0)
    assert abs(model.predict(pictures(2, (files.H, files.W)))).max() <= 1


@pytest.mark.parametrize("given", ["0..1e308", "-1e308..0", "1..1", "nan..0", "1e308..1"])
def test_a_declared_scaling_that_is_none(given, tmp_path):
    with pytest.raises(OptionError, match=r"an input scale LOW\.\.HIGH like"):
        load_model(saved(tmp_path), ModelSettings(input_scale=given))


def test_no_such_preset(tmp_path):
    with pytest.raises(OptionError, match="did you mean donkey"):
        load_model(saved(tmp_path), ModelSettings(preset="donky"))


OWN = """
import keras

@keras.saving.register_keras_serializable()
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x

@keras.saving.register_keras_serializable()
def twice_tanh(x):
    return 2 * keras.ops.tanh(x)
"""


def test_classes_of_the_users_own_file(inside, tmp_path):
    config = files.sequential("2.4.0")
    config["config"]["layers"].insert(1, {"class_name": "Doubled", "config": {"name": "doubled"}})
    config["config"]["layers"][-1]["config"]["activation"] = "twice_tanh"
    files.write(tmp_path / "m.h5", config, files.keras2_weights())
    (tmp_path / "own.py").write_text(OWN)
    ran = inside("model", "m.h5")
    assert ran.code == 1
    assert "doubled is a Doubled" in ran.err
    assert "--import" in ran.err
    ran = inside("model", "m.h5", "--import", "own.py", "--preset", "donkey")
    assert ran.code == 0, ran
    assert "preset      donkey" in ran.out
    assert "Doubled" in ran.out


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("own.py", None, "does not exist"),
        ("own.py", "1 / 0", "ZeroDivisionError"),
        ("own.py", "(", "SyntaxError"),
        ("own.txt", "x = 1", "does not end in .py"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path, name, text, says):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ModelError, match=says) as error:
        import_file(tmp_path / name)
    assert "\n" not in str(error.value)
