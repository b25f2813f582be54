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

import contextlib
import functools
import operator
import threading
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.attribution.rules import Rule, overridden
from drivesal.backend import keras, tensorflow
from drivesal.errors import InputError, ModelError, OptionError, nearest
from drivesal.network import layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Floats

    GradModifier = str | Callable[[Floats], Any] | None
    BackpropModifier = str | Callable[[Any], Any] | None
    Losses = Iterable[tuple[Any, float]]
    _Compiled = Callable[[Floats], tuple[Floats, Floats]]
    """A seed (N, …) to the values of the wrt tensor and the gradient there."""

_EPSILON = 1e-7
_KEPT = 8
"""Compiled functions that are kept for a model: a loop over filters must not fill the memory."""


class Loss(ABC):
    """Something to differentiate: `build_loss` gives a symbolic scalar, made with `keras.ops`.

    A smaller loss is more of what is wanted, as in keras-vis; a weight of −1 turns that round.
    """

    name = "Unnamed Loss"

    def __str__(self) -> str:
        return self.name

    @abstractmethod
    def build_loss(self) -> Any:
        """A scalar KerasTensor."""


class ActivationMaximization(Loss):
    """−mean of each of the layer's filters (or units), summed over `filter_indices`.

    `filter_indices` is a number, several, or None for −mean of the whole output; negative ones count from the
    end. Where the layer was called several times, its first call counts, as in Keras's `layer.output`.
    """

    name = "ActivationMax Loss"

    def __init__(self, layer: Any, filter_indices: Any) -> None:
        self.layer = layer
        self.filter_indices = filter_indices

    def build_loss(self) -> Any:
        """A scalar KerasTensor. Raises ModelError, and OptionError for a filter that the layer has not."""
        calls = getattr(self.layer, "_inbound_nodes", None)
        if not calls or len(calls[0].outputs) != 1:
            raise ModelError(
                "a layer of a network, with one output",
                f"{getattr(self.layer, 'name', self.layer)!r} is none",
                "give a layer of model.layers",
            )
        output = calls[0].outputs[0]
        return _less_active(output, _filters(output, filter_indices=self.filter_indices))


def negate(gradient: Floats) -> Floats:
    """−g."""
    return -gradient


def absolute(gradient: Floats) -> Floats:
    """|g|."""
    return np.abs(gradient)


def invert(gradient: Floats) -> Floats:
    """1/(g + 1e-7)."""
    inverted: Floats = 1.0 / (gradient + _EPSILON)
    return inverted


def relu(gradient: Floats) -> Floats:
    """max(0, g)."""
    return np.maximum(gradient, 0)


def small_values(gradient: Floats) -> Floats:
    """|1/(g + 1e-7)|, for compatibility only.

    Unsound: the pole is at g = −1e-7, so that after normalisation a handful of random pixels near it are all
    that can be seen, and they outshine pixels with exactly no gradient; at the pole itself there is infinity,
    and NaN after normalisation. A small gradient means insensitive, not responsible for the prediction. Use
    drivesal's case `maintain`, or `support` for what holds the prediction.
    """
    return np.abs(invert(gradient))


_GRAD_MODIFIERS: dict[str, Callable[[Floats], Any]] = {
    modifier.__name__: modifier for modifier in (negate, absolute, invert, relu, small_values)
}
_BACKPROP_MODIFIERS: dict[str, Rule] = {
    "guided": "guided",
    "rectified": "rectified",
    "relu": "rectified",
    "deconv": "rectified",
}


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
    model, rule = _modified(model, backprop_modifier)
    start, output = _input_of(model), _output_at(model, _position(model, layer_idx))
    filters = _filters(output, filter_indices)
    wrt = _on_the_way(start if wrt_tensor is None else wrt_tensor, output)
    compute = _kept(model, start, output, filters, wrt, rule)
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
    start = _input(input_tensor)
    compute = _compiled(*_network(start, losses, lambda total: start if wrt_tensor is None else wrt_tensor))
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
    model, rule = _modified(model, backprop_modifier)
    start, position = _input_of(model), _position(model, layer_idx)
    output = _output_at(model, position)
    filters = _filters(output, filter_indices)
    if penultimate_layer_idx is None:
        wrt = _last_maps(model, position, output)
    else:
        before = _position(model, penultimate_layer_idx, "penultimate_layer_idx")
        wrt = _call_behind(model.layers[before], output)
    compute = _kept(model, start, output, filters, _checked_maps(wrt), rule)
    return _cam(compute, _seed(seed_input, start), grad_modifier)


def visualize_cam_with_losses(
    input_tensor: Any,
    losses: Losses,
    seed_input: Any,
    penultimate_layer: Any,
    grad_modifier: GradModifier = None,
) -> Floats:
    """`visualize_cam` of any losses, as in `visualize_saliency_with_losses`, compiled anew by every call."""
    start = _input(input_tensor)
    found = _network(start, losses, lambda total: _checked_maps(_call_behind(penultimate_layer, total)))
    return _cam(_compiled(*found), _seed(seed_input, start), grad_modifier)


# The formulas on arrays.


def _saliency(compute: _Compiled, seed: Floats, grad_modifier: GradModifier, keepdims: bool) -> Floats:
    modify = _grad_modifier(grad_modifier)
    gradient = modify(compute(seed)[1])
    heat: Floats = _normalized(gradient if keepdims else gradient.max(axis=-1))[0]
    return heat


def _cam(compute: _Compiled, seed: Floats, grad_modifier: GradModifier) -> Floats:
    modify = _grad_modifier(grad_modifier)
    features, gradient = compute(seed)
    return _normalized(_zoomed(_class_activation(features, modify(gradient)), seed.shape[1:3]))


def _class_activation(features: Floats, gradient: Floats) -> Floats:
    """Grad-CAM before zooming: features and gradient (N, h, w, K) to (h, w) ≥ 0 of the first picture."""
    scaled = gradient / (gradient.max() + _EPSILON)
    weights = scaled.mean(axis=tuple(range(scaled.ndim - 1)))
    heat: Floats = np.maximum(features[0] @ weights, 0)
    return heat


def _normalized(values: Floats) -> Floats:
    low, high = values.min(), values.max()
    normalized: Floats = (values - low) / (high - low + _EPSILON)
    return normalized


def _zoomed(values: Floats, size: tuple[int, ...]) -> Floats:
    """(h, w) to `size` by the cubic spline that passes through the values, corner pixels on corner pixels."""
    rows, columns = (_spline(*counts) for counts in zip(values.shape, size, strict=True))
    return (rows @ values @ columns.T).astype(np.float32)


def _spline(count: int, wanted: int) -> NDArray[np.float64]:
    """(wanted, count): from `count` values to their spline at evenly spread points, both ends included."""
    through = np.linalg.inv(_basis(np.arange(count, dtype=np.float64), count))
    spread: NDArray[np.float64] = _basis(np.linspace(0, count - 1, wanted), count) @ through
    return spread


def _basis(at: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(len(at), count): cubic B-splines around 0, 1, …, count − 1 at these points, mirrored at both ends."""
    first = np.floor(at)
    beyond = at - first
    near = [(4 - 6 * d**2 + 3 * d**3) / 6 for d in (beyond, 1 - beyond)]
    weights = [(1 - beyond) ** 3 / 6, *near, beyond**3 / 6]
    period = max(2 * (count - 1), 1)
    basis = np.zeros((len(at), count))
    for i, weight in enumerate(weights):
        folded = np.abs(first.astype(int) - 1 + i) % period
        np.add.at(basis, (np.arange(len(at)), np.minimum(folded, period - folded)), weight)
    return basis


# What a person gave, checked.


def _grad_modifier(given: GradModifier) -> Callable[[Floats], Floats]:
    """The function of this name, or the person's own."""
    if given is None:
        return lambda gradient: gradient
    if not callable(given):
        if given not in _GRAD_MODIFIERS:
            raise OptionError(
                f"grad_modifier among {', '.join(_GRAD_MODIFIERS)}, a function or None",
                f"it is {given!r}",
                nearest(str(given), _GRAD_MODIFIERS, "choose one of them"),
            )
        return _GRAD_MODIFIERS[given]

    def own(gradient: Floats) -> Floats:
        found = np.asarray(given(gradient))
        if found.ndim != gradient.ndim:
            raise OptionError(
                f"a grad_modifier that gives an array of as many axes as the gradient's {gradient.shape}",
                f"it gave one of shape {found.shape}",
                "keep the batch axis and the channel axis",
            )
        return found

    return own


def _modified(model: Any, given: BackpropModifier) -> tuple[Any, Rule | None]:
    """The model to use and the rule for its activations."""
    if given is None:
        return model, None
    if callable(given):
        return given(model), None
    if given not in _BACKPROP_MODIFIERS:
        raise OptionError(
            f"backprop_modifier among {', '.join(_BACKPROP_MODIFIERS)}, a function or None",
            f"it is {given!r}",
            nearest(str(given), _BACKPROP_MODIFIERS, "choose one of them"),
        )
    return model, _BACKPROP_MODIFIERS[given]


def _filters(output: Any, filter_indices: Any) -> tuple[int, ...] | None:
    """The filters as numbers, None for the whole output."""
    if filter_indices is None:
        return None
    width = output.shape[-1]
    try:
        given = [filter_indices] if np.ndim(filter_indices) == 0 else list(filter_indices)
        found = tuple(operator.index(one) for one in given)
    except (TypeError, ValueError):
        found = ()
    wrong = [one for one in found if width is not None and not -width <= one < width]
    if not found or wrong:
        raise OptionError(
            f"filter_indices from 0 to {width - 1}" if wrong else "filter_indices as a number, several or None",
            f"it is {wrong[0] if wrong else filter_indices!r}",
            "None is the mean of all",
        )
    return found


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


def _position(model: Any, index: Any, what: str = "layer_idx") -> int:
    """The number of a layer, counted from 0."""
    count = len(getattr(model, "layers", ()))
    try:
        found = operator.index(index)
    except TypeError:
        found = count
    if not -count <= found < count:
        raise OptionError(
            f"{what} from 0 to {count - 1}, or negative from the end", f"it is {index!r}", "see model.summary()"
        )
    return found % count


def _input_of(model: Any) -> Any:
    """The symbolic input of a model that has one."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ModelError(
            "a model of Keras's functional or sequential API with one input",
            f"it has {len(inputs) or 'no fixed'} inputs",
            "use drivesal.attribute, which also takes other models",
        )
    return inputs[0]


def _input(given: Any) -> Any:
    """The symbolic input itself, also out of a list of one (`model.inputs`)."""
    tensor = given[0] if isinstance(given, list | tuple) and len(given) == 1 else given
    if not _is_symbolic(tensor) or not _call(tensor).is_input:
        raise ModelError("the model's symbolic input", f"it is {given!r}", "give model.inputs[0]")
    return tensor


# The network as a graph of symbolic tensors, which Keras keeps as calls ("nodes") of layers.

_building = threading.RLock()
"""Held while losses hang on a network's layers."""


def _is_symbolic(tensor: Any) -> bool:
    history = getattr(tensor, "_keras_history", None)
    return history is not None and history.operation is not None


def _call(tensor: Any) -> Any:
    """The call of a layer that gave this tensor."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _behind(*tensors: Any) -> dict[int, Any]:
    """Every tensor that these are computed of, themselves included, by id."""
    found: dict[int, Any] = {}
    todo = [one for one in tensors if _is_symbolic(one)]
    while todo:
        one = todo.pop()
        if id(one) not in found:
            found[id(one)] = one
            todo += _call(one).input_tensors
    return found


def _outputs_of(layer: Any, tensors: dict[int, Any]) -> list[Any]:
    return [one for one in tensors.values() if one._keras_history.operation is layer]


def _output_at(model: Any, position: int) -> Any:
    """The symbolic output of a layer in its model."""
    layer = model.layers[position]
    found = _outputs_of(layer, _behind(*model.outputs))
    if len(found) != 1:
        raise ModelError(
            f"a layer with one output on the way to the model's, to explain {layer.name}",
            f"it has {len(found)}",
            "choose another layer_idx",
        )
    return found[0]


def _call_behind(layer: Any, output: Any) -> Any:
    """The output of a layer that another output is computed of."""
    found = _outputs_of(layer, _behind(output))
    if len(found) != 1:
        raise ModelError(
            "a penultimate layer that what is explained is computed of once",
            f"{getattr(layer, 'name', layer)!r} is on its way {len(found)} times",
            "give a layer before it",
        )
    return found[0]


def _on_the_way(wrt: Any, output: Any) -> Any:
    """The wrt tensor, or the one that stands for it in the graph of `output`.

    A Sequential that is built layer by layer calls its layers again each time, and `layer.output` is the first
    call's, which may lead nowhere.
    """
    behind = _behind(output)
    if _is_symbolic(wrt):
        same = [wrt] if id(wrt) in behind else _outputs_of(wrt._keras_history.operation, behind)
        if len(same) == 1:
            return same[0]
    raise ModelError(
        "a symbolic tensor that what is explained is computed of, to differentiate by",
        f"{getattr(wrt, 'name', wrt)!r} is none",
        "give the output of an earlier layer of the same model",
    )


def _checked_maps(tensor: Any) -> Any:
    if len(tensor.shape) != 4:
        raise ModelError(
            "a penultimate layer whose output is maps (N, h, w, C)",
            f"{tensor._keras_history.operation.name} gives {tuple(tensor.shape)}",
            "choose a convolution or pooling layer",
        )
    return tensor


def _last_maps(model: Any, position: int, output: Any) -> Any:
    """The output of the last convolution or pooling before a layer that the layer's output is computed of."""
    behind = _behind(output)
    for layer in reversed(model.layers[:position]):
        if _gives_maps(layer):
            found = [one for one in _outputs_of(layer, behind) if len(one.shape) == 4]
            if len(found) == 1:
                return found[0]
    raise ModelError(
        "a convolution or pooling layer with 4-D output before layer_idx",
        f"none leads to {model.layers[position].name}",
        "give penultimate_layer_idx, or another layer_idx",
    )


def _gives_maps(layer: Any) -> bool:
    """Whether it is a convolution or pooling, wraps one, or is a nested model that ends in one."""
    known = keras().layers
    while isinstance(layer, known.Wrapper | keras().Model):
        if isinstance(layer, known.Wrapper):
            layer = layer.layer
        elif getattr(layer, "outputs", None):
            layer = layer.outputs[0]._keras_history.operation
        else:
            return False
    kinds = (
        known.Conv2D,
        known.Conv2DTranspose,
        known.DepthwiseConv2D,
        known.SeparableConv2D,
        known.MaxPooling2D,
        known.AveragePooling2D,
    )
    return isinstance(layer, kinds)


# What is compiled.


def _less_active(output: Any, filters: tuple[int, ...] | None) -> Any:
    """ActivationMaximization's symbolic scalar."""
    mean = keras().ops.mean
    if filters is None:
        return -mean(output)
    return functools.reduce(operator.add, [-mean(output[..., i]) for i in filters])


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


def _network(start: Any, losses: Losses, choose: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The input, and a network from it to what to differentiate by (`choose` gives it) and the total loss."""
    with _left_alone(start):
        total = _total(losses)
        behind = _behind(total)
        inputs = [one for one in behind.values() if _call(one).is_input]
        if id(start) not in behind or len(inputs) != 1:
            names = ", ".join(one.name for one in inputs if one is not start)
            raise ModelError(
                f"losses of layers that only the input {start.name} leads to",
                f"they need {names or 'nothing of it'}",
                "build them on outputs of this input's model, not on layers inside a nested one",
            )
        return start, keras().Model(start, [_on_the_way(choose(total), total), total])


def _total(losses: Losses) -> Any:
    """Σ weight · loss, a scalar KerasTensor; a loss of weight 0 is not even built."""
    total = None
    pairs = list(losses)
    if any(not isinstance(one, tuple | list) or len(one) != 2 for one in pairs):
        raise OptionError("losses as [(loss, weight), …]", f"they are {pairs!r}", "give each loss its weight")
    for loss, weight in pairs:
        if weight == 0:
            continue
        built = loss.build_loss()
        if not _is_symbolic(built) or tuple(built.shape) != ():
            raise ModelError(
                "a loss whose build_loss gives a symbolic scalar",
                f"that of {loss} gives {built!r}",
                "take keras.ops.mean of something computed of a layer's output",
            )
        weighted = float(weight) * built
        total = weighted if total is None else total + weighted
    if total is None:
        raise OptionError("at least one loss with a weight", "there is none", "give [(loss, weight), …]")
    return total


class _Built(Loss):
    """ActivationMaximization on an output that is known already."""

    def __init__(self, output: Any, filters: tuple[int, ...] | None) -> None:
        self.output, self.filters = output, filters

    def build_loss(self) -> Any:
        return _less_active(self.output, self.filters)


_of_models: weakref.WeakKeyDictionary[Any, OrderedDict[Any, _Compiled]] = weakref.WeakKeyDictionary()
"""The compiled functions of living models, the last used at the end. They hold layers but not the model."""


def _kept(
    model: Any, start: Any, output: Any, filters: tuple[int, ...] | None, wrt: Any, rule: Rule | None
) -> _Compiled:
    """The compiled function of these choices, made where there is none yet."""
    # people set `layer.activation` to linear for a classifier, and expect the next call to see it
    activations = tuple(getattr(layer, "activation", None) for layer in layers(model).values())
    key = (output, filters, wrt, rule, activations)
    with _building:
        kept = _of_models.setdefault(model, OrderedDict())
        if key not in kept:
            found = _network(start, [(_Built(output, filters), -1.0)], lambda _: wrt)
            kept[key] = _compiled(*found, rule)
        kept.move_to_end(key)
        while len(kept) > _KEPT:
            kept.popitem(last=False)
        return kept[key]


def _compiled(start: Any, network: Any, rule: Rule | None = None) -> _Compiled:
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
