"""Closed forms: maps of a linear model, completeness of contributions, a gradient by finite differences."""

import cv2
import numpy as np
import pytest

from drivesal.attribution.engine.baselines import baseline
from drivesal.attribution.registry import Option, method
from drivesal.errors import OptionError
from drivesal.model.backend import tensorflow
from drivesal.model.card import Card
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Target
from tests.models import DEGREES, SIZE, context, convolutional, linear, linear_weights, pictures, seen, steering

MEAN = np.full((*SIZE, 3), 100, np.float32)
MEAN_LARGE = np.full((24, 32, 3), 100, np.float32)


def explain(name, model, images, mean=MEAN, **options):
    chosen = method(name)
    return chosen.build(model, context(mean), **chosen.settings(options))(seen(images))


def test_the_gradient_of_a_linear_model_is_its_weights_in_degrees_per_1_255():
    model = steering(linear(), scale=1 / 255)
    signed = explain("gradient", model, pictures(2, SIZE)).signed
    assert signed == pytest.approx(np.stack([linear_weights() / 255] * 2), rel=1e-5)


def test_the_gradient_is_at_rgb_for_a_network_that_sees_yuv():
    model = steering(linear(), colour="YUV", scale=1 / 127.5, offset=-1)
    signed = explain("gradient", model, pictures(1, SIZE)).signed[0]
    matrix, _ = model.preprocess.colour_map()
    assert signed == pytest.approx(linear_weights() @ matrix.T, rel=1e-4, abs=1e-7)


def test_the_gradient_predicts_the_effect_of_a_small_change():
    model = steering(convolutional(), scale=1 / 255)
    images = pictures(1, (24, 32))
    signed = explain("gradient", model, images, MEAN_LARGE).signed[0]
    where = np.unravel_index(np.argmax(np.abs(signed)), signed.shape)
    up, down = images.astype(np.float32), images.astype(np.float32)
    up[0][where] += 0.5
    down[0][where] -= 0.5
    slope = model.score(up).numpy()[0] - model.score(down).numpy()[0]
    assert slope == pytest.approx(signed[where], rel=0.02)


@pytest.mark.parametrize("steps", [1, 3, 40, 64])
def test_contributions_of_a_linear_model_are_exact_for_any_number_of_steps(steps):
    model = steering(linear(), scale=1 / 255)
    images = pictures(3, SIZE)
    result = explain("integrated-gradients", model, images, steps=steps, baseline="mean")
    assert result.signed == pytest.approx((images - MEAN) * linear_weights() / 255, rel=1e-4, abs=1e-6)
    expected = (MEAN / 255 * linear_weights()).sum() + 0.5
    assert result.baseline_scores == pytest.approx(np.full(3, expected), rel=1e-4)
    assert result.completeness_errors.max() < 1e-4


def test_integrated_gradients_equal_the_midpoint_rule():
    tf = tensorflow()
    model = steering(convolutional(head="tanh"), scale=1 / 255)
    images, steps = pictures(3, (24, 32)), 13
    result = explain("integrated-gradients", model, images, MEAN_LARGE, steps=steps, baseline="mean")
    total = np.zeros(images.shape)
    for k in range(steps):
        x = tf.constant(MEAN_LARGE + (k + 0.5) / steps * (images - MEAN_LARGE), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = model.score(x)
        total += tape.gradient(score, x).numpy()
    expected = (images - MEAN_LARGE) * total / steps
    assert np.allclose(result.signed, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_more_steps_have_a_smaller_completeness_error():
    model = steering(convolutional(head="tanh"), scale=1 / 255)
    images = pictures(4, (24, 32))
    errors = [
        explain(
            "integrated-gradients", model, images, MEAN_LARGE, steps=steps, baseline="black"
        ).completeness_errors
        for steps in (2, 100)
    ]
    assert errors[1].max() < 0.2 * errors[0].max()


@pytest.mark.parametrize("kind", ["black", "mean", "blur", "frame", "small"])
def test_baselines(kind, tmp_path):
    images, name = pictures(2, SIZE), kind
    card = Card(Preprocess(SIZE, Crop("pixel", (20, 40)), "area"), Target(DEGREES))
    model = SteeringModel(linear(), card)
    if kind in ("frame", "small"):
        name = str(tmp_path / "base.png")
        image = np.full((40, 60, 3) if kind == "frame" else (*SIZE, 3), (10, 20, 30), np.uint8)
        if kind == "frame":
            image[:20] = 255  # outside the crop
        cv2.imwrite(name, image)
    result = baseline(name, model, MEAN)(images)
    assert result.shape == images.shape
    assert result.dtype == np.float32
    if kind == "blur":
        assert result.std() < 0.5 * images.std()
        assert result.mean(axis=(1, 2)) == pytest.approx(images.mean(axis=(1, 2)), abs=25)
    else:
        expected = {"black": (0, 0, 0), "mean": (100, 100, 100)}.get(kind, (30, 20, 10))
        assert (result == np.array(expected, np.float32)).all()


@pytest.mark.parametrize("name", ["nowhere.png", "grey"])
def test_an_invalid_baseline_is_refused(name):
    with pytest.raises(OptionError, match="black, mean, blur or the path"):
        explain("integrated-gradients", steering(linear()), pictures(1, SIZE), steps=4, baseline=name)


def test_0_steps_are_refused():
    with pytest.raises(OptionError, match="--steps from 1 to 4096, but it is 0; 8 is the default"):
        method("integrated-gradients").settings({"steps": 0})


def test_unknown_methods_and_options_get_a_suggestion():
    with pytest.raises(OptionError, match="did you mean gradient"):
        method("gradent")
    with pytest.raises(OptionError, match="--steps was given"):
        method("gradient").settings({"steps": 3})
    with pytest.raises(OptionError, match=r"choose a method that has it|did you mean steps"):
        method("integrated-gradients").settings({"stepz": 3})


def test_an_alias_gives_the_method():
    assert method("deconv") is method("rectified")
    assert method("zeiler-fergus") is method("rectified")


def test_an_options_bounds_and_choices():
    choice = Option("kind", str, "a", "which", choices=("alpha", "beta"))
    choice.check("alpha")
    with pytest.raises(OptionError, match="--kind among alpha, beta, but it is 'alhpa'; did you mean alpha"):
        choice.check("alhpa")
    least = Option("patch_size", int, 4, "pixels", low=2)
    least.check(2)
    with pytest.raises(OptionError, match="--patch-size of at least 2, but it is 1; 4 is the default"):
        least.check(1)
    share = Option("noise", float, 0.1, "share", low=0.0, high=1.0)
    share.check(1.0)
    for value in (1.5, -0.1, float("nan")):
        with pytest.raises(OptionError, match="--noise from 0 to 1"):
            share.check(value)


def test_passes_are_at_least_one():
    assert method("gradient").passes_of({}, SIZE) == 1
    assert method("integrated-gradients").passes_of({"steps": 7}, SIZE) == 7


def test_gradient_x_input_of_a_linear_model_is_the_contribution_relative_to_black():
    model = steering(linear(), colour="BGR", scale=1 / 255)
    images = pictures(2, SIZE)
    result = explain("gradient-x-input", model, images)
    assert result.signed == pytest.approx(images * linear_weights()[..., ::-1] / 255, rel=1e-4, abs=1e-6)
    assert result.signed.sum(axis=(1, 2, 3)) == pytest.approx(result.scores - 0.5, rel=1e-3)


@pytest.mark.parametrize("batch", [1, 3, 5, 64])
def test_contributions_do_not_depend_on_the_batch(batch):
    model = steering(convolutional(head="tanh"), scale=1 / 255)
    images, chosen = pictures(4, (24, 32)), method("integrated-gradients")
    options = chosen.settings({"steps": 7})
    result = chosen.build(model, context(MEAN_LARGE, batch), **options)(seen(images))
    whole = explain("integrated-gradients", model, images, MEAN_LARGE, steps=7)
    assert np.allclose(result.signed, whole.signed, rtol=1e-3, atol=1e-5 * np.abs(whole.signed).max())
    assert result.scores == pytest.approx(whole.scores, rel=1e-5)
