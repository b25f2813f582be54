"""One layer or operation of a network, made of its configuration; nothing else is looked up or run."""

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
from drivesal.model.readers.replacement_layers import layer as stand_in

OPERATIONS = {
    "math.truediv": "x/{}",
    "math.divide": "x/{}",
    "math.multiply": "x*{}",
    "math.subtract": "x-{}",
    "math.add": "x+{}",
    "__operators__.add": "x+{}",
}
"""Arithmetic on a tensor, which tf.keras keeps as a layer of its own, as a scaling."""

GONE = {
    "CuDNNGRU",
    "CuDNNLSTM",
    "Deconvolution2D",
    "Highway",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MaxoutDense",
}
"""Layers that Keras had once."""


@dataclass
class Rebuilt:
    """A network, and its layers under the names that the file knows them by, in the file's order.

    `lambdas` says what the Lambda layers compute, `used` which of them were there; `first` whether the file has
    channels before rows and columns, `old` whether Keras 1 wrote it, `new` whether Keras 3, `theano` whether
    Theano computed it, `frames` whether it may take several frames; `inner` are the models among the layers,
    `halves` the layers that get half a kernel of zeros on every side; `calls` counts the calls of layers and
    `numbers` what they give of a picture, those of models inside included.
    """

    lambdas: Mapping[str, str]
    first: bool = False
    old: bool = False
    new: bool = False
    theano: bool = False
    frames: bool = False
    network: Any = None
    layers: dict[str, Any] = field(default_factory=dict)
    inner: dict[str, Rebuilt] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    halves: set[str] = field(default_factory=set)
    calls: int = 0
    numbers: int = 0

    def part(self) -> Rebuilt:
        """An empty one of the same file, for a model among the layers."""
        return replace(self, network=None, layers={}, inner={}, used=set(), halves=set(), calls=0, numbers=0)


def make(made: Rebuilt, entry: Any, name: str, value: Any, keywords: Mapping[str, Any]) -> Any:
    """The layer or operation of one entry; `value` is the tensor that it takes first. Raises ModelError."""
    kind, config = entry["class_name"], {**entry["config"], "name": name}
    if kind in allowlist.CODE:
        return _scaled(made, kind, config, keywords)
    if (own := registered_by(entry)) is not None:
        return own.from_config(without_types(config) | {"name": arguments.name(name.replace("/", "_"))})
    if entry.get("registered_name") == "drivesal>Head":
        return head(config.get("formula_of_x"), name)
    if entry.get("module") in allowlist_operations.OPERATIONS:
        return _operation(made, entry, name, value)
    return _layer(made, kind, config, value)


def _operation(made: Rebuilt, entry: Any, name: str, value: Any) -> Any:
    """An operation of `keras.ops`, which stands in a graph like a layer."""
    module, kind = entry["module"], entry["class_name"]
    if kind not in allowlist_operations.OPERATIONS[module]:
        raise _not_rebuilt(kind, name)
    if made.first and len(value.shape) > 2:
        raise ModelError(
            "channels behind rows and columns where operations are used",
            f"{name} ({kind}) works on pictures with channels first",
            "rebuild the model with channels last",
        )
    given = plain(allowlist_operations.OPERATIONS[module][kind], entry["config"], name)
    operation = getattr(importlib.import_module(module), kind)(
        **{key: value for key, value in given.items() if key != "name"}
    )
    operation.name = given["name"]
    return operation


def _layer(made: Rebuilt, kind: str, config: dict[str, Any], value: Any) -> Any:
    name = str(config["name"])
    if kind in GONE or (kind not in allowlist.ONLY_TRAINING and not _on_the_list(kind)):
        raise _not_rebuilt(kind, name)
    new, given = arguments_of(kind, config)
    if made.theano and given.get("padding") == "same":
        made.halves.add(_padded_by_theano(new, name))
        given["padding"] = "valid"
    if made.first:
        given = _last(new, name, given, len(value.shape))
    for which in {"activation", "recurrent_activation"} & set(given):
        given[which] = activation(made, name, given[which], len(value.shape))
    for which in {"layer", "backward_layer"} & set(given) if new in allowlist.WRAPPERS else ():
        given[which] = _wrapped(made, name, given[which], value)
    return _made(new, given)


def _made(kind: str, given: Mapping[str, Any]) -> Any:
    """A layer of Keras's; what it is given is plain or made here, never what Keras would look up."""
    if any(isinstance(value, dict) for value in given.values()):
        raise ModelError(
            "plain arguments", f"layer {given['name']} ({kind}) has an object", "rebuild it in Keras 3"
        )
    return getattr(keras().layers, kind)(**given)


def _on_the_list(kind: str) -> bool:
    return kind == "Merge" or CLASSES.get(kind.split(">")[-1], kind) in allowlist.LAYERS


def _not_rebuilt(kind: str, name: str) -> ModelError:
    if any(kind in known for known in allowlist_operations.OPERATIONS.values()):
        return ModelError(
            "layers alone in an HDF5 file",
            f"{name} is the operation {kind}, which HDF5 does not keep whole",
            "save the model as name.keras in the program that made it: Keras does not open this file either",
        )
    if kind in GONE or hasattr(keras().layers, kind):
        return ModelError(
            "layers that drivesal rebuilds",
            f"layer {name} is a {kind}, which it does not",
            "load it where it was written, and build it of other layers",
        )
    return ModelError(
        "layers of Keras's own",
        f"layer {name} is a {kind}",
        "give the file that defines it with --import my_layers.py",
    )


def without_types(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration for the user's own class: with float32, and without what a file says of building."""
    return {key: value for key, value in config.items() if key not in ("dtype", "build_config")}


def _wrapped(made: Rebuilt, wrapper: str, entry: Any, value: Any) -> Any:
    """The layer inside another one."""
    if made.first or entry["class_name"] in {*allowlist.MODELS, *allowlist.WRAPPERS}:
        what = "a picture with channels first" if made.first else f"a {entry['class_name']}"
        raise ModelError(
            "a single layer inside another one",
            f"layer {wrapper} works on {what}",
            "load it where it was written, and build it of other layers",
        )
    return make(made, entry, entry["config"].get("name") or wrapper, value, {})


def _padded_by_theano(kind: str, name: str) -> str:
    """The layer's name where it can be padded as Theano did it."""
    if kind != "Conv2D":
        raise ModelError(
            "border_mode same in convolutions alone, where Theano computed the network",
            f"layer {name} is a {kind} with it",
            "load it with Theano's Keras, and save it with border_mode valid",
        )
    return name


def half_padded(layer: Any, value: Any) -> Any:
    """A convolution with half a kernel of zeros on every side: Theano's border_mode same.

    TensorFlow pads less where a stride or an even kernel lets it, and the windows lie elsewhere.
    """
    sizes = [(side - 1) * wide + 1 for side, wide in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
    wanted = [
        None if length is None else math.ceil(length / step)
        for length, step in zip(value.shape[1:3], layer.strides, strict=True)
    ]
    parts = keras().layers
    value = layer(parts.ZeroPadding2D([(size // 2, size // 2) for size in sizes])(value))
    over = [0 if goal is None else have - goal for have, goal in zip(value.shape[1:3], wanted, strict=True)]
    return parts.Cropping2D([(0, end) for end in over])(value) if any(over) else value


def _last(kind: str, name: str, given: dict[str, Any], rank: int) -> dict[str, Any]:
    """Arguments of a layer whose channels came first, for channels that come last."""
    if rank != 4 or kind in {*allowlist.SPATIAL, *allowlist.ELEMENTWISE, "Flatten"}:
        return given
    if kind in ("BatchNormalization", "Concatenate"):
        return given | {"axis": {1: 3, 2: 1, 3: 2}[given.get("axis", -1) % 4]}
    if kind in allowlist.MERGES and kind != "Dot":
        return given
    raise ModelError(
        "channels behind rows and columns",
        f"layer {name} ({kind}) works on pictures with channels first (dim_ordering th)",
        "rebuild the model with channels last",
    )


def _scaled(made: Rebuilt, kind: str, config: Mapping[str, Any], keywords: Mapping[str, Any]) -> Any:
    """A layer in the place of a layer of code, of what was said of it; what the file says is not run."""
    name = str(config["name"])
    said = made.lambdas.get(name)
    other = keywords.get("y")
    if said is None and kind == "TFOpLambda" and isinstance(other, int | float):
        pattern = OPERATIONS.get(str(config.get("function")))
        said = pattern.format(f"({other!r})") if pattern else None
    if said is None:
        raise LambdaError(
            "a model without Python code in it",
            f"layer {name} is a {kind}, whose code is never run, not with --unsafe either",
            [name],
        )
    made.used.add(name)
    return stand_in(said, name.replace("/", "_"))


def activation(made: Rebuilt, layer: str, value: Any, rank: int) -> Any:
    """A function of `keras.activations`, a layer that is one, or the user's own; `rank` is its input's.

    Raises ModelError.
    """
    named = value.get("class_name") if isinstance(value, dict) else value
    if made.first and rank > 2 and named in _OVER_AN_AXIS:
        raise ModelError(
            "channels behind rows and columns under a softmax",
            f"layer {layer} has {named} over pictures with channels first",
            "rebuild the model with channels last",
        )
    if value is None:
        return None
    if isinstance(value, dict) and value.get("registered_name") == "drivesal>hard_sigmoid_of_keras_2":
        return hard_sigmoid()
    if isinstance(value, dict) and named in _LAYERS_THAT_ACTIVATE:
        return _made(*arguments_of(value["class_name"], {"name": layer, **value["config"]}))
    if isinstance(value, dict) and (own := registered_by(value)) is not None:
        return own.from_config(without_types(value["config"])) if hasattr(own, "from_config") else own
    if isinstance(value, dict) and isinstance(value.get("config"), str):
        value = value["config"]
    if value == "hard_sigmoid" and not made.new:
        return hard_sigmoid()
    if isinstance(value, str) and known_activation(value):
        return getattr(keras().activations, value) if value in allowlist.ACTIVATIONS else registered(value)
    do = "give the file that defines it with --import my_layers.py"
    if isinstance(named, str) and (hasattr(keras().activations, named) or hasattr(keras().layers, named)):
        do = "build it of what docs/models.md lists"
    raise ModelError("an activation of Keras's own", f"layer {layer} has {str(named)[:40]!r}", do)


_LAYERS_THAT_ACTIVATE = {"ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"}
_OVER_AN_AXIS = {"softmax", "log_softmax", "sparsemax", "Softmax"}
