"""The check of the declared input scaling: networks whose right scaling is known, fitted in closed form."""

import dataclasses
import json
import math

import numpy as np
import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.evaluation.input_scaling import doubt_of_frames, scaling_doubt
from drivesal.evaluation.scaling_findings import Doubt, Tried, bounds
from drivesal.model.backend import keras
from drivesal.model.card import Card
from drivesal.model.preprocess import Preprocess
from drivesal.model.readers import join
from drivesal.model.scaling import Scaling, scaling_from_text
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Class, Filters, Target
from drivesal.settings import ModelSettings
from drivesal.types import Frame
from tests.models import classifier, pictures

SIZE = (16, 24)
SCALINGS = ("0..255", "0..1", "-1..1")
WHEEL = AngleSpec("deg", "steering-wheel")
NORM = AngleSpec("norm")


def as_numbers(text):
    found = scaling_from_text(text)
    return found.scale, found.offset


def road(count=64, seed=0, most=1.0):
    """Pictures (N, h, w, 3) of a bright bar on a noisy road and the steering (N,) to its place, -most..most."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-most, most, count)
    places = np.arange(SIZE[1]) - (SIZE[1] - 1) / 2
    bar = 200 * np.exp(-(((places + 8 * truth[:, None]) / 3) ** 2))  # left is positive
    light = rng.uniform(0.8, 1.1, (count, 1, 1, 1))
    images = light * (30 + bar[:, None, :, None]) + rng.uniform(0, 25, (count, *SIZE, 3))
    return np.clip(images, 0, 255).astype(np.uint8), truth


def scaled(images, scaling):
    scale, offset = as_numbers(scaling)
    return images.astype(np.float64) * scale + offset


def network(scaling, head=None, features="pixels", factor=1.0, inner=None):
    """A network trained on pictures scaled like this, whose answer is `factor` × -1..1 steering.

    Its last layer is fitted by least squares; `features` "pixels" or "conv", a random convolution with ELU;
    `inner` a layer in front that works on the network's input.
    """
    layers = keras().layers
    keras().utils.set_random_seed(3)
    inputs = layers.Input((*SIZE, 3), name="picture")
    x = inputs if inner is None else inner(inputs)
    if features == "conv":
        x = layers.Conv2D(6, 5, strides=2, activation="elu")(x)
    body = keras().Model(inputs, layers.Flatten()(x))
    images, truth = road(400, seed=9)
    values = body.predict_on_batch(scaled(images, scaling).astype(np.float32)).astype(np.float64)
    wanted = np.arctanh(0.9 * truth) if head == "tanh" else truth * factor
    mean, spread = values.mean(axis=0), values.std() + 1e-12
    centred = (values - mean) / spread
    gram = centred @ centred.T + 20 * np.eye(len(values))
    weights = centred.T @ np.linalg.solve(gram, wanted - wanted.mean()) / spread
    dense = layers.Dense(1, activation=head, name="steering")
    whole = keras().Model(inputs, dense(body.output))
    bias = wanted.mean() - mean @ weights
    dense.set_weights([weights[:, None].astype(np.float32), np.array([bias], np.float32)])
    return whole


def declared(fitted, scaling, angle=NORM, colour="RGB", **said):
    scale, offset = as_numbers(scaling)
    card = Card(Preprocess(SIZE, colour=colour, scale=scale, offset=offset), Target(angle))
    return SteeringModel(fitted, card, **said)


def rescaled(model, scale, offset):
    return dataclasses.replace(model.preprocess, scale=scale, offset=offset)


@pytest.fixture(scope="module")
def fitted():
    kinds = {}

    def make(scaling, head=None, features="pixels", factor=1.0):
        key = scaling, head, features, factor
        if key not in kinds:
            kinds[key] = network(*key)
        return kinds[key]

    return make


HEADS = [(None, "pixels"), ("tanh", "pixels"), (None, "conv"), ("tanh", "conv")]


@pytest.mark.parametrize(("head", "features"), HEADS)
@pytest.mark.parametrize("right", SCALINGS)
def test_the_right_scaling_is_never_doubted(fitted, right, head, features):
    model = declared(fitted(right, head, features), right)
    images, truth = road()
    assert np.corrcoef(model.predict(images), truth)[0, 1] > 0.95  # it has learned something
    assert scaling_doubt(model, images, truth) is None
    assert scaling_doubt(model, images) is None


@pytest.mark.parametrize(("head", "features"), HEADS)
@pytest.mark.parametrize(("right", "wrong"), [(a, b) for a in SCALINGS for b in SCALINGS if a != b])
def test_labels_give_a_wrong_scaling_away(fitted, right, wrong, head, features):
    model = declared(fitted(right, head, features), wrong)
    images, truth = road()
    doubt = scaling_doubt(model, images, truth)
    assert doubt is not None
    assert doubt.reason == "labels"
    assert (doubt.declared.text, [one.text for one in doubt.better]) == (wrong, [right])
    angles = model.predict(images)
    assert doubt.declared.rmse == pytest.approx(np.sqrt(((angles - truth) ** 2).mean()), rel=1e-4)
    best = declared(model.network, right).predict(images)
    assert doubt.better[0].rmse == pytest.approx(np.sqrt(((best - truth) ** 2).mean()), rel=1e-3)
    assert doubt.constant == pytest.approx(truth.std())


@pytest.mark.parametrize(
    ("right", "wrong", "head", "reason"),
    [
        ("0..1", "0..255", "tanh", "saturated"),
        ("-1..1", "0..255", "tanh", "saturated"),
        ("0..1", "0..255", None, "beyond"),
        ("-1..1", "0..255", None, "beyond"),
        ("0..255", "0..1", None, "still"),
        ("0..255", "0..1", "tanh", "still"),
    ],
)
def test_what_shows_without_labels(fitted, right, wrong, head, reason):
    model = declared(fitted(right, head), wrong)
    images, _ = road()
    doubt = scaling_doubt(model, images)
    assert doubt is not None
    assert doubt.reason == reason
    assert right in [one.text for one in doubt.better]
    assert doubt.labels == 0
    assert f"--input-scale {right}" in doubt.sentence


def test_impossible_degrees(fitted):
    model = declared(fitted("-1..1", factor=90.0), "0..255", WHEEL)
    doubt = scaling_doubt(model, road()[0])
    assert doubt is not None
    assert doubt.reason == "beyond"
    assert "more than 900°" in doubt.sentence
    assert "or its angle's unit" in doubt.sentence


def test_the_sentence_says_what_came_and_what_to_do(fitted):
    images, truth = road()
    doubt = scaling_doubt(declared(fitted("-1..1", factor=30.0), "0..1", WHEEL), images, 30 * truth)
    assert doubt is not None
    came, better = doubt.declared.rmse, doubt.better[0].rmse
    assert doubt.sentence == (
        f"input scaling 0..1 looks wrong: against 64 labels its RMSE is {came:.3g}°, {better:.3g}° with -1..1 "
        f"({30 * truth.std():.3g}° for the best constant answer); say --input-scale -1..1, or mend the model's "
        "card where it has 0..1"
    )
    assert doubt.short == "input scaling 0..1 looks wrong: -1..1 fits better"
    facts = json.loads(json.dumps(doubt.as_json()))
    assert facts["declared"]["input_scale"] == "0..1"
    assert facts["better"][0]["rmse"] == better
    assert (facts["reason"], facts["frames"], facts["labels"], facts["unit"]) == ("labels", 64, 64, "deg")


def test_an_assumed_scaling_is_told_as_such(fitted):
    images, truth = road()
    model = join(fitted("0..1", "tanh"), None, ModelSettings(angle_unit="norm", positive="left"))
    assert model.assumed == ("input scaling 0..255", "colour RGB")
    for labels in (truth, None):
        doubt = scaling_doubt(model, images, labels)
        assert doubt is not None
        assert doubt.sentence.startswith("input scaling 0..255, which was assumed, looks wrong: ")
        assert "say --input-scale 0..1" in doubt.sentence
        assert "(`drivesal model --write-card` keeps it)" in doubt.sentence


def test_no_answer_is_too_much_where_the_unit_is_assumed(fitted):
    network = fitted("0..255", factor=30.0)  # degrees, taken for norm for want of a card
    images, _ = road()
    assert scaling_doubt(join(network), images) is None


def test_networks_that_scale_by_themselves():
    layers = keras().layers
    images, truth = road()
    own = network("0..255", inner=layers.Rescaling(1 / 127.5, offset=-1))
    assert scaling_doubt(declared(own, "0..255"), images, truth) is None
    for wrong, labels in (("-1..1", truth), ("0..1", truth), ("0..1", None)):
        doubt = scaling_doubt(declared(own, wrong), images, labels)
        assert doubt is not None
        assert [one.text for one in doubt.better] == ["0..255"]


def test_a_difference_that_does_no_harm_is_not_told():
    normal = keras().layers.LayerNormalization(axis=[1, 2, 3], epsilon=1e-9, center=False, scale=False)
    network_of_contrast = network("0..1", inner=normal)
    images, truth = road()
    for scaling in SCALINGS:
        model = declared(network_of_contrast, scaling)
        assert np.corrcoef(model.predict(images), truth)[0, 1] > 0.95
        assert scaling_doubt(model, images, truth) is None
        assert scaling_doubt(model, images) is None


def test_a_poor_network_is_not_told_for_its_scaling():
    images, truth = road(seed=5)
    for seed in range(6):
        keras().utils.set_random_seed(seed)
        layers = keras().layers
        untrained = keras().Sequential(
            [
                layers.Input((*SIZE, 3)),
                layers.Conv2D(4, 5, 2, activation="elu"),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )
        for scaling in ("0..1", "-1..1"):
            assert scaling_doubt(declared(untrained, scaling), images, truth) is None


def test_mirrored_labels_are_not_told_for_the_scaling(fitted):
    images, truth = road()
    for right in SCALINGS:
        assert scaling_doubt(declared(fitted(right), right), images, -truth) is None


def test_a_straight_road_says_nothing(fitted):
    images, truth = road(most=0.02)
    assert scaling_doubt(declared(fitted("-1..1"), "-1..1"), images, truth) is None
    assert scaling_doubt(declared(fitted("-1..1"), "0..1"), images, truth) is None  # labels that hardly vary


def test_a_car_that_stands_is_not_told(fitted):
    images = np.repeat(road(1)[0], 64, axis=0)
    assert scaling_doubt(declared(fitted("0..1"), "0..1"), images) is None
    assert scaling_doubt(declared(fitted("0..255"), "0..1"), images) is None


def test_few_pictures_and_few_labels_say_nothing(fitted):
    images, truth = road(40)
    model = declared(fitted("-1..1"), "0..1")
    assert scaling_doubt(model, images, truth) is not None
    assert scaling_doubt(model, images[:7], truth[:7]) is None
    assert scaling_doubt(model, images[:15], truth[:15]) is None
    some = [*truth[:15], *(None for _ in truth[15:])]
    assert scaling_doubt(model, images, some) is None
    assert scaling_doubt(model, images, np.where(np.arange(40) < 20, truth, math.nan)).labels == 20


def test_a_short_piece_needs_a_greater_difference(fitted):
    images, truth = road()
    model = declared(fitted("0..1"), "0..1")
    poor = declared(model.network, "0..0.8")
    doubt = scaling_doubt(poor, images, truth)
    assert doubt is not None
    assert 1.4 < doubt.declared.rmse / doubt.better[0].rmse < 3
    assert scaling_doubt(poor, images, truth, times_s=np.arange(64) / 20) is None  # 3.2 s
    spread = scaling_doubt(poor, images, truth, times_s=np.arange(64) / 4)
    assert (spread.frames, spread.labels) == (32, 32)  # of those closer than half a second, one
    assert (
        scaling_doubt(declared(model.network, "0..255"), images, truth, times_s=np.arange(64) / 20).frames == 64
    )


def test_frames_with_inputs_beside_the_picture(fitted):
    layers = keras().layers
    inner = fitted("-1..1")
    picture, speed = layers.Input((*SIZE, 3), name="image"), layers.Input((1,), name="speed")
    model = declared(keras().Model([picture, speed], inner(picture) + 0.0 * speed), "0..255")
    images, truth = road()
    frames = [
        Frame(i, i / 20, image, angle, {"speed": 3.0})
        for i, (image, angle) in enumerate(zip(images, truth, strict=True))
    ]
    doubt = doubt_of_frames(model, frames, batch=7)
    assert doubt is not None
    assert [one.text for one in doubt.better] == ["-1..1"]
    without = [dataclasses.replace(frame, steering=None) for frame in frames]
    assert doubt_of_frames(model, without).reason == "beyond"


@pytest.mark.parametrize("colour", ["BGR", "YUV", "GREY"])
def test_another_scaling_is_the_same_colour(colour):
    images, _ = road(12)
    channels = 1 if colour == "GREY" else 3
    layers = keras().layers
    inputs = layers.Input((*SIZE, channels))
    plain = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(inputs)))
    model = declared(plain, "0..255", colour=colour)
    beside = np.zeros((12, 0), np.float32)
    for scaling in SCALINGS:
        angles, headless = model.predict_as(images, beside, rescaled(model, *as_numbers(scaling)))
        expected = declared(plain, scaling, colour=colour).predict(images)
        assert angles == pytest.approx(expected, rel=1e-4, abs=1e-4)
        assert np.array_equal(angles, headless)
    assert model.preprocess.scale == 1.0


def test_before_the_head(fitted):
    images, _ = road(12)
    model = declared(fitted("0..1", "tanh"), "0..1")
    angles, headless = model.predict_as(images, np.zeros((12, 0), np.float32), rescaled(model, 1 / 255, 0.0))
    assert angles == pytest.approx(model.predict(images), rel=1e-5)
    assert np.tanh(headless) == pytest.approx(angles, rel=1e-4, abs=1e-6)


def test_the_steering_answer_counts_whatever_is_explained(fitted):
    images, truth = road()
    model = declared(fitted("-1..1", None, "conv"), "0..1", target=Filters(1))
    assert not model.explains_its_answer
    assert scaling_doubt(model, images, truth).reason == "labels"
    classes = join(classifier(size=SIZE), None, None, target=Class(0))
    assert classes.steering is None
    assert scaling_doubt(classes, images) is None


def test_nearly_the_same_scaling_is_no_other(fitted):
    images, truth = road()
    model = declared(fitted("-1..1"), "-1..0.992")  # x/128-1
    assert scaling_doubt(model, images, truth) is None


def test_noise_says_nothing(fitted):
    labels = np.random.default_rng(2).uniform(-1, 1, 64)
    for right in SCALINGS:
        assert scaling_doubt(declared(fitted(right), right), pictures(64, SIZE), labels) is None


def test_several_that_fit_are_all_named():
    one, other = (Tried(Scaling.to_range(low, 1.0), 0.2, 0.1, 0.0, 0.0) for low in (0.0, -1.0))
    wrong = Tried(Scaling.to_range(0.0, 255.0), 1.0, 0.9, 0.98, 0.0)
    doubt = Doubt("saturated", wrong, (one, other), AngleKind("norm"), False, 50, 0, None)
    assert doubt.short == "input scaling 0..255 looks wrong: 0..1 or -1..1 fit better"
    assert "--input-scale 0..1 or --input-scale -1..1" in doubt.sentence
    assert "on 98% of 50 frames the steering head is saturated" in doubt.sentence


def test_bounds_go_by_the_kind_of_angle():
    assert bounds(AngleKind("norm")).most == 1.5
    assert bounds(AngleKind("deg", "road-wheels")).most == 60
    assert bounds(AngleKind("deg", "steering-wheel")).most == bounds(AngleKind("deg")).most == 900
