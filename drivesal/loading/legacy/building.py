"""A network built of Keras 3 layers after a configuration of any generation.

Only layers of `renaming.KNOWN`, and classes that the user registered, are made; the graph is joined here, so
that nothing in the configuration is looked up or run.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drivesal.backend import keras
from drivesal.errors import DrivesalError, ModelError
from drivesal.loading.legacy.renaming import (
    ELEMENTWISE,
    KNOWN,
    MERGES,
    SPATIAL,
    WRAPPERS,
    channels_first,
    renamed,
)
from drivesal.loading.stand_in import hard_sigmoid
from drivesal.loading.stand_in import layer as stand_in
from drivesal.network import refuse_several_pictures

MODELS = {"Sequential", "Model", "Functional"}

OPERATIONS = {
    "math.truediv": "x/{}",
    "math.divide": "x/{}",
    "math.multiply": "x*{}",
    "math.subtract": "x-{}",
    "math.add": "x+{}",
    "__operators__.add": "x+{}",
}
"""Arithmetic on a tensor, which tf.keras keeps as a layer of its own, as a scaling."""


@dataclass
class Rebuilt:
    """A network, and its layers under the names that the file knows them by, in the file's order.

    `lambdas` says what the Lambda layers compute, `used` which of them were there; `first` whether the file has
    channels before rows and columns, `old` whether Keras 1 wrote it, `new` whether Keras 3, `theano` whether
    Theano computed it; `inner` are the models among the layers, `halves` the layers that get half a kernel of
    zeros on every side.
    """

    lambdas: Mapping[str, str]
    first: bool = False
    old: bool = False
    new: bool = False
    theano: bool = False
    network: Any = None
    layers: dict[str, Any] = field(default_factory=dict)
    inner: dict[str, Rebuilt] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    halves: set[str] = field(default_factory=set)

    def part(self) -> Rebuilt:
        """An empty one of the same file, for a model among the layers."""
        return replace(self, network=None, layers={}, inner={}, used=set(), halves=set())


def written_by_keras_1(architecture: Any) -> bool:
    """Whether a configuration has the words of Keras 1."""
    return (
        re.search(r'"(nb_filter|border_mode|inner_activation|W_regularizer)"', json.dumps(architecture))
        is not None
    )


def build(architecture: Any, lambdas: Mapping[str, str], *, version: str = "", theano: bool = False) -> Rebuilt:
    """The network of `{"class_name": ..., "config": ...}`, its weights not yet set. Raises ModelError.

    `version` is that of the Keras that wrote it, "" where nothing says it.
    """
    if not isinstance(architecture, dict) or architecture.get("class_name") not in MODELS:
        kind = architecture.get("class_name") if isinstance(architecture, dict) else None
        raise ModelError(
            "the configuration of a Keras model, functional or sequential",
            f"it is one of {kind}" if kind else "it is none",
            "save the model again in the Keras that wrote it, not only its weights",
        )
    orders = {order for order in _orders(architecture) if order is not None}
    if len(orders) == 2:
        raise ModelError(
            "one order of rows, columns and channels", "the layers have both", "rebuild the model in Keras 3"
        )
    try:
        whole = Rebuilt(
            lambdas, orders == {True}, written_by_keras_1(architecture), version.startswith("3"), theano
        )
        return _model(architecture, whole)
    except DrivesalError:
        raise
    except Exception as error:  # a configuration may be wrong in any way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            "a configuration that Keras 3 layers can be built of",
            f"it cannot be used ({type(error).__name__}: {reason})",
            "save it as .keras in the Keras that wrote it",
        ) from error


def _orders(part: Any) -> Iterator[bool | None]:
    if isinstance(part, dict):
        if isinstance(part.get("config"), dict):
            yield channels_first(str(part.get("class_name")), part["config"])
        for value in part.values():
            yield from _orders(value)
    elif isinstance(part, list):
        for value in part:
            yield from _orders(value)


def _model(architecture: dict[str, Any], whole: Rebuilt, given: Any = None) -> Rebuilt:
    """One model as a part of `whole`.

    `given` is the shape, batch included, that a model inside another gets where it says none itself.
    """
    made = whole.part()
    config = architecture["config"]
    if architecture["class_name"] == "Sequential":
        _sequential(made, config, given)
    else:
        _functional(made, config)
    return made


def _sequential(made: Rebuilt, config: Any, given: Any) -> None:
    # Keras 1 and the first of Keras 2 keep a bare list
    listed, name = (config, None) if isinstance(config, list) else (config["layers"], config.get("name"))
    if not listed:
        raise ModelError("a model with layers", "it has none", "save it again")
    shape = _shape(listed[0]["config"])
    if shape is None and listed[0]["class_name"] in MODELS:
        inner = listed[0]["config"]
        start = inner[0] if isinstance(inner, list) else inner["layers"][0]
        shape = _shape(start["config"])
    if shape is None and isinstance(config, dict):
        shape = config.get("build_input_shape")
    if shape is not None:
        source = _input(made, shape, None)
    elif given is not None:
        source = keras().Input(given[1:])
    else:
        raise ModelError(
            "a model that says its input's size",
            "its first layer has no input shape",
            "save it again after it was built",
        )
    value = source
    for number, entry in enumerate(listed):
        if entry["class_name"] != "InputLayer":
            value = _call(made, entry, [value], {}, f"layer_{number}")
    made.network = keras().Model(source, value, **({"name": _plain(name)} if name else {}))


def _functional(made: Rebuilt, config: dict[str, Any]) -> None:
    tensors: dict[tuple[str, int], list[Any]] = {}
    waiting = []
    for entry in config["layers"]:
        name = entry.get("name") or entry["config"]["name"]
        if entry["class_name"] == "InputLayer":
            tensors[name, 0] = [_input(made, _shape(entry["config"]), _plain(name))]
        waiting += [(name, number, entry, node) for number, node in enumerate(entry.get("inbound_nodes") or [])]
    while waiting:
        later = []
        for name, number, entry, node in waiting:
            sources, keywords = _sources(node)
            if any((source, which) not in tensors for source, which, _ in sources):
                later.append((name, number, entry, node))
                continue
            values = [tensors[source, which][element] for source, which, element in sources]
            tensors[name, number] = _list(_call(made, entry, values, keywords, name))
        if len(later) == len(waiting):
            raise ModelError(
                "layers that hang together",
                f"layer {later[0][0]} takes what no layer gives",
                "save the model again",
            )
        waiting = later

    def ends(which: str) -> list[Any]:
        return [tensors[name, node][element] for name, node, element in _triples(config[which])]

    # a list of one would be another signature than the tensor itself
    inputs, outputs = (
        one[0] if len(one) == 1 else one for one in (ends("input_layers"), ends("output_layers"))
    )
    made.network = keras().Model(inputs, outputs, name=_plain(config.get("name") or "model"))


def _triples(value: Any) -> list[tuple[str, int, int]]:
    """References [layer, node, tensor], alone, in a list or under names, to a list."""
    if isinstance(value, dict):
        value = list(value.values())
    if value and isinstance(value[0], str):
        value = [value]
    return [(str(one[0]), int(one[1]), int(one[2])) for one in value]


def _sources(node: Any) -> tuple[list[tuple[str, int, int]], dict[str, Any]]:
    """What one call of a layer takes, and its other arguments."""
    if isinstance(node, dict):  # Keras 3
        return list(_histories(node.get("args"))), dict(node.get("kwargs") or {})
    parts = [node] if isinstance(node[0], str) else node
    keywords = next((dict(one[3]) for one in parts if len(one) > 3 and one[3]), {})
    return _triples(node), keywords


def _histories(part: Any) -> Iterator[tuple[str, int, int]]:
    if isinstance(part, dict):
        if "keras_history" in part:
            name, node, element = part["keras_history"]
            yield str(name), int(node), int(element)
        part = list(part.values())
    if isinstance(part, list):
        for value in part:
            yield from _histories(value)


def _call(made: Rebuilt, entry: Any, values: list[Any], keywords: dict[str, Any], fallback: str) -> Any:
    """What the layer gives of these tensors; a layer that was made before is used again."""
    inner = entry["config"]
    name = entry.get("name") or (inner.get("name") if isinstance(inner, dict) else None) or fallback
    if name not in made.layers:
        if entry["class_name"] in MODELS:
            part = _model(entry, made, tuple(values[0].shape))
            made.inner[name], made.layers[name] = part, part.network
            made.used |= part.used
        else:
            made.layers[name] = _layer(made, entry["class_name"], {**inner, "name": name}, values, keywords)
    layer = made.layers[name]
    if made.first and type(layer).__name__ == "Flatten" and len(values[0].shape) == 4:
        # one that was told of the order turned the channels back itself
        turn = inner.get("data_format") != "channels_first"
        values = [keras().layers.Permute((3, 1, 2))(values[0])] if turn else values
    if name in made.halves:
        return _half_padded(layer, values[0])
    merges = type(layer).__name__ in MERGES or len(values) > 1
    return layer(values if merges else values[0])


def _layer(
    made: Rebuilt, kind: str, config: dict[str, Any], values: list[Any], keywords: dict[str, Any]
) -> Any:
    name = str(config["name"])
    if kind in ("Lambda", "TFOpLambda", "TensorFlowOpLayer"):
        return _scaled(made, kind, config, keywords)
    new, arguments = renamed(kind, config)
    if made.theano and arguments.get("padding") == "same":
        made.halves.add(_padded_by_theano(new, name))
        arguments["padding"] = "valid"
    if made.first:
        arguments = _last(new, name, arguments, len(values[0].shape))
    arguments["name"] = _plain(name)
    if new in KNOWN:
        make = getattr(keras().layers, new)
    elif (own := _registered(kind)) is not None:
        return own.from_config(config | {"name": _plain(name)})
    elif kind in GONE or hasattr(keras().layers, kind):
        raise ModelError(
            "layers that drivesal rebuilds",
            f"layer {name} is a {kind}, which it does not",
            "load it where it was written, and save it with Keras 3 as name.keras",
        )
    else:
        raise ModelError(
            "layers of Keras's own",
            f"layer {name} is a {kind}",
            "give the file that defines it with --import my_layers.py",
        )
    for which in {"activation", "recurrent_activation"} & set(arguments):
        arguments[which] = _activation(made, name, arguments[which])
    for which in {"layer", "backward_layer"} & set(arguments) if new in WRAPPERS else ():
        arguments[which] = _wrapped(made, name, arguments[which], values)
    accepted = set(inspect.signature(make.__init__).parameters) | {"name"}
    for key in [key for key in arguments if key not in accepted]:
        if arguments.pop(key):  # None, False and 0 ask for nothing
            raise ModelError(
                f"arguments that {new} of Keras 3 knows", f"layer {name} has {key}", "rebuild it in Keras 3"
            )
    return make(**{key: _plain_value(value) for key, value in arguments.items()})


def _wrapped(made: Rebuilt, wrapper: str, entry: Any, values: list[Any]) -> Any:
    """The layer inside another one."""
    if made.first or entry["class_name"] in MODELS | WRAPPERS:
        what = "a picture with channels first" if made.first else f"a {entry['class_name']}"
        raise ModelError(
            "a single layer inside another one",
            f"layer {wrapper} works on {what}",
            "load it where it was written, and save it with Keras 3 as name.keras",
        )
    inner = entry["config"]
    return _layer(made, entry["class_name"], {**inner, "name": inner.get("name") or wrapper}, values, {})


def _padded_by_theano(kind: str, name: str) -> str:
    """The layer's name where it can be padded as Theano did it."""
    if kind != "Conv2D":
        raise ModelError(
            "border_mode same in convolutions alone, where Theano computed the network",
            f"layer {name} is a {kind} with it",
            "load it with Theano's Keras, and save it with border_mode valid",
        )
    return name


def _half_padded(layer: Any, value: Any) -> Any:
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


def _last(kind: str, name: str, arguments: dict[str, Any], rank: int) -> dict[str, Any]:
    """Arguments of a layer whose channels came first, for channels that come last."""
    if rank != 4 or kind in SPATIAL | ELEMENTWISE | {"Flatten"}:
        return arguments
    if kind in ("BatchNormalization", "Concatenate"):
        return arguments | {"axis": {1: 3, 2: 1, 3: 2}[arguments.get("axis", -1) % 4]}
    if kind in MERGES - {"Dot"}:
        return arguments
    raise ModelError(
        "channels behind rows and columns",
        f"layer {name} ({kind}) works on pictures with channels first (dim_ordering th)",
        "rebuild the model with channels last",
    )


def _scaled(made: Rebuilt, kind: str, config: dict[str, Any], keywords: dict[str, Any]) -> Any:
    """A layer in the place of a layer of code, of what was said of it; what the file says is not run."""
    name = str(config["name"])
    said = made.lambdas.get(name)
    other = keywords.get("y")
    if said is None and kind == "TFOpLambda" and isinstance(other, int | float):
        pattern = OPERATIONS.get(str(config.get("function")))
        said = pattern.format(f"({other!r})") if pattern else None
    if said is None:
        raise ModelError(
            "a model without Python code in it",
            f"layer {name} is a {kind}, whose code is never run from HDF5, not with --unsafe either",
            f"if it only scales, say what it computes: --lambda {name}=x/127.5-1",
        )
    made.used.add(name)
    return stand_in(said, _plain(name))


def _activation(made: Rebuilt, layer: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, dict) and value.get("class_name") in ELEMENTWISE:
        kind, arguments = renamed(value["class_name"], value["config"])
        arguments.pop("name", None)
        return getattr(keras().layers, kind)(**arguments)
    if isinstance(value, dict) and isinstance(value.get("config"), str):
        value = value["config"]
    module = keras().activations
    if value == "hard_sigmoid" and not made.new:
        return hard_sigmoid()
    if isinstance(value, str):
        found = getattr(module, value, None) if value not in _NO_ACTIVATION and value[:1] != "_" else None
        found = _registered(value) if found is None else found
        if callable(found):
            return found
    raise ModelError(
        "an activation of Keras's own",
        f"layer {layer} has {str(value)[:40]!r}",
        "give the file that defines it with --import my_layers.py",
    )


_NO_ACTIVATION = {"get", "serialize", "deserialize"}


def _registered(name: str) -> Any:
    """What the user's own code registered under this name, None where there is nothing."""
    known = keras().saving.get_custom_objects()
    for key in (name, f"Custom>{name}"):
        if key in known:
            return known[key]
    return next((value for key, value in known.items() if key.split(">")[-1] == name.split(">")[-1]), None)


def _shape(config: Any) -> Any:
    """An input's shape with the batch, None where the configuration does not say it."""
    if not isinstance(config, dict):
        return None
    for key in ("batch_input_shape", "batch_shape"):
        if config.get(key):
            return config[key]
    if config.get("input_shape"):
        return [None, *config["input_shape"]]
    return None


def _input(made: Rebuilt, shape: Any, name: str | None) -> Any:
    own = tuple(shape[1:])
    if made.first and len(own) == 3:
        own = (own[1], own[2], own[0])
    refuse_several_pictures(name or "the input", own)
    return keras().Input(own, name=name)


def _plain(name: str) -> str:
    return str(name).replace("/", "_")  # Keras 3 takes none in a name


def _plain_value(value: Any) -> Any:
    """Lists as tuples; a number that was kept as an array as a number."""
    if isinstance(value, dict) and "value" in value:
        return value["value"]
    return tuple(_plain_value(one) for one in value) if isinstance(value, list) else value


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
