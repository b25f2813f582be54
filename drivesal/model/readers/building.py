"""A network built of Keras 3 layers after a configuration of any generation.

Only what stands in `allowlist`, and classes that the user registered, is made; the graph is joined here, so that
nothing in the configuration is looked up or run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drivesal.errors import DrivesalError, ModelError
from drivesal.model.backend import keras
from drivesal.model.network import refuse_several_pictures
from drivesal.model.readers import allowlist, arguments
from drivesal.model.readers.checking import bounded
from drivesal.model.readers.custom_objects import registered_by
from drivesal.model.readers.graph import Reference, Taken, in_order, structure, taken
from drivesal.model.readers.layer_factory import Rebuilt, half_padded, make, without_types
from drivesal.model.readers.legacy.renaming import channels_first, written_by_keras_1
from drivesal.model.readers.memory_limits import check_call, check_layers, check_outputs, count, numbers


def build(
    architecture: Any,
    lambdas: Mapping[str, str],
    *,
    version: str = "",
    theano: bool = False,
    turned: bool = True,
) -> Rebuilt:
    """The network of `{"class_name": ..., "config": ...}`, its weights not yet set. Raises ModelError.

    `version` is that of the Keras that wrote it, "" where nothing says it. With `turned` a network that has
    channels before rows and columns gets them last, which takes layers of its own: not where the file's weights
    are found by the order of the layers.
    """
    own = registered_by(architecture) if isinstance(architecture, dict) else None
    if own is None and (
        not isinstance(architecture, dict) or architecture.get("class_name") not in allowlist.MODELS
    ):
        kind = architecture.get("class_name") if isinstance(architecture, dict) else None
        raise ModelError(
            "the configuration of a Keras model, functional or sequential",
            f"it is one of {kind}" if kind else "it is none",
            "save the model again in the Keras that wrote it, not only its weights",
        )
    bounded(architecture)
    orders = {order for order in _orders(architecture) if order is not None}
    if len(orders) == 2:
        raise ModelError(
            "one order of rows, columns and channels", "the layers have both", "rebuild the model in Keras 3"
        )
    if True in orders and not turned:
        raise ModelError(
            "channels behind rows and columns in a .keras file",
            "its layers have channels_first",
            "load it where it was written and save it as name.h5, which is read, or rebuild it",
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
        made = _model(architecture, whole) if own is None else _of_the_user(own, architecture, whole)
        _check_answers(made.network)
        return made
    except DrivesalError:
        raise
    except RecursionError as error:
        raise ModelError(
            "a network of fewer layers in a row", "Keras cannot hold as many", "give a smaller model"
        ) from error
    except Exception as error:  # a configuration may be wrong in any way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            "a configuration that Keras 3 layers can be built of",
            f"it cannot be used ({type(error).__name__}: {reason})",
            "save it as .keras in the Keras that wrote it",
        ) from error


def _check_answers(network: Any) -> None:
    """Raises ModelError where an output is not one for each picture."""
    for output in keras().tree.flatten(getattr(network, "outputs", None) or []):
        if len(output.shape) == 0 or output.shape[0] is not None:
            raise ModelError(
                "outputs for each picture by itself",
                f"one of shape {tuple(output.shape)} is for all of a batch",
                "rebuild the model without operations over the batch",
            )


def _orders(part: Any) -> Iterator[bool | None]:
    if isinstance(part, dict):
        if isinstance(part.get("config"), dict):
            yield channels_first(str(part.get("class_name")), part["config"])
        for value in part.values():
            yield from _orders(value)
    elif isinstance(part, list):
        for value in part:
            yield from _orders(value)


def _of_the_user(own: Any, architecture: dict[str, Any], made: Rebuilt) -> Rebuilt:
    """A model of a class that the user's own file defines, built for the shape that the file says."""
    made.network = own.from_config(without_types(architecture["config"]))
    said = architecture.get("build_config")
    shape = said.get("input_shape") if isinstance(said, dict) else None
    if shape is not None and not made.network.built:
        made.network.build(arguments.shape(shape))
    return made


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
    if shape is None and listed[0]["class_name"] in allowlist.MODELS:
        inner = listed[0]["config"]
        start = inner[0] if isinstance(inner, list) else inner["layers"][0]
        shape = _shape(start["config"])
    if shape is None and isinstance(config, dict):
        shape = config.get("build_input_shape")
    if shape is not None:
        source = _input(made, shape, _input_name(listed[0]))
    elif given is not None:
        source = keras().Input(given[1:])
    else:
        raise ModelError(
            "a model that says its input's size",
            "its first layer has no input shape",
            "save it again after it was built",
        )
    entries = [one for one in listed if one["class_name"] != "InputLayer"]
    named: dict[str, Any] = {"name": _plain(name)} if name else {}
    if "module" in listed[0]:  # the weights of a .keras file lie under the names of classes
        parts = [_part(made, entry, source, f"layer_{number}") for number, entry in enumerate(entries)]
        made.network = keras().Sequential([source, *parts], **named)
        check_layers(made.network)
        count(made, 0, sum(numbers([layer.output]) for layer in made.network.layers))
        return
    value = source
    for number, entry in enumerate(entries):
        (value,) = _call(made, entry, Taken((value,), {}), [value], f"layer_{number}")[:1]
    made.network = keras().Model(source, value, **named)


def _input_name(entry: Any) -> str | None:
    return _plain(entry["config"]["name"]) if entry["class_name"] == "InputLayer" else None


def _functional(made: Rebuilt, config: dict[str, Any]) -> None:
    tensors: dict[tuple[str, int], list[Any]] = {}
    waiting = []
    for entry in config["layers"]:
        name = str(entry.get("name") or entry["config"]["name"])
        if entry["class_name"] == "InputLayer":
            tensors[name, 0] = [_input(made, _shape(entry["config"]), _plain(name))]
        nodes = [node for node in entry.get("inbound_nodes") or [] if node]
        waiting += [(name, number, entry, taken(node, name)) for number, node in enumerate(nodes)]

    def tensor(one: Reference) -> Any:
        return tensors[one.layer, one.call][one.tensor]

    for name, number, entry, takes in in_order(waiting, set(tensors)):
        args, keywords = takes.filled(tensor)
        filled = Taken(args, keywords, takes.loose)
        values = [tensor(one) for one in takes.references()]
        tensors[name, number] = _call(made, entry, filled, values, name)

    def ends(which: str) -> Any:
        (found,), _ = Taken((structure(config[which]),), {}).filled(tensor)
        # a list of one would be another signature than the tensor itself
        return found[0] if isinstance(found, list) and len(found) == 1 else found

    made.network = keras().Model(
        ends("input_layers"), ends("output_layers"), name=_plain(config.get("name") or "model")
    )


def _call(made: Rebuilt, entry: Any, takes: Taken, values: list[Any], fallback: str) -> list[Any]:
    """What the layer gives of these tensors, as a list; a layer that was made before is used again.

    `takes` has the tensors in place, `values` are they alone, in order.
    """
    inner = entry["config"]
    name = _name(entry, fallback)
    if not values:
        raise ModelError(
            "layers that take something", f"layer {name[:80]} takes nothing", "save the model again"
        )
    layer = _part(made, entry, values[0], name, takes.kwargs)
    check_call(layer, values)
    if made.first and type(layer).__name__ == "Flatten" and len(values[0].shape) == 4:
        # one that was told of the order turned the channels back itself
        turn = inner.get("data_format") != "channels_first"
        values = [keras().layers.Permute((3, 1, 2))(values[0])] if turn else values
        takes = Taken((values[0],), {})
    if name in made.halves:
        given = half_padded(layer, values[0])
    elif takes.loose:
        merges = type(layer).__name__ in allowlist.MERGES or len(values) > 1
        given = layer(values if merges else values[0], **_keywords(entry, name, takes.kwargs))
    else:
        given = layer(*takes.args, **{key: one for key, one in takes.kwargs.items() if one is not None})
    outputs = check_outputs(name, given)
    count(made, len(outputs) - 1, numbers(outputs))
    return outputs


def _keywords(entry: Any, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a call of older generations says beside its tensors. Raises ModelError for what would be lost."""
    if entry["class_name"] in allowlist.CODE:
        return {}
    unknown = [key for key, value in given.items() if value and key not in ("name", "training")]
    if unknown:
        raise ModelError(
            "layers that are called with tensors alone",
            f"layer {name[:80]} is called with {unknown[0][:40]}",
            "load it where it was written, and save it as name.keras",
        )
    return {"training": True} if given.get("training") is True else {}


def _part(
    made: Rebuilt, entry: Any, value: Any, fallback: str, keywords: Mapping[str, Any] | None = None
) -> Any:
    """The layer or model of an entry, about to be called with `value` first; a known one is used again."""
    inner = entry["config"]
    name = _name(entry, fallback)
    if name not in made.layers:
        if entry["class_name"] in allowlist.MODELS and registered_by(entry) is None:
            part = _model(entry, made, tuple(value.shape))
            made.inner[name], made.layers[name] = part, part.network
            made.used |= part.used
        else:
            made.layers[name] = make(made, entry, name, value, keywords or {})
        if isinstance(inner, dict) and inner.get("trainable") is False:
            made.layers[name].trainable = False  # `drivesal train` leaves it as it is
    inside = made.inner.get(name)
    count(made, 1 + (inside.calls if inside else 0), inside.numbers if inside else 0)
    return made.layers[name]


def _name(entry: Any, fallback: str) -> str:
    inner = entry["config"]
    return str(entry.get("name") or (inner.get("name") if isinstance(inner, dict) else None) or fallback)


def _shape(config: Any) -> Any:
    """An input's shape with the batch, None where the configuration does not say it."""
    if not isinstance(config, dict):
        return None
    for key in ("batch_input_shape", "batch_shape"):
        if config.get(key):
            return config[key]
    if config.get("input_shape"):
        return [None, *config["input_shape"]]
    return [None, *config["shape"]] if config.get("shape") else None


def _input(made: Rebuilt, shape: Any, name: str | None) -> Any:
    own = arguments.shape(shape)[1:]
    if made.first and len(own) == 3:
        own = (own[1], own[2], own[0])
    if not made.frames:
        refuse_several_pictures(name or "the input", own)
    return keras().Input(own, name=name)


def _plain(name: Any) -> str:
    return arguments.name(str(name).replace("/", "_"))  # Keras 3 takes none in a name
