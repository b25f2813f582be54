"""Other rules for the gradient of activations, in force while a compiled function is built.

The network itself is neither copied nor changed. What was overridden is counted: the plain gradient never
passes under another name.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.network import layers

Rule = Literal["guided", "rectified"]

RECTIFIERS = ("Relu", "Relu6", "LeakyRelu", "Elu", "Selu")
"""The TensorFlow operations that Keras's ReLU, ReLU6, LeakyReLU, ELU and SELU become."""
_SELU = 1.0507009873554805
"""Its slope where it is positive; the others' is 1."""
_UNDEFINED = {
    "Erf": "GELU",
    "Erfc": "GELU",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Expm1": "CELU",
}
_UNDEFINED_NAMES = {
    "gelu": "GELU",
    "silu": "swish",
    "swish": "swish",
    "hard_silu": "hard swish",
    "hard_swish": "hard swish",
    "hard_sigmoid": "hard sigmoid",
    "mish": "mish",
    "celu": "CELU",
}
"""Activations without a rule that are told by their name in Keras, some only by it."""
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If", "StatelessIf")


def _guided(operation: Any, gradient: Any) -> Any:
    """Springenberg 2014: the gradient, only through positive activations and positive gradients."""
    tf = tensorflow()
    output = operation.outputs[0]
    through = (output > 0) & (gradient > 0)
    if operation.type == "Relu6":
        through &= output < 6
    return tf.where(through, gradient * (_SELU if operation.type == "Selu" else 1.0), 0.0)


def _rectified(_: Any, gradient: Any) -> Any:
    """Zeiler and Fergus 2014: only positive gradients, whatever the activation was."""
    return tensorflow().nn.relu(gradient)


@functools.cache
def _registered(rule: Rule) -> str:
    """The name under which TensorFlow knows the rule."""
    name = f"Drivesal{rule.capitalize()}"
    function: Callable[[Any, Any], Any] = {"guided": _guided, "rectified": _rectified}[rule]
    tensorflow().RegisterGradient(name)(function)
    return name


@contextlib.contextmanager
def overridden(rule: Rule, network: Any) -> Iterator[None]:
    """While the block builds a part of a compiled function, its rectifiers get the rule for their gradient.

    Only `tf.gradients` heeds it, a tape does not. Raises ModelError where an activation has no rule, and where
    there was nothing to override.
    """
    graph = tensorflow().compat.v1.get_default_graph()
    earlier = len(graph.get_operations())
    with graph.gradient_override_map(dict.fromkeys(RECTIFIERS, _registered(rule))):
        yield
    made = graph.get_operations()[earlier:]
    undefined = _undefined(network, made, graph)
    if undefined is not None:
        raise ModelError(
            f"activations for which {rule} backpropagation is defined (ReLU, ReLU6, LeakyReLU, ELU, SELU)",
            f"the network has {undefined}",
            "use gradient, integrated-gradients or smoothgrad",
        )
    if not any(operation.type in RECTIFIERS for operation in made):
        raise _passes_none(rule)


def _undefined(network: Any, operations: list[Any], graph: Any) -> str | None:
    """An activation without a rule, by name, None where there is none."""
    for path, layer in layers(network).items():
        if isinstance(layer, keras().layers.ReLU) and layer.threshold:
            return f"a ReLU with a threshold in {path}"
        name = getattr(getattr(layer, "activation", None), "__name__", "")
        if name in _UNDEFINED_NAMES:
            return f"{_UNDEFINED_NAMES[name]} in {path}"
    for operation in operations:
        found = _unknown(operation, graph)
        if found is not None:
            return found
    return None


def _unknown(operation: Any, graph: Any) -> str | None:
    """The name of what one operation stands for, where it has no rule."""
    kind = operation.type
    if kind == "Tanh" and re.search(r"(^|/)Gelu(_\d+)?/", operation.name):
        return "GELU"
    if kind in _UNDEFINED:
        return _UNDEFINED[kind]
    if kind == "Relu" and operation.inputs[0].op.type == "Neg":
        return "PReLU, or a ReLU with a threshold"
    if kind == "Relu6" and any(user.type == "RealDiv" for user in operation.outputs[0].consumers()):
        return "hard sigmoid"
    if kind == "IdentityN" and "_gradient_op_type" in operation.node_def.attr:
        return "an activation with a gradient of its own (swish)"
    if kind in ("Maximum", "Minimum") and not _cuts_a_relu(operation):
        return "a maximum or minimum by hand"
    if kind in _CALLS and _rectifies_inside(operation, graph):
        return "activations inside a tf.function of its own"
    return None


def _cuts_a_relu(operation: Any) -> bool:
    """Whether it is the upper bound of a ReLU, which Keras writes as a minimum and a maximum behind it."""
    while operation.type in ("Maximum", "Minimum", "Identity"):
        operation = operation.inputs[0].op
    return bool(operation.type in RECTIFIERS)


def _rectifies_inside(operation: Any, graph: Any) -> bool:
    """Whether a function that the operation calls, however deep, holds rectifiers."""
    library = {one.signature.name: one for one in graph.as_graph_def().library.function}
    names = [one.func.name for one in operation.node_def.attr.values() if one.HasField("func")]
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name in seen or name not in library:
            continue
        seen.add(name)
        for node in library[name].node_def:
            if node.op in RECTIFIERS:
                return True
            names += [one.func.name for one in node.attr.values() if one.HasField("func")]
    return False


def check_passed(rule: Rule, score: Any) -> None:
    """Raises ModelError where no rectifier lies before the score: its gradient would be the plain one."""
    waiting, seen = [score.op], set()
    while waiting:
        operation = waiting.pop()
        if operation.type in RECTIFIERS:
            return
        if id(operation) not in seen:
            seen.add(id(operation))
            waiting += [one.op for one in operation.inputs]
    raise _passes_none(rule)


def _passes_none(rule: Rule) -> ModelError:
    return ModelError(
        f"at least one ReLU, LeakyReLU, ELU or SELU, whose gradient {rule} backpropagation changes",
        "what is explained passes none",
        "use gradient, which this would be",
    )
