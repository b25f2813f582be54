"""Modified backpropagation rules for activations, applied while a compiled function is traced.

The network itself is neither copied nor changed. Where no activation was overridden, an error is raised: the
plain gradient is never returned under another method's name.
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
"""Slope of SELU for positive inputs; that of the other rectifiers is 1."""
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
"""Activations without a rule, by their name in Keras; some can be recognized only by it."""
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If", "StatelessIf")


def _guided(operation: Any, gradient: Any) -> Any:
    """Springenberg et al. 2014: pass positive gradients only, and only through positive activations."""
    tf = tensorflow()
    output = operation.outputs[0]
    passes = (output > 0) & (gradient > 0)
    if operation.type == "Relu6":
        passes &= output < 6
    return tf.where(passes, gradient * (_SELU if operation.type == "Selu" else 1.0), 0.0)


def _rectified(_: Any, gradient: Any) -> Any:
    """Zeiler and Fergus 2014: pass positive gradients only, whatever the activation."""
    return tensorflow().nn.relu(gradient)


@functools.cache
def _registered_name(rule: Rule) -> str:
    """Register the rule with TensorFlow once, and return the name it is registered under."""
    name = f"Drivesal{rule.capitalize()}"
    function: Callable[[Any, Any], Any] = {"guided": _guided, "rectified": _rectified}[rule]
    tensorflow().RegisterGradient(name)(function)
    return name


@contextlib.contextmanager
def override_gradients(rule: Rule, network: Any) -> Iterator[None]:
    """Apply the rule to the gradient of every rectifier that is traced inside the block.

    It affects `tf.gradients` only, not gradient tapes. Raises ModelError where an activation has no rule, or
    where the block traced no rectifier.
    """
    graph = tensorflow().compat.v1.get_default_graph()
    earlier = len(graph.get_operations())
    with graph.gradient_override_map(dict.fromkeys(RECTIFIERS, _registered_name(rule))):
        yield
    traced = graph.get_operations()[earlier:]
    unsupported = _find_unsupported(network, traced, graph)
    if unsupported is not None:
        raise ModelError(
            f"activations for which {rule} backpropagation is defined (ReLU, ReLU6, LeakyReLU, ELU, SELU)",
            f"the network has {unsupported}",
            "use gradient, integrated-gradients or smoothgrad",
        )
    if not any(operation.type in RECTIFIERS for operation in traced):
        raise _no_rectifier(rule)


def _find_unsupported(network: Any, operations: list[Any], graph: Any) -> str | None:
    """Name of the first activation that has no rule, None where all have one."""
    for path, layer in layers(network).items():
        if isinstance(layer, keras().layers.ReLU) and layer.threshold:
            return f"a ReLU with a threshold in {path}"
        name = getattr(getattr(layer, "activation", None), "__name__", "")
        if name in _UNDEFINED_NAMES:
            return f"{_UNDEFINED_NAMES[name]} in {path}"
    for operation in operations:
        name = _unsupported_name(operation, graph)
        if name is not None:
            return name
    return None


def _unsupported_name(operation: Any, graph: Any) -> str | None:
    """Name of the activation that an operation belongs to, where it has no rule; otherwise None."""
    kind = operation.type
    if kind == "Tanh" and re.search(r"(^|/)Gelu(_\d+)?/", operation.name):
        return "GELU"
    if kind in _UNDEFINED:
        return _UNDEFINED[kind]
    if kind == "Relu" and operation.inputs[0].op.type == "Neg":
        return "PReLU, or a ReLU with a threshold"
    if kind == "Relu6" and any(consumer.type == "RealDiv" for consumer in operation.outputs[0].consumers()):
        return "hard sigmoid"
    if kind == "IdentityN" and "_gradient_op_type" in operation.node_def.attr:
        return "an activation with a custom gradient (swish)"
    if kind in ("Maximum", "Minimum") and not _is_relu_bound(operation):
        return "a hand-written maximum or minimum"
    if kind in _CALLS and _contains_rectifier(operation, graph):
        return "activations inside a nested tf.function"
    return None


def _is_relu_bound(operation: Any) -> bool:
    """Whether the operation is a ReLU's upper bound, which Keras writes as a minimum and a maximum after it."""
    while operation.type in ("Maximum", "Minimum", "Identity"):
        operation = operation.inputs[0].op
    return bool(operation.type in RECTIFIERS)


def _contains_rectifier(operation: Any, graph: Any) -> bool:
    """Whether a function that the operation calls contains rectifiers, at any depth."""
    library = {function.signature.name: function for function in graph.as_graph_def().library.function}
    names = [value.func.name for value in operation.node_def.attr.values() if value.HasField("func")]
    visited: set[str] = set()
    while names:
        name = names.pop()
        if name in visited or name not in library:
            continue
        visited.add(name)
        for node in library[name].node_def:
            if node.op in RECTIFIERS:
                return True
            names += [value.func.name for value in node.attr.values() if value.HasField("func")]
    return False


def check_rectifier_on_path(rule: Rule, score: Any) -> None:
    """Raise ModelError where the score depends on no rectifier: its gradient would be the plain one."""
    pending, visited = [score.op], set()
    while pending:
        operation = pending.pop()
        if operation.type in RECTIFIERS:
            return
        if id(operation) not in visited:
            visited.add(id(operation))
            pending += [tensor.op for tensor in operation.inputs]
    raise _no_rectifier(rule)


def _no_rectifier(rule: Rule) -> ModelError:
    return ModelError(
        f"at least one ReLU, LeakyReLU, ELU or SELU, whose gradient {rule} backpropagation changes",
        "the explained number depends on none",
        "use gradient, which would give the same map",
    )
