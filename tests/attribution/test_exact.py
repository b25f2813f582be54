"""Closed forms: a linear model's maps, the completeness of contributions, a gradient by differences."""

import cv2
import numpy as np
import pytest

from drivesal.attribution import method
from drivesal.attribution.baselines import baseline
from drivesal.backend import tensorflow
from drivesal.card import Card, Target
from drivesal.errors import OptionError
from drivesal.model import SteeringModel
from drivesal.preprocess import Crop, Preprocess
from tests.models import DEGREES, SIZE, convolutional, linear, linear_weights, pictures, steering

MEAN = np.full((*SIZE, 3), 100, np.float32)
MEAN_LARGE = np.full((24, 32, 3), 100, np.float32)


def test_the_gradient_of_a_linear_model_is_its_weights_in_degrees_per_255th():
    model = steering(linear(), scale=1 / 255)
    signed = method("gradient").build(model, MEAN)(pictures(2, SIZE)).signed
    assert signed == pytest.approx(np.stack([linear_weights() / 255] * 2), rel=1e-5)


def test_the_gradient_is_taken_at_rgb_also_through_yuv():
    model = steering(linear(), colour="YUV", scale=1 / 127.5, offset=-1)
    seen = pictures(1, SIZE)
    signed = method("gradient").build(model, MEAN)(seen).signed[0]
    matrix, _ = model.preprocess.colour_map()
    assert signed == pytest.approx(linear_weights() @ matrix.T, rel=1e-4, abs=1e-7)


def test_the_gradient_predicts_a_small_change():
    model = steering(convolutional(), scale=1 / 255)
    seen = pictures(1, (24, 32))
    signed = method("gradient").build(model, np.zeros((24, 32, 3), np.float32))(seen).signed[0]
    where = np.unravel_index(np.argmax(np.abs(signed)), signed.shape)
    up, down = seen.astype(np.float32), seen.astype(np.float32)
    up[0][where] += 0.5
    down[0][where] -= 0.5
    slope = model.score(up).numpy()[0] - model.score(down).numpy()[0]
    assert slope == pytest.approx(signed[where], rel=0.02)


@pytest.mark.parametrize("steps", [1, 3, 40, 64])
def test_contributions_of_a_linear_model_are_exact_for_any_steps(steps):
    model = steering(linear(), scale=1 / 255)
    seen = pictures(3, SIZE)
    found = method("integrated-gradients").build(model, MEAN, steps=steps, baseline="mean")(seen)
    assert found.signed == pytest.approx((seen - MEAN) * linear_weights() / 255, rel=1e-4, abs=1e-6)
    expected = (MEAN / 255 * linear_weights()).sum() + 0.5
    assert found.baseline_angles == pytest.approx(np.full(3, expected), rel=1e-4)
    assert found.completeness_errors.max() < 1e-4


def test_the_midpoint_rule_by_hand():
    tf = tensorflow()
    model = steering(convolutional(head="tanh"), scale=1 / 255)
    seen, steps = pictures(3, (24, 32)), 13
    found = method("integrated-gradients").build(model, MEAN_LARGE, steps=steps, baseline="mean")(seen)
    total = np.zeros(seen.shape)
    for k in range(steps):
        x = tf.constant(MEAN_LARGE + (k + 0.5) / steps * (seen - MEAN_LARGE), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = model.score(x)
        total += tape.gradient(score, x).numpy()
    expected = (seen - MEAN_LARGE) * total / steps
    assert np.allclose(found.signed, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_more_steps_miss_less():
    model = steering(convolutional(head="tanh"), scale=1 / 255)
    seen, mean = pictures(4, (24, 32)), np.full((24, 32, 3), 120, np.float32)
    errors = [
        method("integrated-gradients")
        .build(model, mean, steps=steps, baseline="black")(seen)
        .completeness_errors
        for steps in (2, 100)
    ]
    assert errors[1].max() < 0.2 * errors[0].max()


@pytest.mark.parametrize("kind", ["black", "mean", "blur", "frame", "small"])
def test_baselines(kind, tmp_path):
    seen, name = pictures(2, SIZE), kind
    card = Card(Preprocess(SIZE, Crop("pixel", (20, 40)), "area"), Target(DEGREES))
    model = SteeringModel(linear(), card)
    if kind in ("frame", "small"):
        name = str(tmp_path / "base.png")
        picture = np.full((40, 60, 3) if kind == "frame" else (*SIZE, 3), (10, 20, 30), np.uint8)
        if kind == "frame":
            picture[:20] = 255  # outside the crop
        cv2.imwrite(name, picture)
    found = baseline(name, model, MEAN)(seen)
    assert found.shape == seen.shape
    assert found.dtype == np.float32
    if kind == "blur":
        assert found.std() < 0.5 * seen.std()
        assert found.mean(axis=(1, 2)) == pytest.approx(seen.mean(axis=(1, 2)), abs=25)
    else:
        expected = {"black": (0, 0, 0), "mean": (100, 100, 100)}.get(kind, (30, 20, 10))
        assert (found == np.array(expected, np.float32)).all()


@pytest.mark.parametrize("name", ["nowhere.png", "grey"])
def test_a_baseline_that_is_none(name):
    with pytest.raises(OptionError, match="black, mean, blur or the path"):
        method("integrated-gradients").build(steering(linear()), MEAN, steps=4, baseline=name)


def test_no_steps_are_refused():
    with pytest.raises(OptionError, match="1 to 4096 steps"):
        method("integrated-gradients").build(steering(linear()), MEAN, steps=0, baseline="black")


def test_unknown_methods_and_options_name_the_known():
    with pytest.raises(OptionError, match="did you mean gradient"):
        method("gradent")
    with pytest.raises(OptionError, match="--steps was given"):
        method("gradient").settings({"steps": 3})
