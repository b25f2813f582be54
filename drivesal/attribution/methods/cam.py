"""Class activation maps: a convolution's feature maps, weighted by how they move the score."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.baselines import BASELINE
from drivesal.attribution.engine.convolutions import convolution, maps_in, maps_of, placed
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
    from drivesal.attribution.engine.placement import Placement
    from drivesal.types import Floats

    Weigh = Callable[[Any, Any], Any]
    """(feature maps A, ∂S/∂A), both (N, h', w', K), to weights that broadcast over them."""

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
    from drivesal.model.backend import tensorflow

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
    from drivesal.model.backend import tensorflow

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
    from drivesal.model.backend import tensorflow

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

    from drivesal.attribution.engine import baselines, kernels

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


def _weighted(name: str, model: Scorable, context: Context, where: tuple[str, str], weigh: Weigh) -> Attributor:
    """A method whose map is the sum of a layer's maps by weights from their gradient; `where`: conv, place."""
    from drivesal.attribution.engine.kernels import of_pictures, slope
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    conv, how = where
    layer = convolution(model, context, conv)
    placement = placed(model, context, layer, how)
    height, width, _ = context.mean.shape

    def weighted(pictures: Any, others: Any) -> Any:
        score, calls = model.inside(model.given(model.inputs(tf.cast(pictures, tf.float32))), others, [layer])
        maps = maps_in(calls, layer)
        total = tf.reduce_sum(weigh(maps, slope(score, maps)) * maps, axis=3)
        return score, placement.enlarge(total, (height, width))[..., None]

    compute = of_pictures(model, f"{name} {id(layer)}, {how}", weighted, context)
    return lambda seen: Attributed(*compute(seen))


def _features(model: Scorable, layer: Any) -> Any:
    """(network inputs, others) → the layer's maps (N, h', w', K); compiled."""
    from drivesal.attribution.engine.kernels import specs
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def features(x: Any, others: Any) -> Any:
        return maps_in(model.inside(model.given(x), others, [layer])[1], layer)

    signature = specs((None, None, len(model.to_rgb)), (None,))
    return model.compiled(
        f"maps of {id(layer)}", lambda: tf.function(features, input_signature=signature, autograph=False)
    )


def _through(model: Scorable, layer: Any, how: str, placement: Placement, size: tuple[int, int]) -> Any:
    """(x, x0, masks (n, h', w'), others, which) → scores (n,) of pictures seen through masks; compiled."""
    from drivesal.attribution.engine.kernels import specs
    from drivesal.model.backend import tensorflow

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
