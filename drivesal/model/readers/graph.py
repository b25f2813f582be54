"""The graph of a network: the arguments of each layer call, parsed from any Keras version's configuration."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from drivesal.errors import ModelError
from drivesal.model.readers import arguments


@dataclass(frozen=True, slots=True)
class Reference:
    """One tensor: the layer that outputs it, the index of the layer's call, and the index of the tensor."""

    layer: str
    call: int
    tensor: int


@dataclass(frozen=True, slots=True)
class CallArguments:
    """The arguments of a layer call, with a `Reference` for every tensor.

    `loose` if the file has a list of tensors and does not specify whether the layer takes a list or one tensor.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    loose: bool = False

    def references(self) -> list[Reference]:
        """All references to tensors, in order."""
        return list(_references((self.args, self.kwargs)))

    def filled(self, tensor: Callable[[Reference], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with every reference replaced by its tensor."""

        def fill(value: Any) -> Any:
            if isinstance(value, Reference):
                return tensor(value)
            if isinstance(value, dict):
                return {key: fill(item) for key, item in value.items()}
            return type(value)(fill(item) for item in value) if isinstance(value, list | tuple) else value

        return fill(self.args), fill(self.kwargs)


def parse_node(node: Any, layer: str) -> CallArguments:
    """The call arguments in one entry of a layer's `inbound_nodes`. Raises ModelError."""
    if isinstance(node, dict):  # Keras 3
        args, kwargs = node.get("args") or [], node.get("kwargs") or {}
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise _unreadable(layer, node)
        keywords = {str(key): _value(value, layer) for key, value in kwargs.items()}
        return CallArguments(tuple(_value(value, layer) for value in args), keywords)
    sources = [node] if isinstance(node[0], str) else node
    keywords = next((dict(source[3]) for source in sources if len(source) > 3 and source[3]), {})
    return CallArguments(([reference(source) for source in sources],), keywords, loose=True)


PendingCall = tuple[str, int, Any, CallArguments]
"""A call to make: the layer, the index of the call, the layer's entry, and the arguments."""


def in_topological_order(pending: list[PendingCall], available: set[tuple[str, int]]) -> Iterator[PendingCall]:
    """The calls, each after the calls that it depends on (Kahn 1962). Raises ModelError for a cycle."""
    dependents: dict[tuple[str, int], list[int]] = {}
    missing = []
    for index, (*_, call_arguments) in enumerate(pending):
        needs = {(source.layer, source.call) for source in call_arguments.references()} - available
        missing.append(len(needs))
        for need in needs:
            dependents.setdefault(need, []).append(index)
    ready = deque(index for index, count in enumerate(missing) if count == 0)
    done = 0
    while ready:
        call = pending[ready.popleft()]
        yield call
        done += 1
        for index in dependents.pop(call[:2], ()):
            missing[index] -= 1
            if missing[index] == 0:
                ready.append(index)
    if done < len(pending):
        name = next(pending[index][0] for index, count in enumerate(missing) if count)
        raise ModelError(
            "a connected graph without cycles",
            f"layer {name[:80]} takes a tensor that no layer outputs",
            "save the model again",
        )


def reference(value: Any) -> Reference:
    """[layer, call, tensor] of a configuration. Raises ValueError, TypeError, IndexError."""
    return Reference(str(value[0]), int(value[1]), int(value[2]))


def structure(value: Any) -> Any:
    """A reference [layer, call, tensor], or lists and dicts of them, parsed into the same structure."""
    if isinstance(value, dict):
        return {str(key): structure(item) for key, item in value.items()}
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return reference(value)
    return [structure(item) for item in value]


def _references(value: Any) -> Iterator[Reference]:
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item)


def _value(value: Any, layer: str) -> Any:
    """A call argument as Keras 3 serialises it: numbers, tensors, slices, arrays, and lists of them."""
    if isinstance(value, list):
        return [_value(item, layer) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return arguments.number(value)
    if isinstance(value, dict):
        kind, config = value.get("class_name"), value.get("config")
        if kind == "__keras_tensor__" and isinstance(config, dict):
            return reference(config["keras_history"])
        if kind in ("__numpy__", "__tensor__"):
            return _array(value)
        if kind == "__slice__" and isinstance(config, dict):
            step = arguments.optional(arguments.integer(-arguments.MOST))
            return slice(*(step(config.get(bound)) for bound in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return ...
        if "class_name" not in value:
            return {str(key): _value(item, layer) for key, item in value.items()}
    raise _unreadable(layer, value)


def _array(value: Any) -> Any:
    import numpy as np

    dtype = str(value["config"].get("dtype"))
    if dtype not in ("bool", "float16", "float32", "float64", "int32", "int64", "uint8"):
        raise ValueError(f"an array of numbers, not of {dtype[:20]!r}")
    if dtype == "bool":
        return np.asarray(value["config"]["value"], bool)
    return np.asarray(arguments.numbers(value), dtype)


def _unreadable(layer: str, value: Any) -> ModelError:
    kind = value.get("class_name") if isinstance(value, dict) else None
    return ModelError(
        "layers that take tensors and numbers",
        f"layer {layer[:80]} takes {str(kind or value)[:60]}",
        "the file is damaged or was tampered with: get it again from its source",
    )
