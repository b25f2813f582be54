"""Translates names of Keras 1, 2 and tf.keras to Keras 3: the tables, and the function that applies them.

A rebuilt network predicts as the original did. Initialisers, regularisers and constraints have no effect once
the weights are loaded, so they are dropped, whatever their arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from drivesal.errors import ModelError
from drivesal.model.readers.allowlist import SPATIAL

CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
    "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "SyncBatchNormalization": "BatchNormalization",
}
"""Old class to Keras 3 class; `keras.layers.experimental.preprocessing` already used today's names."""

ARGUMENTS = {
    "nb_filter": "filters",
    "output_dim": "units",
    "subsample": "strides",
    "subsample_length": "strides",
    "border_mode": "padding",
    "filter_length": "kernel_size",
    "bias": "use_bias",
    "p": "rate",
    "sigma": "stddev",
    "atrous_rate": "dilation_rate",
    "inner_activation": "recurrent_activation",
}
"""Old argument to Keras 3 argument, for every layer."""

LAYER_ARGUMENTS = {
    ("Embedding", "output_dim"): "output_dim",
    ("Embedding", "input_dim"): "input_dim",
    ("LeakyReLU", "alpha"): "negative_slope",
    ("ReLU", "theta"): "threshold",
    ("MaxPooling1D", "pool_length"): "pool_size",
    ("MaxPooling1D", "stride"): "strides",
    ("AveragePooling1D", "pool_length"): "pool_size",
    ("AveragePooling1D", "stride"): "strides",
}
"""Arguments that are renamed in one layer only: (Keras 3 class, old argument) to Keras 3 argument."""

DROPPED = re.compile(
    r"init|weights|W_\w+|b_\w+|\w+_(initializer|regularizer|constraint)|dim_ordering|data_format|nb_row|nb_col|"
    r"batch_input_shape|batch_shape|input_shape|input_dim|input_length|input_dtype|dtype|mode|fused|renorm\w*|"
    r"virtual_batch_size|adjustment|synchronized|seed|noise_shape|sparse|ragged|optional|"
    r"build_config|trainable|experimental_\w+|l1|l2|"
    r"inner_init|forget_bias_init|unit_forget_bias|dropout|dropout_[WU]|recurrent_dropout|consume_less|"
    r"implementation|unroll|use_cudnn"
)
"""Arguments that do not change predictions, or that are read elsewhere."""

MERGE_MODES = {
    "concat": "Concatenate",
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
}
"""Modes of Keras 1's Merge to Keras 3 layers."""


def renamed(kind: str, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Translate a layer's class and configuration, of any Keras version, to Keras 3's class and arguments.

    Raises ModelError for layers that Keras 3 has no equivalent for.
    """
    kind = CLASSES.get(kind.split(">")[-1], kind)
    name = str(config.get("name"))
    if kind == "Merge":
        return _merge(config, name)
    if kind == "BatchNormalization" and config.get("mode", 0) != 0:
        raise ModelError(
            "BatchNormalization that uses training statistics (mode 0)",
            f"layer {name} has mode {config['mode']}",
            "save it in the Keras that wrote it with mode 0",
        )
    arguments: dict[str, Any] = {}
    for key, value in config.items():
        new = LAYER_ARGUMENTS.get((kind, key))
        if new is None and DROPPED.fullmatch(key):
            continue
        arguments[new or ARGUMENTS.get(key, key)] = value
    if "nb_row" in config:
        arguments["kernel_size"] = [config["nb_row"], config["nb_col"]]
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list):
        (arguments["axis"],) = config["axis"] if len(config["axis"]) == 1 else [-1]
    if kind == "GRU":
        arguments.setdefault("reset_after", False)  # the only behaviour before this argument existed
    if arguments.pop("stateful", False):
        raise ModelError(
            "layers without memory of earlier frames",
            f"layer {name} keeps its state from one frame to the next (stateful)",
            "stateful networks are not supported yet",
        )
    if kind == "ReLU" and "theta" in config:
        arguments["negative_slope"] = 0.0
    return kind, arguments


def _merge(config: Mapping[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    mode = config.get("mode")
    if mode not in MERGE_MODES:
        raise ModelError(
            f"a Merge of mode {', '.join(MERGE_MODES)}",
            f"layer {name} has mode {str(mode)[:40]!r}",
            "rebuild the model in Keras 3",
        )
    arguments: dict[str, Any] = {"name": name}
    if mode == "concat":
        arguments["axis"] = config.get("concat_axis", -1)
    return MERGE_MODES[mode], arguments


def channels_first(kind: str, config: Mapping[str, Any]) -> bool | None:
    """Whether a layer has channels before rows and columns; None if it does not declare that."""
    if CLASSES.get(kind, kind) not in SPATIAL:
        return None
    order = config.get("dim_ordering", config.get("data_format"))
    return {"th": True, "channels_first": True, "tf": False, "channels_last": False}.get(str(order))


def written_by_keras_1(architecture: Any) -> bool:
    """Whether a configuration uses argument names of Keras 1."""
    return (
        re.search(r'"(nb_filter|border_mode|inner_activation|W_regularizer)"', json.dumps(architecture))
        is not None
    )
