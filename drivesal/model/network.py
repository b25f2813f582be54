"""A Keras network: its inputs, outputs and layers, and the intermediate tensors of a forward pass.

The network is never modified permanently. While a compiled function is traced, the observed layers record their
calls; when the trace ends they are restored.
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
"""Held while layers record their calls."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A network's inputs and outputs, with shapes without the batch dimension.

    `image_index` is the index of the image input and `shape` its (height, width, channels), None where a
    dimension is unspecified. `auxiliary` are name and length of the auxiliary inputs in order, each a vector;
    `outputs` are name and shape of each output.
    """

    image_index: int
    shape: tuple[int | None, int | None, int]
    auxiliary: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, Shape], ...]


def signature(network: Any, shape: tuple[int | None, int | None, int] | None = None) -> Signature:
    """The signature of a network. A subclassed model does not declare its image's `shape`, so it must be given.

    Raises IncompleteError unless exactly one input is an image of 1 or 3 channels.
    """
    inputs = getattr(network, "inputs", None) or []  # a Sequential that was never built has none
    if not inputs and shape is not None and None not in shape and _is_subclassed(network):
        return Signature(0, shape, (), _traced_outputs(network, shape))
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
    for tensor, tensor_shape in zip(inputs, shapes, strict=True):
        reject_frame_stacks(str(tensor.name), tensor_shape)
    images = [i for i, dims in enumerate(shapes) if len(dims) == 3 and dims[2] in (1, 3)]
    auxiliary = [(str(inputs[i].name), dims) for i, dims in enumerate(shapes) if i not in images]
    if len(images) != 1 or any(len(dims) != 1 or dims[0] is None for _, dims in auxiliary):
        came = "; ".join(f"{tensor.name} {dims}" for tensor, dims in zip(inputs, shapes, strict=True))
        remedy = "use a model that maps one camera frame to steering"
        if _is_subclassed(network) and not inputs:
            remedy = "give the input's size and colour, or build the model with Keras's functional API"
        raise IncompleteError(
            "a model with one image input, (height, width, 1 or 3 channels), and vectors as auxiliary inputs",
            f"its inputs are {came}" if came else "it has no fixed inputs",
            remedy,
        )
    dtype = str(inputs[images[0]].dtype)
    if "float" not in dtype:
        raise IncompleteError(
            "a model whose image input has a floating-point type",
            f"it is {dtype}, through which no gradient passes",
            "rebuild it with Input(..., dtype='float32')",
        )
    return Signature(
        images[0],
        shapes[images[0]],
        tuple((name, dims[0]) for name, dims in auxiliary),
        _outputs(network),
    )


def reject_frame_stacks(name: str, shape: Shape) -> None:
    """Raise IncompleteError if an input of this shape, without the batch, takes several frames at once."""
    channels = shape[2] if len(shape) == 3 else None
    stacked = channels is not None and channels > 3 and channels % 3 == 0
    if len(shape) == 4 or stacked:
        count = channels // 3 if channels is not None else shape[0]
        raise IncompleteError(
            "a model with one image input that takes one frame at a time",
            f"{name} {shape} takes several frames ({'any number' if count is None else count})",
            "networks with several frames as input are not supported yet",
        )


def _is_subclassed(network: Any) -> bool:
    return not isinstance(network, keras().Sequential) and not hasattr(network, "output_names")


def _outputs(network: Any) -> tuple[tuple[str, Shape], ...]:
    outputs = tensorflow().nest.flatten(network.outputs)
    # a Sequential has no output_names: its output takes the name of its last layer
    names = getattr(network, "output_names", None) or [network.layers[-1].name]
    return tuple((str(name), tuple(tensor.shape[1:])) for name, tensor in zip(names, outputs, strict=True))


def _traced_outputs(network: Any, shape: Any) -> tuple[tuple[str, Shape], ...]:
    """The outputs of a subclassed model, determined by calling it on an image of this shape."""
    tf = tensorflow()
    try:
        structure = network(tf.zeros([1, *shape]), training=False)
    except Exception as error:  # whatever the model's own code raises
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise ModelError(
            f"a subclassed model that can be called on an image {shape}",
            f"the call fails ({reason})",
            "check the input's size and colour, or build it with Keras's functional API",
        ) from error
    names = sorted(structure) if isinstance(structure, dict) else None
    flat = tf.nest.flatten(structure)
    return tuple((names[i] if names else f"output_{i}", tuple(out.shape[1:])) for i, out in enumerate(flat))


def layers(network: Any) -> dict[str, Any]:
    """All layers, including those of nested models, by path ("conv2d_3", "backbone/conv1")."""
    by_path: dict[str, Any] = {}
    _collect(network, "", by_path, set())
    return by_path


def _collect(parent: Any, prefix: str, by_path: dict[str, Any], seen: set[int]) -> None:
    # wrapper layers keep their inner layers in _layers; a model's public `layers` does not descend into those
    children = getattr(parent, "layers", None) or getattr(parent, "_layers", None) or []
    for layer in children:
        path = f"{prefix}{layer.name}"
        if id(layer) in seen or isinstance(layer, keras().layers.InputLayer):
            continue
        seen.add(id(layer))
        by_path[path] = layer
        _collect(layer, f"{path}/", by_path, seen)


def find_layer(network: Any, key: str | int) -> Any:
    """The layer with this name, path or index. Raises ModelError that suggests the nearest name."""
    known = layers(network)
    if isinstance(key, str) and key.lstrip("-").isdigit():
        key = int(key)
    if isinstance(key, int):
        top_level = list(network.layers)
        if -len(top_level) <= key < len(top_level):
            return top_level[key]
        raise ModelError(
            f"a layer's index from 0 to {len(top_level) - 1}",
            f"it is {key}",
            "see `drivesal model` for the layers",
        )
    if key in known:
        return known[key]
    matches = [path for path in known if path.split("/")[-1] == key]
    if len(matches) == 1:
        return known[matches[0]]
    first = ", ".join(list(known)[:20]) + (" and more" if len(known) > 20 else "")
    raise ModelError(
        f"the name of one layer ({first})",
        f"{key!r} is the name of {', '.join(matches)}" if matches else f"there is no layer {key!r}",
        "give the whole path" if matches else nearest(key, known, "see `drivesal model` for the layers"),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of a layer in a forward pass, with its input and output tensors (N, …)."""

    layer: Any
    input: Any
    output: Any


@contextlib.contextmanager
def _recording_calls(observed: Iterable[Any]) -> Iterator[list[Call]]:
    """Record every call of the observed layers, in order, while the block runs."""
    calls: list[Call] = []

    def recording(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **keywords: Any) -> Any:
            output = call(*arguments, **keywords)
            calls.append(Call(layer, arguments[0] if arguments else None, output))
            return output

        return run

    with _tracing:
        unique = list(dict.fromkeys(observed))
        originals = {layer: vars(layer).get("call") for layer in unique}
        try:
            for layer in unique:
                object.__setattr__(layer, "call", recording(layer, layer.call))
            yield calls
        finally:
            for layer in unique:
                vars(layer).pop("call", None)
                if originals[layer] is not None:
                    object.__setattr__(layer, "call", originals[layer])


def forward(network: Any, values: Sequence[Any], observed: Iterable[Any] = ()) -> tuple[list[Any], list[Call]]:
    """The outputs as a flat list, and the calls of the observed layers, in order.

    `values` are the inputs in order, (N, …) float tensors. Differentiable; for use inside a compiled function.
    """
    inputs = values[0]
    if hasattr(network, "output_names"):  # a functional model may take its inputs as a dict or list
        inputs = keras().tree.pack_sequence_as(network.input, list(values))
    with _recording_calls(observed) as calls:
        outputs = network(inputs, training=False)
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
    """The tensor without its final activation; None if it ends in none of `activations`.

    `activations` are types of TensorFlow operations ("Tanh"). Linear operations after the activation (the 2 of
    2·atan) are kept.
    """
    operation = tensor.op
    if operation.type in activations:
        return operation.inputs[0]
    rebuild = _ELEMENTWISE.get(operation.type)
    if rebuild is None:
        return None
    inputs = list(operation.inputs)
    # two inputs that depend on the image (a gate, a sum of activations): removing one activation would mix both
    varying = [i for i, value in enumerate(inputs) if value.dtype.is_floating and not _is_constant(value)]
    if len(varying) != 1 or (operation.type == "RealDiv" and varying != [0]):
        return None
    inner = before(inputs[varying[0]], activations)
    if inner is None:
        return None
    inputs[varying[0]] = inner
    return rebuild(*inputs)


def _is_constant(tensor: Any) -> bool:
    """Whether the tensor depends on constants and weights only, not on the image."""
    pending, seen = [tensor.op], set()
    while pending:
        operation = pending.pop()
        if operation.type == "Placeholder" and operation.outputs[0].dtype.name != "resource":
            return False
        if id(operation) not in seen:
            seen.add(id(operation))
            pending += [value.op for value in operation.inputs]
    return True


def copied(network: Any) -> Any:
    """A copy of the network with its own, newly initialised weights."""
    return keras().models.clone_model(network)


def output_shapes(network: Any) -> list[tuple[str, list[int | None]]]:
    """Name and shape of each output; empty for a network that was never built."""
    outputs = keras().tree.flatten(getattr(network, "outputs", None) or [])
    names = getattr(network, "output_names", None) or [network.layers[-1].name] if outputs else []
    return [(str(name), list(tensor.shape[1:])) for name, tensor in zip(names, outputs, strict=True)]
