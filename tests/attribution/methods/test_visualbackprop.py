"""VisualBackProp against direct computation, and the networks that are refused."""

import numpy as np
import pytest

from drivesal.attribution.registry import method
from drivesal.errors import ModelError
from drivesal.model.backend import keras
from tests.models import SIZE, context, convolutional, linear, pictures, seen, steering

LARGE = (24, 32)


def explain(model, images):
    vbp = method("visualbackprop")
    return vbp.build(model, context(images), **vbp.settings({}))(seen(images))


def sequential(*stack, size=LARGE, channels=3, seed=0):
    layers = keras().layers
    keras().utils.set_random_seed(seed)
    return keras().Sequential([layers.Input((*size, channels)), *stack, layers.Flatten(), layers.Dense(1)])


def features(network, images, until):
    """Channel mean (N, h, w) of the positive part of the output of layer number `until`."""
    inner = keras().Model(network.inputs[0], network.layers[until].output)
    return np.maximum(inner(images / np.float32(255)).numpy(), 0).mean(axis=3)


def spread(values, size, strides, shape, padding=(0, 0)):
    """Spread each value of (N, h, w) evenly over its window of `size` in arrays of `shape`.

    `padding` is the number of rows and columns by which the first window starts outside the array.
    """
    (rows, columns), (down, across) = size, strides
    padded = np.zeros((len(values), shape[0] + 2 * rows, shape[1] + 2 * columns))
    for i in range(values.shape[1]):
        for j in range(values.shape[2]):
            top, left = i * down - padding[0] + rows, j * across - padding[1] + columns
            padded[:, top : top + rows, left : left + columns] += values[:, i, j, None, None] / (rows * columns)
    return padded[:, rows : rows + shape[0], columns : columns + shape[1]]


def close(result, expected):
    assert expected.max() > 0
    return np.allclose(result, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_two_convolutions_of_ones():
    layers = keras().layers
    network = sequential(
        layers.Conv2D(1, 2, use_bias=False), layers.Conv2D(1, 2, use_bias=False), size=(3, 3), channels=1
    )
    for layer in network.layers[:2]:
        layer.set_weights([np.ones((2, 2, 1, 1))])
    result = explain(steering(network, colour="GREY"), np.full((1, 3, 3, 3), 1, np.uint8))
    # the first layer gives 4, the second 16: 16 spread over windows of 4 pixels, times 4, spread again
    expected = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) * 16 / 4 * 4 / 4
    assert result.raw.shape == (1, 3, 3, 1)
    assert result.to_rgb is None
    assert close(result.raw[0, ..., 0], expected * 1.0)


@pytest.mark.parametrize("bias", [False, True])
def test_strided_convolutions(bias):
    layers = keras().layers
    first, second = layers.Conv2D(4, 5, strides=2, activation="elu"), layers.Conv2D(3, (3, 2), strides=(1, 2))
    network, images = sequential(first, second), pictures(3, LARGE)
    if bias:
        second.bias.assign([0.3, -0.2, 0.1])
    expected = spread(features(network, images, 1), (3, 2), (1, 2), (10, 14))
    expected = spread(expected * features(network, images, 0), (5, 5), (2, 2), LARGE)
    result = explain(steering(network, scale=1 / 255), images)
    assert close(result.raw[..., 0], expected)
    assert result.scores == pytest.approx(network(images / np.float32(255)).numpy()[:, 0], rel=1e-4, abs=1e-6)


def test_padding_pooling_and_dilation():
    layers = keras().layers
    network = sequential(
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(5, 3, dilation_rate=2, activation="relu"),
        layers.AveragePooling2D((2, 3)),
    )
    images = pictures(2, LARGE)
    deepest = features(network, images, 2)
    wide = np.zeros((2, 12, 16))
    for i in (0, 2, 4):
        for j in (0, 2, 4):
            wide[:, i : i + 8, j : j + 12] += deepest / 9
    expected = spread(wide, (2, 2), (2, 2), LARGE) * features(network, images, 0)
    expected = spread(expected, (3, 3), (1, 1), LARGE, (1, 1))
    assert close(explain(steering(network, scale=1 / 255), images).raw[..., 0], expected)


def test_same_padding_with_strides():
    layers = keras().layers
    network, images = (
        sequential(layers.Conv2D(4, 5, strides=2, padding="same"), size=(9, 12)),
        pictures(2, (9, 12)),
    )
    # TensorFlow pads 9 rows by 2 above and below, 12 columns by 1 on the left and 2 on the right
    expected = spread(features(network, images, 0), (5, 5), (2, 2), (9, 12), (2, 1))
    assert close(explain(steering(network, scale=1 / 255), images).raw[..., 0], expected)


def test_cropping_first_and_padding():
    layers = keras().layers
    convolution = layers.Conv2D(3, 3, activation="relu")
    network = sequential(
        layers.Cropping2D(((6, 3), (2, 1))), layers.ZeroPadding2D(((1, 0), (2, 3))), convolution
    )
    images = pictures(2, LARGE)
    inner = spread(features(network, images, 2), (3, 3), (1, 1), (16, 34))[:, 1:, 2:-3]
    result = explain(steering(network, scale=1 / 255), images).raw[..., 0]
    assert close(result[:, 6:-3, 2:-1], inner)
    assert not result[:, :6].any()
    assert not result[:, -3:].any()
    assert not result[..., :2].any()
    assert not result[..., -1:].any()


def test_feature_maps_are_taken_after_normalization_and_activation():
    layers = keras().layers
    norm = layers.BatchNormalization()
    network = sequential(layers.Rescaling(2.0), layers.Conv2D(4, 3), norm, layers.ReLU(), layers.Dropout(0.5))
    weights = [[1, -1, 2, 0.5], [0.1, 0.2, -0.3, 0], [0.1, 0, 0.2, 0], [1, 2, 0.5, 1]]
    norm.set_weights([np.array(values) for values in weights])
    images = pictures(2, LARGE)
    expected = spread(features(network, images, 3), (3, 3), (1, 1), LARGE)
    assert not close(features(network, images, 1), features(network, images, 3))
    assert close(explain(steering(network, scale=1 / 255), images).raw[..., 0], expected)


def test_nested_networks_give_the_same_map():
    layers, images = keras().layers, pictures(2, LARGE)
    flat = sequential(layers.Conv2D(4, 5, strides=2), layers.ELU(), layers.Conv2D(3, 3, activation="relu"))
    inner = keras().Sequential([layers.Input((10, 14, 4)), *flat.layers[1:3]])
    inputs = layers.Input((*LARGE, 3))
    outer = keras().Model(inputs, flat.layers[4](layers.Flatten()(inner(flat.layers[0](inputs)))))
    a, b = (explain(steering(network, scale=1 / 255), images) for network in (flat, outer))
    assert close(b.raw, a.raw)
    assert b.scores == pytest.approx(a.scores, rel=1e-5)


def test_the_map_does_not_depend_on_the_head():
    network, images = convolutional(), pictures(3, LARGE)
    attribute = method("visualbackprop").build(steering(network, scale=1 / 255), context(images))
    before = attribute(seen(images))
    for layer in network.layers[-2:]:
        layer.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in layer.get_weights()])
    after = attribute(seen(images))
    assert np.array_equal(after.raw, before.raw)
    assert np.abs(after.scores - before.scores).min() > 1e-3


def test_the_map_is_not_negative_and_does_not_depend_on_other_frames():
    model, images = steering(convolutional(), colour="YUV", scale=1 / 127.5, offset=-1), pictures(4, LARGE)
    attribute = method("visualbackprop").build(model, context(images))
    together = attribute(seen(images)).raw
    assert together.min() >= 0
    assert (together.max(axis=(1, 2, 3)) > 0).all()
    alone = np.concatenate([attribute(seen(images[i : i + 1])).raw for i in range(4)])
    assert close(alone, together)


def test_traced_once():
    model, images = steering(convolutional(), scale=1 / 255), pictures(5, LARGE)
    traced, inside = [], model.score_and_calls
    model.score_and_calls = lambda *arguments: traced.append(1) or inside(*arguments)
    for _ in range(2):
        attribute = method("visualbackprop").build(model, context(images))
        for count in (1, 5, 2):
            attribute(seen(images[:count]))
    assert len(traced) == 1


def refused(kind):
    layers = keras().layers
    inputs = layers.Input((*LARGE, 3))
    x = layers.Conv2D(3, 3, padding="same", name="first")(inputs)
    if kind == "add":
        x = layers.Conv2D(3, 3)(layers.Add(name="plus")([x, inputs]))
    elif kind == "add after":
        x = layers.Add(name="plus")([x, inputs])
    elif kind == "parallel":
        x = layers.Concatenate()([x, layers.Conv2D(3, 3, padding="same", name="second")(inputs)])
    else:
        x = layers.Conv2D(3, 3)(layers.UpSampling2D(2, name="up")(x))
    return keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("add", r"plus \(Add\) joins"),
        ("add after", r"plus \(Add\) joins"),
        ("parallel", r"first \(Conv2D\) is not part of it"),
        ("up", r"up \(UpSampling2D\)"),
    ],
)
def test_networks_that_are_no_chain_are_refused_by_name(kind, named):
    with pytest.raises(ModelError, match=f"{named}.*; use gradient"):
        explain(steering(refused(kind)), pictures(1, LARGE))


def test_a_network_without_convolutions_is_refused():
    with pytest.raises(ModelError, match=r"convolutions.*it has none"):
        explain(steering(linear()), pictures(1, SIZE))
