"""Compiled gradient functions of a network's loss, cached for the lifetime of the model."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.activation_rules import Rule, override_gradients
from drivesal.compat.losses import OutputMaximization, total_loss
from drivesal.compat.symbolic import ancestors, call_of, find_in_graph
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.network import layers

if TYPE_CHECKING:
    from drivesal.compat.losses import Losses
    from drivesal.types import Floats

    Compiled = Callable[[Floats], tuple[Floats, Floats]]
    """Input (N, …) to the values of the wrt tensor and the gradient of the loss with respect to it."""

_CACHE_SIZE = 8
"""Most compiled functions cached per model, so that a loop over filters does not fill the memory."""

_building = threading.RLock()
"""Held while symbolic losses are attached to a network's layers."""


@contextlib.contextmanager
def _temporary_calls(start: Any) -> Iterator[None]:
    """Remove from the layers after an input the calls that symbolic computation in the block records on them.

    Keras records every use of a layer's output on the layer and never removes it.
    """
    with _building:
        recorded: dict[int, tuple[Any, int, int]] = {}
        pending = [start._keras_history.operation]
        while pending:
            layer = pending.pop()
            if id(layer) not in recorded:
                recorded[id(layer)] = (layer, len(layer._inbound_nodes), len(layer._outbound_nodes))
                pending += [call.operation for call in layer._outbound_nodes]
        try:
            yield
        finally:
            for layer, inbound, outbound in recorded.values():
                del layer._inbound_nodes[inbound:]
                del layer._outbound_nodes[outbound:]


def loss_network(start: Any, losses: Losses, choose_wrt: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The input, and a network from it to the wrt tensor and the total loss.

    `choose_wrt` takes the total loss and returns the tensor to differentiate with respect to.
    """
    with _temporary_calls(start):
        total = total_loss(losses)
        graph = ancestors(total)
        inputs = [tensor for tensor in graph.values() if call_of(tensor).is_input]
        if id(start) not in graph or len(inputs) != 1:
            names = ", ".join(tensor.name for tensor in inputs if tensor is not start)
            raise ModelError(
                f"losses that depend only on the input {start.name}",
                f"they depend on {names or 'other inputs'}",
                "build them on outputs of this input's model, not on layers inside a nested one",
            )
        return start, keras().Model(start, [find_in_graph(choose_wrt(total), total), total])


_cache: weakref.WeakKeyDictionary[Any, OrderedDict[Any, Compiled]] = weakref.WeakKeyDictionary()
"""Compiled functions of living models, the last used at the end. They hold layers but not the model."""


def cached_function(
    model: Any, start: Any, output: Any, filters: tuple[int, ...] | None, wrt: Any, rule: Rule | None
) -> Compiled:
    """The compiled function for these arguments, from the cache or compiled now."""
    # users set a classifier's `layer.activation` to linear and expect the next call to use it
    activations = tuple(getattr(layer, "activation", None) for layer in layers(model).values())
    key = (output, filters, wrt, rule, activations)
    with _building:
        functions = _cache.setdefault(model, OrderedDict())
        if key not in functions:
            network = loss_network(start, [(OutputMaximization(output, filters), -1.0)], lambda _: wrt)
            functions[key] = compiled_function(*network, rule)
        functions.move_to_end(key)
        while len(functions) > _CACHE_SIZE:
            functions.popitem(last=False)
        return functions[key]


def compiled_function(start: Any, network: Any, rule: Rule | None = None) -> Compiled:
    """Compile a network with outputs (wrt, loss) to a function that gives wrt and d loss/d wrt."""
    tf = tensorflow()

    def differentiate(x: Any) -> Any:
        with _activation_rule(rule, network):
            value, loss = network(x, training=False)
        gradient = tf.gradients(loss, value)[0]
        if gradient is None:
            raise ModelError(
                "a loss that has a gradient with respect to wrt_tensor",
                "an operation in between has none (whole numbers, argmax, a stopped gradient)",
                "choose another loss or wrt_tensor",
            )
        return tf.cast(value, tf.float32), tf.cast(tf.convert_to_tensor(gradient), tf.float32)

    signature = [tf.TensorSpec(start.shape, tf.float32)]
    function = tf.function(differentiate, input_signature=signature, autograph=False)
    function.get_concrete_function()

    def compute(seed: Floats) -> tuple[Floats, Floats]:
        value, gradient = function(seed)
        return value.numpy(), gradient.numpy()

    return compute


@contextlib.contextmanager
def _activation_rule(rule: Rule | None, network: Any) -> Iterator[None]:
    """Apply the rule, if any, to the activations that are traced inside the block."""
    if rule is None:
        yield
        return
    try:
        with override_gradients(rule, network):
            yield
    except ModelError as error:
        raise ModelError(error.expected, error.came, "leave backprop_modifier out") from error
