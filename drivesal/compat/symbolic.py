"""A network as a graph of symbolic tensors, which Keras keeps as calls ("nodes") of layers.

Every function raises ModelError for a network, layer or tensor that cannot be used, and OptionError for the
number of a layer that is not there.
"""

from __future__ import annotations

import operator
from typing import Any

from drivesal.errors import ModelError, OptionError
from drivesal.model.backend import keras


def is_symbolic(tensor: Any) -> bool:
    """Whether it is a tensor that a layer of a network gave."""
    history = getattr(tensor, "_keras_history", None)
    return history is not None and history.operation is not None


def call_of(tensor: Any) -> Any:
    """The call of a layer that gave this tensor."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def behind_of(*tensors: Any) -> dict[int, Any]:
    """Every tensor that these are computed of, themselves included, by id."""
    found: dict[int, Any] = {}
    todo = [one for one in tensors if is_symbolic(one)]
    while todo:
        one = todo.pop()
        if id(one) not in found:
            found[id(one)] = one
            todo += call_of(one).input_tensors
    return found


def position_of(model: Any, index: Any, what: str = "layer_idx") -> int:
    """The number of a layer, counted from 0."""
    count = len(getattr(model, "layers", ()))
    try:
        found = operator.index(index)
    except TypeError:
        found = count
    if not -count <= found < count:
        raise OptionError(
            f"{what} from 0 to {count - 1}, or negative from the end", f"it is {index!r}", "see model.summary()"
        )
    return found % count


def input_of(model: Any) -> Any:
    """The symbolic input of a model that has one."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ModelError(
            "a model of Keras's functional or sequential API with one input",
            f"it has {len(inputs) or 'no fixed'} inputs",
            "use drivesal.attribute, which also takes other models",
        )
    return inputs[0]


def input_tensor_of(given: Any) -> Any:
    """The symbolic input itself, also out of a list of one (`model.inputs`)."""
    tensor = given[0] if isinstance(given, list | tuple) and len(given) == 1 else given
    if not is_symbolic(tensor) or not call_of(tensor).is_input:
        raise ModelError("the model's symbolic input", f"it is {given!r}", "give model.inputs[0]")
    return tensor


def _outputs_of(layer: Any, tensors: dict[int, Any]) -> list[Any]:
    return [one for one in tensors.values() if one._keras_history.operation is layer]


def output_at(model: Any, position: int) -> Any:
    """The symbolic output of a layer in its model."""
    layer = model.layers[position]
    found = _outputs_of(layer, behind_of(*model.outputs))
    if len(found) != 1:
        raise ModelError(
            f"a layer with one output on the way to the model's, to explain {layer.name}",
            f"it has {len(found)}",
            "choose another layer_idx",
        )
    return found[0]


def call_behind(layer: Any, output: Any) -> Any:
    """The output of a layer that another output is computed of."""
    found = _outputs_of(layer, behind_of(output))
    if len(found) != 1:
        raise ModelError(
            "a penultimate layer that what is explained is computed of once",
            f"{getattr(layer, 'name', layer)!r} is on its way {len(found)} times",
            "give a layer before it",
        )
    return found[0]


def on_the_way(wrt: Any, output: Any) -> Any:
    """The wrt tensor, or the one that stands for it in the graph of `output`.

    A Sequential that is built layer by layer calls its layers again each time, and `layer.output` is the first
    call's, which may lead nowhere.
    """
    behind = behind_of(output)
    if is_symbolic(wrt):
        same = [wrt] if id(wrt) in behind else _outputs_of(wrt._keras_history.operation, behind)
        if len(same) == 1:
            return same[0]
    raise ModelError(
        "a symbolic tensor that what is explained is computed of, to differentiate by",
        f"{getattr(wrt, 'name', wrt)!r} is none",
        "give the output of an earlier layer of the same model",
    )


def checked_maps(tensor: Any) -> Any:
    """The tensor itself, where it is maps (N, h, w, C). Raises ModelError."""
    if len(tensor.shape) != 4:
        raise ModelError(
            "a penultimate layer whose output is maps (N, h, w, C)",
            f"{tensor._keras_history.operation.name} gives {tuple(tensor.shape)}",
            "choose a convolution or pooling layer",
        )
    return tensor


def last_maps(model: Any, position: int, output: Any) -> Any:
    """The output of the last convolution or pooling before a layer that the layer's output is computed of."""
    behind = behind_of(output)
    for layer in reversed(model.layers[:position]):
        if _gives_maps(layer):
            found = [one for one in _outputs_of(layer, behind) if len(one.shape) == 4]
            if len(found) == 1:
                return found[0]
    raise ModelError(
        "a convolution or pooling layer with 4-D output before layer_idx",
        f"none leads to {model.layers[position].name}",
        "give penultimate_layer_idx, or another layer_idx",
    )


def _gives_maps(layer: Any) -> bool:
    """Whether it is a convolution or pooling, wraps one, or is a nested model that ends in one."""
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
