"""Models of older Keras versions and other sources through the command."""

import json
import shlex
from pathlib import Path

import cv2
import pytest

from drivesal.model.backend import keras
from drivesal.model.card import read_card
from tests.clips import make_clip
from tests.model.readers.legacy import files, test_recurrent
from tests.models import pictures

SAID = ("--input-scale", "0..255", "--color", "RGB", "--angle-unit", "norm", "--positive", "right")


@pytest.fixture
def old(tmp_path):
    return files.write(tmp_path / "old.h5", files.keras1(), files.KERAS1_WEIGHTS, version="1.2.1")


def picture(tmp_path):
    path = tmp_path / "frame.png"
    cv2.imwrite(str(path), pictures(1, (40, 60))[0])
    return path


@pytest.mark.parametrize("option", [[], ["--unsafe"]])
def test_a_lambda_is_refused_with_advice(inside, tmp_path, old, option):
    before = sorted(tmp_path.iterdir())
    ran = inside("model", old, *option)
    assert ran.code == 1
    assert "--lambda lambda_1=x/127.5-1" in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_the_formula_of_a_lambda_is_kept_in_the_card(inside, tmp_path, old):
    done = inside("model", old, "--lambda", "lambda_1=x/127.5-1", *SAID, "--write-card")
    assert done.code == 0, done
    assert "lambda_1" in done.out
    assert "Rescaling" in done.out
    assert read_card(tmp_path / "old.h5.card.json").lambdas == {"lambda_1": "x/127.5-1"}
    done = inside("image", picture(tmp_path), "--model", old, "--out", "figure.png")
    assert done.code == 0, done
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_the_documented_command_writes_the_card(inside, old):
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("    drivesal model old.h5 --lambda"))
    ran = inside(*shlex.split(line)[1:])
    assert ran.code == 0, ran
    assert "wrote old.h5.card.json" in ran.out
    assert "assumed" not in inside("model", "old.h5").out


def test_a_card_with_something_missing_names_the_command_that_completes_it(inside, tmp_path, old):
    ran = inside("model", "old.h5", "--lambda", "lambda_1=x/127.5-1", "--angle-unit", "deg", "--write-card")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "--color RGB --positive left --write-card" in ran.err
    assert "unit unknown" not in ran.err  # it was given
    assert "--input-scale" not in ran.err  # the Lambda makes -1..1 of 0..255
    assert not (tmp_path / "old.h5.card.json").exists()
    done = inside(*shlex.split(ran.err[ran.err.index("drivesal model ") :])[1:])
    assert done.code == 0, done
    assert read_card(tmp_path / "old.h5.card.json").target.angle.unit == "deg"


def test_a_lambda_for_input_in_0_to_1_leaves_the_scaling_open(inside, old):
    ran = inside("model", "old.h5", "--lambda", "lambda_1=x-0.5")
    assert "assumed: input scaling 0..255" in ran.out


@pytest.mark.parametrize("text", ["lambda_1", "lambda_1=", "=x", "lambda_1=exec(x)", "other=x/2"])
def test_invalid_formulas_of_a_lambda(inside, old, text):
    given = ["--lambda", "lambda_1=x/127.5-1"] if text.startswith("other") else []
    ran = inside("model", old, *given, "--lambda", text)
    assert ran.code == 1
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("generation", ["2.0.8", "2.1.6-tf", "2.2.4-tf", "2.4.0"])
def test_each_generation_opens(inside, tmp_path, generation):
    files.write(tmp_path / "model", files.sequential(generation), files.keras2_weights(), version=generation)
    ran = inside("model", "model", "--json")
    assert ran.code == 0, ran
    facts = json.loads(ran.out)
    assert [layer["type"] for layer in facts["layers"]][-3:] == ["Conv2D", "Flatten", "Dense"]
    assert facts["parameters"] == 173


def test_a_lambda_of_a_keras_file(inside, tmp_path):
    layers = keras().layers
    marker = tmp_path / "ran"
    code = eval(f"lambda x: (__import__('pathlib').Path({str(marker)!r}).touch(), x / 2)[1]")
    network = keras().Sequential(
        [
            layers.Input((8, 12, 3)),
            layers.Lambda(code, output_shape=(8, 12, 3), name="scaled"),
            layers.Conv2D(2, 3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    network.save(tmp_path / "m.keras")
    marker.unlink(missing_ok=True)
    ran = inside("model", "m.keras")
    assert ran.code == 1
    assert "drivesal model m.keras --lambda scaled=x/127.5-1" in ran.err
    assert "--unsafe" in ran.err
    ran = inside("model", "m.keras", "--lambda", "scaled=x/2", "--unsafe")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "--lambda or --unsafe, but both are given" in ran.err
    ran = inside("model", "m.keras", "--lambda", "scaled=x/2")
    assert ran.code == 0, ran
    assert "Rescaling" in ran.out
    assert not marker.exists()

    from drivesal.model.readers import load_model
    from drivesal.settings import ModelSettings

    again = load_model(tmp_path / "m.keras", ModelSettings(lambdas={"scaled": "x/2"})).network
    x = files.inputs()
    assert again.predict(x, verbose=0) == pytest.approx(network.predict(x, verbose=0), rel=1e-4, abs=1e-4)


def folder(path):
    path.mkdir()
    (path / "saved_model.pb").touch()


def torch(path):
    import zipfile

    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02cos\nsystem\n")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("saved", folder, "SavedModel"),
        ("m.onnx", lambda path: path.write_bytes(b"\x08\x07\x12\x07pytorch\x1a"), "ONNX"),
        ("model", lambda path: path.write_bytes(b"\x08\x07\x12\x07pytorch\x1a"), "ONNX"),
        ("m.pt", torch, "PyTorch"),
        ("m.keras", torch, "PyTorch"),
        ("m.pth", lambda path: path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.more"), "PyTorch"),
        ("m.tflite", lambda path: path.write_bytes(b"\x1c\0\0\0TFL3more"), "TensorFlow Lite"),
        ("m.json", lambda path: path.write_text("{}"), "without weights"),
        ("m.h5", lambda path: path.write_bytes(b""), "0 bytes"),
        ("m.h5", lambda path: path.write_text("<!DOCTYPE html>\n<html>"), "a web page"),
        ("m.h5", lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
        ("model.ckpt.data-00000-of-00001", lambda path: path.write_bytes(b"\x01\x02"), "checkpoint"),
        ("m.h5", lambda path: path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."), "PyTorch"),
        ("pilot.savedmodel", folder, "SavedModel"),
        ("m.h5", lambda path: path.write_text("weights"), "is not one"),
    ],
)
def test_unsupported_formats_are_refused_by_name(inside, tmp_path, name, make, message):
    make(tmp_path / name)
    ran = inside("model", name)
    assert ran.code == 1
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_a_video_with_a_preset_of_the_model_and_one_of_the_encoder(inside, tmp_path, old):
    make_clip(tmp_path / "run.mp4", 12)
    ran = inside(
        "video",
        "run.mp4",
        "--model",
        old,
        "--lambda",
        "lambda_1=x/127.5-1",
        "--preset",
        "comma",
        "--preset",
        "ultrafast",
        "--quiet",
    )
    assert ran.code == 0, ran
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts["model"]["assumed"] == []
    assert facts["model"]["card"]["lambdas"] == {"lambda_1": "x/127.5-1"}
    assert facts["model"]["angle"]["unit"] == "deg"


def test_a_network_with_an_lstm_over_one_image(inside, tmp_path):
    layer = files.plain("LSTM", "rnn", **test_recurrent.KERAS1)
    stored = {
        "rnn": test_recurrent.split(test_recurrent.arrays(4), (0, 2, 1, 3)),
        "dense_1": files.weights("dense_1", test_recurrent.LAST),
    }
    files.write(tmp_path / "lstm.h5", test_recurrent.network(layer), stored, version="1.2.2")
    options = ("--input-scale", "0..1", *SAID[2:])
    done = inside("image", picture(tmp_path), "--model", "lstm.h5", *options, "--out", "figure.png", "--json")
    assert done.code == 0, done
    assert (tmp_path / "figure.png").stat().st_size > 1000


def comma(path):
    """comma's first network, smaller: channels first, weights only, JSON in a JSON file, Keras 1.0.6."""
    config = files.keras1("th")
    config["config"][1]["config"] |= {"nb_row": 8, "nb_col": 8, "subsample": [4, 4], "border_mode": "same"}
    path.with_suffix(".json").write_text(json.dumps(json.dumps(config)))
    kernel, last = files.drawn(4, 3, 8, 8), (files.drawn(2 * 3 * 4, 1) * 100, files.drawn(1))
    stored = files.KERAS1_WEIGHTS | {
        "convolution2d_1": [("convolution2d_1_W:0", kernel), ("convolution2d_1_b:0", files.CONV[1])],
        "dense_1": [("dense_1_W:0", last[0]), ("dense_1_b:0", last[1])],
    }
    return files.write(path, None, stored, backend=None), (kernel, last)


def test_commas_network_predicts_tenths_of_a_degree_to_the_right(inside, tmp_path):
    import numpy as np

    path, (kernel, last) = comma(tmp_path / "steering_angle.keras")
    cv2.imwrite(str(tmp_path / "frame.png"), pictures(1, (files.H, files.W))[0][..., ::-1])
    given = ("--model", path, "--lambda", "lambda_1=x/127.5-1", "--preset", "comma", "--json")
    done = inside("image", "frame.png", *given)
    assert done.code == 0, done
    x = pictures(1, (files.H, files.W)) / 127.5 - 1
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))  # TensorFlow's padding for a kernel of 8 with stride 4
    hidden = files.elu(files.convolved(padded, kernel.transpose(2, 3, 1, 0), files.CONV[1], stride=4))
    answer = float((files.flat(hidden.transpose(0, 3, 1, 2)) @ last[0] + last[1])[0, 0])
    assert json.loads(done.out)["predicted"] == pytest.approx(-answer / 10, abs=0.01)


@pytest.mark.parametrize(
    ("units", "message"),
    [(2**20, "no more weights than m.h5 can hold"), (10**30, "an integer from 1 to 1048576")],
)
def test_a_layer_that_the_file_cannot_fill(inside, tmp_path, units, message):
    config = files.sequential("2.4.0")
    config["config"]["layers"][-1]["config"]["units"] = units
    files.write(tmp_path / "m.h5", config, files.keras2_weights(), version="2.4.0")
    ran = inside("model", "m.h5")
    assert ran.code == 1
    assert message in ran.err
    assert "dense_1" in ran.err
    assert ran.err.count("\n") == 1


def test_a_keras_file_with_a_layer_that_it_cannot_fill(inside, tmp_path):
    import zipfile

    layers = keras().layers
    small = keras().Sequential([layers.Input((8, 12, 3)), layers.Flatten(), layers.Dense(1, name="last")])
    small.save(tmp_path / "small.keras")
    with zipfile.ZipFile(tmp_path / "small.keras") as old, zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                data = data.replace(b'"units": 1', b'"units": 1000000')
            new.writestr(name, data)
    ran = inside("model", "m.keras")
    assert ran.code == 1
    assert "layer last requests weights of shape (288, 1000000)" in ran.err
    assert ran.err.count("\n") == 1


def test_a_layer_with_too_large_an_output(inside, tmp_path):
    config = files.sequential("2.4.0")
    blown = files.plain("UpSampling2D", "blown", size=[4000, 4000], data_format="channels_last")
    shrunk = files.plain("GlobalAveragePooling2D", "shrunk", data_format="channels_last")
    config["config"]["layers"][2:3] = [blown, shrunk]
    stored = files.keras2_weights() | {"dense_1": files.weights("dense_1", (files.drawn(4, 1), files.drawn(1)))}
    files.write(tmp_path / "m.h5", config, stored, version="2.4.0")
    ran = inside("model", "m.h5")
    assert ran.code == 1
    assert "layer blown outputs" in ran.err
    assert ran.err.count("\n") == 1


def test_a_lambda_head_is_declared_kept_and_saved(inside, tmp_path):
    """In a .keras file too, and in one that drivesal saves from it."""
    from drivesal.model.readers import load_model

    layers = keras().layers
    head = layers.Lambda(
        eval("lambda x: 2 * __import__('keras').ops.arctan(x)"), output_shape=(1,), name="head"
    )
    network = keras().Sequential([layers.Input((8, 12, 3)), layers.Flatten(), layers.Dense(1), head])
    network.save(tmp_path / "m.keras")
    ran = inside("model", "m.keras", "--lambda", "head=2*atan(x)", *SAID, "--write-card")
    assert ran.code == 0, ran
    x = files.inputs() / 255
    model = load_model(tmp_path / "m.keras")
    assert model.network.predict(x, verbose=0) == pytest.approx(
        network.predict(x, verbose=0), rel=1e-4, abs=1e-4
    )
    model.save(tmp_path / "again.keras")
    again = load_model(tmp_path / "again.keras")
    assert again.network.predict(x, verbose=0) == pytest.approx(
        network.predict(x, verbose=0), rel=1e-4, abs=1e-4
    )
    ran = inside(
        "image",
        picture(tmp_path),
        "--model",
        "again.keras",
        "--pre-activation",
        "--out",
        "figure.png",
        "--json",
    )
    assert ran.code == 0, ran


def test_a_keras_file_that_unpacks_to_too_much(inside, tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("config.json", "{}")
        new.writestr("model.weights.h5", bytes(80 * 2**20))
    ran = inside("model", "m.keras", "--lambda", "lambda_1=x/2")
    assert ran.code == 1
    assert "m.keras unpacks to 80 MiB" in ran.err
    assert ran.err.count("\n") == 1
