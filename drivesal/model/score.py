"""Turns a target into the explained score: a differentiable expression of the network's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drivesal.errors import IncompleteError, ModelError
from drivesal.model.backend import tensorflow
from drivesal.model.network import Call, Signature, before, find_layer
from drivesal.model.target import Class, Explainable, Filters, Function, Target, Weighted, terms

HEADS = ("Tanh", "Atan")
CLASSIFIERS = ("Softmax", "Sigmoid", "LogSoftmax")


def check(target: Explainable, network: Any, signature: Signature) -> None:
    """Raise ModelError if the network lacks what the target names; the message lists what it has."""
    if isinstance(target, Weighted):
        for _, term in target.terms:
            check(term, network, signature)
    elif isinstance(target, Filters):
        _check_filters(target, find_layer(network, target.layer))
    elif isinstance(target, Class):
        index = locate_vector(signature, target.output)
        width = _width(signature.outputs[index][1])
        if not 0 <= target.index < width:
            raise ModelError(
                f"a class from 0 to {width - 1}",
                f"it is {target.index}",
                "see `drivesal model` for the outputs",
            )
    elif isinstance(target, Target):
        for part in terms(target.output):
            if target.bins is not None:
                locate_vector(signature, part.output)
            else:
                locate(signature, part.output, part.element)


def required_layers(target: Explainable, network: Any) -> list[Any]:
    """The layers whose activations the target needs."""
    if isinstance(target, Weighted):
        return [layer for _, term in target.terms for layer in required_layers(term, network)]
    return [find_layer(network, target.layer)] if isinstance(target, Filters) else []


def express(
    target: Explainable, signature: Signature, outputs: list[Any], calls: Sequence[Call], network: Any
) -> Any:
    """The score of every image, (N,) float32, differentiable; angles are left positive.

    `outputs` and `calls` come from `network.forward`. Raises ModelError if the target asks for the value before
    an activation and the output does not end in one.
    """
    tf = tensorflow()
    if isinstance(target, Weighted):
        return sum(weight * express(term, signature, outputs, calls, network) for weight, term in target.terms)
    if isinstance(target, Filters):
        return _activation(target, find_layer(network, target.layer), calls)
    if isinstance(target, Function):
        return _function_score(target, outputs)
    if isinstance(target, Class):
        logits = outputs[locate_vector(signature, target.output)]
        pre_activation = before(logits, CLASSIFIERS)
        logits = logits if pre_activation is None else pre_activation
        return tf.cast(tf.reshape(logits, [tf.shape(logits)[0], -1])[:, target.index], tf.float32)
    return _angle(target, signature, outputs)


def _angle(target: Target, signature: Signature, outputs: list[Any]) -> Any:
    """A steering prediction in drivesal's convention."""
    tf = tensorflow()
    total = 0.0
    for term in terms(target.output):
        if target.bins is not None:
            index = locate_vector(signature, term.output)
            width = _width(signature.outputs[index][1])
            _check_distribution(outputs[index], signature.outputs[index][0])
            flat = tf.reshape(outputs[index], [-1, width])
            centres = tf.linspace(float(target.bins.low), float(target.bins.high), width)
            value = tf.linalg.matvec(tf.cast(flat, tf.float32), tf.cast(centres, tf.float32))
        else:
            index, element = locate(signature, term.output, term.element)
            output = outputs[index]
            if target.pre_activation:
                output = _without_head(output, signature.outputs[index][0])
            value = tf.cast(tf.reshape(output, [tf.shape(output)[0], -1])[:, element], tf.float32)
        total += term.weight * value
    return total * target.angle.factor


def _check_distribution(output: Any, name: str) -> None:
    if before(output, ("Softmax",)) is None:
        raise ModelError(
            "an output that ends in softmax, for --bins",
            f"{name} does not",
            "omit --bins and choose one element with --output, or add the softmax to the model",
        )


def _without_head(output: Any, name: str) -> Any:
    pre_activation = before(output, HEADS)
    if pre_activation is None:
        raise ModelError(
            "an output that ends in tanh or atan, for --pre-activation",
            f"{name} does not",
            "omit --pre-activation",
        )
    return pre_activation


def _activation(target: Filters, layer: Any, calls: Sequence[Call]) -> Any:
    tf = tensorflow()
    outputs = [call.output for call in calls if call.layer is layer]
    if len(outputs) != 1:
        raise ModelError(
            f"a layer that is called once in a forward pass, to explain {layer.name}",
            f"it is called {len(outputs)} times",
            "choose another --layer",
        )
    output = outputs[0]
    if not hasattr(output, "shape"):
        raise ModelError(
            "a layer with one output tensor, to explain it",
            f"{layer.name} has {len(tf.nest.flatten(output))}",
            "choose another --layer",
        )
    _check_width(target, layer.name, output.shape[-1])
    if target.filters:
        output = tf.gather(output, list(target.filters), axis=-1)
        means = tf.reduce_mean(output, axis=list(range(1, len(output.shape) - 1)))
        return tf.cast(tf.reduce_sum(means, axis=-1), tf.float32)
    return tf.cast(tf.reduce_mean(output, axis=list(range(1, len(output.shape)))), tf.float32)


def _check_filters(target: Filters, layer: Any) -> None:
    try:
        width = layer.output.shape[-1]
    except AttributeError:  # the layer belongs to a subclassed model, or is called several times
        return
    _check_width(target, layer.name, width)


def _check_width(target: Filters, name: str, width: int) -> None:
    invalid = [index for index in target.filters if not 0 <= index < width]
    if invalid:
        raise ModelError(
            f"a filter of {name} from 0 to {width - 1}", f"it is {invalid[0]}", "choose another --filter"
        )


def _function_score(target: Function, outputs: list[Any]) -> Any:
    """The function's values, (N,); it may return (N,) or (N, 1)."""
    tf = tensorflow()
    values = tf.convert_to_tensor(target.function(list(outputs)))
    if values.shape.rank is None or any(size != 1 for size in values.shape[1:]) or values.shape.rank == 0:
        raise ModelError(
            "a function that returns one number per image, (N,)",
            f"{target.name} returns {tuple(values.shape)}",
            "sum or select inside the function",
        )
    return tf.cast(tf.reshape(values, [-1]), tf.float32)


def _width(shape: tuple[int | None, ...]) -> int:
    """Number of elements of an output of this shape; 0 if a dimension is unknown."""
    width = 1
    for size in shape:
        width *= size or 0
    return width


def _listed(signature: Signature) -> str:
    return ", ".join(f"{i}: {name} {shape}" for i, (name, shape) in enumerate(signature.outputs))


def locate_vector(signature: Signature, wanted: str | int | None) -> int:
    """Index of an output by name or number. Raises ModelError that lists the outputs."""
    names = [name for name, _ in signature.outputs]
    if wanted is None and len(names) == 1:
        return 0
    if isinstance(wanted, str) and wanted in names:
        return names.index(wanted)
    if isinstance(wanted, str) and wanted.isdigit():
        wanted = int(wanted)
    if isinstance(wanted, int) and 0 <= wanted < len(names):
        return wanted
    raise _no_output(signature, wanted)


def _no_output(signature: Signature, wanted: str | int | None) -> ModelError:
    listed, names = _listed(signature), [name for name, _ in signature.outputs]
    came = f"none is chosen of {listed}" if wanted is None else f"there is no output {wanted!r} among {listed}"
    return (IncompleteError if wanted is None else ModelError)(
        "one output to explain",
        came,
        f"choose one, as in --output {names[0]}; `drivesal model` prints the whole command",
    )


def locate(signature: Signature, wanted: str | int | None, element: int | None = None) -> tuple[int, int]:
    """(index of the output, index of its element). Raises ModelError that lists the outputs."""
    outputs = signature.outputs
    single = len(outputs) == 1
    if single and isinstance(wanted, int) and element is None:
        if not 0 <= wanted < _width(outputs[0][1]):
            raise _no_output(signature, wanted)
        return 0, wanted
    chosen = locate_vector(signature, wanted)
    name, width = outputs[chosen][0], _width(outputs[chosen][1])
    if element is not None and not 0 <= element < width:
        raise ModelError(f"an element of {name} from 0 to {width - 1}", f"it is {element}", "choose another")
    if element is None and width != 1:
        raise IncompleteError(
            "an output that is one number, the steering angle",
            f"{name} has {width or 'an unknown number of'} elements",
            "choose one by its index with --output, give --bins if they are a distribution over angles, "
            "or use a model that regresses the angle",
        )
    return chosen, element or 0
