"""Feature map units lie at the centres of their receptive fields, which the gradient of one unit reveals."""

import numpy as np
import pytest

from drivesal.attribution.engine.convolutions import locate_maps
from drivesal.attribution.engine.placement import Axis, Placement, stretch_over_image
from drivesal.attribution.registry import method
from drivesal.model.backend import keras, tensorflow
from tests.models import context, pictures, seen, steering

SIZE = (40, 60)


def networks():
    layers = keras().layers
    conv = layers.Conv2D
    return {
        "valid": [conv(3, 5, strides=2), conv(4, 3, strides=2, name="last")],
        "same": [conv(3, 5, strides=2, padding="same"), conv(4, 3, padding="same", name="last")],
        "pooled": [conv(3, 3), layers.MaxPooling2D(2), conv(4, (3, 5), name="last")],
        "dilated": [
            conv(3, 3, dilation_rate=2),
            layers.AveragePooling2D(2, strides=3),
            conv(4, 3, name="last"),
        ],
        "cropped": [layers.Cropping2D(((10, 3), (4, 0))), conv(3, 4, strides=3), conv(4, 3, name="last")],
        "padded": [layers.ZeroPadding2D(((2, 1), (3, 3))), conv(3, 3), conv(4, 3, strides=2, name="last")],
        "normalised": [
            conv(3, 5, strides=2),
            layers.BatchNormalization(),
            layers.ReLU(),
            conv(4, 3, name="last"),
        ],
    }


@pytest.mark.parametrize("kind", networks())
def test_a_unit_lies_at_the_centre_of_its_receptive_field(kind):
    tf, layers = tensorflow(), keras().layers
    network = keras().Sequential(
        [layers.Input((*SIZE, 3)), *networks()[kind], layers.Flatten(), layers.Dense(1)]
    )
    layer = network.get_layer("last")
    for one in network.layers:  # all weights 1, so that the gradient reaches the whole receptive field
        if isinstance(one, layers.Conv2D):
            one.set_weights([np.ones_like(w) for w in one.get_weights()])
    placement = locate_maps(steering(network), context(pictures(2, SIZE)), layer)
    inner = keras().Model(network.inputs, layer.output)
    x = tf.constant(np.random.default_rng(0).uniform(1, 2, (1, *SIZE, 3)).astype(np.float32))
    rows, columns = placement.units
    row, column = rows // 2, columns // 2
    with tf.GradientTape() as tape:
        tape.watch(x)
        unit = inner(x)[0, row, column, 0]
    reached = np.abs(tape.gradient(unit, x).numpy()[0]).sum(axis=2) > 0
    across, down = np.flatnonzero(reached.any(axis=0)), np.flatnonzero(reached.any(axis=1))
    slack = 1.0 if kind == "pooled" else 0.0  # maximum pooling passes the gradient to one pixel of its window
    position = placement.rows.first + row * placement.rows.step
    assert position == pytest.approx((down[0] + down[-1]) / 2, abs=slack)
    position = placement.columns.first + column * placement.columns.step
    assert position == pytest.approx((across[0] + across[-1]) / 2, abs=slack)


def test_enlarged_maps_are_bilinear_between_units_and_0_beyond_them():
    placement = Placement((2, 2), Axis(1.0, 4.0), Axis(0.0, 2.0))
    large = placement.enlarge(np.array([[[1.0, 2.0], [3.0, 4.0]]], np.float32), (10, 5)).numpy()[0]
    assert large[1, 0] == 1
    assert large[1, 2] == 2
    assert large[5, 1] == pytest.approx(3.5)
    assert large[3, 1] == pytest.approx(2.5)
    assert large[9].tolist() == [0, 0, 0, 0, 0]
    assert large[1, 4] == 0


def test_stretched_maps_equal_a_resized_image():
    maps = np.random.default_rng(0).normal(size=(2, 5, 7)).astype(np.float32)
    placement = stretch_over_image(maps[..., None], np.empty((2, *SIZE, 3)))
    expected = tensorflow().image.resize(maps[..., None], SIZE)[..., 0]
    assert placement.enlarge(maps, SIZE).numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_maps_are_stretched_where_the_path_to_the_image_cannot_be_followed():
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    small = keras().ops.image.resize(inputs, (20, 30))
    maps = layers.Conv2D(2, 3, padding="same", name="maps")(small)
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(maps)))
    placement = locate_maps(steering(network), context(pictures(2, SIZE)), network.get_layer("maps"))
    assert placement == Placement((20, 30), Axis(0.5, 2.0, True), Axis(0.5, 2.0, True))


def test_heat_lies_on_a_bright_spot():
    layers = keras().layers
    network = keras().Sequential(
        [
            layers.Input((*SIZE, 3)),
            layers.Conv2D(1, 5, strides=2, kernel_initializer="ones", activation="relu"),
            layers.Conv2D(1, 5, strides=2, kernel_initializer="ones", activation="relu"),
            layers.Flatten(),
            layers.Dense(1, kernel_initializer="ones"),
        ]
    )
    model = steering(network)
    image = np.zeros((1, *SIZE, 3), np.uint8)
    image[0, 10:13, 18:21] = 255
    for name in ("grad-cam", "layer-cam", "score-cam"):
        chosen = method(name)
        at = {}
        for place in ("centres", "stretch"):
            attribute = chosen.build(model, context(0 * image), **chosen.settings({"place": place}))
            heat = attribute(seen(image)).summed[0].astype(float)
            down, across = np.mgrid[: SIZE[0], : SIZE[1]]
            at[place] = ((heat * down).sum() / heat.sum(), (heat * across).sum() / heat.sum())
        assert at["centres"] == pytest.approx((11, 19), abs=1.5)
        # stretched over the image, the heat is displaced
        assert at["stretch"][0] < at["centres"][0] - 1
