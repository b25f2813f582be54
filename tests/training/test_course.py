"""What a training begins with, and that its end answers in the angles' unit."""

import numpy as np
import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.errors import ModelError, OptionError
from drivesal.model.card import Card
from drivesal.model.preprocess import Preprocess
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Bins, Target
from drivesal.training import course
from drivesal.training.beginnings import continued, fresh
from drivesal.training.course import Recipe, train
from drivesal.training.examples import Examples, Split
from drivesal.training.networks import has_linear_head
from tests.models import convolutional, steering, subclassed

WHEEL = AngleKind("deg", "steering-wheel")
SIZE = (24, 32)


def examples(count, seed):
    """Pictures with a bright bar, the further left the more the angle is to the left."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-20, 20, count).astype(np.float32)
    pictures = rng.integers(0, 60, (count, *SIZE, 3)).astype(np.uint8)
    for picture, angle in zip(pictures, angles, strict=True):
        middle = round(15.5 - angle * 0.6)
        picture[:, max(middle - 1, 0) : middle + 2] = 250
    nothing = np.zeros(count, np.intp)
    return Examples(pictures, np.arange(count), angles, np.arange(float(count)), nothing, nothing.astype(bool))


@pytest.fixture(scope="module")
def parts():
    return Split(examples(400, 1), examples(60, 2), (0.0,), (0.0,))


def test_a_network_with_a_tanh_head_gets_a_lock_beyond_the_largest_angle():
    start = fresh("toy-car", Preprocess((70, 180)), WHEEL, np.array([3.0, -17.2], np.float32), 0)
    assert start.target.angle == AngleSpec("norm", "steering-wheel", "left", 25.0)
    norm = fresh("toy-car", Preprocess((70, 180)), AngleKind("norm"), np.array([0.4], np.float32), 0)
    assert norm.target.angle == AngleSpec("norm", "unknown", "left")
    assert norm.final == 1


def test_a_linear_head_learns_shares_of_the_usual_angle():
    start = fresh("pilotnet", Preprocess((66, 200)), WHEEL, np.array([3.0, -4.0, 0, 0], np.float32), 0)
    assert start.target.angle == AngleSpec("deg", "steering-wheel", "left")
    assert start.scale == pytest.approx(2.5)
    assert has_linear_head(start.network)


def test_only_the_layer_that_answers_is_scaled():
    assert has_linear_head(convolutional())
    assert not has_linear_head(convolutional(head="tanh"))
    assert not has_linear_head(subclassed())


def test_an_input_that_the_network_does_not_fit_into_is_refused():
    with pytest.raises(OptionError, match="66x200"):
        fresh("pilotnet", Preprocess((20, 40)), WHEEL, np.ones(3, np.float32), 0)


@pytest.mark.parametrize("positive", ["left", "right"])
def test_going_on_brings_the_error_down_and_keeps_unit_and_sign(parts, positive):
    spec = AngleSpec("rad", "steering-wheel", positive)
    model = SteeringModel(convolutional(), Card(Preprocess(SIZE, scale=1 / 255), Target(spec)))
    start = continued(model, parts.training.angles, 3)
    seen = []
    trained = train(start, parts, Recipe(12, 32, 12, 3), seen.append, frames=[SIZE[::-1]])
    images = trained.model.card.images
    assert images.frames == (SIZE[::-1],)
    assert np.median(images.distances(parts.validation.take(slice(None)))) < images.limit
    assert np.median(images.distances(np.full((9, *SIZE, 3), 40, np.uint8))) > images.limit
    assert seen == trained.history
    assert trained.best["validation"] == min(row["validation"] for row in seen)
    assert trained.best["validation"] < 0.5 * np.sqrt(np.mean(parts.validation.angles**2))
    # the model that comes out answers like that, in degrees and left positive whatever its own unit is
    predicted = trained.model.predict(parts.validation.take(slice(None)))
    assert np.sqrt(np.mean((predicted - parts.validation.angles) ** 2)) == pytest.approx(
        trained.best["validation"], rel=1e-3
    )
    assert trained.model.card.target.angle == spec


def test_a_bounded_head_goes_on_in_its_own_unit(parts):
    spec = AngleSpec("norm", "steering-wheel", "left", 25.0)
    model = SteeringModel(convolutional(head="tanh"), Card(Preprocess(SIZE, scale=1 / 255), Target(spec)))
    trained = train(continued(model, parts.training.angles, 3), parts, Recipe(12, 32, 12, 3))
    assert trained.best["validation"] < 8
    predicted = trained.model.predict(parts.validation.take(slice(None)))
    assert np.abs(predicted).max() < 25
    assert np.sqrt(np.mean((predicted - parts.validation.angles) ** 2)) == pytest.approx(
        trained.best["validation"], rel=1e-3
    )


def test_it_ends_where_the_validation_error_stays_and_takes_the_best(parts, monkeypatch):
    """A learning rate so high that it gets worse after a while."""
    start = continued(steering(convolutional(), scale=1 / 255), parts.training.angles, 3)
    trained = train(start, parts, Recipe(60, 32, 2, 3, learning_rate=0.3))
    errors = [row["validation"] for row in trained.history]
    assert len(errors) < 60
    assert len(errors) - 1 - int(np.argmin(errors)) == 2
    found = course.answers(trained.model.network, parts.validation, start.preprocess, start.final)
    off = np.sqrt(np.mean((found - parts.validation.angles) ** 2))
    assert off == pytest.approx(min(errors), rel=1e-3)


def test_what_cannot_be_gone_on_with_is_refused_by_what_it_is(parts):
    card = Card(Preprocess(SIZE), Target(AngleSpec("norm"), bins=Bins(-1, 1)))
    with pytest.raises(ModelError, match="no number that is an angle"):
        continued(SteeringModel(convolutional_of(15), card), parts.training.angles, 0)
    two = Card(Preprocess(SIZE), Target(AngleSpec("deg"), output="out[1]"))
    with pytest.raises(ModelError, match="several numbers"):
        continued(SteeringModel(convolutional_of(2), two), parts.training.angles, 0)


def convolutional_of(outputs):
    from drivesal.model.backend import keras

    layers = keras().layers
    return keras().Sequential(
        [
            layers.Input((*SIZE, 3)),
            layers.Conv2D(4, 5, strides=4),
            layers.Flatten(),
            layers.Dense(outputs, name="out"),
        ]
    )
