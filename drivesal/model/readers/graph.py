"""What one call of a layer takes, as the configuration of a network of any generation says it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from drivesal.errors import ModelError
from drivesal.model.readers import arguments


@dataclass(frozen=True, slots=True)
class Reference:
    """One tensor: the layer that gives it, which of the layer's calls, and which of its tensors."""

    layer: str
    call: int
    tensor: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The arguments of a call, with a `Reference` for every tensor.

    `loose` where the file has a list of tensors and does not say whether the layer takes a list or one.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    loose: bool = False

    def references(self) -> list[Reference]:
        """Every tensor that is taken, in order."""
        return list(_found((self.args, self.kwargs)))

    def filled(self, tensor: Callable[[Reference], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with the tensors in place."""

        def put(part: Any) -> Any:
            if isinstance(part, Reference):
                return tensor(part)
            if isinstance(part, dict):
                return {key: put(value) for key, value in part.items()}
            return type(part)(put(one) for one in part) if isinstance(part, list | tuple) else part

        return put(self.args), put(self.kwargs)


def taken(node: Any, layer: str) -> Taken:
    """One entry of a layer's `inbound_nodes`. Raises ModelError."""
    if isinstance(node, dict):  # Keras 3
        args, kwargs = node.get("args") or [], node.get("kwargs") or {}
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise _unreadable(layer, node)
        given = {str(key): _value(one, layer) for key, one in kwargs.items()}
        return Taken(tuple(_value(one, layer) for one in args), given)
    parts = [node] if isinstance(node[0], str) else node
    keywords = next((dict(one[3]) for one in parts if len(one) > 3 and one[3]), {})
    return Taken(([reference(one) for one in parts],), keywords, loose=True)


Waiting = tuple[str, int, Any, Taken]
"""A call to be made: the layer, which of its calls, its entry, and what it takes."""


def in_order(waiting: list[Waiting], there: set[tuple[str, int]]) -> Iterator[Waiting]:
    """The calls, each after those that give what it takes (Kahn 1962). Raises ModelError for a loop."""
    after: dict[tuple[str, int], list[int]] = {}
    missing = []
    for place, (*_, takes) in enumerate(waiting):
        needs = {(one.layer, one.call) for one in takes.references()} - there
        missing.append(len(needs))
        for need in needs:
            after.setdefault(need, []).append(place)
    ready = deque(place for place, count in enumerate(missing) if count == 0)
    done = 0
    while ready:
        call = waiting[ready.popleft()]
        yield call
        done += 1
        for place in after.pop(call[:2], ()):
            missing[place] -= 1
            if missing[place] == 0:
                ready.append(place)
    if done < len(waiting):
        name = next(waiting[place][0] for place, count in enumerate(missing) if count)
        raise ModelError(
            "layers that hang together", f"layer {name[:80]} takes what no layer gives", "save the model again"
        )


def reference(value: Any) -> Reference:
    """[layer, call, tensor] of a configuration. Raises ValueError, TypeError, IndexError."""
    return Reference(str(value[0]), int(value[1]), int(value[2]))


def structure(value: Any) -> Any:
    """References [layer, call, tensor], alone, in a list or under names, in the same structure."""
    if isinstance(value, dict):
        return {str(key): structure(one) for key, one in value.items()}
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return reference(value)
    return [structure(one) for one in value]


def _found(part: Any) -> Iterator[Reference]:
    if isinstance(part, Reference):
        yield part
    elif isinstance(part, dict | list | tuple):
        for one in part.values() if isinstance(part, dict) else part:
            yield from _found(one)


def _value(part: Any, layer: str) -> Any:
    """A value of a call in Keras 3's writing: numbers, tensors, slices, arrays, and lists of them."""
    if isinstance(part, list):
        return [_value(one, layer) for one in part]
    if part is None or isinstance(part, bool):
        return part
    if isinstance(part, int | float):
        return arguments.number(part)
    if isinstance(part, dict):
        kind, config = part.get("class_name"), part.get("config")
        if kind == "__keras_tensor__" and isinstance(config, dict):
            return reference(config["keras_history"])
        if kind in ("__numpy__", "__tensor__"):
            return _array(part)
        if kind == "__slice__" and isinstance(config, dict):
            step = arguments.optional(arguments.whole(-arguments.MOST))
            return slice(*(step(config.get(which)) for which in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return ...
        if "class_name" not in part:
            return {str(key): _value(one, layer) for key, one in part.items()}
    raise _unreadable(layer, part)


def _array(part: Any) -> Any:
    import numpy as np

    dtype = str(part["config"].get("dtype"))
    if dtype not in ("bool", "float16", "float32", "float64", "int32", "int64", "uint8"):
        raise ValueError(f"an array of numbers, not of {dtype[:20]!r}")
    if dtype == "bool":
        return np.asarray(part["config"]["value"], bool)
    return np.asarray(arguments.numbers(part), dtype)


def _unreadable(layer: str, part: Any) -> ModelError:
    kind = part.get("class_name") if isinstance(part, dict) else None
    return ModelError(
        "layers that take tensors and numbers",
        f"layer {layer[:80]} takes {str(kind or part)[:60]}",
        "the file is damaged or made up: take it from where it was written",
    )
