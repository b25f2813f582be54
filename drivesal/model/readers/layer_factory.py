"""Makes one layer or operation of a network from its configuration; nothing else is looked up or run."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drivesal.errors import LambdaError, ModelError
from drivesal.model.backend import keras
from drivesal.model.readers import allowlist, allowlist_operations, arguments
from drivesal.model.readers.checking import arguments_of, known_activation, plain
from drivesal.model.readers.custom_objects import registered, registered_by
from drivesal.model.readers.legacy.renaming import CLASSES
from drivesal.model.readers.replacement_layers import hard_sigmoid, head
from drivesal.model.readers.replacement_layers import layer as replacement_layer

ARITHMETIC = {
    "math.truediv": "x/{}",
    "math.divide": "x/{}",
    "math.multiply": "x*{}",
    "math.subtract": "x-{}",
    "math.add": "x+{}",
    "__operators__.add": "x+{}",
}
"""Arithmetic on a tensor, which tf.keras saves as a layer of its own, as a formula."""

REMOVED_LAYERS = {
    "CuDNNGRU",
    "CuDNNLSTM",
    "Deconvolution2D",
    "Highway",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MaxoutDense",
}
"""Layers of older versions of Keras that Keras 3 does not have."""


@dataclass
class Rebuilt:
    """A network that is being rebuilt, with its layers by their names in the file, in the file's order.

    `lambdas` are the formulas of Lambda layers, `used` the names of those that occurred. `first`: the file has
    channels before rows and columns; `old`: Keras 1 wrote it; `keras_3`: Keras 3 wrote it; `theano`: Theano
    computed it; `frame_stacks`: inputs of several frames are accepted. `inner` are the models among the layers,
    `half_padding` the layers that are padded with half a kernel of zeros on every side. `calls` counts the
    calls of layers and `elements` the elements that they output for one image, including those of inner models.
    """

    lambdas: Mapping[str, str]
    first: bool = False
    old: bool = False
    keras_3: bool = False
    theano: bool = False
    frame_stacks: bool = False
    network: Any = None
    layers: dict[str, Any] = field(default_factory=dict)
    inner: dict[str, Rebuilt] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    half_padding: set[str] = field(default_factory=set)
    calls: int = 0
    elements: int = 0

    def for_inner_model(self) -> Rebuilt:
        """An empty `Rebuilt` of the same file, for a model among the layers."""
        return replace(
            self, network=None, layers={}, inner={}, used=set(), half_padding=set(), calls=0, elements=0
        )


def make_layer(rebuilt: Rebuilt, entry: Any, name: str, value: Any, keywords: Mapping[str, Any]) -> Any:
    """The layer or operation of one entry; `value` is the first tensor that it takes. Raises ModelError."""
    kind, config = entry["class_name"], {**entry["config"], "name": name}
    if kind in allowlist.CODE:
        return _formula_layer(rebuilt, kind, config, keywords)
    if (own := registered_by(entry)) is not None:
        return own.from_config(without_types(config) | {"name": arguments.name(name.replace("/", "_"))})
    if entry.get("registered_name") == "drivesal>Head":
        return head(config.get("formula_of_x"), name)
    if entry.get("module") in allowlist_operations.OPERATIONS:
        return _operation(rebuilt, entry, name, value)
    return _layer(rebuilt, kind, config, value)


def _operation(rebuilt: Rebuilt, entry: Any, name: str, value: Any) -> Any:
    """An operation of `keras.ops`, which is a node of the graph like a layer."""
    module, kind = entry["module"], entry["class_name"]
    if kind not in allowlist_operations.OPERATIONS[module]:
        raise _not_rebuilt(kind, name)
    if rebuilt.first and len(value.shape) > 2:
        raise ModelError(
            "channels last in a model with operations",
            f"{name} ({kind}) works on images with channels first",
            "rebuild the model with channels last",
        )
    kwargs = plain(allowlist_operations.OPERATIONS[module][kind], entry["config"], name)
    operation = getattr(importlib.import_module(module), kind)(
        **{key: value for key, value in kwargs.items() if key != "name"}
    )
    operation.name = kwargs["name"]
    return operation


def _layer(rebuilt: Rebuilt, kind: str, config: dict[str, Any], value: Any) -> Any:
    name = str(config["name"])
    if kind in REMOVED_LAYERS or (kind not in allowlist.ONLY_TRAINING and not _is_allowed(kind)):
        raise _not_rebuilt(kind, name)
    new_kind, kwargs = arguments_of(kind, config)
    if rebuilt.theano and kwargs.get("padding") == "same":
        rebuilt.half_padding.add(_checked_half_padding(new_kind, name))
        kwargs["padding"] = "valid"
    if rebuilt.first:
        kwargs = _channels_last(new_kind, name, kwargs, len(value.shape))
    for key in {"activation", "recurrent_activation"} & set(kwargs):
        kwargs[key] = activation(rebuilt, name, kwargs[key], len(value.shape))
    for key in {"layer", "backward_layer"} & set(kwargs) if new_kind in allowlist.WRAPPERS else ():
        kwargs[key] = _inner_layer(rebuilt, name, kwargs[key], value)
    return _instantiated(new_kind, kwargs)


def _instantiated(kind: str, kwargs: Mapping[str, Any]) -> Any:
    """A Keras layer; its arguments are plain values or objects made here, never names for Keras to look up."""
    if any(isinstance(value, dict) for value in kwargs.values()):
        raise ModelError(
            "plain arguments", f"layer {kwargs['name']} ({kind}) has an object", "rebuild it in Keras 3"
        )
    return getattr(keras().layers, kind)(**kwargs)


def _is_allowed(kind: str) -> bool:
    return kind == "Merge" or CLASSES.get(kind.split(">")[-1], kind) in allowlist.LAYERS


def _not_rebuilt(kind: str, name: str) -> ModelError:
    if any(kind in known for known in allowlist_operations.OPERATIONS.values()):
        return ModelError(
            "an HDF5 file of layers only",
            f"{name} is the operation {kind}, which HDF5 files store incompletely",
            "save the model as name.keras in the program that built it: Keras cannot open this file either",
        )
    if kind in REMOVED_LAYERS or hasattr(keras().layers, kind):
        return ModelError(
            "layers that drivesal supports",
            f"layer {name} is a {kind}, which is not supported",
            "load it where it was written, and rebuild it with other layers",
        )
    return ModelError(
        "Keras's own layers",
        f"layer {name} is a {kind}",
        "give the file that defines it with --import my_layers.py",
    )


def without_types(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration for the user's own class, without its dtype (float32 is used) and build configuration."""
    return {key: value for key, value in config.items() if key not in ("dtype", "build_config")}


def _inner_layer(rebuilt: Rebuilt, wrapper: str, entry: Any, value: Any) -> Any:
    """The layer inside a wrapper."""
    if rebuilt.first or entry["class_name"] in {*allowlist.MODELS, *allowlist.WRAPPERS}:
        operand = "an image with channels first" if rebuilt.first else f"a {entry['class_name']}"
        raise ModelError(
            "a single layer inside a wrapper",
            f"layer {wrapper} works on {operand}",
            "load it where it was written, and rebuild it with other layers",
        )
    return make_layer(rebuilt, entry, entry["config"].get("name") or wrapper, value, {})


def _checked_half_padding(kind: str, name: str) -> str:
    """The layer's name. Raises ModelError if Theano's padding is not implemented for its class."""
    if kind != "Conv2D":
        raise ModelError(
            "border_mode same in convolutions only, in a network of Theano",
            f"layer {name} is a {kind} with it",
            "load it with Theano's Keras, and save it with border_mode valid",
        )
    return name


def half_padded(layer: Any, value: Any) -> Any:
    """A convolution after padding with half a kernel of zeros on every side: Theano's border_mode same.

    TensorFlow pads less for some strides and even kernels, so its windows would be at other positions.
    """
    sizes = [(side - 1) * rate + 1 for side, rate in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
    expected = [
        None if length is None else math.ceil(length / step)
        for length, step in zip(value.shape[1:3], layer.strides, strict=True)
    ]
    kinds = keras().layers
    value = layer(kinds.ZeroPadding2D([(size // 2, size // 2) for size in sizes])(value))
    excess = [0 if goal is None else have - goal for have, goal in zip(value.shape[1:3], expected, strict=True)]
    return kinds.Cropping2D([(0, end) for end in excess])(value) if any(excess) else value


def _channels_last(kind: str, name: str, kwargs: dict[str, Any], rank: int) -> dict[str, Any]:
    """Arguments of a channels-first layer, converted to channels last."""
    if rank != 4 or kind in {*allowlist.SPATIAL, *allowlist.ELEMENTWISE, "Flatten"}:
        return kwargs
    if kind in ("BatchNormalization", "Concatenate"):
        return kwargs | {"axis": {1: 3, 2: 1, 3: 2}[kwargs.get("axis", -1) % 4]}
    if kind in allowlist.MERGES and kind != "Dot":
        return kwargs
    raise ModelError(
        "channels last",
        f"layer {name} ({kind}) works on images with channels first (dim_ordering th)",
        "rebuild the model with channels last",
    )


def _formula_layer(rebuilt: Rebuilt, kind: str, config: Mapping[str, Any], keywords: Mapping[str, Any]) -> Any:
    """A layer that computes the declared formula in place of a layer of code; the file's code is not run."""
    name = str(config["name"])
    text = rebuilt.lambdas.get(name)
    other = keywords.get("y")
    if text is None and kind == "TFOpLambda" and isinstance(other, int | float):
        pattern = ARITHMETIC.get(str(config.get("function")))
        text = pattern.format(f"({other!r})") if pattern else None
    if text is None:
        raise LambdaError(
            "a model without Python code in it",
            f"layer {name} is a {kind}, whose code is never run, not even with --unsafe",
            [name],
        )
    rebuilt.used.add(name)
    return replacement_layer(text, name.replace("/", "_"))


def activation(rebuilt: Rebuilt, layer: str, value: Any, rank: int) -> Any:
    """A function of `keras.activations`, an activation layer, or the user's own; `rank` is that of its input.

    Raises ModelError.
    """
    named = value.get("class_name") if isinstance(value, dict) else value
    if rebuilt.first and rank > 2 and named in _OVER_AN_AXIS:
        raise ModelError(
            "channels last under a softmax",
            f"layer {layer} has {named} over images with channels first",
            "rebuild the model with channels last",
        )
    if value is None:
        return None
    if isinstance(value, dict) and value.get("registered_name") == "drivesal>hard_sigmoid_of_keras_2":
        return hard_sigmoid()
    if isinstance(value, dict) and named in _ACTIVATION_LAYERS:
        return _instantiated(*arguments_of(value["class_name"], {"name": layer, **value["config"]}))
    if isinstance(value, dict) and (own := registered_by(value)) is not None:
        return own.from_config(without_types(value["config"])) if hasattr(own, "from_config") else own
    if isinstance(value, dict) and isinstance(value.get("config"), str):
        value = value["config"]
    if value == "hard_sigmoid" and not rebuilt.keras_3:
        return hard_sigmoid()
    if isinstance(value, str) and known_activation(value):
        return getattr(keras().activations, value) if value in allowlist.ACTIVATIONS else registered(value)
    do = "give the file that defines it with --import my_layers.py"
    if isinstance(named, str) and (hasattr(keras().activations, named) or hasattr(keras().layers, named)):
        do = "rebuild it with the activations that docs/models.md lists"
    raise ModelError("one of Keras's own activations", f"layer {layer} has {str(named)[:40]!r}", do)


_ACTIVATION_LAYERS = {"ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"}
_OVER_AN_AXIS = {"softmax", "log_softmax", "sparsemax", "Softmax"}
