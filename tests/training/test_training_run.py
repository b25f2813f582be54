"""The starting points of a training, and that the trained model predicts in the angles' unit."""

import numpy as np
import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.errors import ModelError, OptionError
from drivesal.model.card import Card
from drivesal.model.preprocess import Preprocess
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Bins, Target
from drivesal.training import training_run
from drivesal.training.examples import Examples, Split
from drivesal.training.networks import has_linear_head
from drivesal.training.starting_network import from_architecture, from_model
from drivesal.training.training_run import Recipe, train
from tests.models import convolutional, steering, subclassed

WHEEL = AngleKind("deg", "steering-wheel")
SIZE = (24, 32)


def examples(count, seed):
    """Images with a bright bar, the further left the larger the angle to the left."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-20, 20, count).astype(np.float32)
    images = rng.integers(0, 60, (count, *SIZE, 3)).astype(np.uint8)
    for image, angle in zip(images, angles, strict=True):
        middle = round(15.5 - angle * 0.6)
        image[:, max(middle - 1, 0) : middle + 2] = 250
    zeros = np.zeros(count, np.intp)
    return Examples(images, np.arange(count), angles, np.arange(float(count)), zeros, zeros.astype(bool))


@pytest.fixture(scope="module")
def split():
    return Split(examples(400, 1), examples(60, 2), (0.0,), (0.0,))


def test_a_network_with_a_tanh_head_gets_a_full_lock_beyond_the_largest_angle():
    angles = np.array([3.0, -17.2], np.float32)
    start = from_architecture("toy-car", Preprocess((70, 180)), WHEEL, angles, 0)
    assert start.target.angle == AngleSpec("norm", "steering-wheel", "left", 25.0)
    norm = from_architecture(
        "toy-car", Preprocess((70, 180)), AngleKind("norm"), np.array([0.4], np.float32), 0
    )
    assert norm.target.angle == AngleSpec("norm", "unknown", "left")
    assert norm.final == 1


def test_a_linear_head_learns_shares_of_the_usual_angle():
    start = from_architecture(
        "pilotnet", Preprocess((66, 200)), WHEEL, np.array([3.0, -4.0, 0, 0], np.float32), 0
    )
    assert start.target.angle == AngleSpec("deg", "steering-wheel", "left")
    assert start.scale == pytest.approx(2.5)
    assert has_linear_head(start.network)


def test_only_a_linear_output_layer_can_be_scaled():
    assert has_linear_head(convolutional())
    assert not has_linear_head(convolutional(head="tanh"))
    assert not has_linear_head(subclassed())


def test_an_input_too_small_for_the_network_is_refused():
    with pytest.raises(OptionError, match="66x200"):
        from_architecture("pilotnet", Preprocess((20, 40)), WHEEL, np.ones(3, np.float32), 0)


@pytest.mark.parametrize("positive", ["left", "right"])
def test_fine_tuning_reduces_the_error_and_keeps_unit_and_sign(split, positive):
    spec = AngleSpec("rad", "steering-wheel", positive)
    model = SteeringModel(convolutional(), Card(Preprocess(SIZE, scale=1 / 255), Target(spec)))
    start = from_model(model, split.training.angles, 3)
    reported = []
    trained = train(start, split, Recipe(12, 32, 12, 3), reported.append, frames=[SIZE[::-1]])
    images = trained.model.card.images
    assert images.frames == (SIZE[::-1],)
    assert np.median(images.distances(split.validation.take(slice(None)))) < images.limit
    assert np.median(images.distances(np.full((9, *SIZE, 3), 40, np.uint8))) > images.limit
    assert reported == trained.history
    assert trained.best["validation"] == min(row["validation"] for row in reported)
    assert trained.best["validation"] < 0.5 * np.sqrt(np.mean(split.validation.angles**2))
    # the trained model reaches this error, in degrees and left positive whatever its own unit
    predicted = trained.model.predict(split.validation.take(slice(None)))
    assert np.sqrt(np.mean((predicted - split.validation.angles) ** 2)) == pytest.approx(
        trained.best["validation"], rel=1e-3
    )
    assert trained.model.card.target.angle == spec


def test_a_bounded_head_is_fine_tuned_in_its_own_unit(split):
    spec = AngleSpec("norm", "steering-wheel", "left", 25.0)
    model = SteeringModel(convolutional(head="tanh"), Card(Preprocess(SIZE, scale=1 / 255), Target(spec)))
    trained = train(from_model(model, split.training.angles, 3), split, Recipe(12, 32, 12, 3))
    assert trained.best["validation"] < 8
    predicted = trained.model.predict(split.validation.take(slice(None)))
    assert np.abs(predicted).max() < 25
    assert np.sqrt(np.mean((predicted - split.validation.angles) ** 2)) == pytest.approx(
        trained.best["validation"], rel=1e-3
    )


def test_training_stops_when_the_validation_error_stalls_and_keeps_the_best(split):
    """The learning rate is so high that the error increases after a while."""
    start = from_model(steering(convolutional(), scale=1 / 255), split.training.angles, 3)
    trained = train(start, split, Recipe(60, 32, 2, 3, learning_rate=0.3))
    errors = [row["validation"] for row in trained.history]
    assert len(errors) < 60
    assert len(errors) - 1 - int(np.argmin(errors)) == 2
    predicted = training_run.predict(trained.model.network, split.validation, start.preprocess, start.final)
    rmse = np.sqrt(np.mean((predicted - split.validation.angles) ** 2))
    assert rmse == pytest.approx(min(errors), rel=1e-3)


def test_a_model_that_cannot_be_fine_tuned_is_refused_with_the_reason(split):
    card = Card(Preprocess(SIZE), Target(AngleSpec("norm"), bins=Bins(-1, 1)))
    with pytest.raises(ModelError, match="no output that is an angle"):
        from_model(SteeringModel(convolutional_of(15), card), split.training.angles, 0)
    two = Card(Preprocess(SIZE), Target(AngleSpec("deg"), output="out[1]"))
    with pytest.raises(ModelError, match="several numbers"):
        from_model(SteeringModel(convolutional_of(2), two), split.training.angles, 0)


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
