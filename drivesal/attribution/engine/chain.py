"""A network as a chain of layers, each fed by the one before: what methods read that go layer by layer.

Read from the tensors of one forward pass, so that functional, sequential, nested and subclassed networks are
all read alike. Layers that do nothing while predicting (dropout, noise) are left out. For use inside a compiled
function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drivesal.errors import ModelError
from drivesal.model.network import Call, layers

OTHERS = "use gradient, integrated-gradients or smoothgrad, which take any network"


def leaves(network: Any) -> list[Any]:
    """The layers that hold no other layers."""
    return [
        one for one in layers(network).values() if not (getattr(one, "_layers", None) or hasattr(one, "layers"))
    ]


def called(layer: Any, network: Any) -> str:
    """A layer as a person finds it: its path and, where the name does not tell, its kind."""
    path = next((path for path, one in layers(network).items() if one is layer), str(layer.name))
    return f"{path} ({type(layer).__name__})"


def same(one: Any, other: Any) -> bool:
    """Whether two tensors are the same but for identity operations."""
    return _origin(one) is _origin(other)


def _origin(tensor: Any) -> Any:
    while not isinstance(tensor, (list, tuple, dict)) and tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor


def chain(tensor: Any, start: Any, calls: Sequence[Call], network: Any, title: str) -> list[Call]:
    """The calls that lead from `start` to `tensor`, in order, each fed by the one before and by nothing else.

    `calls` are those of `leaves`. Raises ModelError that names the layer where there are branches, or where
    something happens between layers.
    """
    makers = {id(_origin(call.output)): call for call in reversed(calls) if not _idle(call)}
    found: list[Call] = []
    while not same(tensor, start):
        maker = makers.get(id(_origin(tensor)))
        if maker is None or isinstance(maker.input, (list, tuple, dict)):
            last = maker or (found[-1] if found else None)
            if last is None:
                came = "what is explained is not the output of a layer"
            elif maker is None:
                came = f"what goes into {called(last.layer, network)} is not one layer's output"
            else:
                came = f"{called(last.layer, network)} joins several branches"
            raise ModelError(f"a network that is a chain of layers, for {title}", came, OTHERS)
        found.append(maker)
        tensor = maker.input
    return found[::-1]


def _idle(call: Call) -> bool:
    """Whether the layer hands on what it was given."""
    return not isinstance(call.input, (list, tuple, dict)) and same(call.output, call.input)
