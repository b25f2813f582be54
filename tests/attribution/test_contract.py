"""What every registered method owes, by what it declares."""

import dataclasses

import numpy as np
import pytest

from drivesal.attribution import methods
from drivesal.backend import keras, tensorflow
from drivesal.card import Card
from tests.models import convolutional, linear, pictures, steering

SIZE = (24, 32)
EVERY = pytest.mark.parametrize("method", methods().values(), ids=lambda method: method.name)


def build(method, model, seen):
    return method.build(model, seen.mean(axis=0).astype(np.float32), **method.settings({}))


@pytest.fixture(scope="module")
def seen():
    return pictures(5, SIZE)


@pytest.fixture(scope="module")
def model():
    return steering(convolutional(), colour="YUV", scale=1 / 127.5, offset=-1)


@EVERY
def test_shape_type_and_answer(method, model, seen):
    found = build(method, model, seen)(seen)
    assert found.signed.shape == seen.shape
    assert found.signed.dtype == np.float32
    assert np.isfinite(found.signed).all()
    assert found.angles == pytest.approx(model.predict(seen), rel=1e-5)


@EVERY
@pytest.mark.parametrize("colour", ["RGB", "BGR", "YUV", "GREY"])
def test_the_sum_is_the_signed_maps_sum(method, colour, seen):
    channels = 1 if colour == "GREY" else 3
    network = linear(np.random.default_rng(0).normal(size=(*SIZE, channels)).astype(np.float32))
    found = build(method, steering(network, colour=colour, scale=1 / 255), seen)(seen)
    assert found.signed.shape == seen.shape
    assert np.allclose(
        found.summed, found.signed.sum(axis=3), rtol=1e-4, atol=1e-5 * np.abs(found.signed).max()
    )


@EVERY
def test_the_same_twice(method, model, seen):
    attribute = build(method, model, seen)
    assert np.array_equal(attribute(seen).signed, attribute(seen).signed)


@EVERY
def test_a_frame_does_not_depend_on_its_neighbours(method, model, seen):
    attribute = build(method, model, seen)
    together = attribute(seen).signed
    alone = np.concatenate([attribute(seen[i : i + 1]).signed for i in range(len(seen))])
    assert np.allclose(alone, together, rtol=1e-3, atol=1e-5 * np.abs(together).max())


@EVERY
def test_a_constant_model_has_none(method, seen):
    if not method.uses_head:
        pytest.skip("does not see the head")
    flat = steering(linear(np.zeros((*SIZE, 3), np.float32)))
    assert not build(method, flat, seen)(seen).signed.any()


@EVERY
def test_the_sign_follows_the_angles_sign(method, model, seen):
    if not (method.signed and method.odd):
        pytest.skip("not odd in the score")
    right = dataclasses.replace(model.target.angle, positive="right")
    mirrored = type(model)(
        model.network, Card(model.preprocess, dataclasses.replace(model.target, angle=right))
    )
    a, b = build(method, model, seen)(seen), build(method, mirrored, seen)(seen)
    assert b.angles == pytest.approx(-a.angles)
    assert np.allclose(b.signed, -a.signed, rtol=1e-4, atol=1e-6 * np.abs(a.signed).max())


@EVERY
def test_the_network_is_left_as_it_was(method, seen):
    network = convolutional()
    before = [w.numpy().copy() for w in network.weights]
    build(method, steering(network), seen)(seen)
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, network.weights, strict=True))


@EVERY
def test_compiled_once_whatever_the_batch(method, model, seen):
    attribute = build(method, model, seen)
    attribute(seen)
    traced = []
    original = type(model).answer
    counted = type(model)(model.network, model.card)
    counted.answer = lambda x: traced.append(1) or original(counted, x)
    attribute = build(method, counted, seen)
    attribute(seen[:2])
    first = len(traced)
    for count in (1, 3, 5):
        attribute(seen[:count])
    assert first >= 1
    assert len(traced) == first


@EVERY
@pytest.mark.parametrize("kind", ["functional", "nested", "grey", "batchnorm"])
def test_kinds_of_model(method, kind, seen):
    layers = keras().layers
    channels = 1 if kind == "grey" else 3
    inputs = layers.Input((*SIZE, channels))
    x = layers.Conv2D(4, 5, strides=2, activation="relu")(inputs)
    if kind == "batchnorm":
        x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    if kind == "nested":
        inner = keras().Sequential([layers.Input(x.shape[1:]), layers.Conv2D(3, 3), layers.ELU()])
        x = inner(x)
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    model = steering(network, colour="GREY" if kind == "grey" else "RGB", scale=1 / 255)
    found = build(method, model, seen)(seen)
    assert found.signed.shape == seen.shape
    assert found.signed.any()


def test_declarations_say_where_they_come_from():
    for method in methods().values():
        assert method.paper
        assert "A =" in method.equation
        assert method.kind in ("sensitivity", "contribution", "relative")


def test_gradients_of_an_unused_picture_are_zero(seen):
    tf = tensorflow()

    blind = steering(convolutional())
    blind.answer = lambda x: tf.zeros([tf.shape(x)[0]])
    found = methods()["gradient"].build(blind, seen.mean(axis=0).astype(np.float32))(seen)
    assert not found.signed.any()
