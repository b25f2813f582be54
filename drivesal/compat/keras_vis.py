"""visualize_saliency and related functions of keras-vis: its published formulas, on Keras 3.

Signatures, losses, modifiers and normalisation are as published, even where they are unsound; for new work use
the rest of drivesal. Limitations of these maps:

- `small_values` (|1/(g + 1e-7)|) has its pole at g = −1e-7, not at 0. The few pixels whose gradient happens to
  be near it light up, and they change from frame to frame. And a small gradient means that the prediction does
  not react to a pixel, not that the pixel is responsible for it. drivesal's case `maintain` shows structure
  that the prediction does not react to, its case `support` the pixels that the prediction rests on.
- The channel maximum after `negate` is not the counterpart of the one before: a pixel whose channels disagree
  in sign is bright in both maps. drivesal's cases `increase` and `decrease` split the signed sum over the
  channels.
- Each map is normalised to 0..1 by itself, so strength cannot be compared between frames, and without
  `absolute` or `relu` a pixel whose gradient is 0 is grey.

Arrays are channels-last. Networks are never changed. Every function raises ModelError for an unsuitable
network, OptionError for an invalid argument and InputError for an invalid image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.compat.differentiating import cached_function, compiled_function, loss_network
from drivesal.compat.losses import ActivationMaximization, Loss, check_filters
from drivesal.compat.modifiers import (
    EPSILON,
    absolute,
    apply_backprop_modifier,
    gradient_modifier,
    invert,
    negate,
    relu,
    small_values,
)
from drivesal.compat.spline import zoomed
from drivesal.compat.symbolic import (
    check_feature_maps,
    check_input_tensor,
    check_layer_index,
    find_in_graph,
    last_feature_maps,
    layer_output,
    output_in_graph,
    single_input,
)
from drivesal.errors import InputError

if TYPE_CHECKING:
    from drivesal.compat.differentiating import Compiled
    from drivesal.compat.losses import Losses
    from drivesal.compat.modifiers import BackpropModifier, GradModifier
    from drivesal.types import Floats

__all__ = [
    "ActivationMaximization",
    "Loss",
    "absolute",
    "invert",
    "negate",
    "relu",
    "small_values",
    "visualize_cam",
    "visualize_cam_with_losses",
    "visualize_saliency",
    "visualize_saliency_with_losses",
]


def visualize_saliency(
    model: Any,
    layer_idx: int,
    filter_indices: Any,
    seed_input: Any,
    wrt_tensor: Any = None,
    backprop_modifier: BackpropModifier = None,
    grad_modifier: GradModifier = "absolute",
    keepdims: bool = False,
) -> Floats:
    """Saliency map of filters or outputs of a layer: where a change of `seed_input` would activate them more.

    g = d(Σ_i mean(output[..., i]))/d(wrt_tensor), by default with respect to the input. `grad_modifier` is
    applied to g (N, h, w, C): "negate", "absolute", "invert", "relu", "small_values", a function, or None for g
    itself. Then follow the maximum over the channels unless `keepdims`, (a − min)/(max − min + 1e-7) over the
    whole array, and the first image of the batch. Returns (h, w) or (h, w, C) in 0..1.

    `layer_idx` is an index into `model.layers`; `filter_indices` is as in `ActivationMaximization`.
    `seed_input` is (h, w, C), (N, h, w, C), or (h, w) for a grey input, scaled as the network expects,
    converted to float32. `backprop_modifier` is "guided" (R · 1[R > 0] · 1[activation > 0]), "rectified", also
    called "relu" or "deconv" (R · 1[R > 0]), or a function that takes the model and returns the one to use.

    Compiled once per model and set of arguments. Changed activations of layers are taken into account.
    """
    model, rule = apply_backprop_modifier(model, backprop_modifier)
    start, output = single_input(model), layer_output(model, check_layer_index(model, layer_idx))
    filters = check_filters(output, filter_indices)
    wrt = find_in_graph(start if wrt_tensor is None else wrt_tensor, output)
    compute = cached_function(model, start, output, filters, wrt, rule)
    return _saliency(compute, _seed(seed_input, start), grad_modifier, keepdims)


def visualize_saliency_with_losses(
    input_tensor: Any,
    losses: Losses,
    seed_input: Any,
    wrt_tensor: Any = None,
    grad_modifier: GradModifier = "absolute",
    keepdims: bool = False,
) -> Floats:
    """`visualize_saliency` for any losses: g = d(Σ weight · loss)/d(wrt_tensor), `losses` [(loss, weight), …].

    `input_tensor` is the model's symbolic input (`model.inputs[0]`); losses are `Loss` objects on its layers'
    outputs. Compiled by every call, because the meaning of a custom loss may have changed since the last.
    """
    start = check_input_tensor(input_tensor)
    compute = compiled_function(
        *loss_network(start, losses, lambda total: start if wrt_tensor is None else wrt_tensor)
    )
    return _saliency(compute, _seed(seed_input, start), grad_modifier, keepdims)


def visualize_cam(
    model: Any,
    layer_idx: int,
    filter_indices: Any,
    seed_input: Any,
    penultimate_layer_idx: int | None = None,
    backprop_modifier: BackpropModifier = None,
    grad_modifier: GradModifier = None,
) -> Floats:
    """Grad-CAM (Selvaraju et al., arXiv:1610.02391) with keras-vis's normalisation, (h, w) in 0..1.

    With A the penultimate layer's output and g the gradient there, after `grad_modifier`: ĝ = g/(max g + 1e-7),
    w_k = mean of ĝ over batch and space, heat = max(0, Σ_k w_k · A_k) of the first image. The heat is zoomed to
    the input's height and width by an interpolating cubic spline that maps corners to corners (the result of
    scipy.ndimage.zoom, computed here without SciPy), then normalised by (a − min)/(max − min + 1e-7). The
    spline overshoots, and values below 0 shift the zero of the normalisation.

    Where all of g is negative, max g is negative too and the map shows the opposite of what was requested, as
    in keras-vis. `penultimate_layer_idx` is an index into `model.layers`; by default the last convolution or
    pooling layer before `layer_idx` that the layer depends on, or a nested model that ends in one. Other
    arguments are as in `visualize_saliency`.
    """
    model, rule = apply_backprop_modifier(model, backprop_modifier)
    start, position = single_input(model), check_layer_index(model, layer_idx)
    output = layer_output(model, position)
    filters = check_filters(output, filter_indices)
    if penultimate_layer_idx is None:
        wrt = last_feature_maps(model, position, output)
    else:
        penultimate = check_layer_index(model, penultimate_layer_idx, "penultimate_layer_idx")
        wrt = output_in_graph(model.layers[penultimate], output)
    compute = cached_function(model, start, output, filters, check_feature_maps(wrt), rule)
    return _cam(compute, _seed(seed_input, start), grad_modifier)


def visualize_cam_with_losses(
    input_tensor: Any,
    losses: Losses,
    seed_input: Any,
    penultimate_layer: Any,
    grad_modifier: GradModifier = None,
) -> Floats:
    """`visualize_cam` for any losses, as in `visualize_saliency_with_losses`; compiled by every call."""
    start = check_input_tensor(input_tensor)
    network = loss_network(
        start, losses, lambda total: check_feature_maps(output_in_graph(penultimate_layer, total))
    )
    return _cam(compiled_function(*network), _seed(seed_input, start), grad_modifier)


# The formulas, applied to arrays.


def _saliency(compute: Compiled, seed: Floats, grad_modifier: GradModifier, keepdims: bool) -> Floats:
    modify = gradient_modifier(grad_modifier)
    gradient = modify(compute(seed)[1])
    heat: Floats = _normalized(gradient if keepdims else gradient.max(axis=-1))[0]
    return heat


def _cam(compute: Compiled, seed: Floats, grad_modifier: GradModifier) -> Floats:
    modify = gradient_modifier(grad_modifier)
    features, gradient = compute(seed)
    return _normalized(zoomed(_class_activation(features, modify(gradient)), seed.shape[1:3]))


def _class_activation(features: Floats, gradient: Floats) -> Floats:
    """Grad-CAM before zooming: features and gradient (N, h, w, K) to (h, w) ≥ 0 of the first image."""
    scaled = gradient / (gradient.max() + EPSILON)
    weights = scaled.mean(axis=tuple(range(scaled.ndim - 1)))
    heat: Floats = np.maximum(features[0] @ weights, 0)
    return heat


def _normalized(values: Floats) -> Floats:
    low, high = values.min(), values.max()
    normalized: Floats = (values - low) / (high - low + EPSILON)
    return normalized


def _seed(seed_input: Any, start: Any) -> Floats:
    """Convert `seed_input` to the network's input, (N, …) float32."""
    expected = tuple(start.shape)
    try:
        seed = np.asarray(seed_input, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            "seed_input as an array of numbers", f"it cannot be converted ({error})", "give an image array"
        ) from error
    shape = seed.shape
    if len(expected) == 4 and expected[-1] == 1 and seed.ndim == 2:
        seed = seed[..., None]
    if seed.ndim == len(expected) - 1:
        seed = seed[None]
    fits = seed.ndim == len(expected) and len(seed) > 0
    if not fits or any(size not in (None, given) for size, given in zip(expected, seed.shape, strict=True)):
        raise InputError(
            f"seed_input of shape {expected[1:]}, optionally with a batch axis in front",
            f"it is {shape}",
            "resize it to the model's input, channels last",
        )
    return seed
