"""VisualBackProp: the product of the convolutions' mean feature maps, from the deepest back to the image."""

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
    antisymmetric=False,
    uses_head=False,
    aliases=("vbp",),
    caution="the map does not depend on the steering head",
)
def visualbackprop(model: Scorable, context: Context) -> Attributor:
    """A = m_0; m_{l−1} = up_l(m_l · mean_c max(F_l, 0)) from m_L = 1; unsigned, relative.

    A convolution's feature maps F_l are taken after normalization and activation. up_l is the transposed
    convolution with the kernel size, stride, padding and dilation of layer l, and all weights equal to
    1/(kernel height · width); the paper's weights are 1, which changes only the scale. Pooling layers are
    scaled up in the same way, and cropping is undone with zeros. Unlike in the paper, the map is not scaled to
    0..1 for each image, so that it can be compared over a clip.

    Raises ModelError where the network has no convolutions, or they do not form a chain.
    """
    from drivesal.attribution.engine.chain import leaf_layers
    from drivesal.attribution.engine.kernels import compiled_for_images
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def score_and_map(images: Any, auxiliary: Any) -> Any:
        x = model.to_network_input(model.inputs(tf.cast(images, tf.float32)))
        score, calls = model.score_and_calls(x, auxiliary, leaf_layers(model.network))
        return score, _propagated(_stages(calls, x, model.network))

    compute = compiled_for_images(model, "visualbackprop", score_and_map, context)
    return lambda inputs: Attributed(*compute(inputs))


@dataclass
class _Stage:
    """A layer that may change height and width: its call, and its feature maps if it is a convolution."""

    call: Call
    features: Any


def _stages(calls: Sequence[Call], x: Any, network: Any) -> list[_Stage]:
    """The stages from the image to the last convolution's feature maps, in order."""
    from drivesal.attribution.engine.chain import ALTERNATIVES, layer_chain, layer_label
    from drivesal.errors import ModelError

    convolutions = [call for call in calls if _kind(call) == "convolution"]
    if not convolutions:
        raise ModelError(f"a network with convolutions (Conv2D), for {TITLE}", "it has none", ALTERNATIVES)
    chain = layer_chain(convolutions[-1].output, x, calls, network, TITLE)
    outside = [call for call in convolutions if not any(call is linked for linked in chain)]
    joining = [call for call in calls if isinstance(call.input, (list, tuple)) and _joins_maps(call.input)]
    if outside or joining:
        layer = layer_label((outside or joining)[0].layer, network)
        raise ModelError(
            f"a network whose convolutions form a chain, for {TITLE}",
            f"{layer} is not part of it" if outside else f"{layer} joins several branches",
            ALTERNATIVES,
        )
    stages: list[_Stage] = []
    for call in [*chain, *_following(convolutions[-1], calls)]:
        kind = _kind(call)
        if kind != "same":
            stages.append(_Stage(call, None))
        if kind == "unknown" or (kind == "same" and call.output.shape[1:3] != call.input.shape[1:3]):
            raise ModelError(
                f"convolutions, pooling, cropping and padding before the last convolution, for {TITLE}",
                f"the network has {layer_label(call.layer, network)}",
                ALTERNATIVES,
            )
        if kind == "convolution" or (kind == "same" and stages and stages[-1].features is not None):
            stages[-1].features = call.output
    return stages


def _joins_maps(inputs: Sequence[Any]) -> bool:
    """Whether several inputs of a layer are feature maps; auxiliary inputs may join after the convolutions."""
    return sum(len(tensor.shape) == 4 for tensor in inputs) > 1


def _following(convolution: Call, calls: Sequence[Call]) -> list[Call]:
    """The normalization and activation calls directly after a convolution, in order."""
    from drivesal.attribution.engine.chain import same_tensor

    following: list[Call] = []
    current = convolution.output
    for call in calls[next(i for i, other in enumerate(calls) if other is convolution) + 1 :]:
        if isinstance(call.input, (list, tuple, dict)) or not same_tensor(call.input, current):
            continue
        if _kind(call) != "same" or call.output.shape[1:] != current.shape[1:]:
            break
        following.append(call)
        current = call.output
    return following


def _kind(call: Call) -> str:
    """Effect of the layer on height and width, by its type: "same" for none."""
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
    """The map (N, h, w, 1): mean feature maps multiplied and scaled up, from the deepest to the first."""
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    current: Any = None
    for stage in reversed(stages):
        if stage.features is not None:
            mean = tf.reduce_mean(tf.nn.relu(stage.features), axis=3, keepdims=True)
            current = mean if current is None else current * mean
        current = _scaled_up(current, stage.call)
    return current


def _scaled_up(values: Any, call: Call) -> Any:
    """Scale a map from the size of a layer's output up to the size of its input."""
    import numpy as np

    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    layer = call.layer
    height, width = call.input.shape[1:3]
    framing = getattr(layer, "cropping", None)
    if framing is not None:
        return tf.pad(values, [[0, 0], *framing, [0, 0]])
    if _kind(call) == "framing":
        (top, _), (left, _) = layer.padding
        return values[:, top : top + height, left : left + width]
    size = getattr(layer, "kernel_size", None) or layer.pool_size
    dilation = getattr(layer, "dilation_rate", None) or (1, 1)
    for axis in (0, 1):  # a constant kernel is separable: one pass per axis costs less
        shape = [1, 1, 1, 1]
        shape[axis] = (size[axis] - 1) * dilation[axis] + 1
        kernel = np.zeros(shape, np.float32)
        kernel[:: dilation[0], :: dilation[1]] = 1 / size[axis]
        strides = [1, 1]
        strides[axis] = layer.strides[axis]
        to = (
            [tf.shape(values)[0], height, values.shape[2], 1]
            if axis == 0
            else [tf.shape(values)[0], height, width, 1]
        )
        values = tf.nn.conv2d_transpose(values, kernel, tf.stack(to), strides, layer.padding.upper())
        values = tf.ensure_shape(values, [None, *to[1:]])
    return values
