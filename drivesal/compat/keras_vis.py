"""visualize_saliency and its kin, for people who come from keras-vis: its published formulas, on Keras 3.

Signatures, losses, modifiers and normalisation are as published, also where they are unsound; the rest of
drivesal is the advice. What to know before a map is believed:

- `small_values` (|1/(g + 1e-7)|) has its pole at g = −1e-7, not at 0. A handful of pixels that happen to lie
  near it light up, others from one frame to the next. And a small gradient means that the answer does not react
  to a pixel, not that the pixel is responsible for it. drivesal's case `maintain` shows structure that the
  answer does not react to, its case `support` what holds the answer where it is.
- The largest value over the channels after `negate` is no mirror image: a pixel whose channels disagree is
  bright in both maps. drivesal's cases `increase` and `decrease` split the signed sum over the channels.
- Each map is stretched to 0..1 by itself, so strength cannot be compared between frames, and without
  `absolute` or `relu` a pixel with no gradient is grey.

Arrays have their channels last. Networks are never changed; every function raises ModelError for a network that
cannot be used, OptionError for an argument and InputError for a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.compat.differentiating import compiled_function, kept_function, network_of
from drivesal.compat.losses import ActivationMaximization, Loss, filters_of
from drivesal.compat.modifiers import (
    EPSILON,
    absolute,
    gradient_modifier,
    invert,
    modified,
    negate,
    relu,
    small_values,
)
from drivesal.compat.spline import zoomed
from drivesal.compat.symbolic import (
    call_behind,
    checked_maps,
    input_of,
    input_tensor_of,
    last_maps,
    on_the_way,
    output_at,
    position_of,
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
    """Where `seed_input` would have to change to activate filters or outputs of a layer more.

    g = d(Σ_i mean(output[..., i]))/d(wrt_tensor), wrt_tensor the input by default; `grad_modifier` is applied
    to g (N, h, w, C): "negate", "absolute", "invert", "relu", "small_values", a function, or None for g itself;
    then the largest value over the channels unless `keepdims`; then (a − min)/(max − min + 1e-7) over the whole
    array; then the first picture of the batch. (h, w) or (h, w, C) in 0..1.

    `layer_idx` counts in `model.layers`; `filter_indices` as in `ActivationMaximization`; `seed_input` is
    (h, w, C), (N, h, w, C), or (h, w) for a network that sees grey, in the network's own scaling, taken as
    float32. `backprop_modifier` is "guided" (R · 1[R > 0] · 1[activation > 0]), "rectified", also called "relu"
    or "deconv" (R · 1[R > 0]), or a function that takes the model and gives the one to use.

    Compiled once for a model and these choices. A new activation on a layer is heeded.
    """
    model, rule = modified(model, backprop_modifier)
    start, output = input_of(model), output_at(model, position_of(model, layer_idx))
    filters = filters_of(output, filter_indices)
    wrt = on_the_way(start if wrt_tensor is None else wrt_tensor, output)
    compute = kept_function(model, start, output, filters, wrt, rule)
    return _saliency(compute, _seed(seed_input, start), grad_modifier, keepdims)


def visualize_saliency_with_losses(
    input_tensor: Any,
    losses: Losses,
    seed_input: Any,
    wrt_tensor: Any = None,
    grad_modifier: GradModifier = "absolute",
    keepdims: bool = False,
) -> Floats:
    """`visualize_saliency` of any losses: g = d(Σ weight · loss)/d(wrt_tensor), `losses` [(loss, weight), …].

    `input_tensor` is the model's symbolic input (`model.inputs[0]`); losses are `Loss` objects on its layers'
    outputs. Compiled anew by every call, because a loss of one's own may mean something else by then.
    """
    start = input_tensor_of(input_tensor)
    compute = compiled_function(
        *network_of(start, losses, lambda total: start if wrt_tensor is None else wrt_tensor)
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
    """Grad-CAM (Selvaraju et al., arXiv:1610.02391) in keras-vis's normalisation, (h, w) in 0..1.

    With A the penultimate layer's output and g the gradient there, after `grad_modifier`: ĝ = g/(max g + 1e-7),
    w_k the mean of ĝ over all but channel k, heat = max(0, Σ_k w_k · A_k) of the first picture, zoomed to the
    input's height and width by a cubic spline through the values, corners on corners (what scipy.ndimage.zoom
    gives, computed here without SciPy), then (a − min)/(max − min + 1e-7). The spline overshoots; what falls
    below 0 moves the normalisation's zero.

    Where all of g is negative, max g is negative too and the map shows the opposite of what was asked: that is
    as published. `penultimate_layer_idx` counts in `model.layers`; by default it is the last convolution or
    pooling before `layer_idx` that the layer is computed of, or a nested model that ends in one. The rest as in
    `visualize_saliency`.
    """
    model, rule = modified(model, backprop_modifier)
    start, position = input_of(model), position_of(model, layer_idx)
    output = output_at(model, position)
    filters = filters_of(output, filter_indices)
    if penultimate_layer_idx is None:
        wrt = last_maps(model, position, output)
    else:
        before = position_of(model, penultimate_layer_idx, "penultimate_layer_idx")
        wrt = call_behind(model.layers[before], output)
    compute = kept_function(model, start, output, filters, checked_maps(wrt), rule)
    return _cam(compute, _seed(seed_input, start), grad_modifier)


def visualize_cam_with_losses(
    input_tensor: Any,
    losses: Losses,
    seed_input: Any,
    penultimate_layer: Any,
    grad_modifier: GradModifier = None,
) -> Floats:
    """`visualize_cam` of any losses, as in `visualize_saliency_with_losses`, compiled anew by every call."""
    start = input_tensor_of(input_tensor)
    found = network_of(start, losses, lambda total: checked_maps(call_behind(penultimate_layer, total)))
    return _cam(compiled_function(*found), _seed(seed_input, start), grad_modifier)


# The formulas on arrays.


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
    """Grad-CAM before zooming: features and gradient (N, h, w, K) to (h, w) ≥ 0 of the first picture."""
    scaled = gradient / (gradient.max() + EPSILON)
    weights = scaled.mean(axis=tuple(range(scaled.ndim - 1)))
    heat: Floats = np.maximum(features[0] @ weights, 0)
    return heat


def _normalized(values: Floats) -> Floats:
    low, high = values.min(), values.max()
    normalized: Floats = (values - low) / (high - low + EPSILON)
    return normalized


def _seed(seed_input: Any, start: Any) -> Floats:
    """The picture as the network's input, (N, …) float32."""
    wanted = tuple(start.shape)
    try:
        seed = np.asarray(seed_input, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            "seed_input as an array of numbers", f"it is none ({error})", "give a picture"
        ) from error
    given = seed.shape
    if len(wanted) == 4 and wanted[-1] == 1 and seed.ndim == 2:
        seed = seed[..., None]
    if seed.ndim == len(wanted) - 1:
        seed = seed[None]
    fits = seed.ndim == len(wanted) and len(seed) > 0
    if not fits or any(want not in (None, size) for want, size in zip(wanted, seed.shape, strict=True)):
        raise InputError(
            f"seed_input of shape {wanted[1:]}, or with the batch in front",
            f"it is {given}",
            "resize it to the model's input, channels last",
        )
    return seed
