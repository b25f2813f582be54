"""Rebuilds a network with Keras 3 layers from a configuration of any Keras version.

Only classes of `allowlist`, and classes that the user registered, are instantiated. The graph is connected
here, so that nothing in the configuration is looked up or run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drivesal.errors import DrivesalError, ModelError
from drivesal.model.backend import keras
from drivesal.model.network import reject_frame_stacks
from drivesal.model.readers import allowlist, arguments
from drivesal.model.readers.checking import check_bounds
from drivesal.model.readers.custom_objects import registered_by
from drivesal.model.readers.graph import CallArguments, Reference, in_topological_order, parse_node, structure
from drivesal.model.readers.layer_factory import Rebuilt, half_padded, make_layer, without_types
from drivesal.model.readers.legacy.renaming import channels_first, written_by_keras_1
from drivesal.model.readers.memory_limits import check_call, check_layers, check_outputs, count, elements


def build(
    architecture: Any,
    lambdas: Mapping[str, str],
    *,
    version: str = "",
    theano: bool = False,
    turned: bool = True,
) -> Rebuilt:
    """Build the network of `{"class_name": ..., "config": ...}` without loading weights. Raises ModelError.

    `version` is that of the Keras that wrote the file, "" if unknown. With `turned`, a channels-first network
    is converted to channels last. That inserts layers, so it is not possible for a file whose weights are
    matched by the order of the layers.
    """
    own = registered_by(architecture) if isinstance(architecture, dict) else None
    if own is None and (
        not isinstance(architecture, dict) or architecture.get("class_name") not in allowlist.MODELS
    ):
        kind = architecture.get("class_name") if isinstance(architecture, dict) else None
        raise ModelError(
            "the configuration of a Keras model, functional or sequential",
            f"it is that of a {kind}" if kind else "it is not one",
            "save the whole model again in the Keras that wrote it, not only its weights",
        )
    check_bounds(architecture)
    orders = {order for order in _orders(architecture) if order is not None}
    if len(orders) == 2:
        raise ModelError(
            "one data format for all layers",
            "the layers have both channels_first and channels_last",
            "rebuild the model in Keras 3",
        )
    if True in orders and not turned:
        raise ModelError(
            "channels last in a .keras file",
            "its layers have channels_first",
            "load it where it was written and save it as name.h5, which is supported, or rebuild it",
        )
    try:
        whole = Rebuilt(
            lambdas,
            orders == {True},
            written_by_keras_1(architecture),
            version.startswith("3"),
            theano,
            not turned,
        )
        rebuilt = _model(architecture, whole) if own is None else _custom_model(own, architecture, whole)
        _check_outputs(rebuilt.network)
        return rebuilt
    except DrivesalError:
        raise
    except RecursionError as error:
        raise ModelError(
            "a network with fewer layers in sequence", "Keras cannot hold that many", "use a smaller model"
        ) from error
    except Exception as error:  # a configuration may be wrong in any way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            "a configuration that Keras 3 layers can be built from",
            f"it cannot be used ({type(error).__name__}: {reason})",
            "save it as .keras in the Keras that wrote it",
        ) from error


def _check_outputs(network: Any) -> None:
    """Raise ModelError if an output has no batch dimension."""
    for output in keras().tree.flatten(getattr(network, "outputs", None) or []):
        if len(output.shape) == 0 or output.shape[0] is not None:
            raise ModelError(
                "outputs for each image separately",
                f"one of shape {tuple(output.shape)} is for the whole batch",
                "rebuild the model without operations over the batch",
            )


def _orders(node: Any) -> Iterator[bool | None]:
    """For every object in a configuration, whether it is channels first; None if it does not declare that."""
    if isinstance(node, dict):
        if isinstance(node.get("config"), dict):
            yield channels_first(str(node.get("class_name")), node["config"])
        for value in node.values():
            yield from _orders(value)
    elif isinstance(node, list):
        for value in node:
            yield from _orders(value)


def _custom_model(own: Any, architecture: dict[str, Any], rebuilt: Rebuilt) -> Rebuilt:
    """A model of a class that the user's own file defines, built for the input shape in the configuration."""
    rebuilt.network = own.from_config(without_types(architecture["config"]))
    build_config = architecture.get("build_config")
    shape = build_config.get("input_shape") if isinstance(build_config, dict) else None
    if shape is not None and not rebuilt.network.built:
        rebuilt.network.build(arguments.shape(shape))
    return rebuilt


def _model(architecture: dict[str, Any], whole: Rebuilt, outer_shape: Any = None) -> Rebuilt:
    """One model inside `whole`.

    `outer_shape` is the shape, batch included, of an inner model's input; it is used if the model declares
    none.
    """
    rebuilt = whole.for_inner_model()
    config = architecture["config"]
    if architecture["class_name"] == "Sequential":
        _sequential(rebuilt, config, outer_shape)
    else:
        _functional(rebuilt, config)
    return rebuilt


def _sequential(rebuilt: Rebuilt, config: Any, outer_shape: Any) -> None:
    # Keras 1 and early Keras 2 store a plain list of layers
    stored, name = (config, None) if isinstance(config, list) else (config["layers"], config.get("name"))
    if not stored:
        raise ModelError("a model with layers", "it has none", "save it again")
    shape = _shape(stored[0]["config"])
    if shape is None and stored[0]["class_name"] in allowlist.MODELS:
        inner = stored[0]["config"]
        start = inner[0] if isinstance(inner, list) else inner["layers"][0]
        shape = _shape(start["config"])
    if shape is None and isinstance(config, dict):
        shape = config.get("build_input_shape")
    if shape is not None:
        source = _input(rebuilt, shape, _input_name(stored[0]))
    elif outer_shape is not None:
        source = keras().Input(outer_shape[1:])
    else:
        raise ModelError(
            "a model that declares its input's size",
            "its first layer has no input shape",
            "build it, and save it again",
        )
    entries = [entry for entry in stored if entry["class_name"] != "InputLayer"]
    named: dict[str, Any] = {"name": _valid_name(name)} if name else {}
    if "module" in stored[0]:  # a .keras file stores weights under the class names of the layers
        layers = [_layer(rebuilt, entry, source, f"layer_{number}") for number, entry in enumerate(entries)]
        rebuilt.network = keras().Sequential([source, *layers], **named)
        check_layers(rebuilt.network)
        count(rebuilt, 0, sum(elements([layer.output]) for layer in rebuilt.network.layers))
        return
    value = source
    for number, entry in enumerate(entries):
        (value,) = _call(rebuilt, entry, CallArguments((value,), {}), [value], f"layer_{number}")[:1]
    rebuilt.network = keras().Model(source, value, **named)


def _input_name(entry: Any) -> str | None:
    return _valid_name(entry["config"]["name"]) if entry["class_name"] == "InputLayer" else None


def _functional(rebuilt: Rebuilt, config: dict[str, Any]) -> None:
    tensors: dict[tuple[str, int], list[Any]] = {}
    pending = []
    for entry in config["layers"]:
        name = str(entry.get("name") or entry["config"]["name"])
        if entry["class_name"] == "InputLayer":
            tensors[name, 0] = [_input(rebuilt, _shape(entry["config"]), _valid_name(name))]
        nodes = [node for node in entry.get("inbound_nodes") or [] if node]
        pending += [(name, number, entry, parse_node(node, name)) for number, node in enumerate(nodes)]

    def tensor(reference: Reference) -> Any:
        return tensors[reference.layer, reference.call][reference.tensor]

    for name, number, entry, call in in_topological_order(pending, set(tensors)):
        args, keywords = call.filled(tensor)
        filled = CallArguments(args, keywords, call.loose)
        values = [tensor(reference) for reference in call.references()]
        tensors[name, number] = _call(rebuilt, entry, filled, values, name)

    def ends(key: str) -> Any:
        (filled,), _ = CallArguments((structure(config[key]),), {}).filled(tensor)
        # a list with one tensor would give the model another signature than the tensor itself
        return filled[0] if isinstance(filled, list) and len(filled) == 1 else filled

    rebuilt.network = keras().Model(
        ends("input_layers"), ends("output_layers"), name=_valid_name(config.get("name") or "model")
    )


def _call(rebuilt: Rebuilt, entry: Any, call: CallArguments, values: list[Any], fallback: str) -> list[Any]:
    """The layer's outputs for these tensors, as a list; a layer that already exists is shared.

    `call` has references replaced by tensors, `values` are only the tensors, in order.
    """
    config = entry["config"]
    name = _name(entry, fallback)
    if not values:
        raise ModelError("layers that take a tensor", f"layer {name[:80]} takes none", "save the model again")
    layer = _layer(rebuilt, entry, values[0], name, call.kwargs)
    check_call(layer, values)
    if rebuilt.first and type(layer).__name__ == "Flatten" and len(values[0].shape) == 4:
        # a Flatten with data_format channels_first transposed to channels last itself
        transpose = config.get("data_format") != "channels_first"
        values = [keras().layers.Permute((3, 1, 2))(values[0])] if transpose else values
        call = CallArguments((values[0],), {})
    if name in rebuilt.half_padding:
        result = half_padded(layer, values[0])
    elif call.loose:
        merges = type(layer).__name__ in allowlist.MERGES or len(values) > 1
        result = layer(values if merges else values[0], **_keywords(entry, name, call.kwargs))
    else:
        result = layer(*call.args, **{key: value for key, value in call.kwargs.items() if value is not None})
    outputs = check_outputs(name, result)
    count(rebuilt, len(outputs) - 1, elements(outputs))
    return outputs


def _keywords(entry: Any, name: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a call in an older format. Raises ModelError for unsupported ones."""
    if entry["class_name"] in allowlist.CODE:
        return {}
    unknown = [key for key, value in kwargs.items() if value and key not in ("name", "training")]
    if unknown:
        raise ModelError(
            "layers that are called with tensors only",
            f"layer {name[:80]} is called with {unknown[0][:40]}",
            "load it where it was written, and save it as name.keras",
        )
    return {"training": True} if kwargs.get("training") is True else {}


def _layer(
    rebuilt: Rebuilt, entry: Any, value: Any, fallback: str, keywords: Mapping[str, Any] | None = None
) -> Any:
    """The layer or model of an entry, to be called with `value` first; an existing one is returned again."""
    config = entry["config"]
    name = _name(entry, fallback)
    if name not in rebuilt.layers:
        if entry["class_name"] in allowlist.MODELS and registered_by(entry) is None:
            inner = _model(entry, rebuilt, tuple(value.shape))
            rebuilt.inner[name], rebuilt.layers[name] = inner, inner.network
            rebuilt.used |= inner.used
        else:
            rebuilt.layers[name] = make_layer(rebuilt, entry, name, value, keywords or {})
        if isinstance(config, dict) and config.get("trainable") is False:
            rebuilt.layers[name].trainable = False  # `drivesal train` does not change it
    inner_model = rebuilt.inner.get(name)
    count(rebuilt, 1 + (inner_model.calls if inner_model else 0), inner_model.elements if inner_model else 0)
    return rebuilt.layers[name]


def _name(entry: Any, fallback: str) -> str:
    config = entry["config"]
    return str(entry.get("name") or (config.get("name") if isinstance(config, dict) else None) or fallback)


def _shape(config: Any) -> Any:
    """An input's shape with its batch dimension, None if the configuration does not declare it."""
    if not isinstance(config, dict):
        return None
    for key in ("batch_input_shape", "batch_shape"):
        if config.get(key):
            return config[key]
    if config.get("input_shape"):
        return [None, *config["input_shape"]]
    return [None, *config["shape"]] if config.get("shape") else None


def _input(rebuilt: Rebuilt, shape: Any, name: str | None) -> Any:
    dims = arguments.shape(shape)[1:]
    if rebuilt.first and len(dims) == 3:
        dims = (dims[1], dims[2], dims[0])
    if not rebuilt.frame_stacks:
        reject_frame_stacks(name or "the input", dims)
    return keras().Input(dims, name=name)


def _valid_name(name: Any) -> str:
    return arguments.name(str(name).replace("/", "_"))  # Keras 3 allows no slash in a name
