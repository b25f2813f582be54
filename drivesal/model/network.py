"""A Keras network: its inputs, outputs and layers, and a look inside while it runs.

The network is never changed. While a compiled function is traced, the layers that are looked at hand their
tensors out; when the trace ends they are as they were.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from drivesal.errors import IncompleteError, ModelError, nearest
from drivesal.model.backend import keras, tensorflow

Shape = tuple[int | None, ...]

_tracing = threading.RLock()
"""Held while layers hand their tensors out."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into a network and what comes out, shapes without the batch.

    `picture` counts the inputs to the one that is a picture, of shape (height, width, channels) with None where
    that is open; `others` are name and length of the other inputs in order, numbers in a row each; `outputs`
    are name and shape.
    """

    picture: int
    shape: tuple[int | None, int | None, int]
    others: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, Shape], ...]


def signature(network: Any, shape: tuple[int | None, int | None, int] | None = None) -> Signature:
    """Reads a network. `shape` of the picture is needed for a subclassed model, which does not say it.

    Raises ModelError where no input, or more than one, is a picture of 1 or 3 channels.
    """
    inputs = getattr(network, "inputs", None) or []  # a Sequential that was never built has none
    if not inputs and shape is not None and None not in shape and _is_subclassed(network):
        return Signature(0, shape, (), _traced_outputs(network, shape))
    shapes = [tuple(one.shape[1:]) for one in inputs]
    for one, its in zip(inputs, shapes, strict=True):
        refuse_several_pictures(str(one.name), its)
    pictures = [i for i, one in enumerate(shapes) if len(one) == 3 and one[2] in (1, 3)]
    others = [(str(inputs[i].name), one) for i, one in enumerate(shapes) if i not in pictures]
    if len(pictures) != 1 or any(len(one) != 1 or one[0] is None for _, one in others):
        came = "; ".join(f"{one.name} {shape}" for one, shape in zip(inputs, shapes, strict=True))
        remedy = "give a model that maps one camera frame to steering"
        if _is_subclassed(network) and not inputs:
            remedy = "say the input's size and colour, or build the model of Keras's functional API"
        raise IncompleteError(
            "a model with one picture as input, (height, width, 1 or 3 channels), and plain numbers beside it",
            f"its inputs are {came}" if came else "it has no fixed inputs",
            remedy,
        )
    dtype = str(inputs[pictures[0]].dtype)
    if "float" not in dtype:
        raise IncompleteError(
            "a model whose picture input is of a floating type",
            f"it is {dtype}, which no gradient passes",
            "build it again with Input(..., dtype='float32')",
        )
    return Signature(
        pictures[0],
        shapes[pictures[0]],
        tuple((name, one[0]) for name, one in others),
        _outputs(network),
    )


def refuse_several_pictures(name: str, shape: Shape) -> None:
    """Raises ModelError where an input of this shape, without the batch, takes several frames at once."""
    channels = shape[2] if len(shape) == 3 else None
    stacked = channels is not None and channels > 3 and channels % 3 == 0
    if len(shape) == 4 or stacked:
        count = channels // 3 if channels is not None else shape[0]
        raise IncompleteError(
            "a model with one picture as input, one frame at a time",
            f"{name} {shape} takes several frames ({'any number' if count is None else count})",
            "networks with several frames as input are not supported yet",
        )


def _is_subclassed(network: Any) -> bool:
    return not isinstance(network, keras().Sequential) and not hasattr(network, "output_names")


def _outputs(network: Any) -> tuple[tuple[str, Shape], ...]:
    outputs = tensorflow().nest.flatten(network.outputs)
    # a Sequential has no output_names: its output is its last layer's
    names = getattr(network, "output_names", None) or [network.layers[-1].name]
    return tuple((str(name), tuple(one.shape[1:])) for name, one in zip(names, outputs, strict=True))


def _traced_outputs(network: Any, shape: Any) -> tuple[tuple[str, Shape], ...]:
    """The outputs of a subclassed model, found by calling it on a picture of this shape."""
    tf = tensorflow()
    try:
        structure = network(tf.zeros([1, *shape]), training=False)
    except Exception as error:  # whatever the model's own code raises
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise ModelError(
            f"a subclassed model that can be called on a picture {shape}",
            f"it cannot ({reason})",
            "check the input's size and colour, or build it of Keras's functional API",
        ) from error
    names = sorted(structure) if isinstance(structure, dict) else None
    flat = tf.nest.flatten(structure)
    return tuple((names[i] if names else f"output_{i}", tuple(one.shape[1:])) for i, one in enumerate(flat))


def layers(network: Any) -> dict[str, Any]:
    """Every layer, also inside nested models, by its path ("conv2d_3", "backbone/conv1")."""
    found: dict[str, Any] = {}
    _collect(network, "", found, set())
    return found


def _collect(holder: Any, prefix: str, found: dict[str, Any], seen: set[int]) -> None:
    # _layers is what a layer of layers keeps them in; a model's public `layers` leaves those of its parts out
    inside = getattr(holder, "layers", None) or getattr(holder, "_layers", None) or []
    for layer in inside:
        path = f"{prefix}{layer.name}"
        if id(layer) in seen or isinstance(layer, keras().layers.InputLayer):
            continue
        seen.add(id(layer))
        found[path] = layer
        _collect(layer, f"{path}/", found, seen)


def find_layer(network: Any, which: str | int) -> Any:
    """The layer of this name, path or number. Raises ModelError with the nearest name."""
    known = layers(network)
    if isinstance(which, str) and which.lstrip("-").isdigit():
        which = int(which)
    if isinstance(which, int):
        listed = list(network.layers)
        if -len(listed) <= which < len(listed):
            return listed[which]
        raise ModelError(
            f"a layer's number from 0 to {len(listed) - 1}",
            f"it is {which}",
            "see `drivesal model` for the layers",
        )
    if which in known:
        return known[which]
    named = [path for path in known if path.split("/")[-1] == which]
    if len(named) == 1:
        return known[named[0]]
    first = ", ".join(list(known)[:20]) + (" and more" if len(known) > 20 else "")
    raise ModelError(
        f"the name of one layer ({first})",
        f"{which!r} is the name of {', '.join(named)}" if named else f"there is no layer {which!r}",
        "give the whole path" if named else nearest(which, known, "see `drivesal model` for the layers"),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of a layer in a forward pass: what went in and what came out, (N, …) tensors."""

    layer: Any
    input: Any
    output: Any


@contextlib.contextmanager
def _handing_out(wanted: Iterable[Any]) -> Iterator[list[Call]]:
    """While the block runs, every call of the wanted layers is noted, in order."""
    calls: list[Call] = []

    def noted(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **keywords: Any) -> Any:
            output = call(*arguments, **keywords)
            calls.append(Call(layer, arguments[0] if arguments else None, output))
            return output

        return run

    with _tracing:
        held = list(dict.fromkeys(wanted))
        earlier = {layer: vars(layer).get("call") for layer in held}
        try:
            for layer in held:
                object.__setattr__(layer, "call", noted(layer, layer.call))
            yield calls
        finally:
            for layer in held:
                vars(layer).pop("call", None)
                if earlier[layer] is not None:
                    object.__setattr__(layer, "call", earlier[layer])


def forward(network: Any, values: Sequence[Any], looked_at: Iterable[Any] = ()) -> tuple[list[Any], list[Call]]:
    """The outputs as a flat list, and the calls of the layers that are looked at, in order.

    `values` are the inputs in order, (N, …) float tensors. Differentiable; for use inside a compiled function.
    """
    given = values[0]
    if hasattr(network, "output_names"):  # a functional model has a structure of its inputs
        given = keras().tree.pack_sequence_as(network.input, list(values))
    with _handing_out(looked_at) as calls:
        outputs = network(given, training=False)
    return tensorflow().nest.flatten(outputs), calls


_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Mul": lambda a, b: a * b,
    "AddV2": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "RealDiv": lambda a, b: a / b,
    "Neg": lambda a: -a,
    "Identity": lambda a: a,
    "Reshape": lambda a, shape: tensorflow().reshape(a, shape),
    "Squeeze": lambda a: a,
}


def before(tensor: Any, activations: Iterable[str]) -> Any | None:
    """The tensor with the activation that it ends in taken off; None where it ends in none of them.

    `activations` are types of TensorFlow operations ("Tanh"). What is linear behind the activation (the 2 of
    2·atan) stays.
    """
    operation = tensor.op
    if operation.type in activations:
        return operation.inputs[0]
    again = _ELEMENTWISE.get(operation.type)
    if again is None:
        return None
    inputs = list(operation.inputs)
    # two that depend on the picture: a gate, a sum of activations; taking one off would leave a mixture
    varying = [i for i, part in enumerate(inputs) if part.dtype.is_floating and not _is_constant(part)]
    if len(varying) != 1 or (operation.type == "RealDiv" and varying != [0]):
        return None
    inner = before(inputs[varying[0]], activations)
    if inner is None:
        return None
    inputs[varying[0]] = inner
    return again(*inputs)


def _is_constant(tensor: Any) -> bool:
    """Whether no number of a picture goes into the tensor: constants and weights alone."""
    waiting, seen = [tensor.op], set()
    while waiting:
        operation = waiting.pop()
        if operation.type == "Placeholder" and operation.outputs[0].dtype.name != "resource":
            return False
        if id(operation) not in seen:
            seen.add(id(operation))
            waiting += [one.op for one in operation.inputs]
    return True


def copied(network: Any) -> Any:
    """A network of the same layers with weights of its own, newly drawn."""
    return keras().models.clone_model(network)


def output_shapes(network: Any) -> list[tuple[str, list[int | None]]]:
    """Name and shape of each output; none of a network that was never built."""
    outputs = keras().tree.flatten(getattr(network, "outputs", None) or [])
    names = getattr(network, "output_names", None) or [network.layers[-1].name] if outputs else []
    return [(str(name), list(one.shape[1:])) for name, one in zip(names, outputs, strict=True)]
