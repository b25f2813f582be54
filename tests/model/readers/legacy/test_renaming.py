"""Every layer of an older Keras, with its arguments, becomes the equivalent Keras 3 layer."""

import numpy as np
import pytest

from drivesal.errors import ModelError
from drivesal.model.backend import keras
from drivesal.model.readers.allowlist import LAYERS
from drivesal.model.readers.building import build
from tests.model.readers.legacy.files import plain

OLD = {"trainable": True, "input_dtype": "float32"}


def layer(kind, shape=(8, 12, 3), **config):
    """The Keras 3 layer that a Sequential with this one layer is rebuilt with."""
    entry = plain(kind, "it", batch_input_shape=[None, *shape], **OLD, **config)
    return build({"class_name": "Sequential", "config": [entry]}, {}).layers["it"]


@pytest.mark.parametrize(
    ("kind", "config", "expected_class", "expected_arguments"),
    [
        (
            "Convolution2D",
            {"nb_filter": 5, "nb_row": 2, "nb_col": 3, "subsample": [1, 2], "border_mode": "same",
             "bias": False},
            "Conv2D",
            {"filters": 5, "kernel_size": (2, 3), "strides": (1, 2), "padding": "same", "use_bias": False},
        ),
        (
            "AtrousConvolution2D",
            {"nb_filter": 2, "nb_row": 2, "nb_col": 2, "atrous_rate": [2, 2], "dim_ordering": "tf"},
            "Conv2D",
            {"dilation_rate": (2, 2)},
        ),
        ("MaxPooling2D", {"pool_size": [2, 3], "strides": [1, 2], "border_mode": "valid"}, "MaxPooling2D",
         {"pool_size": (2, 3), "strides": (1, 2), "padding": "valid"}),
        ("Cropping2D", {"cropping": [[3, 2], [0, 1]], "dim_ordering": "tf"}, "Cropping2D",
         {"cropping": ((3, 2), (0, 1))}),
        ("ZeroPadding2D", {"padding": [1, 2], "dim_ordering": "tf"}, "ZeroPadding2D",
         {"padding": ((1, 1), (2, 2))}),
        ("Dropout", {"p": 0.3}, "Dropout", {"rate": 0.3}),
        ("Dropout", {"rate": 0.3, "noise_shape": None, "seed": None}, "Dropout", {"rate": 0.3}),
        ("SpatialDropout2D", {"p": 0.3, "dim_ordering": "tf"}, "SpatialDropout2D", {"rate": 0.3}),
        ("GaussianNoise", {"sigma": 0.1}, "GaussianNoise", {"stddev": 0.1}),
        ("ELU", {"alpha": 0.5}, "ELU", {"alpha": 0.5}),
        ("LeakyReLU", {"alpha": 0.2}, "LeakyReLU", {"negative_slope": 0.2}),
        ("LeakyReLU", {"alpha": {"type": "ndarray", "value": 0.2}}, "LeakyReLU", {"negative_slope": 0.2}),
        ("ThresholdedReLU", {"theta": 0.7}, "ReLU", {"threshold": 0.7, "negative_slope": 0.0}),
        ("BatchNormalization", {"mode": 0, "axis": -1, "epsilon": 1e-5, "gamma_regularizer": None},
         "BatchNormalization", {"axis": -1, "epsilon": 1e-5}),
        ("BatchNormalizationV1", {"axis": [3], "epsilon": 1e-3, "fused": True, "virtual_batch_size": None},
         "BatchNormalization", {"axis": 3}),
        ("Activation", {"activation": "elu"}, "Activation", {"activation": "elu"}),
        ("Conv2D", {"filters": 2, "kernel_size": [3, 3], "activation": plain("LeakyReLU", "l", alpha=0.1)},
         "Conv2D", {"filters": 2}),
    ],
)  # fmt: skip
def test_old_arguments(kind, config, expected_class, expected_arguments):
    made = layer(kind, **config)
    assert type(made).__name__ == expected_class
    found = made.get_config()
    assert {name: found[name] for name in expected_arguments} == expected_arguments


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", "max"])
def test_merges_of_keras_1(mode):
    start = plain("InputLayer", "a", batch_input_shape=[None, 4]) | {"name": "a", "inbound_nodes": []}
    other = plain("Activation", "b", activation="tanh") | {"name": "b", "inbound_nodes": [[["a", 0, 0]]]}
    merge = plain("Merge", "m", mode=mode, concat_axis=-1, mode_type="raw", dot_axes=-1)
    merge |= {"name": "m", "inbound_nodes": [[["a", 0, 0], ["b", 0, 0]]]}
    config = {"name": "x", "layers": [start, other, merge], "input_layers": [["a", 0, 0]]}
    network = build({"class_name": "Model", "config": config | {"output_layers": [["m", 0, 0]]}}, {}).network
    a = np.array([[-1.0, 0.5, 2.0, 0.0]], np.float32)
    b = np.tanh(a)
    expected = {
        "concat": np.concatenate([a, b], 1),
        "sum": a + b,
        "mul": a * b,
        "ave": (a + b) / 2,
        "max": np.maximum(a, b),
    }
    assert np.asarray(network(a)) == pytest.approx(expected[mode], rel=1e-5)


def test_a_merge_that_is_a_function_is_refused():
    merge = plain("Merge", "m", mode="<lambda>")
    with pytest.raises(ModelError, match="layer m has mode"):
        build({"class_name": "Sequential", "config": [plain("Dense", "d", output_dim=2,
              batch_input_shape=[None, 4]), merge]}, {})  # fmt: skip


def test_every_allowed_layer_exists_in_keras():
    for name in LAYERS:
        assert issubclass(getattr(keras().layers, name), keras().layers.Layer)
    assert not LAYERS.keys() & {
        "Lambda",
        "TorchModuleWrapper",
        "TFSMLayer",
        "JaxLayer",
        "FlaxLayer",
        "StringLookup",
    }


def test_mixed_data_formats_are_refused():
    one = plain("Convolution2D", "a", nb_filter=2, nb_row=1, nb_col=1, dim_ordering="th",
                batch_input_shape=[None, 3, 8, 8])  # fmt: skip
    other = plain("MaxPooling2D", "b", pool_size=[2, 2], dim_ordering="tf")
    with pytest.raises(ModelError, match="have both channels_first and channels_last"):
        build({"class_name": "Sequential", "config": [one, other]}, {})


def test_a_frame_stack_is_refused_before_its_layers_are():
    first = plain("TimeDistributed", "t", batch_input_shape=[None, 4, 8, 8, 3], layer={})
    with pytest.raises(ModelError, match="several frames"):
        build({"class_name": "Sequential", "config": [first]}, {})
