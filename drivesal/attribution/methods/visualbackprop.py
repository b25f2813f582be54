"""VisualBackProp: where the convolutions' feature maps agree, from the deepest to the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Attributed, Attributor, Context, Scorable, register

if TYPE_CHECKING:
    from drivesal.model.network import Call

TITLE = "VisualBackProp"
CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
POOLINGS = ("MaxPooling2D", "AveragePooling2D")


@register(
    name="visualbackprop",
    title="VisualBackProp",
    paper="Bojarski et al. 2016, arXiv:1611.05418",
    equation="A = m_0; m_{l−1} = up_l(m_l · mean_c max(F_l, 0)) from m_L = 1, F_l the feature maps",
    kind="relative",
    signed=False,
    odd=False,
    uses_head=False,
    aliases=("vbp",),
    caution="the steering head has no part in the map",
)
def visualbackprop(model: Scorable, context: Context) -> Attributor:
    """The channel means of the convolutions' feature maps, from the deepest scaled up and multiplied; relative.

    A convolution's feature maps F are its last output of that size, behind normalization and activation; their
    positive part counts. up_l is the transposed convolution with the kernel size, stride, padding and dilation
    of layer l whose weights are all 1 over the kernel's size (the paper's are 1, which changes the unit alone).
    Pooling layers are scaled up alike, cropping is undone with zeros. The map is not stretched to 0..1 picture
    by picture as the paper's is, so that it can be compared over a clip.

    Raises ModelError where the network has no convolutions or they are no chain.
    """
    from drivesal.attribution.engine.chain import leaves
    from drivesal.attribution.engine.kernels import of_pictures
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def look(pictures: Any, others: Any) -> Any:
        x = model.given(model.inputs(tf.cast(pictures, tf.float32)))
        score, calls = model.inside(x, others, leaves(model.network))
        return score, _propagated(_stages(calls, x, model.network))

    compute = of_pictures(model, "visualbackprop", look, context)
    return lambda seen: Attributed(*compute(seen))


@dataclass
class _Stage:
    """A layer that changes height and width: its call, and its feature maps if it is a convolution."""

    call: Call
    features: Any


def _stages(calls: Sequence[Call], x: Any, network: Any) -> list[_Stage]:
    """What leads from the picture to the last convolution's feature maps, in order."""
    from drivesal.attribution.engine.chain import OTHERS, called, chain
    from drivesal.errors import ModelError

    convolutions = [call for call in calls if _kind(call) == "convolution"]
    if not convolutions:
        raise ModelError(f"a network with convolutions (Conv2D), for {TITLE}", "it has none", OTHERS)
    linked = chain(convolutions[-1].output, x, calls, network, TITLE)
    beside = [call for call in convolutions if not any(call is one for one in linked)]
    joining = [call for call in calls if isinstance(call.input, (list, tuple)) and _joins_maps(call.input)]
    if beside or joining:
        layer = called((beside or joining)[0].layer, network)
        raise ModelError(
            f"a network whose convolutions are a chain, for {TITLE}",
            f"{layer} stands beside it" if beside else f"{layer} joins several branches",
            OTHERS,
        )
    stages: list[_Stage] = []
    for call in [*linked, *_behind(convolutions[-1], calls)]:
        kind = _kind(call)
        if kind != "same":
            stages.append(_Stage(call, None))
        if kind == "unknown" or (kind == "same" and call.output.shape[1:3] != call.input.shape[1:3]):
            raise ModelError(
                f"convolutions, pooling, cropping and padding before the last convolution, for {TITLE}",
                f"the network has {called(call.layer, network)}",
                OTHERS,
            )
        if kind == "convolution" or (kind == "same" and stages and stages[-1].features is not None):
            stages[-1].features = call.output
    return stages


def _joins_maps(inputs: Sequence[Any]) -> bool:
    """Whether several of a layer's inputs have height and width; numbers may join behind the convolutions."""
    return sum(len(one.shape) == 4 for one in inputs) > 1


def _behind(call: Call, calls: Sequence[Call]) -> list[Call]:
    """Normalization and activation of a convolution's feature maps, one after the other."""
    from drivesal.attribution.engine.chain import same

    found: list[Call] = []
    current = call.output
    for one in calls[next(i for i, other in enumerate(calls) if other is call) + 1 :]:
        if isinstance(one.input, (list, tuple, dict)) or not same(one.input, current):
            continue
        if _kind(one) != "same" or one.output.shape[1:] != current.shape[1:]:
            break
        found.append(one)
        current = one.output
    return found


def _kind(call: Call) -> str:
    """What the layer does to height and width: "same" where nothing, as far as its type tells."""
    layer = call.layer
    name = type(layer).__name__
    if getattr(layer, "data_format", "") == "channels_first":
        return "unknown"
    if name in CONVOLUTIONS:
        return "convolution"
    if name in POOLINGS:
        return "pooling"
    if name in ("Cropping2D", "ZeroPadding2D"):
        return "framing"
    return "unknown" if hasattr(layer, "kernel_size") or hasattr(layer, "pool_size") else "same"


def _propagated(stages: Sequence[_Stage]) -> Any:
    """The map (N, h, w, 1): the deepest mean feature map, scaled up and multiplied with those before it."""
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    found: Any = None
    for stage in reversed(stages):
        if stage.features is not None:
            mean = tf.reduce_mean(tf.nn.relu(stage.features), axis=3, keepdims=True)
            found = mean if found is None else found * mean
        found = _scaled_up(found, stage.call)
    return found


def _scaled_up(found: Any, call: Call) -> Any:
    """A map at a layer's output to one at its input."""
    import numpy as np

    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    layer = call.layer
    height, width = call.input.shape[1:3]
    framing = getattr(layer, "cropping", None)
    if framing is not None:
        return tf.pad(found, [[0, 0], *framing, [0, 0]])
    if _kind(call) == "framing":
        (top, _), (left, _) = layer.padding
        return found[:, top : top + height, left : left + width]
    size = getattr(layer, "kernel_size", None) or layer.pool_size
    spread = getattr(layer, "dilation_rate", None) or (1, 1)
    for axis in (0, 1):  # a kernel of ones is the product of a column and a row, which costs less
        shape = [1, 1, 1, 1]
        shape[axis] = (size[axis] - 1) * spread[axis] + 1
        kernel = np.zeros(shape, np.float32)
        kernel[:: spread[0], :: spread[1]] = 1 / size[axis]
        strides = [1, 1]
        strides[axis] = layer.strides[axis]
        to = (
            [tf.shape(found)[0], height, found.shape[2], 1]
            if axis == 0
            else [tf.shape(found)[0], height, width, 1]
        )
        found = tf.nn.conv2d_transpose(found, kernel, tf.stack(to), strides, layer.padding.upper())
        found = tf.ensure_shape(found, [None, *to[1:]])
    return found
