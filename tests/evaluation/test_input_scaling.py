"""The check of the declared input scaling, on networks fitted in closed form whose right scaling is known."""

import dataclasses
import json
import math

import numpy as np
import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.evaluation.input_scaling import check_scaling, check_scaling_of_frames
from drivesal.evaluation.scaling_warning import ScalingResult, ScalingWarning, bounds
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
    """Images (N, h, w, 3) of a bright bar on a noisy road, and steering (N,) to its position, -most..most."""
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
    """A network fitted to images scaled like this, which predicts `factor` × -1..1 steering.

    The last layer is fitted by least squares; `features` is "pixels" or "conv", a random convolution with ELU;
    `inner` is an optional first layer on the network's input.
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


def declared(fitted, scaling, angle=NORM, colour="RGB", **arguments):
    scale, offset = as_numbers(scaling)
    card = Card(Preprocess(SIZE, colour=colour, scale=scale, offset=offset), Target(angle))
    return SteeringModel(fitted, card, **arguments)


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
def test_the_right_scaling_is_never_questioned(fitted, right, head, features):
    model = declared(fitted(right, head, features), right)
    images, truth = road()
    assert np.corrcoef(model.predict(images), truth)[0, 1] > 0.95  # the fit worked
    assert check_scaling(model, images, truth) is None
    assert check_scaling(model, images) is None


@pytest.mark.parametrize(("head", "features"), HEADS)
@pytest.mark.parametrize(("right", "wrong"), [(a, b) for a in SCALINGS for b in SCALINGS if a != b])
def test_labels_reveal_a_wrong_scaling(fitted, right, wrong, head, features):
    model = declared(fitted(right, head, features), wrong)
    images, truth = road()
    warning = check_scaling(model, images, truth)
    assert warning is not None
    assert warning.reason == "labels"
    assert (warning.declared.text, [one.text for one in warning.better]) == (wrong, [right])
    angles = model.predict(images)
    assert warning.declared.rmse == pytest.approx(np.sqrt(((angles - truth) ** 2).mean()), rel=1e-4)
    best = declared(model.network, right).predict(images)
    assert warning.better[0].rmse == pytest.approx(np.sqrt(((best - truth) ** 2).mean()), rel=1e-3)
    assert warning.constant == pytest.approx(truth.std())


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
def test_a_wrong_scaling_without_labels(fitted, right, wrong, head, reason):
    model = declared(fitted(right, head), wrong)
    images, _ = road()
    warning = check_scaling(model, images)
    assert warning is not None
    assert warning.reason == reason
    assert right in [one.text for one in warning.better]
    assert warning.labels == 0
    assert f"--input-scale {right}" in warning.sentence


def test_impossible_degrees(fitted):
    model = declared(fitted("-1..1", factor=90.0), "0..255", WHEEL)
    warning = check_scaling(model, road()[0])
    assert warning is not None
    assert warning.reason == "beyond"
    assert "more than 900°" in warning.sentence
    assert "or its angle unit in the model card" in warning.sentence


def test_the_sentence_gives_evidence_and_remedy(fitted):
    images, truth = road()
    warning = check_scaling(declared(fitted("-1..1", factor=30.0), "0..1", WHEEL), images, 30 * truth)
    assert warning is not None
    rmse, better = warning.declared.rmse, warning.better[0].rmse
    assert warning.sentence == (
        f"input scaling 0..1 looks wrong: against 64 labels its RMSE is {rmse:.3g}°, {better:.3g}° with -1..1 "
        f"({30 * truth.std():.3g}° for the best constant prediction); use --input-scale -1..1, or correct 0..1 "
        "in the model card"
    )
    assert warning.short == "input scaling 0..1 looks wrong: -1..1 fits better"
    facts = json.loads(json.dumps(warning.as_json()))
    assert facts["declared"]["input_scale"] == "0..1"
    assert facts["better"][0]["rmse"] == better
    assert (facts["reason"], facts["frames"], facts["labels"], facts["unit"]) == ("labels", 64, 64, "deg")


def test_an_assumed_scaling_is_called_assumed(fitted):
    images, truth = road()
    model = join(fitted("0..1", "tanh"), None, ModelSettings(angle_unit="norm", positive="left"))
    assert model.assumed == ("input scaling 0..255", "colour RGB")
    for labels in (truth, None):
        warning = check_scaling(model, images, labels)
        assert warning is not None
        assert warning.sentence.startswith("input scaling 0..255, which was assumed, looks wrong: ")
        assert "use --input-scale 0..1" in warning.sentence
        assert "(`drivesal model --write-card` stores it)" in warning.sentence


def test_no_prediction_is_impossible_if_the_unit_is_assumed(fitted):
    network = fitted("0..255", factor=30.0)  # degrees, taken for norm because there is no card
    images, _ = road()
    assert check_scaling(join(network), images) is None


def test_networks_that_scale_their_input_themselves():
    layers = keras().layers
    images, truth = road()
    own = network("0..255", inner=layers.Rescaling(1 / 127.5, offset=-1))
    assert check_scaling(declared(own, "0..255"), images, truth) is None
    for wrong, labels in (("-1..1", truth), ("0..1", truth), ("0..1", None)):
        warning = check_scaling(declared(own, wrong), images, labels)
        assert warning is not None
        assert [one.text for one in warning.better] == ["0..255"]


def test_a_harmless_difference_is_not_reported():
    normal = keras().layers.LayerNormalization(axis=[1, 2, 3], epsilon=1e-9, center=False, scale=False)
    network_of_contrast = network("0..1", inner=normal)
    images, truth = road()
    for scaling in SCALINGS:
        model = declared(network_of_contrast, scaling)
        assert np.corrcoef(model.predict(images), truth)[0, 1] > 0.95
        assert check_scaling(model, images, truth) is None
        assert check_scaling(model, images) is None


def test_a_poor_network_is_not_blamed_on_its_scaling():
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
            assert check_scaling(declared(untrained, scaling), images, truth) is None


def test_mirrored_labels_are_not_blamed_on_the_scaling(fitted):
    images, truth = road()
    for right in SCALINGS:
        assert check_scaling(declared(fitted(right), right), images, -truth) is None


def test_a_straight_road_is_no_evidence(fitted):
    images, truth = road(most=0.02)
    assert check_scaling(declared(fitted("-1..1"), "-1..1"), images, truth) is None
    assert check_scaling(declared(fitted("-1..1"), "0..1"), images, truth) is None  # labels that hardly vary


def test_a_parked_car_is_not_reported(fitted):
    images = np.repeat(road(1)[0], 64, axis=0)
    assert check_scaling(declared(fitted("0..1"), "0..1"), images) is None
    assert check_scaling(declared(fitted("0..255"), "0..1"), images) is None


def test_few_images_and_few_labels_are_no_evidence(fitted):
    images, truth = road(40)
    model = declared(fitted("-1..1"), "0..1")
    assert check_scaling(model, images, truth) is not None
    assert check_scaling(model, images[:7], truth[:7]) is None
    assert check_scaling(model, images[:15], truth[:15]) is None
    some = [*truth[:15], *(None for _ in truth[15:])]
    assert check_scaling(model, images, some) is None
    assert check_scaling(model, images, np.where(np.arange(40) < 20, truth, math.nan)).labels == 20


def test_a_short_segment_needs_a_larger_difference(fitted):
    images, truth = road()
    model = declared(fitted("0..1"), "0..1")
    poor = declared(model.network, "0..0.8")
    warning = check_scaling(poor, images, truth)
    assert warning is not None
    assert 1.4 < warning.declared.rmse / warning.better[0].rmse < 3
    assert check_scaling(poor, images, truth, times_s=np.arange(64) / 20) is None  # 3.2 s
    spread = check_scaling(poor, images, truth, times_s=np.arange(64) / 4)
    assert (spread.frames, spread.labels) == (32, 32)  # one of those closer than half a second
    assert (
        check_scaling(declared(model.network, "0..255"), images, truth, times_s=np.arange(64) / 20).frames == 64
    )


def test_frames_with_auxiliary_inputs(fitted):
    layers = keras().layers
    inner = fitted("-1..1")
    picture, speed = layers.Input((*SIZE, 3), name="image"), layers.Input((1,), name="speed")
    model = declared(keras().Model([picture, speed], inner(picture) + 0.0 * speed), "0..255")
    images, truth = road()
    frames = [
        Frame(i, i / 20, image, angle, {"speed": 3.0})
        for i, (image, angle) in enumerate(zip(images, truth, strict=True))
    ]
    warning = check_scaling_of_frames(model, frames, batch=7)
    assert warning is not None
    assert [one.text for one in warning.better] == ["-1..1"]
    without = [dataclasses.replace(frame, steering=None) for frame in frames]
    assert check_scaling_of_frames(model, without).reason == "beyond"


@pytest.mark.parametrize("colour", ["BGR", "YUV", "GREY"])
def test_another_scaling_keeps_the_colour_format(colour):
    images, _ = road(12)
    channels = 1 if colour == "GREY" else 3
    layers = keras().layers
    inputs = layers.Input((*SIZE, channels))
    plain = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(inputs)))
    model = declared(plain, "0..255", colour=colour)
    no_inputs = np.zeros((12, 0), np.float32)
    for scaling in SCALINGS:
        angles, before_head = model.predict_as(images, no_inputs, rescaled(model, *as_numbers(scaling)))
        expected = declared(plain, scaling, colour=colour).predict(images)
        assert angles == pytest.approx(expected, rel=1e-4, abs=1e-4)
        assert np.array_equal(angles, before_head)
    assert model.preprocess.scale == 1.0


def test_the_value_before_the_head(fitted):
    images, _ = road(12)
    model = declared(fitted("0..1", "tanh"), "0..1")
    angles, before_head = model.predict_as(images, np.zeros((12, 0), np.float32), rescaled(model, 1 / 255, 0.0))
    assert angles == pytest.approx(model.predict(images), rel=1e-5)
    assert np.tanh(before_head) == pytest.approx(angles, rel=1e-4, abs=1e-6)


def test_the_steering_output_is_checked_whatever_is_explained(fitted):
    images, truth = road()
    model = declared(fitted("-1..1", None, "conv"), "0..1", target=Filters(1))
    assert not model.explains_prediction
    assert check_scaling(model, images, truth).reason == "labels"
    classes = join(classifier(size=SIZE), None, None, target=Class(0))
    assert classes.steering is None
    assert check_scaling(classes, images) is None


def test_nearly_the_same_scaling_counts_as_the_same(fitted):
    images, truth = road()
    model = declared(fitted("-1..1"), "-1..0.992")  # x/128-1
    assert check_scaling(model, images, truth) is None


def test_noise_is_no_evidence(fitted):
    labels = np.random.default_rng(2).uniform(-1, 1, 64)
    for right in SCALINGS:
        assert check_scaling(declared(fitted(right), right), pictures(64, SIZE), labels) is None


def test_all_scalings_that_fit_are_named():
    one, other = (ScalingResult(Scaling.to_range(low, 1.0), 0.2, 0.1, 0.0, 0.0) for low in (0.0, -1.0))
    wrong = ScalingResult(Scaling.to_range(0.0, 255.0), 1.0, 0.9, 0.98, 0.0)
    warning = ScalingWarning("saturated", wrong, (one, other), AngleKind("norm"), False, 50, 0, None)
    assert warning.short == "input scaling 0..255 looks wrong: 0..1 or -1..1 fit better"
    assert "--input-scale 0..1 or --input-scale -1..1" in warning.sentence
    assert "on 98% of 50 frames the steering head is saturated" in warning.sentence


def test_bounds_depend_on_the_kind_of_angle():
    assert bounds(AngleKind("norm")).most == 1.5
    assert bounds(AngleKind("deg", "road-wheels")).most == 60
    assert bounds(AngleKind("deg", "steering-wheel")).most == bounds(AngleKind("deg")).most == 900
