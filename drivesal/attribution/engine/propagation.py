"""Conversion of a network to steps with relevance rules, and propagation back through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.chain import ALTERNATIVES, layer_chain, layer_label, leaf_layers
from drivesal.attribution.engine.relevance import Bounds, PropagationRule, vector_jacobian
from drivesal.attribution.engine.relevance_steps import (
    Averaging,
    ChannelAffine,
    Linear,
    PassThrough,
    Routing,
    Step,
)
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.score import CLASSIFIERS, HEADS

if TYPE_CHECKING:
    from drivesal.attribution.registry import Scorable
    from drivesal.model.network import Call

TITLE = "layer-wise relevance propagation"
PASS_THROUGH = ("linear", "relu", "relu6", "leaky_relu", "elu", "selu")
"""Activations f with f(0) = 0 and the sign of their argument."""
ROUTING = ("Flatten", "Reshape", "Cropping2D", "ZeroPadding2D", "MaxPooling2D", "GlobalMaxPooling2D")
"""Layers each of whose outputs is one of their inputs, or 0."""
AVERAGING = ("AveragePooling2D", "GlobalAveragePooling2D")
AFFINE = ("BatchNormalization", "Rescaling", "Normalization", "Lambda")
"""Layers with one scale and one shift per channel. Whether a Lambda is one shows when the output is checked."""
FRAMING = ("Cropping2D", "ZeroPadding2D")


def propagate(model: Scorable, images: Any, auxiliary: Any, rule: PropagationRule) -> Any:
    """Scores (N,), relevance at the network's input (N, h, w, C), and four values to check the conversion with.

    These are the sum of the relevance at the start (N,), the output as the steps compute it, the output as the
    network computes it, and the largest output activation at 0. Raises ModelError where the network is no such
    chain.
    """
    tf = tensorflow()
    x = model.to_network_input(model.inputs(images))
    score, calls = model.score_and_calls(x, auxiliary, leaf_layers(model.network))
    last, output, bare = _explained_call(score, calls)
    chain = layer_chain(last.output, x, calls, model.network, TITLE)
    steps, heads = _steps(chain, bare, model.network)
    values: list[Any] = [x]
    bounds: list[Bounds | None] = [_bounds(model, x)]
    for step in steps:
        bounds.append(step.output_bounds(bounds[-1]))
        values.append(step.forward(values[-1]))
    start = output * tf.gradients(score, output)[0]
    relevance = start
    for i in reversed(range(len(steps))):
        relevance = steps[i].backward(values[i], values[i + 1], relevance, replace(rule, bounds=bounds[i]))
    at_zero = tf.stack([tf.reduce_max(tf.abs(head(tf.zeros([1, 1])))) for head in heads] or [tf.zeros([])])
    summed = tf.reduce_sum(start, axis=list(range(1, len(start.shape))))
    return score, relevance, summed, values[-1], output, at_zero


def _explained_call(score: Any, calls: Sequence[Call]) -> tuple[Call, Any, bool]:
    """The last call that the score depends on, its output, and whether that is taken before the activation."""
    for call in reversed(calls):
        output = call.output
        activated = output.op.type in (*HEADS, *CLASSIFIERS)
        for tensor in (output, output.op.inputs[0]) if activated else (output,):
            if tensorflow().gradients(score, tensor)[0] is not None:
                return call, tensor, tensor is not output
    raise ModelError(
        f"a score that depends on the network's layers, for {TITLE}", "it depends on none", ALTERNATIVES
    )


def _bounds(model: Scorable, x: Any) -> Bounds:
    """Least and greatest possible value of each channel at the network's input, (1, h, w, C) each."""
    full = tensorflow().ones([1, *x.shape[1:]])
    low, high = model.input_limits
    return low * full, high * full


def _steps(calls: Sequence[Call], bare: bool, network: Any) -> tuple[list[Step], list[Any]]:
    """The chain as steps, and the output activations that must be 0 at 0.

    `bare`: the explained number is taken before the last call's activation. Raises ModelError that names a
    layer without a rule.
    """
    steps: list[Step] = []
    heads: list[Any] = []
    pending: list[Any] = []  # scales and framing to fold into the next layer with weights
    for call in calls:
        layer, kind = call.layer, _kind(call)
        if kind == "scale" and not pending and steps and isinstance(steps[-1], Linear):
            steps[-1].after.append(_scale(call, network))
            continue
        if kind == "scale" or (kind == "frame" and pending):
            pending.append(_scale(call, network) if kind == "scale" else layer)
            continue
        if kind == "weights":
            steps.append(Linear(layer, pending, []))
        elif pending:
            steps.append(Linear(None, pending, []))
        pending = []
        if kind in ("frame", "route"):
            steps.append(Routing(layer))
        elif kind == "average":
            steps.append(Averaging(layer))
        elif not (bare and call is calls[-1]):
            steps += _activation(call, call is calls[-1], network, heads)
    return (steps if not pending else [*steps, Linear(None, pending, [])]), heads


def _kind(call: Call) -> str:
    """The layer's rule: "weights", "scale", "route", "frame", "average"; "activation" for all others."""
    layer = call.layer
    name = type(layer).__name__
    if (
        type(layer) is not getattr(keras().layers, name, None)
        or getattr(layer, "data_format", "") == "channels_first"
    ):
        return "activation"
    if name in ("Conv2D", "DepthwiseConv2D", "Dense"):
        return "weights"
    if name in AFFINE and not (name == "Lambda" and _is_scalar(call)):
        return "scale"
    known = {
        **dict.fromkeys(ROUTING, "route"),
        **dict.fromkeys(FRAMING, "frame"),
        **dict.fromkeys(AVERAGING, "average"),
    }
    return known.get(name, "activation")


def _is_scalar(call: Call) -> bool:
    """Whether the layer maps one number to one number."""
    return all(tuple(one.shape[1:]) == (1,) for one in (call.input, call.output))


def _activation(call: Call, last: bool, network: Any, heads: list[Any]) -> list[Step]:
    """The activation of a layer, or an activation layer, as a step; none for a linear one."""
    k, layer = keras(), call.layer
    # any other layer with an activation has weights of its own too
    has = _kind(call) == "weights" or type(layer) is k.layers.Activation
    function = layer.activation if has else None
    rectifier = type(layer) in (k.layers.ReLU, k.layers.LeakyReLU, k.layers.ELU)
    own = rectifier and not getattr(layer, "threshold", 0)
    if function is k.activations.linear:
        return []
    if own or function in [getattr(k.activations, name) for name in PASS_THROUGH]:
        return [PassThrough(function or layer)]
    if tuple(call.output.shape[1:]) == (1,) and (function or _is_scalar(call)):
        heads.append(function or layer)
        return [PassThrough(function or layer)]
    if last and function is k.activations.tanh:
        return [PassThrough(function)]
    name = f"{getattr(function, '__name__', function)} in " if function else ""
    raise ModelError(
        f"layers that {TITLE} has a rule for: convolution, dense, pooling, normalization, "
        "ReLU and related activations",
        f"the network has {name}{layer_label(layer, network)}",
        ALTERNATIVES,
    )


def _scale(call: Call, network: Any) -> ChannelAffine:
    """A layer with one scale and one shift per channel, read from its value and slope at 0."""
    tf = tensorflow()
    rank, channels = len(call.input.shape), call.input.shape[-1]
    axes = getattr(call.layer, "axis", None) or ()
    fits = all(axis in (-1, rank - 1) for axis in (axes if isinstance(axes, (list, tuple)) else (axes,)))
    zero = tf.zeros([1] * (rank - 1) + [channels])
    if fits and call.output.shape[1:] == call.input.shape[1:]:
        shift = call.layer(zero)
        if shift.shape == zero.shape:
            scale = vector_jacobian([shift], zero, [tf.ones_like(shift)])
            return ChannelAffine(tf.reshape(scale, [-1]), tf.reshape(shift, [-1]))
    raise ModelError(
        f"layers that scale and shift each channel, for {TITLE}",
        f"{layer_label(call.layer, network)} does not",
        ALTERNATIVES,
    )
