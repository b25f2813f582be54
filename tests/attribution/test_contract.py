"""What every registered method owes, by what it declares."""

import dataclasses
import functools

import numpy as np
import pytest

from drivesal.attribution.registry import methods
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.card import Card
from drivesal.model.network import layers as layers_of
from drivesal.model.steering_model import SteeringModel
from tests.models import (
    DEGREES,
    context,
    convolutional,
    nested,
    pictures,
    seen,
    steering,
    subclassed,
    two_inputs,
)

SIZE = (24, 32)
IMAGES = pictures(4, SIZE)
SPEEDS = np.array([[3.0], [9.0], [14.0], [30.0]], np.float32)
EVERY = pytest.mark.parametrize("method", methods().values(), ids=lambda method: method.name)

CHEAP = {"steps": 4, "samples": 4, "masks": 16, "patch": 8, "stride": 8}
"""Few samples, for methods that have these options."""
OTHER = {
    "steps": 5,
    "samples": 6,
    "masks": 19,
    "patch": 7,
    "stride": 6,
    "cells": 5,
    "keep": 0.4,
    "noise": 0.2,
    "epsilon": 0.01,
}
"""Another value of every option that is a number."""
COSTLY = {"steps": 10, "samples": 10, "masks": 40, "patch": 8, "stride": 4}
"""More samples than fit in a batch, of any number of frames."""


def options(method, values=CHEAP):
    """The method's settings with these values for the options that it has."""
    known = {option.name for option in method.options}
    return method.settings({name: value for name, value in values.items() if name in known})


def build(method, model, images=IMAGES, batch=32, values=CHEAP, seed=0):
    return method.build(model, context(images, batch, seed), **options(method, values))


def explain(method, model, images=IMAGES, others=None, **settings):
    return build(method, model, **settings)(seen(images, others))


def close(a, b, rel=1e-3, share=1e-4):
    """Equal but for rounding, of which a map's size is the measure."""
    return a.shape == b.shape and np.allclose(a, b, rtol=rel, atol=share * np.abs(b).max())


@pytest.fixture(scope="module")
def model():
    """One model for all methods, so that what they share is compiled once."""
    return steering(convolutional(), colour="YUV", scale=1 / 127.5, offset=-1)


def test_every_number_among_the_options_is_tried_with_two_values():
    numbers = {o.name: o for method in methods().values() for o in method.options if o.type in (int, float)}
    assert numbers.keys() == OTHER.keys()
    assert CHEAP.keys() == COSTLY.keys() <= OTHER.keys()
    for name, option in numbers.items():
        assert CHEAP.get(name, option.default) != OTHER[name]


@EVERY
def test_shape_type_and_answer(method, model):
    found = explain(method, model)
    for one in (found.raw, found.signed):
        assert one.dtype == np.float32
        assert one.shape[:3] == IMAGES.shape[:3]
        assert np.isfinite(one).all()
    assert found.signed.shape[3] in (1, 3)
    assert found.summed.shape == IMAGES.shape[:3]
    assert found.scores.dtype == np.float32
    assert found.scores == pytest.approx(model.predict(IMAGES), rel=1e-4, abs=1e-6)
    assert found.signed.any()


@EVERY
def test_an_unsigned_map_is_not_negative(method, model):
    found = explain(method, model)
    if method.signed:
        if method.odd:
            assert explain(method, model.negated).signed.min() < 0 or found.signed.min() < 0
    else:
        assert found.signed.min() >= 0


@EVERY
def test_what_contributions_miss_is_told_as_it_is(method, model):
    found = explain(method, model)
    assert (found.baseline_scores is None) == (found.completeness_errors is None)
    if found.baseline_scores is None:
        return
    assert found.baseline_scores.shape == found.completeness_errors.shape == (len(IMAGES),)
    missed = np.abs(found.signed.sum(axis=(1, 2, 3)) - (found.scores - found.baseline_scores))
    assert found.completeness_errors == pytest.approx(missed, rel=1e-2, abs=1e-4)


@EVERY
@pytest.mark.parametrize("colour", ["RGB", "BGR", "YUV", "GREY"])
def test_the_sum_is_the_signed_maps_sum(method, colour):
    found = explain(method, _coloured(colour))
    assert close(found.summed, found.signed.sum(axis=3))
    assert np.allclose(found.reduced("sum-abs"), np.abs(found.signed).sum(axis=3), rtol=1e-4)
    assert np.array_equal(found.reduced("max-abs"), np.abs(found.signed).max(axis=3))


@functools.cache
def _coloured(colour):
    layers = keras().layers
    keras().utils.set_random_seed(2)
    inputs = layers.Input((*SIZE, 1 if colour == "GREY" else 3))
    x = layers.Conv2D(3, 5, strides=3, activation="relu")(inputs)
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    return steering(network, colour=colour, scale=1 / 255)


@EVERY
def test_the_same_twice_and_built_anew(method, model):
    attribute = build(method, model)
    first = attribute(seen(IMAGES)).signed
    assert np.array_equal(attribute(seen(IMAGES)).signed, first)
    assert close(explain(method, model).signed, first, 1e-4, 1e-6)


@EVERY
def test_a_frame_does_not_depend_on_its_neighbours(method, model):
    attribute = build(method, model, batch=3)
    together = attribute(seen(IMAGES, first=7)).signed
    alone = [attribute(seen(IMAGES[i : i + 1], first=7 + i)).signed for i in range(len(IMAGES))]
    assert close(np.concatenate(alone), together)


@EVERY
def test_a_constant_model_has_none(method):
    if not method.uses_head:
        pytest.skip("does not see the head")
    assert not explain(method, _constant()).signed.any()


@functools.cache
def _constant():
    network = convolutional()
    kernel, bias = network.get_layer("steering").get_weights()
    network.get_layer("steering").set_weights([0 * kernel, bias + 0.5])
    return steering(network, scale=1 / 255)


@functools.cache
def _mirrored():
    """The fixture's model with a card that says that positive is right."""
    model = steering(convolutional(), colour="YUV", scale=1 / 127.5, offset=-1)
    right = dataclasses.replace(DEGREES, positive="right")
    target = dataclasses.replace(model.target, angle=right)
    return SteeringModel(model.network, Card(model.preprocess, target))


@EVERY
def test_the_sign_follows_the_scores_sign(method, model):
    plain, mirrored, negated = (explain(method, one) for one in (model, _mirrored(), model.negated))
    assert mirrored.scores == pytest.approx(-plain.scores, rel=1e-4)
    assert negated.scores == pytest.approx(-plain.scores, rel=1e-4)
    assert close(mirrored.signed, negated.signed)
    if not method.signed:
        return
    # what is declared not to be odd is not: one pass would do where it is
    assert close(negated.signed, -plain.signed) == method.odd


@EVERY
def test_the_head_matters_where_it_is_said_to(method, model):
    kept, anew = explain(method, model), explain(method, _other_head())
    assert not np.allclose(kept.scores, anew.scores)
    if method.uses_head:
        assert not close(anew.signed, kept.signed, 1e-2, 1e-2)
    else:
        assert close(anew.signed, kept.signed, 1e-6, 1e-7)


@functools.cache
def _other_head():
    """The fixture's model with its dense layers drawn anew."""
    network, other = convolutional(), convolutional(seed=5)
    for one, drawn in zip(network.layers, other.layers, strict=True):
        if isinstance(one, keras().layers.Dense):
            one.set_weights(drawn.get_weights())
    return steering(network, colour="YUV", scale=1 / 127.5, offset=-1)


def _state(network):
    """Whatever of a network a method could change."""
    every = {"": network} | layers_of(network)
    return {
        "weights": [weight.numpy().tobytes() for weight in network.weights],
        "config": network.get_config(),
        "attributes": {
            path: {name: id(value) for name, value in vars(one).items()} for path, one in every.items()
        },
        "nodes": {path: (len(one._inbound_nodes), len(one._outbound_nodes)) for path, one in every.items()},
    }


@EVERY
def test_the_network_is_left_as_it_was(method):
    network = nested(SIZE)
    network(np.zeros((1, *SIZE, 3), np.float32))  # a first call leaves marks of Keras's own
    before = _state(network)
    explain(method, steering(network, scale=1 / 255), IMAGES[:2])
    after = _state(network)
    assert after.keys() == before.keys()
    for what, was in before.items():
        assert after[what] == was, what


class Watched(SteeringModel):
    """Notes how often its score is built into a graph, and of how many pictures it then is."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.traced, self.sizes = [], []

    def inside(self, values, others, layers):
        self.traced.append(1)
        tf = tensorflow()
        tf.numpy_function(lambda size: self.sizes.append(int(size)), [tf.shape(values)[0]], [])
        return super().inside(values, others, layers)


def watched():
    plain = steering(convolutional(), scale=1 / 255)
    return Watched(plain.network, plain.card)


@EVERY
def test_compiled_once_whatever_the_batch_and_the_options_values(method):
    model = watched()

    def traces(counts, **settings):
        """How often the score was built into a graph, while the method was built and while it ran."""
        before = len(model.traced)
        attribute = build(method, model, **settings)
        built = len(model.traced)
        for count in counts:
            attribute(seen(IMAGES[:count]))
        return built - before, len(model.traced) - built

    assert sum(traces([2])) >= 1
    # building may look at the network, but nothing is compiled again, whatever is asked
    again, running = traces([1, 3, 4])
    assert running == 0
    assert traces([3, 2], values=OTHER, batch=5, seed=3) == (again, 0)


@EVERY
def test_no_call_of_the_network_sees_more_than_the_batch(method):
    model = watched()
    attribute = build(method, model, batch=3, values=COSTLY)
    attribute(seen(IMAGES[:3]))
    assert model.sizes
    assert max(model.sizes) <= 3
    # and a costly method fills them: it does not go through its samples one by one
    many = method.passes_of(options(method, COSTLY), SIZE)
    if many >= 10:
        assert len(model.sizes) < 3 * many


def _activations(names, as_layers):
    """A convolution and dense layers with these activations, one behind the other."""
    layers = keras().layers
    keras().utils.set_random_seed(1)
    known = {
        "relu": layers.ReLU,
        "relu6": lambda: layers.ReLU(max_value=6),
        "leaky_relu": layers.LeakyReLU,
        "elu": layers.ELU,
    }
    inputs = x = layers.Input((*SIZE, 3))
    for i, name in enumerate(names):
        kind = functools.partial(layers.Dense, 6) if i else functools.partial(layers.Conv2D, 4, 5, strides=2)
        x = kind(activation=None if as_layers else name)(x)
        if as_layers:
            x = known.get(name, lambda name=name: layers.Activation(name))()(x)
        x = x if i else layers.Flatten()(x)
    return keras().Model(inputs, layers.Dense(1)(x))


def _functional(noisy=False):
    layers = keras().layers
    keras().utils.set_random_seed(1)
    inputs = layers.Input((*SIZE, 3))
    x = layers.Conv2D(4, 5, strides=2, use_bias=not noisy)(inputs)
    if noisy:
        normalised = layers.BatchNormalization()
        x = normalised(x)
        draw = np.random.default_rng(0)
        normalised.set_weights([draw.uniform(0.5, 1.5, 4).astype(np.float32) for _ in range(4)])
    x = layers.MaxPooling2D()(layers.ReLU()(x))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = layers.Dropout(0.5)(x) if noisy else layers.AveragePooling2D(2)(x)
    return keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))


def _branched():
    layers = keras().layers
    keras().utils.set_random_seed(1)
    inputs = layers.Input((*SIZE, 3))
    x = layers.Conv2D(4, 5, strides=2, activation="relu")(inputs)
    x = layers.Add()([x, layers.Conv2D(4, 3, padding="same", activation="relu")(x)])
    return keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))


def _dense():
    layers = keras().layers
    keras().utils.set_random_seed(1)
    inputs = layers.Input((*SIZE, 3))
    return keras().Model(inputs, layers.Dense(1)(layers.Dense(5, activation="relu")(layers.Flatten()(inputs))))


RECTIFIERS = ("leaky_relu", "relu", "relu6", "elu", "selu")
KINDS = {
    "functional": _functional,
    "sequential": lambda: convolutional(size=SIZE),
    "nested": lambda: nested(SIZE),
    "subclassed": lambda: subclassed(SIZE),
    "batch normalization and dropout": lambda: _functional(noisy=True),
    "branches": _branched,
    "two inputs": lambda: two_inputs(SIZE),
    "no convolution": _dense,
    "activation arguments": lambda: _activations(RECTIFIERS, False),
    "activation layers": lambda: _activations(RECTIFIERS, True),
    "gelu argument": lambda: _activations(["relu", "gelu"], False),
    "gelu layer": lambda: _activations(["gelu", "relu"], True),
    "swish argument": lambda: _activations(["relu", "swish"], False),
    "swish layer": lambda: _activations(["swish", "relu"], True),
}
SMOOTH = {f"{name} {how}" for name in ("gelu", "swish") for how in ("layer", "argument")}
NO_MAPS = {"no convolution"}
JOINED = {"branches", "two inputs"}
REFUSED = {
    "guided": SMOOTH,
    "rectified": SMOOTH,
    "grad-cam": NO_MAPS,
    "grad-cam++": NO_MAPS,
    "layer-cam": NO_MAPS,
    "score-cam": NO_MAPS,
    "visualbackprop": NO_MAPS | {"branches"},
    "lrp": SMOOTH | JOINED,
}
"""The kinds of model that a method cannot run on. Every other pair of method and kind has a map."""


@functools.cache
def _of_kind(kind):
    return steering(KINDS[kind](), scale=1 / 255, size=SIZE)


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_model(method, kind):
    model, beside = _of_kind(kind), SPEEDS if kind == "two inputs" else None
    if kind in REFUSED.get(method.name, ()):
        with pytest.raises(ModelError) as refusal:
            explain(method, model, others=beside)
        assert "\n" not in str(refusal.value)
        assert refusal.value.came
        assert refusal.value.do
        return
    found = explain(method, model, others=beside)
    assert found.signed.shape[:3] == IMAGES.shape[:3]
    assert np.isfinite(found.signed).all()
    assert found.signed.any()
    assert found.scores == pytest.approx(model.predict(IMAGES, beside), rel=1e-4, abs=1e-6)


def test_refusals_are_of_known_methods_and_kinds():
    for name, kinds in REFUSED.items():
        assert name in methods()
        assert kinds < KINDS.keys()


@EVERY
def test_what_goes_beside_the_picture_counts(method):
    if "two inputs" in REFUSED.get(method.name, ()):
        pytest.skip("refuses it")
    model = _of_kind("two inputs")
    slow, fast = (explain(method, model, others=np.full((4, 1), v, np.float32)) for v in (0.0, 200.0))
    assert not np.allclose(slow.scores, fast.scores)
    # each frame has its own
    attribute = build(method, model, batch=3)
    together = attribute(seen(IMAGES, SPEEDS))
    for i in range(len(IMAGES)):
        alone = attribute(seen(IMAGES[i : i + 1], SPEEDS[i : i + 1], first=i))
        assert alone.scores == pytest.approx(together.scores[i : i + 1], rel=1e-4)
        assert close(alone.signed, together.signed[i : i + 1])


def test_declarations_say_where_they_come_from():
    for method in methods().values():
        assert method.title
        assert method.paper
        assert "A =" in method.equation
        assert method.kind in ("sensitivity", "contribution", "relative")
        assert method.signed or not method.odd
        for option in method.options:
            option.check(option.default)
            assert option.help
            assert type(option.default) is option.type


def test_names_and_aliases_are_each_one_methods():
    names = [name for method in methods().values() for name in (method.name, *method.aliases)]
    assert len(names) == len(set(names))


def test_gradients_of_an_unused_picture_are_zero():
    tf = tensorflow()
    blind = steering(convolutional())
    blind.answer = lambda x, others=None: tf.zeros([tf.shape(x)[0]])
    assert not explain(methods()["gradient"], blind).signed.any()


class StopError(Exception):
    """Raised by who is told of passes."""


@EVERY
def test_methods_of_many_passes_tell_of_them_and_can_be_ended_between(method, model):
    passes = method.passes_of(options(method, COSTLY), SIZE)
    told = []
    known = dataclasses.replace(context(IMAGES, 4), tick=told.append)
    attribute = method.build(model, known, **options(method, COSTLY))
    whole = attribute(seen(IMAGES[:1]))
    if passes <= 4:
        return
    # those of the frame itself, of the baseline or of each map's layer are not all told
    assert 0.4 * passes <= sum(told) <= passes + 1 or method.name in ("score-cam", "lrp")
    if method.name == "lrp":  # its passes are one call each
        return
    assert len(told) > 1

    def end(count):
        told.append(count)
        if len(told) == 2:
            raise StopError

    told.clear()
    ended = method.build(model, dataclasses.replace(known, tick=end), **options(method, COSTLY))
    with pytest.raises(StopError):
        ended(seen(IMAGES[:1]))
    # what was ended leaves nothing behind in what comes after
    assert close(attribute(seen(IMAGES[:1])).raw, whole.raw)
