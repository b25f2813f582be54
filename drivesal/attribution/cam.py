"""Class activation maps: a convolution's feature maps, weighted by how they move the score."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.baselines import BASELINE
from drivesal.attribution.registry import (
    HEADLESS,
    Attributed,
    Attributor,
    Context,
    Option,
    Scorable,
    Seen,
    register,
)

if TYPE_CHECKING:
    from drivesal.attribution.placement import Placement
    from drivesal.network import Call
    from drivesal.types import Floats

    Weigh = Callable[[Any, Any], Any]
    """(feature maps A, ∂S/∂A), both (N, h', w', K), to weights that broadcast over them."""

SMALLEST = 3
"""Rows and columns that a layer's maps must have to be the default: PilotNet's last are 1 x 18."""
_LAYER = (
    Option("conv", str, "", "the convolution whose maps are used; by default the last with 3 rows or more"),
    Option(
        "place",
        str,
        "centres",
        "maps lie at the centres of what their units see, or are stretched over the picture as in other tools",
        choices=("centres", "stretch"),
    ),
)


@register(
    name="grad-cam",
    title="Grad-CAM",
    paper="Selvaraju et al. 2017, arXiv:1610.02391",
    equation="A = Σ_k w_k A_k, w_k = mean over space of ∂S/∂A_k",
    kind="relative",
    signed=True,
    odd=True,
    uses_head=True,
    options=_LAYER,
)
def grad_cam(model: Scorable, context: Context, *, conv: str, place: str) -> Attributor:
    """The maps weighted by their mean gradient, without the ReLU at the end: the sign says which way."""
    from drivesal.backend import tensorflow

    tf = tensorflow()

    def weigh(_: Any, gradient: Any) -> Any:
        return tf.reduce_mean(gradient, [1, 2], keepdims=True)

    return _weighted("grad-cam", model, context, (conv, place), weigh)


@register(
    name="grad-cam++",
    title="Grad-CAM++",
    paper="Chattopadhay, Sarkar, Howlader and Balasubramanian 2018, arXiv:1710.11063",
    equation="A = Σ_k w_k A_k, w_k = Σ α_k max(g_k, 0), α_k = g_k² / (2 g_k² + g_k³ Σ A_k), g_k = ∂S/∂A_k",
    kind="relative",
    signed=True,
    odd=False,
    uses_head=True,
    options=_LAYER,
    caution=HEADLESS,
)
def grad_cam_plus_plus(model: Scorable, context: Context, *, conv: str, place: str) -> Attributor:
    """Weights by the plain derivative: the paper's factor exp(S) overflows where S is an angle in degrees."""
    from drivesal.backend import tensorflow

    tf = tensorflow()

    def weigh(maps: Any, gradient: Any) -> Any:
        square = gradient * gradient
        # the positive part is the maps themselves after a ReLU; below 0 (ELU) the share would run off
        divisor = 2 * square + square * gradient * tf.reduce_sum(tf.nn.relu(maps), [1, 2], keepdims=True)
        share = tf.math.divide_no_nan(square, divisor)
        return tf.reduce_sum(share * tf.nn.relu(gradient), [1, 2], keepdims=True)

    return _weighted("grad-cam++", model, context, (conv, place), weigh)


@register(
    name="layer-cam",
    title="LayerCAM",
    paper="Jiang, Zhang, Hou, Cheng and Wei 2021, doi:10.1109/TIP.2021.3089943",
    equation="A = Σ_k max(∂S/∂A_k, 0) · A_k, pixel by pixel",
    kind="relative",
    signed=True,
    odd=False,
    uses_head=True,
    options=_LAYER,
)
def layer_cam(model: Scorable, context: Context, *, conv: str, place: str) -> Attributor:
    """Each place of each map by its own positive gradient: finer than Grad-CAM in early layers."""
    from drivesal.backend import tensorflow

    tf = tensorflow()
    return _weighted("layer-cam", model, context, (conv, place), lambda _, g: tf.nn.relu(g))


@register(
    name="score-cam",
    title="Score-CAM",
    paper="Wang et al. 2020, arXiv:1910.01279",
    equation="A = Σ_k w_k A_k, w_k = S(x0 + M_k · (x − x0)) − S(x0), M_k = A_k in 0..1 at the picture's size",
    kind="relative",
    signed=True,
    odd=True,
    uses_head=True,
    options=(*_LAYER, BASELINE),
    maps=lambda model, options, size: maps_of(model, options["conv"], size),
)
def score_cam(model: Scorable, context: Context, *, conv: str, place: str, baseline: str) -> Attributor:
    """The maps weighted by what the score gains when the picture is seen through each.

    A regression has no softmax over scores: the weight is the change of the score against the baseline.
    """
    import numpy as np

    from drivesal.attribution import baselines, kernels

    start_of = baselines.baseline(baseline, model, context.mean)
    layer = convolution(model, context, conv)
    placement, size = placed(model, context, layer, place), context.mean.shape[:2]
    features, through = _features(model, layer), _through(model, layer, place, placement, size)

    def attribute(seen: Seen) -> Attributed:
        x = kernels.network_inputs(model, seen.pictures)
        x0 = kernels.network_inputs(model, start_of(seen.pictures))
        maps = np.concatenate(
            [
                features(x[i : i + context.batch], seen.others[i : i + context.batch]).numpy()
                for i in range(0, len(seen), context.batch)
            ]
        )
        count = maps.shape[3]
        masks = _in_unit_range(maps)
        gains = np.empty(len(seen) * count, np.float32)
        at = 0
        for frames, channels in kernels.chunks(len(seen), count, context):
            rows = slice(frames[0], frames[-1] + 1)
            chosen, which = masks[frames, :, :, channels], frames - frames[0]
            gains[at : at + len(frames)] = through(x[rows], x0[rows], chosen, seen.others[frames], which)
            at += len(frames)
        gains = gains.reshape(len(seen), count)
        from_scores = kernels.scores_of(model, x0, seen.others, context.batch)
        scores = kernels.scores_of(model, x, seen.others, context.batch)
        small = np.einsum("nhwk,nk->nhw", maps, gains - from_scores[:, None])
        return Attributed(scores, placement.enlarge(small, size).numpy()[..., None])

    return attribute


def convolution(model: Scorable, context: Context, name: str) -> Any:
    """The layer of this name, or the last convolution whose maps have SMALLEST rows and columns or more.

    Raises ModelError where the network has none.
    """
    from drivesal.network import find_layer

    if name:
        return find_layer(model.network, name)
    return model.compiled("default convolution", lambda: _last_convolution(model, context))


def _last_convolution(model: Scorable, context: Context) -> Any:
    from drivesal.backend import keras
    from drivesal.errors import ModelError
    from drivesal.network import layers

    kinds = (keras().layers.Conv2D, keras().layers.DepthwiseConv2D, keras().layers.SeparableConv2D)
    every = [layer for layer in layers(model.network).values() if isinstance(layer, kinds)]
    found = _looked(model, context, every, lambda x, score, calls: _feeding(score, calls))
    if not found:
        raise ModelError(
            "a network with a convolution, whose feature maps are shown",
            "it has none",
            "use gradient, integrated-gradients, smoothgrad, occlusion or rise",
        )
    large = [layer for layer, shape in found if min(shape[1:3]) >= SMALLEST]
    return large[-1] if large else found[-1][0]


def maps_of(model: Scorable, name: str, size: tuple[int, int]) -> int:
    """How many maps the layer of `convolution` gives of a picture of `size` (h, w). Raises ModelError."""
    import numpy as np

    context = Context(np.zeros((*size, 3), np.float32), np.zeros((0, *size, 3), np.uint8))
    layer = convolution(model, context, name)

    def make() -> int:
        return int(_looked(model, context, [layer], lambda x, score, calls: _only(calls, layer).shape[3]))

    found: int = model.compiled(f"number of maps of {id(layer)}", make)
    return found


def placed(model: Scorable, context: Context, layer: Any, how: str = "centres") -> Placement:
    """Where the layer's maps lie in the picture. Raises ModelError where it gives none, or several."""
    from drivesal.attribution.chain import leaves
    from drivesal.attribution.placement import place, stretch
    from drivesal.errors import ModelError

    def see(x: Any, score: Any, calls: list[Call]) -> Placement:
        maps = _only(calls, layer)
        if not _feeding(score, [call for call in calls if call.layer is layer]):
            raise ModelError(
                "a convolution that what is explained depends on",
                f"it does not depend on {layer.name}",
                "choose an earlier one with --conv",
            )
        return place(maps, x, calls) if how == "centres" else stretch(maps, x)

    def make() -> Placement:
        placement: Placement = _looked(model, context, [layer, *leaves(model.network)], see)
        return placement

    found: Placement = model.compiled(f"placement {id(layer)}, {how}", make)
    return found


def _feeding(score: Any, calls: list[Call]) -> list[tuple[Any, Any]]:
    """Layer and shape of those calls that the score depends on, in order."""
    from drivesal.backend import tensorflow

    found = [(call, tensorflow().gradients(score, call.output)[0]) for call in calls]
    return [(call.layer, call.output.shape) for call, slope in found if slope is not None]


def _looked(
    model: Scorable, context: Context, layers: list[Any], see: Callable[[Any, Any, list[Call]], Any]
) -> Any:
    """What `see` makes of the network's input, the score and these calls, in a trace that is not kept."""
    from drivesal.backend import tensorflow

    tf = tensorflow()
    found: list[Any] = []

    def look(x: Any, others: Any) -> Any:
        score, calls = model.inside(x, others, layers)
        found.append(see(x, score, calls))
        return score

    height, width, _ = context.mean.shape
    tf.function(look, autograph=False).get_concrete_function(
        tf.TensorSpec([None, height, width, len(model.to_rgb)], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
    )
    return found[0]


def _weighted(name: str, model: Scorable, context: Context, where: tuple[str, str], weigh: Weigh) -> Attributor:
    """A method whose map is the sum of a layer's maps by weights from their gradient; `where`: conv, place."""
    from drivesal.attribution.kernels import of_pictures, slope
    from drivesal.backend import tensorflow

    tf = tensorflow()
    conv, how = where
    layer = convolution(model, context, conv)
    placement = placed(model, context, layer, how)
    height, width, _ = context.mean.shape

    def weighted(pictures: Any, others: Any) -> Any:
        score, calls = model.inside(model.inputs(tf.cast(pictures, tf.float32)), others, [layer])
        maps = _only(calls, layer)
        total = tf.reduce_sum(weigh(maps, slope(score, maps)) * maps, axis=3)
        return score, placement.enlarge(total, (height, width))[..., None]

    compute = of_pictures(model, f"{name} {id(layer)}, {how}", weighted, context)
    return lambda seen: Attributed(*compute(seen))


def _only(calls: list[Any], layer: Any) -> Any:
    """The layer's one output in a forward pass. Raises ModelError where there are several or none."""
    from drivesal.errors import ModelError

    own = [call for call in calls if call.layer is layer]
    if len(own) != 1 or len(own[0].output.shape) != 4:
        raise ModelError(
            "a convolution that is called once, on a picture",
            f"{layer.name} is called {len(own)} times" if len(own) != 1 else f"{layer.name} gives no maps",
            "choose another with --conv",
        )
    return own[0].output


def _features(model: Scorable, layer: Any) -> Any:
    """(network inputs, others) → the layer's maps (N, h', w', K); compiled."""
    from drivesal.attribution.kernels import specs
    from drivesal.backend import tensorflow

    tf = tensorflow()

    def features(x: Any, others: Any) -> Any:
        return _only(model.inside(x, others, [layer])[1], layer)

    signature = specs((None, None, len(model.to_rgb)), (None,))
    return model.compiled(
        f"maps of {id(layer)}", lambda: tf.function(features, input_signature=signature, autograph=False)
    )


def _through(model: Scorable, layer: Any, how: str, placement: Placement, size: tuple[int, int]) -> Any:
    """(x, x0, masks (n, h', w'), others, which) → scores (n,) of pictures seen through masks; compiled."""
    from drivesal.attribution.kernels import specs
    from drivesal.backend import tensorflow

    tf = tensorflow()
    picture = (None, None, len(model.to_rgb))

    def make() -> Any:
        def through(x: Any, x0: Any, masks: Any, others: Any, which: Any) -> Any:
            mask = placement.enlarge(masks, size)[..., None]
            start = tf.gather(x0, which)
            return model.answer(start + mask * (tf.gather(x, which) - start), others)

        signature = [*specs(picture, picture, placement.units, (None,)), tf.TensorSpec([None], tf.int32)]
        return tf.function(through, input_signature=signature, autograph=False)

    return model.compiled(f"through masks of {id(layer)}, {how}", make)


def _in_unit_range(maps: Floats) -> Floats:
    """Each map (h', w') of (N, h', w', K) stretched to 0..1; one that is the same all over is 0."""
    import numpy as np

    low = maps.min(axis=(1, 2), keepdims=True)
    span = maps.max(axis=(1, 2), keepdims=True) - low
    stretched: Floats = np.divide(maps - low, span, out=np.zeros_like(maps), where=span > 0)
    return stretched
