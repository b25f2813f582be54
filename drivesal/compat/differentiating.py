"""The gradient of a network's loss as a compiled function, which is kept for as long as its model lives."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.rules import Rule, overridden
from drivesal.compat.losses import OutputMaximization, total_of
from drivesal.compat.symbolic import behind_of, call_of, on_the_way
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.network import layers

if TYPE_CHECKING:
    from drivesal.compat.losses import Losses
    from drivesal.types import Floats

    Compiled = Callable[[Floats], tuple[Floats, Floats]]
    """A seed (N, …) to the values of the wrt tensor and the gradient there."""

_KEPT = 8
"""Compiled functions that are kept for a model: a loop over filters must not fill the memory."""

_building = threading.RLock()
"""Held while losses hang on a network's layers."""


@contextlib.contextmanager
def _left_alone(start: Any) -> Iterator[None]:
    """Takes off the layers behind an input what symbolic calculations in the block hang on them.

    Keras notes every use of a layer's output on the layer, for ever.
    """
    with _building:
        held: dict[int, tuple[Any, int, int]] = {}
        todo = [start._keras_history.operation]
        while todo:
            one = todo.pop()
            if id(one) not in held:
                held[id(one)] = (one, len(one._inbound_nodes), len(one._outbound_nodes))
                todo += [call.operation for call in one._outbound_nodes]
        try:
            yield
        finally:
            for one, came_in, went_out in held.values():
                del one._inbound_nodes[came_in:]
                del one._outbound_nodes[went_out:]


def network_of(start: Any, losses: Losses, choose: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The input, and a network from it to what to differentiate by (`choose` gives it) and the total loss."""
    with _left_alone(start):
        total = total_of(losses)
        behind = behind_of(total)
        inputs = [one for one in behind.values() if call_of(one).is_input]
        if id(start) not in behind or len(inputs) != 1:
            names = ", ".join(one.name for one in inputs if one is not start)
            raise ModelError(
                f"losses of layers that only the input {start.name} leads to",
                f"they need {names or 'nothing of it'}",
                "build them on outputs of this input's model, not on layers inside a nested one",
            )
        return start, keras().Model(start, [on_the_way(choose(total), total), total])


_of_models: weakref.WeakKeyDictionary[Any, OrderedDict[Any, Compiled]] = weakref.WeakKeyDictionary()
"""The compiled functions of living models, the last used at the end. They hold layers but not the model."""


def kept_function(
    model: Any, start: Any, output: Any, filters: tuple[int, ...] | None, wrt: Any, rule: Rule | None
) -> Compiled:
    """The compiled function of these choices, made where there is none yet."""
    # people set `layer.activation` to linear for a classifier, and expect the next call to see it
    activations = tuple(getattr(layer, "activation", None) for layer in layers(model).values())
    key = (output, filters, wrt, rule, activations)
    with _building:
        kept = _of_models.setdefault(model, OrderedDict())
        if key not in kept:
            found = network_of(start, [(OutputMaximization(output, filters), -1.0)], lambda _: wrt)
            kept[key] = compiled_function(*found, rule)
        kept.move_to_end(key)
        while len(kept) > _KEPT:
            kept.popitem(last=False)
        return kept[key]


def compiled_function(start: Any, network: Any, rule: Rule | None = None) -> Compiled:
    """The network's two outputs, wrt and loss, to wrt's value and d loss/d wrt, compiled for any batch."""
    tf = tensorflow()

    def differentiate(x: Any) -> Any:
        with _ruled(rule, network):
            value, loss = network(x, training=False)
        gradient = tf.gradients(loss, value)[0]
        if gradient is None:
            raise ModelError(
                "a loss that has a gradient there",
                "something on the way has none (whole numbers, argmax, a stopped gradient)",
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
def _ruled(rule: Rule | None, network: Any) -> Iterator[None]:
    """The rule for the activations in the block, or none."""
    if rule is None:
        yield
        return
    try:
        with overridden(rule, network):
            yield
    except ModelError as error:
        raise ModelError(error.expected, error.came, "leave backprop_modifier out") from error
