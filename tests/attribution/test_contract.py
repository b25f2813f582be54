"""The contract of every registered method, according to its declaration."""

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


NUMBERS = {o.name: o for method in methods().values() for o in method.options if o.type in (int, float)}


def another(option):
    """A second value of a numeric option."""
    value = option.default + (1 if option.type is int else abs(option.default) / 2 or 0.5)
    return value if option.high is None or value <= option.high else option.low


CHEAP = {"steps": 4, "samples": 4, "masks": 16, "patch": 8, "stride": 8}
"""Few samples, for methods that have these options."""
OTHER = {name: another(option) for name, option in NUMBERS.items()} | {
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
"""A second value of every numeric option, some of them cheap ones."""
COSTLY = {"steps": 10, "samples": 10, "masks": 40, "patch": 8, "stride": 4}
"""More samples than fit in a batch, for any number of frames."""


def options(method, values=CHEAP):
    """The method's settings with the values for those options that it has."""
    known = {option.name for option in method.options}
    return method.settings({name: value for name, value in values.items() if name in known})


def build(method, model, images=IMAGES, batch=32, values=CHEAP, seed=0):
    return method.build(model, context(images, batch, seed), **options(method, values))


def explain(method, model, images=IMAGES, auxiliary=None, **settings):
    return build(method, model, **settings)(seen(images, auxiliary))


def close(a, b, rel=1e-3, share=1e-4):
    """Equal up to rounding, relative to the largest value of a map."""
    return a.shape == b.shape and np.allclose(a, b, rtol=rel, atol=share * np.abs(b).max())


@pytest.fixture(scope="module")
def model():
    """One model for all methods, so that what they share is compiled once."""
    return steering(convolutional(), colour="YUV", scale=1 / 127.5, offset=-1)


def test_every_numeric_option_is_tested_with_two_values():
    assert CHEAP.keys() == COSTLY.keys() <= NUMBERS.keys()
    for name, option in NUMBERS.items():
        assert CHEAP.get(name, option.default) != OTHER[name]


@EVERY
def test_shape_dtype_and_scores(method, model):
    result = explain(method, model)
    for values in (result.raw, result.signed):
        assert values.dtype == np.float32
        assert values.shape[:3] == IMAGES.shape[:3]
        assert np.isfinite(values).all()
    assert result.signed.shape[3] in (1, 3)
    assert result.summed.shape == IMAGES.shape[:3]
    assert result.scores.dtype == np.float32
    assert result.scores == pytest.approx(model.predict(IMAGES), rel=1e-4, abs=1e-6)
    assert result.signed.any()


@EVERY
def test_an_unsigned_map_is_not_negative(method, model):
    result = explain(method, model)
    if method.signed:
        if method.antisymmetric:
            assert explain(method, model.negated).signed.min() < 0 or result.signed.min() < 0
    else:
        assert result.signed.min() >= 0


@EVERY
def test_the_completeness_error_is_exact(method, model):
    result = explain(method, model)
    assert (result.baseline_scores is None) == (result.completeness_errors is None)
    if result.baseline_scores is None:
        return
    assert result.baseline_scores.shape == result.completeness_errors.shape == (len(IMAGES),)
    missed = np.abs(result.signed.sum(axis=(1, 2, 3)) - (result.scores - result.baseline_scores))
    assert result.completeness_errors == pytest.approx(missed, rel=1e-2, abs=1e-4)


@EVERY
@pytest.mark.parametrize("colour", ["RGB", "BGR", "YUV", "GREY"])
def test_summed_is_the_channel_sum_of_the_signed_map(method, colour):
    result = explain(method, _coloured(colour))
    assert close(result.summed, result.signed.sum(axis=3))
    assert np.allclose(result.reduced("sum-abs"), np.abs(result.signed).sum(axis=3), rtol=1e-4)
    assert np.array_equal(result.reduced("max-abs"), np.abs(result.signed).max(axis=3))


@functools.cache
def _coloured(colour):
    layers = keras().layers
    keras().utils.set_random_seed(2)
    inputs = layers.Input((*SIZE, 1 if colour == "GREY" else 3))
    x = layers.Conv2D(3, 5, strides=3, activation="relu")(inputs)
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    return steering(network, colour=colour, scale=1 / 255)


@EVERY
def test_maps_are_reproducible_also_when_built_again(method, model):
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
def test_the_map_of_a_constant_model_is_0(method):
    if not method.uses_head:
        pytest.skip("does not depend on the head")
    assert not explain(method, _constant()).signed.any()


@functools.cache
def _constant():
    network = convolutional()
    kernel, bias = network.get_layer("steering").get_weights()
    network.get_layer("steering").set_weights([0 * kernel, bias + 0.5])
    return steering(network, scale=1 / 255)


@functools.cache
def _mirrored():
    """The fixture's model with a card that declares right as positive."""
    model = steering(convolutional(), colour="YUV", scale=1 / 127.5, offset=-1)
    right = dataclasses.replace(DEGREES, positive="right")
    target = dataclasses.replace(model.target, angle=right)
    return SteeringModel(model.network, Card(model.preprocess, target))


@EVERY
def test_the_sign_follows_the_scores_sign(method, model):
    plain, mirrored, negated = (explain(method, variant) for variant in (model, _mirrored(), model.negated))
    assert mirrored.scores == pytest.approx(-plain.scores, rel=1e-4)
    assert negated.scores == pytest.approx(-plain.scores, rel=1e-4)
    assert close(mirrored.signed, negated.signed)
    if not method.signed:
        return
    # also no method is antisymmetric without declaring it: that would cost a needless second pass
    assert close(negated.signed, -plain.signed) == method.antisymmetric


@EVERY
def test_the_map_depends_on_the_head_as_declared(method, model):
    original, changed = explain(method, model), explain(method, _other_head())
    assert not np.allclose(original.scores, changed.scores)
    if method.uses_head:
        assert not close(changed.signed, original.signed, 1e-2, 1e-2)
    else:
        assert close(changed.signed, original.signed, 1e-6, 1e-7)


@functools.cache
def _other_head():
    """The fixture's model with other random dense layers."""
    network, other = convolutional(), convolutional(seed=5)
    for layer, source in zip(network.layers, other.layers, strict=True):
        if isinstance(layer, keras().layers.Dense):
            layer.set_weights(source.get_weights())
    return steering(network, colour="YUV", scale=1 / 127.5, offset=-1)


def _state(network):
    """Everything in a network that a method could change."""
    every = {"": network} | layers_of(network)
    return {
        "weights": [weight.numpy().tobytes() for weight in network.weights],
        "config": network.get_config(),
        "attributes": {
            path: {name: id(value) for name, value in vars(layer).items()} for path, layer in every.items()
        },
        "nodes": {
            path: (len(layer._inbound_nodes), len(layer._outbound_nodes)) for path, layer in every.items()
        },
    }


@EVERY
def test_the_network_is_not_changed(method):
    network = nested(SIZE)
    network(np.zeros((1, *SIZE, 3), np.float32))  # Keras itself sets attributes in the first call
    before = _state(network)
    explain(method, steering(network, scale=1 / 255), IMAGES[:2])
    after = _state(network)
    assert after.keys() == before.keys()
    for key, value in before.items():
        assert after[key] == value, key


class Watched(SteeringModel):
    """Counts how often its score is traced, and records the batch size of every pass."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.traced, self.sizes = [], []

    def score_and_calls(self, values, others, layers):
        self.traced.append(1)
        tf = tensorflow()
        tf.numpy_function(lambda size: self.sizes.append(int(size)), [tf.shape(values)[0]], [])
        return super().score_and_calls(values, others, layers)


def watched():
    plain = steering(convolutional(), scale=1 / 255)
    return Watched(plain.network, plain.card)


@EVERY
def test_compiled_once_for_any_batch_size_and_option_values(method):
    model = watched()

    def traces(counts, **settings):
        """How often the score was traced, while the method was built and while it ran."""
        before = len(model.traced)
        attribute = build(method, model, **settings)
        built = len(model.traced)
        for count in counts:
            attribute(seen(IMAGES[:count]))
        return built - before, len(model.traced) - built

    assert sum(traces([2])) >= 1
    # building may trace the network to inspect it, but nothing is compiled again
    building, running = traces([1, 3, 4])
    assert running == 0
    assert traces([3, 2], values=OTHER, batch=5, seed=3) == (building, 0)


@EVERY
def test_no_pass_exceeds_the_batch_size(method):
    model = watched()
    attribute = build(method, model, batch=3, values=COSTLY)
    attribute(seen(IMAGES[:3]))
    assert model.sizes
    assert max(model.sizes) <= 3
    # and a costly method fills its batches: it does not run its samples one by one
    passes = method.passes_of(options(method, COSTLY), SIZE)
    if passes >= 10:
        assert len(model.sizes) < 3 * passes


def _activations(names, as_layers):
    """A convolution followed by dense layers, with these activations."""
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
"""The kinds of model that a method cannot explain. Every other pair of method and kind gives a map."""


@functools.cache
def _of_kind(kind):
    return steering(KINDS[kind](), scale=1 / 255, size=SIZE)


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_model(method, kind):
    model, auxiliary = _of_kind(kind), SPEEDS if kind == "two inputs" else None
    if kind in REFUSED.get(method.name, ()):
        with pytest.raises(ModelError) as refusal:
            explain(method, model, auxiliary=auxiliary)
        assert "\n" not in str(refusal.value)
        assert refusal.value.came
        assert refusal.value.do
        return
    result = explain(method, model, auxiliary=auxiliary)
    assert result.signed.shape[:3] == IMAGES.shape[:3]
    assert np.isfinite(result.signed).all()
    assert result.signed.any()
    assert result.scores == pytest.approx(model.predict(IMAGES, auxiliary), rel=1e-4, abs=1e-6)


def test_refusals_name_known_methods_and_kinds():
    for name, kinds in REFUSED.items():
        assert name in methods()
        assert kinds < KINDS.keys()


@EVERY
def test_auxiliary_inputs_are_used(method):
    if "two inputs" in REFUSED.get(method.name, ()):
        pytest.skip("does not support auxiliary inputs")
    model = _of_kind("two inputs")
    slow, fast = (explain(method, model, auxiliary=np.full((4, 1), v, np.float32)) for v in (0.0, 200.0))
    assert not np.allclose(slow.scores, fast.scores)
    # each frame has its own auxiliary inputs
    attribute = build(method, model, batch=3)
    together = attribute(seen(IMAGES, SPEEDS))
    for i in range(len(IMAGES)):
        alone = attribute(seen(IMAGES[i : i + 1], SPEEDS[i : i + 1], first=i))
        assert alone.scores == pytest.approx(together.scores[i : i + 1], rel=1e-4)
        assert close(alone.signed, together.signed[i : i + 1])


def test_declarations_name_paper_and_equation():
    for method in methods().values():
        assert method.title
        assert method.paper
        assert "A =" in method.equation
        assert method.kind in ("sensitivity", "contribution", "relative")
        assert method.signed or not method.antisymmetric
        for option in method.options:
            option.check(option.default)
            assert option.help
            assert type(option.default) is option.type


def test_names_and_aliases_are_unique():
    names = [name for method in methods().values() for name in (method.name, *method.aliases)]
    assert len(names) == len(set(names))


def test_the_gradient_of_a_score_that_ignores_the_image_is_0():
    tf = tensorflow()
    blind = steering(convolutional())
    blind.score_of = lambda x, auxiliary=None: tf.zeros([tf.shape(x)[0]])
    assert not explain(methods()["gradient"], blind).signed.any()


class StopError(Exception):
    """Raised by a `tick` callback."""


@EVERY
def test_methods_of_many_passes_call_tick_and_can_be_stopped_by_it(method, model):
    passes = method.passes_of(options(method, COSTLY), SIZE)
    ticks = []
    attribute = method.build(model, context(IMAGES, 4), **options(method, COSTLY))
    whole = attribute(dataclasses.replace(seen(IMAGES[:1]), tick=ticks.append))
    if passes <= 4:
        return
    # the passes for the frame itself, the baseline and score-cam's feature maps are not all reported
    assert 0.4 * passes <= sum(ticks) <= passes + 1 or method.name in ("score-cam", "lrp")
    if method.name == "lrp":  # makes all its passes in one call
        return
    assert len(ticks) > 1

    def stop(count):
        ticks.append(count)
        if len(ticks) == 2:
            raise StopError

    ticks.clear()
    with pytest.raises(StopError):
        attribute(dataclasses.replace(seen(IMAGES[:1]), tick=stop))
    # a stopped run leaves nothing behind that changes the next one
    assert close(attribute(seen(IMAGES[:1])).raw, whole.raw)
