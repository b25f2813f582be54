"""Class activation maps: a convolution's feature maps, weighted by their influence on the score."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.baselines import BASELINE
from drivesal.attribution.engine.convolutions import (
    count_feature_maps,
    feature_maps,
    locate_maps,
    select_convolution,
)
from drivesal.attribution.registry import (
    HEADLESS,
    Attributed,
    Attributor,
    Context,
    ModelInputs,
    Option,
    Scorable,
    register,
)

if TYPE_CHECKING:
    from drivesal.attribution.engine.placement import Placement
    from drivesal.types import Floats

    Weigh = Callable[[Any, Any], Any]
    """(feature maps A, ∂S/∂A), both (N, h', w', K), to weights that broadcast over them."""

_OPTIONS = (
    Option(
        "conv",
        str,
        "",
        "convolution whose feature maps are used; by default the last with at least 3 rows and columns",
    ),
    Option(
        "place",
        str,
        "centres",
        "centres: put each unit at the centre of its receptive field; "
        "stretch: resize the maps to the image, as other tools do",
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
    antisymmetric=True,
    uses_head=True,
    options=_OPTIONS,
)
def grad_cam(model: Scorable, context: Context, *, conv: str, place: str) -> Attributor:
    """A = Σ_k w_k A_k, w_k = mean over space of ∂S/∂A_k; relative.

    The paper's final ReLU is left out: the sign gives the direction of steering.
    """
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
    antisymmetric=False,
    uses_head=True,
    options=_OPTIONS,
    caution=HEADLESS,
)
def grad_cam_plus_plus(model: Scorable, context: Context, *, conv: str, place: str) -> Attributor:
    """A = Σ_k w_k A_k, w_k = Σ α_k max(g_k, 0), α_k = g_k² / (2 g_k² + g_k³ Σ A_k), g_k = ∂S/∂A_k; relative.

    The paper's factor exp(S) is left out, because it overflows where S is an angle in degrees.
    """
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def weigh(maps: Any, gradient: Any) -> Any:
        square = gradient * gradient
        # the positive part changes nothing after a ReLU; negative maps (ELU) could bring the divisor to 0
        divisor = 2 * square + square * gradient * tf.reduce_sum(tf.nn.relu(maps), [1, 2], keepdims=True)
        alpha = tf.math.divide_no_nan(square, divisor)
        return tf.reduce_sum(alpha * tf.nn.relu(gradient), [1, 2], keepdims=True)

    return _weighted("grad-cam++", model, context, (conv, place), weigh)


@register(
    name="layer-cam",
    title="LayerCAM",
    paper="Jiang, Zhang, Hou, Cheng and Wei 2021, doi:10.1109/TIP.2021.3089943",
    equation="A = Σ_k max(∂S/∂A_k, 0) · A_k, pixel by pixel",
    kind="relative",
    signed=True,
    antisymmetric=False,
    uses_head=True,
    options=_OPTIONS,
)
def layer_cam(model: Scorable, context: Context, *, conv: str, place: str) -> Attributor:
    """A = Σ_k max(∂S/∂A_k, 0) · A_k, unit by unit; relative. Finer than Grad-CAM in early layers."""
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    return _weighted("layer-cam", model, context, (conv, place), lambda _, gradient: tf.nn.relu(gradient))


@register(
    name="score-cam",
    title="Score-CAM",
    paper="Wang et al. 2020, arXiv:1910.01279",
    equation="A = Σ_k w_k A_k, w_k = S(x0 + M_k · (x − x0)) − S(x0), M_k = A_k scaled to 0..1, at image size",
    kind="relative",
    signed=True,
    antisymmetric=True,
    uses_head=True,
    options=(*_OPTIONS, BASELINE),
    maps=lambda model, options, size: count_feature_maps(model, options["conv"], size),
)
def score_cam(model: Scorable, context: Context, *, conv: str, place: str, baseline: str) -> Attributor:
    """A = Σ_k w_k A_k, w_k = S(x0 + M_k · (x − x0)) − S(x0), M_k = A_k scaled to 0..1, at image size; relative.

    A regression has no softmax over scores, so the weight is the change of the score from the baseline's.
    """
    import numpy as np

    from drivesal.attribution.engine import baselines, kernels

    baseline_of = baselines.baseline(baseline, model, context.mean)
    layer = select_convolution(model, context, conv)
    placement, size = locate_maps(model, context, layer, place), context.mean.shape[:2]
    compute_maps = _feature_map_function(model, layer)
    masked_scores = _masked_score_function(model, layer, place, placement, size)

    def attribute(inputs: ModelInputs) -> Attributed:
        x = kernels.network_inputs(model, inputs.images)
        x0 = kernels.network_inputs(model, baseline_of(inputs.images))
        maps = np.concatenate(
            [
                compute_maps(x[i : i + context.batch], inputs.auxiliary[i : i + context.batch]).numpy()
                for i in range(0, len(inputs), context.batch)
            ]
        )
        count = maps.shape[3]
        masks = _in_unit_range(maps)
        gains = np.empty(len(inputs) * count, np.float32)
        at = 0
        for frames, channels in kernels.sample_batches(inputs, count, context.batch):
            rows = slice(frames[0], frames[-1] + 1)
            gains[at : at + len(frames)] = masked_scores(
                x[rows],
                x0[rows],
                masks[frames, :, :, channels],
                inputs.auxiliary[frames],
                frames - frames[0],
            )
            at += len(frames)
        gains = gains.reshape(len(inputs), count)
        baseline_scores = kernels.batched_scores(model, x0, inputs.auxiliary, context.batch)
        scores = kernels.batched_scores(model, x, inputs.auxiliary, context.batch)
        small = np.einsum("nhwk,nk->nhw", maps, gains - baseline_scores[:, None])
        return Attributed(scores, placement.enlarge(small, size).numpy()[..., None])

    return attribute


def _weighted(
    name: str, model: Scorable, context: Context, options: tuple[str, str], weigh: Weigh
) -> Attributor:
    """A method that sums a layer's feature maps with weights from their gradient; `options`: conv, place."""
    from drivesal.attribution.engine.kernels import compiled_for_images, score_gradient
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    conv, alignment = options
    layer = select_convolution(model, context, conv)
    placement = locate_maps(model, context, layer, alignment)
    height, width, _ = context.mean.shape

    def weighted(images: Any, auxiliary: Any) -> Any:
        x = model.to_network_input(model.inputs(tf.cast(images, tf.float32)))
        score, calls = model.score_and_calls(x, auxiliary, [layer])
        maps = feature_maps(calls, layer)
        total = tf.reduce_sum(weigh(maps, score_gradient(score, maps)) * maps, axis=3)
        return score, placement.enlarge(total, (height, width))[..., None]

    compute = compiled_for_images(model, f"{name} {id(layer)}, {alignment}", weighted, context)
    return lambda inputs: Attributed(*compute(inputs))


def _feature_map_function(model: Scorable, layer: Any) -> Any:
    """Compiled (network inputs, auxiliary inputs) → the layer's feature maps (N, h', w', K)."""
    from drivesal.attribution.engine.kernels import float_specs
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def features(x: Any, auxiliary: Any) -> Any:
        return feature_maps(model.score_and_calls(model.to_network_input(x), auxiliary, [layer])[1], layer)

    signature = float_specs((None, None, len(model.to_rgb)), (None,))
    return model.compiled(
        f"maps of {id(layer)}", lambda: tf.function(features, input_signature=signature, autograph=False)
    )


def _masked_score_function(
    model: Scorable, layer: Any, alignment: str, placement: Placement, size: tuple[int, int]
) -> Any:
    """Compiled (x, x0, masks (n, h', w'), auxiliary inputs, frame (n,)) → scores (n,) of the masked images."""
    from drivesal.attribution.engine.kernels import float_specs
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    image = (None, None, len(model.to_rgb))

    def make() -> Any:
        def masked_scores(x: Any, x0: Any, masks: Any, auxiliary: Any, frame: Any) -> Any:
            mask = placement.enlarge(masks, size)[..., None]
            start = tf.gather(x0, frame)
            return model.score_of(start + mask * (tf.gather(x, frame) - start), auxiliary)

        signature = [*float_specs(image, image, placement.units, (None,)), tf.TensorSpec([None], tf.int32)]
        return tf.function(masked_scores, input_signature=signature, autograph=False)

    return model.compiled(f"masked by maps of {id(layer)}, {alignment}", make)


def _in_unit_range(maps: Floats) -> Floats:
    """Scale each map (h', w') of (N, h', w', K) to 0..1; a constant map becomes 0."""
    import numpy as np

    low = maps.min(axis=(1, 2), keepdims=True)
    span = maps.max(axis=(1, 2), keepdims=True) - low
    scaled: Floats = np.divide(maps - low, span, out=np.zeros_like(maps), where=span > 0)
    return scaled
