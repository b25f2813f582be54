"""Everything on the list opens from a `.keras` file, and computes what Keras's own reader makes of it."""

from __future__ import annotations

import importlib
import inspect
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from drivesal.errors import ModelError
from drivesal.model.backend import keras
from drivesal.model.network import signature
from drivesal.model.readers import allowed as table
from drivesal.model.readers.allowed_operations import OPERATIONS
from drivesal.model.readers.formats import archive

SHAPE = (8, 12, 3)

SEQUENCE = {
    "Conv1D",
    "Conv1DTranspose",
    "DepthwiseConv1D",
    "SeparableConv1D",
    "MaxPooling1D",
    "AveragePooling1D",
}
SEQUENCE |= {"Cropping1D", "ZeroPadding1D", "UpSampling1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D"}
SEQUENCE |= {"LSTM", "GRU", "SimpleRNN", "SpatialDropout1D", "Masking"}

LAYERS = {
    "Activation": {"activation": "relu"},
    "ActivityRegularization": {"l1": 0.1},
    "AdaptiveAveragePooling2D": {"output_size": (2, 3)},
    "AdaptiveMaxPooling2D": {"output_size": 2},
    "AlphaDropout": {"rate": 0.2},
    "AveragePooling1D": {"pool_size": 3, "strides": 2, "padding": "same"},
    "AveragePooling2D": {"pool_size": (2, 3), "strides": (1, 2)},
    "BatchNormalization": {"axis": 2, "epsilon": 0.01},
    "CenterCrop": {"height": 5, "width": 6},
    "Conv1D": {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "activation": "tanh"},
    "Conv1DTranspose": {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1},
    "Conv2D": {
        "filters": 6,
        "kernel_size": (3, 2),
        "groups": 3,
        "activation": "selu",
        "kernel_regularizer": "l2",
    },
    "Conv2DTranspose": {"filters": 2, "kernel_size": 3, "strides": (2, 1), "padding": "same"},
    "Cropping1D": {"cropping": (1, 2)},
    "Cropping2D": {"cropping": ((1, 2), (3, 0))},
    "Dense": {"units": 4, "activation": "leaky_relu", "use_bias": False},
    "DepthwiseConv1D": {"kernel_size": 3, "depth_multiplier": 2},
    "DepthwiseConv2D": {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"},
    "Dropout": {"rate": 0.3, "seed": 3},
    "ELU": {"alpha": 0.7},
    "GRU": {"units": 3, "reset_after": False, "return_sequences": True},
    "GaussianDropout": {"rate": 0.1},
    "GaussianNoise": {"stddev": 0.1},
    "GlobalAveragePooling2D": {"keepdims": True},
    "GroupNormalization": {"groups": 3, "epsilon": 0.01},
    "LSTM": {"units": 3, "recurrent_activation": "hard_sigmoid", "go_backwards": True, "dropout": 0.2},
    "LayerNormalization": {"axis": (1, 2), "center": False},
    "LeakyReLU": {"negative_slope": 0.2},
    "Masking": {"mask_value": -1.0},
    "MaxPooling1D": {"pool_size": 2},
    "MaxPooling2D": {"pool_size": 3, "strides": 1, "padding": "same"},
    "Normalization": {"axis": -1, "mean": (1.0, 2.0, 3.0), "variance": (4.0, 5.0, 6.0), "invert": True},
    "PReLU": {"shared_axes": (1, 2)},
    "Permute": {"dims": (2, 1, 3)},
    "RMSNormalization": {"axis": -1, "epsilon": 0.01},
    "ReLU": {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2},
    "Rescaling": {"scale": (0.1, 0.2, 0.3), "offset": -1.0},
    "Reshape": {"target_shape": (-1, 4)},
    "Resizing": {"height": 5, "width": 7, "interpolation": "nearest", "crop_to_aspect_ratio": True},
    "SeparableConv1D": {"filters": 2, "kernel_size": 3},
    "SeparableConv2D": {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "activation": "gelu"},
    "SimpleRNN": {"units": 3, "activation": "relu"},
    "Softmax": {"axis": (1, 2)},
    "SpatialDropout1D": {"rate": 0.2},
    "SpatialDropout2D": {"rate": 0.2},
    "UnitNormalization": {"axis": 1},
    "UpSampling1D": {"size": 2},
    "UpSampling2D": {"size": (2, 1), "interpolation": "bilinear"},
    "ZeroPadding1D": {"padding": 2},
    "ZeroPadding2D": {"padding": ((1, 2), (0, 3))},
}
"""Arguments that are not the defaults; a layer that is not here has none."""


def reopened(network, tmp_path):
    """What Keras's own reader, and then drivesal, make of the saved network."""
    path = tmp_path / "m.keras"
    network.save(path)
    by_keras = keras().saving.load_model(path, compile=False)
    rebuilt, _ = archive.read(path, {})
    return by_keras, rebuilt


def same(network, tmp_path, inputs=None):
    rng = np.random.default_rng(4)
    for weight in network.weights:  # a bias of zeros, a variance of ones would hide a mistake
        if "seed" not in weight.path:
            weight.assign(rng.uniform(0.2, 1.0, weight.shape).astype(np.float32))
    by_keras, rebuilt = reopened(network, tmp_path)
    if inputs is None:
        inputs = rng.uniform(-2, 2, (2, *network.inputs[0].shape[1:])).astype(np.float32)
    expected, found = (keras().tree.flatten(one(inputs, training=False)) for one in (by_keras, rebuilt))
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        assert np.asarray(other) == pytest.approx(np.asarray(one), rel=1e-6, abs=1e-7)
    assert signature(rebuilt, SHAPE).outputs == signature(by_keras, SHAPE).outputs
    return rebuilt


def built(kind):
    layers = keras().layers
    inputs = layers.Input(SHAPE)
    x = layers.Reshape((8, 36))(inputs) if kind in SEQUENCE else inputs
    make = getattr(layers, kind)
    if kind in table.MERGES:
        x = make()([x, layers.Activation("tanh")(x)]) if kind != "Dot" else make(axes=(3, 3))([x, x])
    elif kind in ("Attention", "AdditiveAttention"):
        x = layers.Reshape((8, 36))(x)
        x = make(use_scale=True)([x, layers.Activation("tanh")(x)])
    elif kind == "MultiHeadAttention":
        x = layers.Reshape((8, 36))(x)
        x = make(2, 5, value_dim=4, dropout=0.1)(x, value=layers.Activation("tanh")(x))
    elif kind == "Bidirectional":
        x = make(layers.GRU(3), merge_mode="sum")(layers.Reshape((8, 36))(x))
    elif kind == "TimeDistributed":
        x = make(layers.Dense(3, activation="relu"))(x)
    elif kind == "Embedding":
        x = make(7, 3)(layers.Activation("relu6")(x))
    elif kind == "RepeatVector":
        x = make(3)(layers.Flatten()(x))
    else:
        x = make(**LAYERS.get(kind, {}))(x)
    return keras().Model(inputs, layers.Dense(2, name="steering")(layers.Flatten()(x)))


@pytest.mark.parametrize("kind", sorted(table.LAYERS))
def test_every_layer_of_the_list_opens_and_computes_the_same(tmp_path, kind):
    same(built(kind), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(table.ONLY_TRAINING))
def test_layers_that_only_train_pass_their_input_on(tmp_path, kind):
    layers = keras().layers
    given = inspect.signature(getattr(layers, kind)).parameters
    needed = {"factor": 1.0, "height_factor": 0.2, "width_factor": 0.1, "value_range": (0, 255)}
    made = getattr(layers, kind)(**{key: value for key, value in needed.items() if key in given})
    inputs = layers.Input(SHAPE)
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(made(inputs))))
    same(network, tmp_path)


def operation(kind, x):
    ops = keras().ops
    positive, name = ops.abs(x) + 0.5, _snake(kind)
    special = {
        "Add": lambda: x + np.float32(2),
        "Cast": lambda: ops.cast(ops.cast(x, "float16"), "float32"),
        "Clip": lambda: ops.clip(x, -0.5, 0.7),
        "Concatenate": lambda: ops.concatenate([x, positive, x], axis=2),
        "ExpandDims": lambda: ops.expand_dims(x, 2),
        "Flip": lambda: ops.flip(x, axis=1),
        "GetItem": lambda: x[:, 2:-1, ..., ::2],
        "Matmul": lambda: ops.matmul(x, ops.transpose(x, (0, 1, 3, 2))),
        "Moveaxis": lambda: ops.moveaxis(x, 1, 3),
        "Multiply": lambda: x * np.array([1, 2, 3], np.float32),
        "Normalize": lambda: ops.normalize(x, axis=-1, order=1),
        "Pad": lambda: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), constant_values=3.0),
        "Prod": lambda: ops.prod(x, axis=2),
        "Repeat": lambda: ops.repeat(x, 2, axis=1),
        "Reshape": lambda: ops.reshape(x, (-1, 24, 12)),
        "Resize": lambda: ops.image.resize(x, (5, 7), interpolation="bicubic"),
        "RGBToGrayscale": lambda: ops.image.rgb_to_grayscale(x),
        "Roll": lambda: ops.roll(x, -2, axis=1),
        "Split": lambda: ops.split(x, [3, 5], axis=1)[1],
        "Squeeze": lambda: ops.squeeze(ops.mean(x, axis=1, keepdims=True), axis=1),
        "Stack": lambda: ops.stack([x, positive], axis=1),
        "StopGradient": lambda: ops.stop_gradient(x),
        "Swapaxes": lambda: ops.swapaxes(x, 1, 2),
        "Take": lambda: ops.take(x, np.array([0, 3, 3]), axis=1),
        "Tile": lambda: ops.tile(x, (1, 2, 1, 1)),
        "Transpose": lambda: ops.transpose(x, (0, 2, 1, 3)),
        "TrueDivide": lambda: 3 / positive,
        "Unstack": lambda: ops.unstack(x, axis=1)[2],
        "Where": lambda: ops.where(x > 0, x, 0.1 * positive),
        "MaxPool": lambda: ops.max_pool(x, 2, strides=1),
        "AveragePool": lambda: ops.average_pool(x, (2, 3), padding="same"),
        "LeakyRelu": lambda: ops.leaky_relu(x, negative_slope=0.3),
        "LogSoftmax": lambda: ops.log_softmax(x, axis=1),
        "Gelu": lambda: ops.gelu(x, approximate=False),
    }  # fmt: skip
    if kind in special:
        return special[kind]()
    if kind in ("Mean", "Std", "Sum", "Var", "Max", "Min", "Logsumexp"):
        return getattr(ops, name)(x, axis=(1, 2), keepdims=True)
    if kind in ("All", "Any"):
        return getattr(ops, name)(x > 0, axis=(2, 3))
    if kind in ("LogicalAnd", "LogicalOr"):
        return getattr(ops, name)(x > 0, positive > 1)
    if kind == "LogicalNot":
        return ops.logical_not(x > 0)
    function = getattr(ops, name, None) or getattr(ops, name.replace("log_10", "log10"))
    if kind.startswith("Arc") and kind in ("Arccos", "Arcsin", "Arctanh"):
        return function(ops.tanh(x) * 0.9)
    many = list(inspect.signature(function).parameters)[:2] == ["x1", "x2"]
    return function(positive, positive * 0.7) if many else function(positive)


def _snake(kind):
    known = {"Absolute": "absolute", "HardSilu": "hard_silu", "LogSigmoid": "log_sigmoid"}
    text = "".join(f"_{one.lower()}" if one.isupper() else one for one in kind).lstrip("_")
    return known.get(kind, text)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted({one for known in OPERATIONS.values() for one in known}))
def test_every_operation_of_the_list_opens_and_computes_the_same(tmp_path, kind):
    layers, ops = keras().layers, keras().ops
    inputs = layers.Input(batch_shape=(2, *SHAPE))
    made = ops.cast(operation(kind, inputs), "float32")
    network = keras().Model(inputs, layers.Dense(1, name="steering")(layers.Flatten()(made)))
    same(network, tmp_path)
    with zipfile.ZipFile(tmp_path / "m.keras") as file:
        assert f'"class_name": "{kind}"' in file.read("config.json").decode()


def test_the_arguments_of_the_list_are_those_of_keras():
    for kind, known in table.LAYERS.items():
        given = set(inspect.signature(getattr(keras().layers, kind).__init__).parameters)
        assert set(known) <= given | {"zero_output_for_mask"}, kind  # which goes on to the base class
    for module, operations in OPERATIONS.items():
        for kind, known in operations.items():
            made = getattr(importlib.import_module(module), kind)
            assert set(known) <= set(inspect.signature(made.__init__).parameters), kind


def test_the_documentation_counts_the_list():
    text = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    rows = dict(re.findall(r"^\| ([^|]+?) \| (\d+) \|", text, re.MULTILINE))
    both = (OPERATIONS, table.UNUSED)
    operations, unused = ({one for known in each.values() for one in known} for each in both)
    assert int(rows["layers of `keras.layers`"]) == len(table.LAYERS)
    assert int(rows["layers that are active only in training"]) == len(table.ONLY_TRAINING)
    assert int(rows["operations of `keras.ops` in a functional graph"]) == len(operations)
    assert int(rows["activations"]) == len(table.ACTIVATIONS)
    assert int(rows["models"]) == len(table.MODELS)
    assert int(rows["initialisers, regularisers, constraints, the float type"]) == len(unused)
    assert int(rows["drivesal's own"]) == len(table.OWN)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(table.ACTIVATIONS))
def test_every_activation_opens_and_computes_the_same(tmp_path, name):
    layers = keras().layers
    x = layers.Conv2D(4, 3, activation=getattr(keras().activations, name))
    same(keras().Sequential([layers.Input(SHAPE), x, layers.Flatten(), layers.Dense(1)]), tmp_path)


def nets():
    layers, ops = keras().layers, keras().ops
    inner = keras().Sequential(
        [layers.Input(SHAPE), layers.Conv2D(2, 3), layers.Dropout(0.1), layers.Flatten()]
    )
    pair = layers.Input((4,), name="pair")
    split = keras().Model(pair, [pair[:, :2], layers.Dense(2)(pair)], name="split")
    a, b = layers.Input(SHAPE, name="picture"), layers.Input((1,), name="speed")
    twice = inner(a) + inner(layers.Activation("tanh")(a))
    first, second = split(layers.Dense(4, activation=layers.LeakyReLU(0.3))(twice))
    last = keras().Sequential([layers.Dense(3, activation="elu"), layers.Dense(1, name="angle")], name="last")
    heads = {"angle": last(layers.Concatenate()([first, second, b])), "throttle": ops.tanh(first)}
    return {
        "a model called twice, one of two outputs, one last": ({"speed": b, "picture": a}, heads),
        "a list of inputs": ([b, a], last(layers.Concatenate()([first, second, b]))),
        "a model that is only another model": (a, inner(a)),
    }


@pytest.mark.parametrize("name", list(nets()))
def test_models_inside_models(tmp_path, name):
    given, outputs = nets()[name]
    network = keras().Model(given, outputs, name="whole")
    rng = np.random.default_rng(0)
    picture, speed = rng.normal(size=(2, *SHAPE)).astype(np.float32), np.ones((2, 1), np.float32)
    values = {"a list of inputs": [speed, picture], "a model that is only another model": picture}
    rebuilt = same(network, tmp_path, values.get(name, {"speed": speed, "picture": picture}))
    assert rebuilt.name == "whole"


@pytest.mark.parametrize("kind", ["keras", "hdf5"])
def test_channels_before_a_sequence_are_refused_by_name(tmp_path, kind):
    from drivesal.model.readers.formats import hdf5

    layers = keras().layers
    x = layers.GlobalAveragePooling1D(data_format="channels_first", name="pool")
    network = keras().Sequential([layers.Input(SHAPE), layers.Reshape((8, 36)), x, layers.Dense(1)])
    path = tmp_path / ("m.keras" if kind == "keras" else "m.h5")
    network.save(path)
    with pytest.raises(ModelError, match=r"layer pool \(GlobalAveragePooling1D\) has channels_first"):
        archive.read(path, {}) if kind == "keras" else hdf5.read(path, {})


def test_a_file_of_tf_keras_opens(tmp_path):
    """TensorFlow 2.12 to 2.21 wrote `.keras` files with the same weights and other words."""
    from tests.model.readers import hostile

    content = hostile.good(tmp_path)
    expected = archive.read(hostile.written(tmp_path / "m.keras", content), {})[0]
    config = content["config.json"]
    config["module"] = "tf_keras.src.engine.functional"
    for number, one in enumerate(config["config"]["layers"]):
        if one["class_name"] == "InputLayer":
            one["config"]["batch_input_shape"] = one["config"].pop("batch_shape")
            continue
        (source,) = [part["config"]["keras_history"][0] for part in one["inbound_nodes"][0]["args"][:1]]
        one["inbound_nodes"] = [[[source, 0, 0, {}]]]
        one["config"]["dtype"] = "float32"
        if one["class_name"] in ("TrueDivide", "Subtract"):
            function, y = ("math.truediv", 127.5) if one["class_name"][0] == "T" else ("math.subtract", 1)
            one["config"] = {"name": one["name"], "trainable": True, "dtype": "float32", "function": function}
            one |= {"class_name": "TFOpLambda", "registered_name": "TFOpLambda"}
            one |= {"module": "tf_keras.src.layers.core.tf_op_layer"}
            one["inbound_nodes"] = [[source, 0, 0, {"y": y, "name": None}]]
        assert number < 10
    content["metadata.json"] = b'{"keras_version": "2.15.0"}'
    found = archive.read(hostile.written(tmp_path / "t.keras", content), {})[0]
    x = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    assert np.asarray(found(x)) == pytest.approx(np.asarray(expected(x)), rel=1e-5, abs=1e-6)


def test_weights_that_are_missing_are_told(tmp_path):
    import h5py

    from tests.model.readers import hostile

    content = hostile.good(tmp_path)
    content["model.weights.h5"] = hostile.weights(lambda file: file.__delitem__("layers/dense"), content)
    path = hostile.written(tmp_path / "m.keras", content)
    with pytest.raises(ModelError, match="weights that fit the layers"):
        archive.read(path, {})
    assert h5py.is_hdf5(tmp_path / "m.keras") is False
