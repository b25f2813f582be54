"""A network as steps that relevance goes back through, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.chain import OTHERS, called, chain, leaves
from drivesal.attribution.engine.relevance import Bounds, How, pulled
from drivesal.attribution.engine.relevance_steps import (
    Averaged,
    ChannelScale,
    Linear,
    Routed,
    Step,
    Through,
)
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.score import CLASSIFIERS, HEADS

if TYPE_CHECKING:
    from drivesal.attribution.registry import Scorable
    from drivesal.model.network import Call

TITLE = "layer-wise relevance propagation"
PASSED = ("linear", "relu", "relu6", "leaky_relu", "elu", "selu")
"""Activations f with f(0) = 0 and the sign of their argument."""
ROUTES = ("Flatten", "Reshape", "Cropping2D", "ZeroPadding2D", "MaxPooling2D", "GlobalMaxPooling2D")
"""Layers each of whose outputs is one of their inputs, or 0."""
AVERAGES = ("AveragePooling2D", "GlobalAveragePooling2D")
SCALES = ("BatchNormalization", "Rescaling", "Normalization", "Lambda")
"""Layers of one scale and one shift a channel; whether a Lambda is one, the check of the answer tells."""
FRAMES = ("Cropping2D", "ZeroPadding2D")


def propagate(model: Scorable, pictures: Any, others: Any, how: How) -> Any:
    """Scores (N,), relevance at the network's input (N, h, w, C), and what the reading is checked by.

    That is the sum of what relevance starts from (N,), the chain's output as its steps give it and as the
    network gives it, and the last activations at 0. Raises ModelError where the network is no such chain.
    """
    tf = tensorflow()
    x = model.given(model.inputs(pictures))
    score, calls = model.inside(x, others, leaves(model.network))
    last, output, bare = _explained(score, calls)
    linked = chain(last.output, x, calls, model.network, TITLE)
    steps, heads = _steps(linked, bare, model.network)
    values: list[Any] = [x]
    bounds: list[Bounds | None] = [_bounds(model, x)]
    for step in steps:
        bounds.append(step.bounded(bounds[-1]))
        values.append(step.forward(values[-1]))
    start = output * tf.gradients(score, output)[0]
    relevance = start
    for i in reversed(range(len(steps))):
        relevance = steps[i].back(values[i], values[i + 1], relevance, replace(how, bounds=bounds[i]))
    at_zero = tf.stack([tf.reduce_max(tf.abs(head(tf.zeros([1, 1])))) for head in heads] or [tf.zeros([])])
    summed = tf.reduce_sum(start, axis=list(range(1, len(start.shape))))
    return score, relevance, summed, values[-1], output, at_zero


def _explained(score: Any, calls: Sequence[Call]) -> tuple[Call, Any, bool]:
    """The last call that the score hangs on, its output, and whether that is taken before the activation."""
    for call in reversed(calls):
        output = call.output
        bare = output.op.type in (*HEADS, *CLASSIFIERS)
        for tensor in (output, output.op.inputs[0]) if bare else (output,):
            if tensorflow().gradients(score, tensor)[0] is not None:
                return call, tensor, tensor is not output
    raise ModelError(f"an answer that hangs on the network's layers, for {TITLE}", "it hangs on none", OTHERS)


def _bounds(model: Scorable, x: Any) -> Bounds:
    """The least and the largest that pictures can be at the network's input, (1, h, w, C)."""
    full = tensorflow().ones([1, *x.shape[1:]])
    low, high = model.input_limits
    return low * full, high * full


def _steps(calls: Sequence[Call], bare: bool, network: Any) -> tuple[list[Step], list[Any]]:
    """The chain as steps, and the activations that are asked to be 0 at 0.

    `bare`: the last call's activation is not part of what is explained. Raises ModelError that names the layer
    for one without a rule.
    """
    steps: list[Step] = []
    heads: list[Any] = []
    waiting: list[Any] = []
    for call in calls:
        layer, kind = call.layer, _kind(call)
        if kind == "scale" and not waiting and steps and isinstance(steps[-1], Linear):
            steps[-1].after.append(_scale(call, network))
            continue
        if kind == "scale" or (kind == "frame" and waiting):
            waiting.append(_scale(call, network) if kind == "scale" else layer)
            continue
        if kind == "weights":
            steps.append(Linear(layer, waiting, []))
        elif waiting:
            steps.append(Linear(None, waiting, []))
        waiting = []
        if kind in ("frame", "route"):
            steps.append(Routed(layer))
        elif kind == "average":
            steps.append(Averaged(layer))
        elif not (bare and call is calls[-1]):
            steps += _activation(call, call is calls[-1], network, heads)
    return (steps if not waiting else [*steps, Linear(None, waiting, [])]), heads


def _kind(call: Call) -> str:
    """What the layer is to relevance; "activation" where it has no other rule."""
    layer = call.layer
    name = type(layer).__name__
    if (
        type(layer) is not getattr(keras().layers, name, None)
        or getattr(layer, "data_format", "") == "channels_first"
    ):
        return "activation"
    if name in ("Conv2D", "DepthwiseConv2D", "Dense"):
        return "weights"
    if name in SCALES and not (name == "Lambda" and _is_one_number(call)):
        return "scale"
    known = {
        **dict.fromkeys(ROUTES, "route"),
        **dict.fromkeys(FRAMES, "frame"),
        **dict.fromkeys(AVERAGES, "average"),
    }
    return known.get(name, "activation")


def _is_one_number(call: Call) -> bool:
    """Whether the layer makes one number of one number."""
    return all(tuple(one.shape[1:]) == (1,) for one in (call.input, call.output))


def _activation(call: Call, last: bool, network: Any, heads: list[Any]) -> list[Step]:
    """The activation of a layer, or that is one, as a step or none."""
    k, layer = keras(), call.layer
    # other layers with an activation have weights of their own as well
    has = _kind(call) == "weights" or type(layer) is k.layers.Activation
    function = layer.activation if has else None
    rectifier = type(layer) in (k.layers.ReLU, k.layers.LeakyReLU, k.layers.ELU)
    own = rectifier and not getattr(layer, "threshold", 0)
    if function is k.activations.linear:
        return []
    if own or function in [getattr(k.activations, name) for name in PASSED]:
        return [Through(function or layer)]
    if tuple(call.output.shape[1:]) == (1,) and (function or _is_one_number(call)):
        heads.append(function or layer)
        return [Through(function or layer)]
    if last and function is k.activations.tanh:
        return [Through(function)]
    name = f"{getattr(function, '__name__', function)} in " if function else ""
    raise ModelError(
        f"layers that {TITLE} has a rule for: convolutions, dense, pooling, normalization, ReLU and its kin",
        f"the network has {name}{called(layer, network)}",
        OTHERS,
    )


def _scale(call: Call, network: Any) -> ChannelScale:
    """A layer of one scale and one shift a channel, by its value and slope at 0."""
    tf = tensorflow()
    rank, channels = len(call.input.shape), call.input.shape[-1]
    axes = getattr(call.layer, "axis", None) or ()
    fits = all(axis in (-1, rank - 1) for axis in (axes if isinstance(axes, (list, tuple)) else (axes,)))
    zero = tf.zeros([1] * (rank - 1) + [channels])
    if fits and call.output.shape[1:] == call.input.shape[1:]:
        value = call.layer(zero)
        if value.shape == zero.shape:
            return ChannelScale(
                tf.reshape(pulled([value], zero, [tf.ones_like(value)]), [-1]), tf.reshape(value, [-1])
            )
    raise ModelError(
        f"layers that scale and shift each channel, for {TITLE}",
        f"{called(call.layer, network)} does not",
        OTHERS,
    )
