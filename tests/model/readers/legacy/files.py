"""HDF5 files in the layout of each Keras version, and the predictions of their networks in plain NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

H, W = 8, 12


def convolved(x: Any, kernel: Any, bias: Any, stride: int = 1) -> Any:
    """Convolve (N, H, W, in) with (rows, columns, in, out) without padding."""
    rows, columns = kernel.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (rows, columns), axis=(1, 2))
    return np.einsum("nhwcrs,rsco->nhwo", windows[:, ::stride, ::stride], kernel) + bias


def elu(x: Any) -> Any:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def flat(x: Any) -> Any:
    return x.reshape(len(x), -1)


def drawn(*shape: int, seed: int = 0) -> Any:
    return (np.random.default_rng([seed, *shape]).normal(size=shape) * 0.3).astype(np.float32)


def inputs(count: int = 3) -> Any:
    return np.random.default_rng(5).uniform(0, 255, (count, H, W, 3)).astype(np.float32)


CONV = (drawn(3, 3, 3, 4), drawn(4))
DENSE = (drawn(3 * 5 * 4, 1), drawn(1))


def answer(x: Any) -> Any:
    """The function that all small networks here compute."""
    return flat(elu(convolved(x / 127.5 - 1, *CONV, stride=2))) @ DENSE[0] + DENSE[1]


def write(
    path: Path,
    config: Any,
    layers: dict[str, list[tuple[str, Any]]],
    *,
    version: str | None = None,
    backend: str | None = "tensorflow",
    as_bytes: bool = True,
) -> Path:
    """Write a file with the configuration (None: weights only) and the weights of every layer."""

    def kept(text: str) -> Any:
        return text.encode() if as_bytes else text

    with h5py.File(path, "w") as file:
        group = file
        if config is not None:
            file.attrs["model_config"] = kept(config if isinstance(config, str) else json.dumps(config))
            group = file.create_group("model_weights")
        for holder in {file, group}:
            if version:
                holder.attrs["keras_version"] = kept(version)
            if backend:
                holder.attrs["backend"] = kept(backend)
        group.attrs["layer_names"] = [name.encode() for name in layers]
        for name, weights in layers.items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [title.encode() for title, _ in weights]
            for title, value in weights:
                inner.create_dataset(title, data=value)
    return path


def lambda_1(function: Any = ("BAD=", None, None)) -> Any:
    config = {
        "name": "lambda_1",
        "function": list(function),
        "function_type": "lambda",
        "arguments": {},
        "output_shape": [H, W, 3],
        "output_shape_type": "raw",
        "trainable": True,
        "batch_input_shape": [None, H, W, 3],
        "input_dtype": "float32",
    }
    return {"class_name": "Lambda", "config": config}


def keras1(order: str = "tf") -> Any:
    conv = {
        "name": "convolution2d_1",
        "trainable": True,
        "nb_filter": 4,
        "nb_row": 3,
        "nb_col": 3,
        "subsample": [2, 2],
        "border_mode": "valid",
        "dim_ordering": order,
        "init": "glorot_uniform",
        "activation": "linear",
        "bias": True,
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.001},
        "b_regularizer": None,
        "activity_regularizer": None,
        "W_constraint": None,
        "b_constraint": None,
    }
    dense = {
        "name": "dense_1",
        "trainable": True,
        "output_dim": 1,
        "input_dim": None,
        "init": "he_normal",
        "activation": "linear",
        "bias": True,
        "W_regularizer": None,
        "b_regularizer": None,
        "activity_regularizer": None,
        "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0},
        "b_constraint": None,
    }
    shape = {
        "batch_input_shape": [None, H, W, 3] if order == "tf" else [None, 3, H, W],
        "input_dtype": "float32",
    }
    first = lambda_1()
    first["config"] |= shape
    return {
        "class_name": "Sequential",
        "keras_version": "1.2.1",
        "config": [
            first,
            {"class_name": "Convolution2D", "config": conv},
            {"class_name": "ELU", "config": {"name": "elu_1", "alpha": 1.0, "trainable": True}},
            {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.5, "trainable": True}},
            {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
            {"class_name": "Dense", "config": dense},
        ],
    }


KERAS1_WEIGHTS = {
    "lambda_1": [],
    "convolution2d_1": [("convolution2d_1_W:0", CONV[0]), ("convolution2d_1_b:0", CONV[1])],
    "elu_1": [],
    "dropout_1": [],
    "flatten_1": [],
    "dense_1": [("dense_1_W:0", DENSE[0]), ("dense_1_b:0", DENSE[1])],
}


def initialiser(kind: str, **more: Any) -> Any:
    return {"class_name": kind, "config": more}


def conv2(name: str = "conv2d_1", **more: Any) -> Any:
    config = {
        "name": name,
        "trainable": True,
        "filters": 4,
        "kernel_size": [3, 3],
        "strides": [2, 2],
        "padding": "valid",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "activation": "elu",
        "use_bias": True,
        "kernel_initializer": initialiser(
            "VarianceScaling", scale=1.0, mode="fan_avg", distribution="uniform", seed=None, dtype="float32"
        ),
        "bias_initializer": initialiser("Zeros", dtype="float32"),
        "kernel_regularizer": None,
        "kernel_constraint": None,
    }
    return {"class_name": "Conv2D", "config": config | more}


def dense2(name: str = "dense_1", units: int = 1, activation: str = "linear", **more: Any) -> Any:
    config = {
        "name": name,
        "trainable": True,
        "units": units,
        "activation": activation,
        "use_bias": True,
        "kernel_initializer": initialiser("GlorotUniform", seed=None, dtype="float32"),
        "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 0}},
    }
    return {"class_name": "Dense", "config": config | more}


def plain(kind: str, name: str, **more: Any) -> Any:
    return {"class_name": kind, "config": {"name": name, "trainable": True, **more}}


def weights(layer: str, pair: Any, scope: str | None = None) -> list[tuple[str, Any]]:
    scope = scope or layer
    return [(f"{scope}/kernel:0", pair[0]), (f"{scope}/bias:0", pair[1])]


def keras2_weights(conv: str = "conv2d_1", dense: str = "dense_1") -> Any:
    return {conv: weights(conv, CONV), "flatten_1": [], dense: weights(dense, DENSE)}


def sequential(generation: str) -> Any:
    """conv+ELU, flatten, dense in the format of Keras 2 and tf.keras; the input must be scaled already."""
    layers = [conv2(), plain("Flatten", "flatten_1", data_format="channels_last"), dense2()]
    shape = [None, H, W, 3]
    if generation in ("2.0.8", "2.1.6-tf"):
        layers[0]["config"] |= {"batch_input_shape": shape, "dtype": "float32"}
        return {"class_name": "Sequential", "config": layers}
    if generation == "2.2.4-tf":
        layers[0]["config"] |= {"batch_input_shape": shape, "dtype": "float32"}
        return {
            "class_name": "Sequential",
            "config": {"name": "sequential", "layers": layers, "build_input_shape": shape},
        }
    for layer in layers:
        layer["config"]["dtype"] = "float32"
    layers[0]["config"]["groups"] = 1
    start = {
        "batch_input_shape": shape,
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": "conv2d_input",
    }
    return {
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": [{"class_name": "InputLayer", "config": start}, *layers]},
    }


def node(layer: Any, *sources: str) -> Any:
    """The entry of a layer in a functional model, called on the outputs of these layers."""
    inbound = [[[source, 0, 0, {}] for source in sources]] if sources else []
    return layer | {"name": layer["config"]["name"], "inbound_nodes": inbound}


def start(name: str = "img_in", shape: Any = (None, H, W, 3)) -> Any:
    return plain("InputLayer", name, batch_input_shape=list(shape), dtype="float32", sparse=False)


def functional(layers: list[Any], ends: list[str], kind: str = "Model", name: str = "model_1") -> Any:
    return {
        "class_name": kind,
        "config": {
            "name": name,
            "layers": layers,
            "input_layers": [[layers[0]["name"], 0, 0]],
            "output_layers": [[end, 0, 0] for end in ends],
        },
    }
