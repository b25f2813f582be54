"""A network as a graph of symbolic tensors, which Keras stores as calls ("nodes") of layers.

Every function raises ModelError for an unsuitable network, layer or tensor, and OptionError for a layer index
that does not exist.
"""

from __future__ import annotations

import operator
from typing import Any

from drivesal.errors import ModelError, OptionError
from drivesal.model.backend import keras


def is_symbolic(tensor: Any) -> bool:
    """Whether the value is the symbolic output of a layer in a network."""
    history = getattr(tensor, "_keras_history", None)
    return history is not None and history.operation is not None


def call_of(tensor: Any) -> Any:
    """The layer call that produced the tensor."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def ancestors(*tensors: Any) -> dict[int, Any]:
    """All tensors that these are computed from, themselves included, by id."""
    graph: dict[int, Any] = {}
    pending = [tensor for tensor in tensors if is_symbolic(tensor)]
    while pending:
        tensor = pending.pop()
        if id(tensor) not in graph:
            graph[id(tensor)] = tensor
            pending += call_of(tensor).input_tensors
    return graph


def check_layer_index(model: Any, index: Any, argument: str = "layer_idx") -> int:
    """The index of a layer in `model.layers`, counted from 0."""
    count = len(getattr(model, "layers", ()))
    try:
        position = operator.index(index)
    except TypeError:
        position = count
    if not -count <= position < count:
        raise OptionError(
            f"{argument} from 0 to {count - 1}, or negative from the end",
            f"it is {index!r}",
            "see model.summary()",
        )
    return position % count


def single_input(model: Any) -> Any:
    """The symbolic input of a model with a single input."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ModelError(
            "a functional or sequential Keras model with one input",
            f"it has {len(inputs) or 'no fixed'} inputs",
            "use drivesal.attribute, which also supports other models",
        )
    return inputs[0]


def check_input_tensor(value: Any) -> Any:
    """The symbolic input itself, also where it is given in a list of length 1 (`model.inputs`)."""
    tensor = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    if not is_symbolic(tensor) or not call_of(tensor).is_input:
        raise ModelError("the model's symbolic input", f"it is {value!r}", "give model.inputs[0]")
    return tensor


def _outputs_of(layer: Any, graph: dict[int, Any]) -> list[Any]:
    """The tensors of the graph that the layer produced."""
    return [tensor for tensor in graph.values() if tensor._keras_history.operation is layer]


def layer_output(model: Any, position: int) -> Any:
    """The symbolic output of a layer in its model."""
    layer = model.layers[position]
    outputs = _outputs_of(layer, ancestors(*model.outputs))
    if len(outputs) != 1:
        raise ModelError(
            f"a layer with one output that the model's outputs depend on, to explain {layer.name}",
            f"it has {len(outputs)}",
            "choose another layer_idx",
        )
    return outputs[0]


def output_in_graph(layer: Any, output: Any) -> Any:
    """The output of a layer that another output depends on."""
    outputs = _outputs_of(layer, ancestors(output))
    if len(outputs) != 1:
        raise ModelError(
            "a penultimate layer that the explained output depends on exactly once",
            f"{getattr(layer, 'name', layer)!r} occurs {len(outputs)} times",
            "give a layer before it",
        )
    return outputs[0]


def find_in_graph(wrt: Any, output: Any) -> Any:
    """The wrt tensor, or the one of the same layer that `output` depends on.

    A Sequential that is built layer by layer calls its layers again each time; `layer.output` is that of the
    first call, which may not lead to the output.
    """
    graph = ancestors(output)
    if is_symbolic(wrt):
        matches = [wrt] if id(wrt) in graph else _outputs_of(wrt._keras_history.operation, graph)
        if len(matches) == 1:
            return matches[0]
    raise ModelError(
        "a symbolic tensor that the explained output depends on, to differentiate by",
        f"{getattr(wrt, 'name', wrt)!r} is not one",
        "give the output of an earlier layer of the same model",
    )


def check_feature_maps(tensor: Any) -> Any:
    """The tensor itself, which must be feature maps (N, h, w, C). Raises ModelError otherwise."""
    if len(tensor.shape) != 4:
        raise ModelError(
            "a penultimate layer whose output is feature maps (N, h, w, C)",
            f"{tensor._keras_history.operation.name} gives {tuple(tensor.shape)}",
            "choose a convolution or pooling layer",
        )
    return tensor


def last_feature_maps(model: Any, position: int, output: Any) -> Any:
    """The output of the last convolution or pooling layer before `position` that `output` depends on."""
    graph = ancestors(output)
    for layer in reversed(model.layers[:position]):
        if _has_feature_maps(layer):
            outputs = [tensor for tensor in _outputs_of(layer, graph) if len(tensor.shape) == 4]
            if len(outputs) == 1:
                return outputs[0]
    raise ModelError(
        "a convolution or pooling layer with 4-D output before layer_idx",
        f"none leads to {model.layers[position].name}",
        "give penultimate_layer_idx, or another layer_idx",
    )


def _has_feature_maps(layer: Any) -> bool:
    """Whether the layer is a convolution or pooling layer, wraps one, or is a nested model that ends in one."""
    known = keras().layers
    while isinstance(layer, known.Wrapper | keras().Model):
        if isinstance(layer, known.Wrapper):
            layer = layer.layer
        elif getattr(layer, "outputs", None):
            layer = layer.outputs[0]._keras_history.operation
        else:
            return False
    kinds = (
        known.Conv2D,
        known.Conv2DTranspose,
        known.DepthwiseConv2D,
        known.SeparableConv2D,
        known.MaxPooling2D,
        known.AveragePooling2D,
    )
    return isinstance(layer, kinds)
