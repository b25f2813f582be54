"""Every method, and everything that can be explained, through the command."""

import csv
import json

import cv2
import numpy as np
import pytest

from drivesal.angle import AngleSpec
from drivesal.attribution.registry import methods
from drivesal.model.backend import keras
from drivesal.model.card import Card
from drivesal.model.preprocess import Preprocess
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Class, Target
from tests.clips import make_clip
from tests.models import convolutional

QUICK = {"steps": 4, "samples": 4, "masks": 8, "patch": 12, "stride": 12}
EVERY = pytest.mark.parametrize("method", methods().values(), ids=lambda method: method.name)


def quick(method):
    known = {option.name for option in method.options}
    return [part for name, value in QUICK.items() if name in known for part in (f"--{name}", value)]


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "run.mp4", 12)


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


@EVERY
def test_every_method_makes_a_video(inside, model_path, clip, tmp_path, method):
    asked = ("video", clip, "--model", model_path, "--method", method.name, *quick(method), "--batch-size", 5)
    ran = inside(*asked, "--save-maps", "maps.npz")
    assert ran.code == 0, ran
    table = rows(tmp_path / "run.saliency.csv")
    assert len(table) == 12
    names = ("increase", "decrease", "maintain") if method.signed else ("magnitude",)
    assert [name for name in table[0] if name.endswith("_total")] == [f"{name}_total" for name in names]
    assert any(float(row[f"{names[0]}_total"]) > 0 for row in table)
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts["method"]["name"] == method.name
    assert facts["method"]["caution"] == (method.caution or None)
    maps = np.load(tmp_path / "maps.npz")["maps"]
    assert maps.shape[:3] == (12, 24, 32)
    assert ("baseline_deg" in table[0]) == (facts["completeness_error"] is not None)


@EVERY
def test_every_method_makes_an_image(inside, model_path, clip, method):
    asked = ("image", clip, "--at", "#3", "--model", model_path, "--method", method.name, *quick(method))
    ran = inside(*asked, "--out", "a.png")
    assert ran.code == 0, ran
    plain = inside("image", clip, "--at", "#3", "--model", model_path, "--out", "b.png")
    assert plain.code == 0
    assert method.name == "gradient" or not np.array_equal(cv2.imread("a.png"), cv2.imread("b.png"))


@pytest.mark.parametrize("alias", ["deconv", "zeiler-fergus"])
def test_aliases(inside, model_path, clip, alias):
    ran = inside("video", clip, "--model", model_path, "--method", alias, "--end", "#2")
    assert ran.code == 0, ran


def test_a_methods_own_noise_does_not_depend_on_the_range(inside, model_path, clip, tmp_path):
    asked = ("video", clip, "--model", model_path, "--method", "smoothgrad", "--samples", 3, "--overwrite")
    assert inside(*asked).code == 0
    whole = rows(tmp_path / "run.saliency.csv")
    assert inside(*asked, "--start", "#7").code == 0
    part = rows(tmp_path / "run.saliency.csv")
    for row, same in zip(part, whole[7:], strict=True):
        assert float(row["increase_total"]) == pytest.approx(float(same["increase_total"]), rel=1e-3)
    assert inside(*asked, "--seed", 1).code == 0
    assert rows(tmp_path / "run.saliency.csv")[0]["increase_total"] != whole[0]["increase_total"]


def test_a_filter_is_explained_and_the_angle_stays(inside, model_path, clip, tmp_path):
    (tmp_path / "run.csv").write_text("frame,angle_deg\n" + "".join(f"{i},{i}\n" for i in range(12)))
    layer = next(one for one in json.loads(inside("model", model_path, "--json").out)["layers"])["name"]
    ran = inside("video", clip, "--model", model_path, "--layer", layer, "--filter", 1, "--filter", 3)
    assert ran.code == 0, ran
    with_filter = rows(tmp_path / "run.saliency.csv")
    assert inside("video", clip, "--model", model_path, "--overwrite").code == 0
    plain = rows(tmp_path / "run.saliency.csv")
    assert [row["predicted_deg"] for row in with_filter] == [row["predicted_deg"] for row in plain]
    assert with_filter[4]["truth_deg"] == "4"
    assert float(with_filter[0]["explained_score"]) != float(plain[0]["predicted_deg"])
    ran = inside("image", clip, "--at", "#2", "--model", model_path, "--layer", layer, "--filter", 1)
    assert f"explained, {layer}, filter 1: " in ran.out


def saved(network, steers, path, **given):
    card = Card(Preprocess((24, 32), scale=1 / 255), steers)
    SteeringModel(network, card, **given).save(path)
    return path


def test_a_class_of_a_classifier(inside, clip, tmp_path):
    layers = keras().layers
    network = keras().Sequential(
        [
            layers.Input((24, 32, 3)),
            layers.Conv2D(3, 3),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    path = saved(network, Target(AngleSpec("norm")), tmp_path / "classes.keras", target=Class(0))
    (tmp_path / "run.csv").write_text("frame,angle_deg\n0,1\n1,2\n")
    ran = inside("video", clip, "--model", path, "--class", 2)
    assert ran.code == 0, ran
    table = rows(tmp_path / "run.saliency.csv")
    assert table[0]["truth_score"] == ""
    assert "increase_total" in table[0]
    ran = inside("image", clip, "--at", "#1", "--model", path, "--class", 2, "--reduce", "sum-abs", "--json")
    assert list(json.loads(ran.out)["totals"]) == ["magnitude"]
    ran = inside("video", clip, "--model", path, "--overwrite")
    assert ran.code == 1
    assert "has 4 elements" in ran.err


def test_bins_are_read_as_their_expected_angle(inside, clip, tmp_path):
    layers = keras().layers
    network = keras().Sequential(
        [layers.Input((24, 32, 3)), layers.Flatten(), layers.Dense(15, activation="softmax", name="bins")]
    )
    network.save(tmp_path / "bins.keras")
    options = ("--input-scale", "0..1", "--angle-unit", "norm", "--positive", "right", "--color", "RGB")
    ran = inside("model", "bins.keras", "--bins", "-1..1", *options, "--write-card")
    assert ran.code == 0, ran
    assert "expected angle of bins" in ran.out
    assert inside("video", clip, "--model", "bins.keras").code == 0
    assert all(abs(float(row["predicted_norm"])) < 1 for row in rows(tmp_path / "run.saliency.csv"))


def test_what_goes_into_a_tanh_head(inside, clip, tmp_path):
    network = convolutional(head="tanh")
    path = saved(network, Target(AngleSpec("norm", positive="right")), tmp_path / "tanh.keras")
    assert inside("video", clip, "--model", path, "--pre-activation").code == 0
    for row in rows(tmp_path / "run.saliency.csv"):
        assert float(row["predicted_norm"]) == pytest.approx(np.tanh(float(row["explained_norm"])), rel=1e-3)


def two_inputs():
    layers = keras().layers
    picture, speed = layers.Input((24, 32, 3), name="picture"), layers.Input((1,), name="speed")
    flat = layers.Flatten()(layers.Conv2D(3, 3, activation="relu")(picture))
    return keras().Model([picture, speed], layers.Dense(1)(layers.Concatenate()([flat, speed])))


def test_auxiliary_inputs_come_from_the_labels_or_are_constant(inside, clip, tmp_path):
    path = saved(two_inputs(), Target(AngleSpec("deg")), tmp_path / "two.keras")
    ran = inside("video", clip, "--model", path)
    assert ran.code == 1
    assert "a value for the model's input speed" in ran.err
    assert "--feed speed=" in ran.err
    assert inside("video", clip, "--model", path, "--feed", "speed=3").code == 0
    held = rows(tmp_path / "run.saliency.csv")
    lines = [f"{i},{i},{3 if i < 6 else 50},{1}\n" for i in range(12)]
    (tmp_path / "run.csv").write_text("frame,angle_deg,speed,v\n" + "".join(lines))
    assert inside("video", clip, "--model", path, "--overwrite").code == 0
    read = rows(tmp_path / "run.saliency.csv")
    same = [a["predicted_deg"] == b["predicted_deg"] for a, b in zip(held, read, strict=True)]
    assert same == [True] * 6 + [False] * 6
    assert inside("video", clip, "--model", path, "--overwrite", "--feed", "speed=v").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "gradcam"], "did you mean grad-cam?"),
        (["--method", "smoothgrad", "--steps", "3"], "options of the method smoothgrad"),
        (["--method", "rise", "--fill", "blak"], "did you mean black?"),
        (["--method", "rise", "--masks", "0"], "--masks from 2 to"),
        (["--method", "lrp", "--rule", "epsilon", "--epsilon", "7"], "--epsilon from"),
        (["--method", "occlusion", "--patch", "4", "--stride", "9"], "--stride of at most"),
        (["--method", "visualbackprop", "--cases", "increase"], "visualbackprop is unsigned"),
        (["--reduce", "max-abs", "--cases", "decrease"], "removes the sign"),
        (["--method", "grad-cam", "--conv", "conv9"], "there is no layer 'conv9'"),
        (["--method", "grad-cam", "--conv", "steering"], "steering outputs no feature maps"),
        (["--layer", "flaten"], "did you mean flatten"),
        (["--layer", "steering", "--filter", "5"], "a filter of steering from 0 to 0"),
        (["--filter", "1"], "--layer for --filter"),
        (["--layer", "0", "--class", "1"], "--layer and --class"),
        (["--class", "4"], "a class from 0 to 0"),
        (["--output", "throttle"], "there is no output 'throttle'"),
        (["--bins", "3"], "bins LOW..HIGH"),
        (["--feed", "speed"], "--feed as INPUT=NUMBER"),
        (["--feed", "speed=3"], "it has none"),
        (["--pre-activation"], "ends in tanh or atan"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(inside, model_path, clip, tmp_path, arguments, message):
    before = sorted(p.name for p in tmp_path.iterdir())
    ran = inside("video", clip, "--model", model_path, *arguments)
    assert ran.code == 1, ran
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before
