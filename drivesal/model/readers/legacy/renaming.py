"""What Keras 1, 2 and tf.keras call what Keras 3 calls otherwise: tables, and the function that applies them.

A network is rebuilt to answer as it did. Initialisers, regularisers and constraints do nothing to an answer
once the weights are there, so they are left out, whatever arguments they had.
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
"""Old class to Keras 3's; `keras.layers.experimental.preprocessing` had the names of today."""

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
"""Old argument to Keras 3's, for every layer."""

OF_ONE = {
    ("Embedding", "output_dim"): "output_dim",
    ("Embedding", "input_dim"): "input_dim",
    ("LeakyReLU", "alpha"): "negative_slope",
    ("ReLU", "theta"): "threshold",
    ("MaxPooling1D", "pool_length"): "pool_size",
    ("MaxPooling1D", "stride"): "strides",
    ("AveragePooling1D", "pool_length"): "pool_size",
    ("AveragePooling1D", "stride"): "strides",
}
"""What is called otherwise in one layer alone: (Keras 3 class, old argument)."""

LEFT_OUT = re.compile(
    r"init|weights|W_\w+|b_\w+|\w+_(initializer|regularizer|constraint)|dim_ordering|data_format|nb_row|nb_col|"
    r"batch_input_shape|batch_shape|input_shape|input_dim|input_length|input_dtype|dtype|mode|fused|renorm\w*|"
    r"virtual_batch_size|adjustment|synchronized|seed|noise_shape|sparse|ragged|optional|"
    r"build_config|trainable|experimental_\w+|l1|l2|"
    r"inner_init|forget_bias_init|unit_forget_bias|dropout|dropout_[WU]|recurrent_dropout|consume_less|"
    r"implementation|unroll|use_cudnn"
)
"""Arguments that do not change the answer, or that are read elsewhere."""

MERGE_MODES = {
    "concat": "Concatenate",
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
}
"""The modes of Keras 1's Merge."""


def renamed(kind: str, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A layer's class and configuration, of any generation, to Keras 3's class and arguments with its name.

    Raises ModelError where the layer did something that Keras 3 has no layer for.
    """
    kind = CLASSES.get(kind.split(">")[-1], kind)
    name = str(config.get("name"))
    if kind == "Merge":
        return _merge(config, name)
    if kind == "BatchNormalization" and config.get("mode", 0) != 0:
        raise ModelError(
            "BatchNormalization with the training's statistics",
            f"layer {name} has mode {config['mode']}",
            "save it in the Keras that wrote it with mode 0",
        )
    arguments: dict[str, Any] = {}
    for key, value in config.items():
        new = OF_ONE.get((kind, key))
        if new is None and LEFT_OUT.fullmatch(key):
            continue
        arguments[new or ARGUMENTS.get(key, key)] = value
    if "nb_row" in config:
        arguments["kernel_size"] = [config["nb_row"], config["nb_col"]]
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list):
        (arguments["axis"],) = config["axis"] if len(config["axis"]) == 1 else [-1]
    if kind == "GRU":
        arguments.setdefault("reset_after", False)  # files from before there was the choice
    if arguments.pop("stateful", False):
        raise ModelError(
            "layers that look at one frame alone",
            f"layer {name} keeps its state from one frame to the next (stateful)",
            "networks that remember are not supported yet",
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
    found: dict[str, Any] = {"name": name}
    if mode == "concat":
        found["axis"] = config.get("concat_axis", -1)
    return MERGE_MODES[mode], found


def channels_first(kind: str, config: Mapping[str, Any]) -> bool | None:
    """Whether a layer has channels before rows and columns; None for one that does not say."""
    if CLASSES.get(kind, kind) not in SPATIAL:
        return None
    order = config.get("dim_ordering", config.get("data_format"))
    return {"th": True, "channels_first": True, "tf": False, "channels_last": False}.get(str(order))


def written_by_keras_1(architecture: Any) -> bool:
    """Whether a configuration has the words of Keras 1."""
    return (
        re.search(r'"(nb_filter|border_mode|inner_activation|W_regularizer)"', json.dumps(architecture))
        is not None
    )
