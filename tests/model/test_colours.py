"""Colour spaces as in OpenCV, their gradients, and every attribution method on networks that use them."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest

from drivesal.attribution.registry import methods
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.card import card_path, read_card
from drivesal.model.colour_conversion import converted
from drivesal.model.colours import COLOURS, colour_named, is_linear, limits, linear_map
from drivesal.model.preprocess import Preprocess
from drivesal.training.batches import network_input
from tests.models import context, convolutional, pictures, seen, steering

CODES = {
    "YUV": cv2.COLOR_RGB2YUV,
    "YUV-opencv3.0": cv2.COLOR_BGR2YUV,  # of RGB: what RGB2YUV was (opencv #4946)
    "YCrCb": cv2.COLOR_RGB2YCrCb,
    "HSV": cv2.COLOR_RGB2HSV,
    "HLS": cv2.COLOR_RGB2HLS,
    "Lab": cv2.COLOR_RGB2LAB,
}
NONLINEAR = ["HSV", "HLS", "Lab"]
SIZE = (24, 32)


def colours_of_all_kinds():
    """(1, N, 3) uint8: extremes, greys, nearly grey, dark and random colours."""
    ends = np.array(list(itertools.product([0, 1, 2, 127, 128, 253, 254, 255], repeat=3)))
    greys = np.repeat(np.arange(256)[:, None], 3, axis=1)
    rng = np.random.default_rng(0)
    near = np.clip(greys + rng.integers(-1, 2, greys.shape), 0, 255)
    return np.concatenate([ends, greys, near, rng.integers(0, 256, (20000, 3))]).astype(np.uint8)[None]


def network_colour(colour, rgb):
    """The unscaled network input (1, N, 3) float of an (1, N, 3) image."""
    if is_linear(colour):
        matrix, shift = linear_map(colour)
        return np.clip(rgb @ matrix + shift, 0, 255)  # as OpenCV's uint8 saturates
    return converted(tensorflow().constant(rgb[None], tensorflow().float32), colour).numpy()[0]


@pytest.mark.parametrize("colour", CODES)
def test_colours_match_opencv_within_rounding(colour):
    rgb = colours_of_all_kinds()
    expected = cv2.cvtColor(rgb, CODES[colour]).astype(np.float64)
    error = np.abs(network_colour(colour, rgb) - expected)
    if colour in ("HSV", "HLS"):  # hue is circular, and OpenCV's table may round 179.5 to 0
        error[..., 0] = np.minimum(error[..., 0], 180 - error[..., 0])
    # OpenCV computes uint8 Lab from lookup tables
    assert error.max() <= (2.5 if colour == "Lab" else 1.0)
    assert (error > 1).mean() < 0.005
    assert error.mean() < 0.35
    low, high = limits(colour)
    inside = network_colour(colour, rgb)
    assert (inside >= low - 1e-3).all()
    assert (inside <= high + 1e-3).all()


def test_red_hues_are_continuous_where_opencvs_are():
    reds = np.array([[[200, 10, blue] for blue in range(8, 13)]], np.uint8)  # the hue goes through 0
    assert np.abs(network_colour("HSV", reds) - cv2.cvtColor(reds, cv2.COLOR_RGB2HSV)).max() <= 0.6


@pytest.mark.parametrize("colour", NONLINEAR)
def test_gradients_are_finite_and_match_differences(colour):
    tf = tensorflow()
    rgb = tf.constant(colours_of_all_kinds()[None], tf.float32)
    for values in (rgb, rgb + 0.3, rgb * 1.2 - 20):  # noise leaves 0..255
        with tf.GradientTape() as tape:
            tape.watch(values)
            out = tf.reduce_sum(converted(values, colour) * [0.3, 1.0, -0.7])
        slope = tape.gradient(out, values).numpy()
        assert np.isfinite(slope).all()
        assert np.abs(slope).max() < 1000
    at = tf.constant([[[[180.0, 90.0, 40.0], [20.0, 200.0, 130.0], [60.0, 50.0, 240.0]]]])
    for channel in range(3):
        step = tf.one_hot(channel, 3) * 0.25
        measured = (converted(at + step, colour) - converted(at - step, colour)) / 0.5
        for of in range(3):
            with tf.GradientTape() as tape:
                tape.watch(at)
                one = tf.reduce_sum(converted(at, colour)[..., of])
            assert tape.gradient(one, at)[..., channel].numpy() == pytest.approx(
                measured[..., of].numpy(), rel=2e-2, abs=2e-3
            )


@pytest.fixture(scope="module", params=NONLINEAR)
def model(request):
    return steering(convolutional(), colour=request.param, scale=1 / 127.5, offset=-1)


def test_predictions_match_opencvs_conversion(model):
    images = pictures(4, SIZE)
    given = network_input(images, model.preprocess)  # as in training: OpenCV's integers
    assert given == pytest.approx(
        np.stack([cv2.cvtColor(one, CODES[model.preprocess.colour]) for one in images]) / 127.5 - 1, abs=1e-5
    )
    theirs = model.network(given).numpy()[:, 0]
    ours = model.predict(images)
    assert np.abs(ours - theirs).max() < 0.05 * max(theirs.std(), 0.1)
    again, _ = model.predict_as(images, np.zeros((4, 0), np.float32), model.preprocess)
    assert again == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("method", methods().values(), ids=lambda method: method.name)
def test_every_method_supports_nonlinear_colours(method, model):
    if model.preprocess.colour != "HSV" and method.name not in ("gradient", "lrp", "visualbackprop"):
        pytest.skip("tried with HSV")
    images = pictures(3, SIZE)
    images[0, :8] = 127  # greys and black have no hue
    images[0, 8:12] = 0
    few = {"steps": 4, "samples": 4, "masks": 16, "patch": 8, "stride": 8}
    known = {option.name for option in method.options}
    settings = method.settings({name: value for name, value in few.items() if name in known})
    found = method.build(model, context(images), **settings)(seen(images))
    assert np.isfinite(found.raw).all()
    assert found.signed.shape[3] in (1, 3)
    assert found.signed.any()
    assert np.allclose(found.summed, found.signed.sum(axis=3), rtol=1e-3, atol=1e-4 * np.abs(found.raw).max())
    assert found.scores == pytest.approx(model.predict(images), rel=1e-3, abs=1e-4)


def test_the_gradient_is_at_rgb(model):
    """The chain rule through the colour conversion agrees with finite differences of the image."""
    tf = tensorflow()
    images = pictures(1, SIZE)
    found = methods()["gradient"].build(model, context(images))(seen(images)).signed[0]
    at = images.astype(np.float32)
    rng = np.random.default_rng(0)
    agreed = 0
    for _ in range(20):
        y, x, c = rng.integers(SIZE[0]), rng.integers(SIZE[1]), rng.integers(3)
        ends = []
        for step in (0.02, -0.02):
            moved = at.copy()
            moved[0, y, x, c] += step
            ends.append(float(model.score(tf.constant(moved))[0]))
        agreed += np.isclose((ends[0] - ends[1]) / 0.04, found[y, x, c], rtol=0.05, atol=2e-4)
    assert agreed >= 17  # hue has kinks where two channels are equal


def test_integrated_gradients_are_complete_through_the_colour(model):
    """The path is straight in RGB; one in the network's colour space would miss the conversion's curvature."""
    images = pictures(2, SIZE)
    method = methods()["integrated-gradients"]
    settings = method.settings({"steps": 300, "baseline": "blur"})
    found = method.build(model, context(images), **settings)(seen(images))
    size = np.abs(found.scores - found.baseline_scores).max()
    # hue jumps from 179 to 0, which no derivative captures
    assert found.completeness_errors.max() < (0.05 * size if model.preprocess.colour == "Lab" else 2.0 * size)
    assert found.signed.shape[3] == 3


def test_relevance_has_a_single_channel(model):
    found = methods()["lrp"].build(model, context(pictures(2, SIZE)), rule="z-plus", epsilon=0.001)(
        seen(pictures(2, SIZE))
    )
    assert found.signed.shape[3] == 1


@pytest.mark.parametrize("colour", COLOURS)
def test_colour_names_are_case_insensitive(colour, tmp_path):
    for text in (colour, colour.lower(), colour.upper(), f" {colour} "):
        assert colour_named(text) == colour
    assert Preprocess(SIZE, colour=colour.lower()).colour == colour
    network = convolutional()
    if colour == "GREY":
        inputs = keras().layers.Input((*SIZE, 1))
        network = keras().Model(inputs, keras().layers.Dense(1)(keras().layers.Flatten()(inputs)))
    path = tmp_path / "my.keras"
    steering(network, colour=colour).save(path)
    card = card_path(path)
    card.write_text(card.read_text().replace(f'"colour": "{colour}"', f'"colour": "{colour.lower()}"'))
    assert read_card(card).preprocess.colour == colour
    card.write_text(card.read_text().replace(f'"{colour.lower()}"', '"pink"'))
    with pytest.raises(ModelError, match=r"preprocess\.colour"):
        read_card(card)


def test_the_command_accepts_any_case(inside, tmp_path):
    path = tmp_path / "my.keras"
    convolutional().save(path)
    ran = inside("model", path, "--color", "yuv-OpenCV3.0", "--input-scale", "0..1", "--json")
    assert '"colour": "YUV-opencv3.0"' in ran.out, ran
    ran = inside("model", path, "--color", "hvs")
    assert ran.code == 2
    assert "yuv-opencv3.0" in ran.err


def test_old_yuv_differs_from_todays():
    """An orange road sign: the blue and red differences are exchanged."""
    orange = np.array([[[240, 140, 20]]], np.uint8)
    today, old = (network_colour(colour, orange)[0, 0] for colour in ("YUV", "YUV-opencv3.0"))
    assert today[2] > 128 + 50 > 128 > today[1]
    assert old[1] > 128 + 50 > 128 > old[2]
    assert dataclasses.replace(Preprocess(SIZE), colour="YUV-opencv3.0").linear
