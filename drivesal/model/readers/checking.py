"""Checks a configuration against `allowlist` before anything is instantiated from it.

Nothing here looks anything up in Keras: a class is identified by its exact module and name, or it is refused.
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
"""Largest nesting depth of dictionaries and lists."""
MOST_VALUES = 2_000_000
"""Largest total number of values in a configuration."""

_REBUILD = (
    "rebuild it with the layers that docs/models.md lists; only if you trust its source, open it with --unsafe"
)
_IMPORT = "give the file that defines it with --import my_layers.py"
_DAMAGED = "the file is damaged or was tampered with: get it again from its source"
_TENSORS = {"__keras_tensor__", "__slice__", "__ellipsis__", "__numpy__", "__tensor__"}
"""Class names under which Keras serialises values that JSON cannot represent."""


def check_bounds(configuration: Any) -> None:
    """Raise ModelError if a configuration is deeper or larger than that of any network."""
    level, count = [configuration], 0
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                inner += node.values()
            elif isinstance(node, list):
                inner += node
        count += len(inner)
        if not inner:
            return
        if count > MOST_VALUES:
            break
        level = inner
    raise ModelError(
        f"a configuration of at most {MOST_VALUES} values, {DEEPEST} deep", "this file's is larger", _DAMAGED
    )


def cleaned(configuration: Any) -> Any:
    """A configuration without any build and compile configurations, at every level, so that none is passed on.

    Only the input shape of the whole model is kept. Raises ModelError if the configuration is too large.
    """
    check_bounds(configuration)
    clean = _without_build_and_compile(configuration)
    build_config = configuration.get("build_config") if isinstance(configuration, dict) else None
    if isinstance(build_config, dict) and isinstance(build_config.get("input_shape"), list):
        clean["build_config"] = {"input_shape": build_config["input_shape"]}
    return clean


def _without_build_and_compile(node: Any) -> Any:
    if isinstance(node, dict):
        dropped = ("build_config", "compile_config")
        return {key: _without_build_and_compile(value) for key, value in node.items() if key not in dropped}
    return [_without_build_and_compile(item) for item in node] if isinstance(node, list) else node


def check(configuration: Any, lambdas: Mapping[str, str]) -> None:
    """Raise ModelError if a cleaned configuration of a `.keras` file names anything that is not allowed.

    Layers of code are accepted if `lambdas` has a formula for them; their code is not read. Inside the user's
    own classes, which rebuild their contents themselves, they are never accepted.
    """
    unresolved: list[str] = []
    try:
        _visit(configuration, "the model", lambdas, unresolved)
    except (TypeError, ValueError, KeyError, AttributeError) as error:  # any value may be of any type
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            "the configuration of a Keras model", f"it cannot be used ({reason})", _DAMAGED
        ) from error
    if unresolved:
        unsafe = "; if you trust the file's source, allow it with --unsafe"
        came = f"it has Lambda code in {', '.join(unresolved)}"
        raise LambdaError("a model without Python code in it", came, unresolved, unsafe)


def _visit(node: Any, path: str, lambdas: Mapping[str, str], unresolved: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _visit(item, path, lambdas, unresolved)
    elif isinstance(node, dict):
        if "class_name" in node:
            path = _checked_name(node, path)
            if node["class_name"] in allowlist.CODE:
                if node["class_name"] == "Lambda" and path not in lambdas:
                    unresolved.append(path)
                return  # nothing of the layer is read except its inputs
            path = f"layer {path}"
            lambdas = lambdas if registered_by(node) is None else {}
        for value in node.values():
            _visit(value, path, lambdas, unresolved)


def _checked_name(node: dict[str, Any], path: str) -> str:
    """The name of a serialised object. Raises ModelError if its class is not allowed."""
    kind, config = node["class_name"], node.get("config")
    module, registered_name = node.get("module"), node.get("registered_name")
    if not isinstance(kind, str) or not isinstance(registered_name, str | None):
        raise _unknown(path, kind, module, _DAMAGED)
    own_name = (config.get("name") if isinstance(config, dict) else None) or node.get("name")
    name = str(own_name or kind)[:80]
    path = f"layer {name}" if own_name else path
    if kind in _TENSORS and module is None:
        return name
    if registered_by(node) is not None or registered_name in allowlist.OWN:
        return name
    if not isinstance(config, dict) or not isinstance(module, str):
        raise _unknown(path, _description(node), module, _IMPORT if module is None else _REBUILD)
    if registered_name not in (None, kind, f"Keras>{kind}"):
        raise _unknown(path, kind, f"{module}, registered as {str(registered_name)[:80]}", _IMPORT)
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
        raise _unknown(path, kind, module, _REBUILD if _is_keras(module) else _IMPORT)
    return name


def _description(node: dict[str, Any]) -> str:
    """The class, with the name of a function."""
    kind, config = str(node["class_name"])[:80], node.get("config")
    return f"{kind} {config[:80]}" if isinstance(config, str) else kind


def _is_keras(module: str) -> bool:
    return module.split(".")[0] in ("keras", "tf_keras", "keras_core", "tensorflow", "builtins")


def _unknown(path: str, kind: Any, module: Any, do: str) -> ModelError:
    origin = f" of {str(module)[:80]}" if module else ""
    came = f"{path} has {str(kind)[:120]}{origin}"
    return ModelError("layers, operations and functions that drivesal supports", came, do)


def arguments_of(kind: str, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Map a layer's class and configuration, of any Keras version, to an allowed class and its plain arguments.

    Raises ModelError if the class is not allowed, or an argument has the wrong type or exceeds its bounds.
    """
    name = str(config.get("name"))
    if kind in allowlist.ONLY_TRAINING:
        return "Identity", {"name": name}
    new_kind, renamed_config = renamed(kind, config)
    if new_kind not in allowlist.LAYERS:
        raise _unknown(f"layer {name}", kind, None, _IMPORT)
    spatial = new_kind in allowlist.SPATIAL or new_kind == "Flatten"
    if not spatial and config.get("data_format") == "channels_first":
        raise ModelError(
            "channels last (channels_last)",
            f"layer {name} ({kind}) has channels_first",
            "rebuild the model with channels last",
        )
    return new_kind, plain(allowlist.LAYERS[new_kind], renamed_config, name)


def plain(known: Arguments, config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The known arguments in a configuration as plain values, and the name. Raises ModelError."""
    kwargs: dict[str, Any] = {}
    for key, value in config.items():
        if key == "name":
            continue
        if key not in known:
            if value:  # None, False and 0 have no effect
                raise ModelError(
                    "arguments that drivesal supports",
                    f"layer {name[:80]} has {str(key)[:80]} {str(value)[:40]}",
                    "rebuild it in Keras 3",
                )
            continue
        try:
            kwargs[key] = known[key](value)
        except (ValueError, TypeError, OverflowError) as error:
            came = f"layer {name[:80]} has {key} {str(value)[:60]!r}"
            raise ModelError(f"{error}", came, _DAMAGED) from None
    try:
        return kwargs | {"name": arguments.name(name.replace("/", "_"))}  # Keras 3 allows no slash in a name
    except ValueError as error:
        raise ModelError(f"{error} for a layer", f"one has {name[:60]!r}", _DAMAGED) from None


def known_activation(value: str) -> bool:
    """Whether this is the name of one of Keras's activations or of the user's own."""
    return value in allowlist.ACTIVATIONS or registered(value) is not None
