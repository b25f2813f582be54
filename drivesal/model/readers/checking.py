"""Checks a configuration against the list of `allowlist` before anything is made of it.

Nothing here looks anything up in Keras: a class is known by its exact module and name or it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivesal.errors import LambdaError, ModelError
from drivesal.model.readers import allowlist, arguments
from drivesal.model.readers.allowlist_operations import OPERATIONS
from drivesal.model.readers.common_arguments import Arguments
from drivesal.model.readers.custom_objects import registered, registered_by
from drivesal.model.readers.legacy.renaming import CLASSES, renamed

DEEPEST = 100
"""How deep dictionaries and lists may stand in one another."""
MOST_PARTS = 2_000_000
"""How many values a configuration may have in all."""

_REBUILD = (
    "build it of what docs/models.md lists; only if you trust where the file comes from, open it with --unsafe"
)
_IMPORT = "give the file that defines it with --import my_layers.py"
_MADE_UP = "the file is damaged or made up: take it from where it was written"
_TENSORS = {"__keras_tensor__", "__slice__", "__ellipsis__", "__numpy__", "__tensor__"}
"""What Keras writes for values that JSON does not have."""


def bounded(configuration: Any) -> None:
    """Raises ModelError where a configuration is deeper or longer than any network's."""
    level, count = [configuration], 0
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                inner += part.values()
            elif isinstance(part, list):
                inner += part
        count += len(inner)
        if not inner:
            return
        if count > MOST_PARTS:
            break
        level = inner
    raise ModelError(
        f"a configuration of at most {MOST_PARTS} values, {DEEPEST} deep", "that of this file is more", _MADE_UP
    )


def cleaned(configuration: Any) -> Any:
    """A configuration without what it says of building and compiling, wherever: nothing of it is handed on.

    The whole model keeps the shape that it was built for. Raises ModelError where it is deeper than any is.
    """
    bounded(configuration)
    found = _without(configuration)
    said = configuration.get("build_config") if isinstance(configuration, dict) else None
    if isinstance(said, dict) and isinstance(said.get("input_shape"), list):
        found["build_config"] = {"input_shape": said["input_shape"]}
    return found


def _without(part: Any) -> Any:
    if isinstance(part, dict):
        left_out = ("build_config", "compile_config")
        return {key: _without(value) for key, value in part.items() if key not in left_out}
    return [_without(one) for one in part] if isinstance(part, list) else part


def check(configuration: Any, lambdas: Mapping[str, str]) -> None:
    """Raises ModelError for what a cleaned configuration of a `.keras` file names that is not on the list.

    Layers of code that `lambdas` says a formula for may be there; their code is not looked at. The user's own
    classes, which rebuild what is inside them themselves, may hold none.
    """
    left: list[str] = []
    try:
        _visit(configuration, "the model", lambdas, left)
    except (TypeError, ValueError, KeyError, AttributeError) as error:  # anything may stand anywhere
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            "the configuration of a Keras model", f"it cannot be used ({reason})", _MADE_UP
        ) from error
    if left:
        unsafe = "; if you trust where the file comes from, allow it with --unsafe"
        raise LambdaError(
            "a model without Python code in it", f"it has Lambda code in {', '.join(left)}", left, unsafe
        )


def _visit(part: Any, place: str, lambdas: Mapping[str, str], left: list[str]) -> None:
    if isinstance(part, list):
        for one in part:
            _visit(one, place, lambdas, left)
    elif isinstance(part, dict):
        if "class_name" in part:
            place = _named(part, place)
            if part["class_name"] in allowlist.CODE:
                if part["class_name"] == "Lambda" and place not in lambdas:
                    left.append(place)
                return  # nothing of it is read but what it takes
            place = f"layer {place}"
            lambdas = lambdas if registered_by(part) is None else {}
        for value in part.values():
            _visit(value, place, lambdas, left)


def _named(part: dict[str, Any], place: str) -> str:
    """The name of what a serialised object is. Raises ModelError where its class is not on the list."""
    kind, config = part["class_name"], part.get("config")
    module, known_as = part.get("module"), part.get("registered_name")
    if not isinstance(kind, str) or not isinstance(known_as, str | None):
        raise _unknown(place, kind, module, _MADE_UP)
    own = (config.get("name") if isinstance(config, dict) else None) or part.get("name")
    name = str(own or kind)[:80]
    place = f"layer {name}" if own else place
    if kind in _TENSORS and module is None:
        return name
    if registered_by(part) is not None or known_as in allowlist.OWN:
        return name
    if not isinstance(config, dict) or not isinstance(module, str):
        raise _unknown(place, _described(part), module, _IMPORT if module is None else _REBUILD)
    if known_as not in (None, kind, f"Keras>{kind}"):
        raise _unknown(place, kind, f"{module}, registered as {str(known_as)[:80]}", _IMPORT)
    if module in OPERATIONS and kind in OPERATIONS[module]:
        plain(OPERATIONS[module][kind], config, name)
    elif module == "keras.layers" and (
        CLASSES.get(kind, kind) in allowlist.LAYERS or kind in allowlist.ONLY_TRAINING
    ):
        arguments_of(kind, config)
    elif not (
        (module == "keras.layers" and kind == "InputLayer")
        or module in {**allowlist.MODELS, **allowlist.CODE}.get(kind, ())
        or kind in allowlist.UNUSED.get(module, ())
    ):
        raise _unknown(place, kind, module, _REBUILD if _is_keras(module) else _IMPORT)
    return name


def _described(part: dict[str, Any]) -> str:
    """A function by its name, else the class."""
    kind, config = str(part["class_name"])[:80], part.get("config")
    return f"{kind} {config[:80]}" if isinstance(config, str) else kind


def _is_keras(module: str) -> bool:
    return module.split(".")[0] in ("keras", "tf_keras", "keras_core", "tensorflow", "builtins")


def _unknown(place: str, kind: Any, module: Any, do: str) -> ModelError:
    whose = f" of {str(module)[:80]}" if module else ""
    what = str(kind)[:120]
    return ModelError("layers, operations and functions that drivesal knows", f"{place} has {what}{whose}", do)


def arguments_of(kind: str, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A layer's class and configuration, of any generation, to one of `allowlist.LAYERS` and its plain arguments.

    Raises ModelError where the class is not on the list, or an argument not of its type or beyond its bounds.
    """
    name = str(config.get("name"))
    if kind in allowlist.ONLY_TRAINING:
        return "Identity", {"name": name}
    new, given = renamed(kind, config)
    if new not in allowlist.LAYERS:
        raise _unknown(f"layer {name}", kind, None, _IMPORT)
    if new not in allowlist.SPATIAL and new != "Flatten" and config.get("data_format") == "channels_first":
        raise ModelError(
            "channels behind what they stand for (channels_last)",
            f"layer {name} ({kind}) has channels_first",
            "rebuild the model with channels last",
        )
    return new, plain(allowlist.LAYERS[new], given, name)


def plain(known: Arguments, given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Arguments of the kinds that are known, as plain values, and the name. Raises ModelError."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key == "name":
            continue
        if key not in known:
            if value:  # None, False and 0 ask for nothing
                raise ModelError(
                    "arguments that drivesal knows",
                    f"layer {name[:80]} has {str(key)[:80]} {str(value)[:40]}",
                    "rebuild it in Keras 3",
                )
            continue
        try:
            found[key] = known[key](value)
        except (ValueError, TypeError, OverflowError) as error:
            came = f"layer {name[:80]} has {key} {str(value)[:60]!r}"
            raise ModelError(f"{error}", came, _MADE_UP) from None
    try:
        return found | {"name": arguments.name(name.replace("/", "_"))}  # Keras 3 takes no slash in a name
    except ValueError as error:
        raise ModelError(f"{error} for a layer", f"one has {name[:60]!r}", _MADE_UP) from None


def known_activation(value: str) -> bool:
    """Whether this is the name of an activation of Keras's or of the user's own."""
    return value in allowlist.ACTIVATIONS or registered(value) is not None
