"""Models of other days through the command."""

import json

import cv2
import pytest

from drivesal.backend import keras
from drivesal.card import read_card
from tests.clips import make_clip
from tests.legacy import files
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
def test_a_lambda_is_refused_with_the_way_out(inside, tmp_path, old, option):
    before = sorted(tmp_path.iterdir())
    ran = inside("model", old, *option)
    assert ran.code == 1
    assert "--lambda lambda_1=x/127.5-1" in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_lambda_computes_is_kept_in_the_card(drivesal, tmp_path, old):
    done = drivesal("model", old, "--lambda", "lambda_1=x/127.5-1", *SAID, "--write-card")
    assert done.returncode == 0, done.stderr
    assert "lambda_1" in done.stdout
    assert "Rescaling" in done.stdout
    assert read_card(tmp_path / "old.h5.card.json").lambdas == {"lambda_1": "x/127.5-1"}
    done = drivesal("image", picture(tmp_path), "--model", old, "--out", "figure.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.parametrize("text", ["lambda_1", "lambda_1=", "=x", "lambda_1=exec(x)", "other=x/2"])
def test_a_lambda_said_wrongly(inside, old, text):
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
    assert "--lambda scaled=x/127.5-1" in ran.err
    assert "--unsafe" in ran.err
    ran = inside("model", "m.keras", "--lambda", "scaled=x/2")
    assert ran.code == 0, ran
    assert "Rescaling" in ran.out
    assert not marker.exists()

    from drivesal.loading import load_model

    again = load_model(tmp_path / "m.keras", lambdas={"scaled": "x/2"}).network
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
    ("name", "make", "says"),
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
        ("m.h5", lambda path: path.write_text("<html>"), "is not one"),
    ],
)
def test_what_is_not_read_is_refused_by_name(inside, tmp_path, name, make, says):
    make(tmp_path / name)
    ran = inside("model", name)
    assert ran.code == 1
    assert says in ran.err
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
