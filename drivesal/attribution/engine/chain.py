"""A network as a chain of layers, each with the previous one as its only input; for layer-by-layer methods.

The chain is read from the tensors of one forward pass, so functional, sequential, nested and subclassed
networks are handled alike. Layers that do nothing at inference (dropout, noise) are left out. For use inside a
compiled function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drivesal.errors import ModelError
from drivesal.model.network import Call, layers

ALTERNATIVES = "use gradient, integrated-gradients or smoothgrad, which work with any network"


def leaf_layers(network: Any) -> list[Any]:
    """The layers that contain no other layers."""
    return [
        layer
        for layer in layers(network).values()
        if not (getattr(layer, "_layers", None) or hasattr(layer, "layers"))
    ]


def layer_label(layer: Any, network: Any) -> str:
    """Name a layer for an error message: its path and its class."""
    path = next((path for path, candidate in layers(network).items() if candidate is layer), str(layer.name))
    return f"{path} ({type(layer).__name__})"


def same_tensor(first: Any, second: Any) -> bool:
    """Whether two tensors are the same apart from identity operations."""
    return _origin(first) is _origin(second)


def _origin(tensor: Any) -> Any:
    """The tensor before any identity operations."""
    while not isinstance(tensor, (list, tuple, dict)) and tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor


def layer_chain(tensor: Any, start: Any, calls: Sequence[Call], network: Any, title: str) -> list[Call]:
    """The calls that lead from `start` to `tensor`, in order; each takes only the output of the one before.

    `calls` are those of `leaf_layers`. Raises ModelError that names the layer at a branch, or where an
    operation outside any layer lies between two layers.
    """
    producers = {id(_origin(call.output)): call for call in reversed(calls) if not _is_identity(call)}
    path: list[Call] = []
    while not same_tensor(tensor, start):
        producer = producers.get(id(_origin(tensor)))
        if producer is None or isinstance(producer.input, (list, tuple, dict)):
            last = producer or (path[-1] if path else None)
            if last is None:
                came = "the explained number is not the output of a layer"
            elif producer is None:
                came = f"the input of {layer_label(last.layer, network)} is not the output of a single layer"
            else:
                came = f"{layer_label(last.layer, network)} joins several branches"
            raise ModelError(f"a network that is a chain of layers, for {title}", came, ALTERNATIVES)
        path.append(producer)
        tensor = producer.input
    return path[::-1]


def _is_identity(call: Call) -> bool:
    """Whether the layer returns its input unchanged."""
    return not isinstance(call.input, (list, tuple, dict)) and same_tensor(call.output, call.input)
