"""Layer-wise relevance propagation: the score handed back layer by layer to what made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from drivesal.attribution.registry import Attributed, Attributor, Context, Option, Scorable, Seen, register

if TYPE_CHECKING:
    from drivesal.network import Call
    from drivesal.types import Floats

Bounds = tuple[Any, Any]
"""The least and the largest that goes into a layer before any weights, (1, h, w, C) each."""

TITLE = "layer-wise relevance propagation"
PASSED = ("linear", "relu", "relu6", "leaky_relu", "elu", "selu")
"""Activations f with f(0) = 0 and the sign of their argument."""
ROUTES = ("Flatten", "Reshape", "Cropping2D", "ZeroPadding2D", "MaxPooling2D", "GlobalMaxPooling2D")
"""Layers each of whose outputs is one of their inputs, or 0."""
AVERAGES = ("AveragePooling2D", "GlobalAveragePooling2D")
SCALES = ("BatchNormalization", "Rescaling", "Normalization", "Lambda")
"""Layers of one scale and one shift a channel; whether a Lambda is one, the check of the answer tells."""
FRAMES = ("Cropping2D", "ZeroPadding2D")
TOLERANCE = 1e-3
"""How far the answer of the chain as it was read may be from the network's, as a share of the largest."""
CHECKED = 4
"""Pictures of the clip that this is checked on, beside the mean picture."""
NOTHING = 1e-9
"""Shares whose sum is less than this, as a share of the layer's mean sum, are none."""


@register(
    name="lrp",
    title="Layer-wise relevance propagation",
    paper="Bach et al. 2015, doi 10.1371/journal.pone.0130140; Montavon et al. 2017, arXiv:1512.02479",
    equation="A = R of the input; R_i = Σ_j R_j · c_ij / Σ_i c_ij at every layer, R = S at the output",
    kind="contribution",
    signed=True,
    odd=True,
    uses_head=True,
    passes=lambda options, size: 6 if options["rule"] == "z-plus" else 2,
    options=(
        Option("rule", str, "z-plus", "how convolutions share relevance out", choices=("z-plus", "epsilon")),
        Option(
            "epsilon",
            float,
            0.001,
            "stabiliser of the epsilon rule, a share of the mean size of the layer's z",
            low=1e-9,
            high=1,
        ),
    ),
)
def lrp(model: Scorable, context: Context, *, rule: str, epsilon: float) -> Attributor:
    """Contributions in the score's unit; what they miss is reported. A YUV network's are summed over channels.

    With inputs x, weights w, c_ij = x_i w_ij and z_j = Σ_i c_ij + b_j, relevance goes back

    - through dense layers by R_i = Σ_j c_ij R_j / (z_j + ε sign z_j) (Bach 2015, eq. 58), where ε is `epsilon`
      times the mean |z| of the layer at that picture, so that it has no unit;
    - through convolutions by the same, or with `rule` "z-plus" in proportion to the contributions of z_j's own
      sign: x⁺w⁺ + x⁻w⁻ where z_j ≥ 0 and x⁺w⁻ + x⁻w⁺ where it is negative. Behind a ReLU only the first have
      any relevance, which is the z⁺ rule of Montavon 2017; behind an ELU, or at an output, both have;
    - through the first convolution, under "z-plus", by x_i w_ij − l_i w⁺_ij − h_i w⁻_ij, how far a contribution
      is above its least in the range l..h of a pixel (Montavon 2017's z^B), or below its most where z_j is
      negative: no colour is nothing;
    - through average pooling like a convolution, through maximum pooling to the largest;
    - through activations with f(0) = 0 and the sign of their argument (ReLU, ReLU6, LeakyReLU, ELU, SELU)
      unchanged, which under the epsilon rule counts them with their secant f(z)/z (Ancona 2018,
      arXiv:1711.06104). Also through a head that is 0 at 0 (tanh, 2·atan), so that all of it starts from the
      explained number itself.

    A scale and shift of channels (batch normalization and the like) is part of the convolution or dense layer
    before it, or else of the one after it; alone it has the epsilon rule. Biases, shifts and the stabiliser
    keep their part, so that the sum is not the score: the baseline's score is 0, the completeness error
    |Σ R − S|.

    "z-plus" is the default: its shares lie between 0 and 1, where the epsilon rule, being the input times a
    gradient with secants, adds and takes away several times the score in neighbouring pixels.

    Raises ModelError where the network is no chain of such layers, or what is explained is not one number that
    is linear in one layer's output.
    """
    import numpy as np

    from drivesal.attribution.integrated import missed
    from drivesal.attribution.kernels import shared
    from drivesal.backend import tensorflow

    tf = tensorflow()
    height, width, _ = context.mean.shape
    signature = [
        tf.TensorSpec([None, height, width, 3], tf.uint8),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([], tf.float32),
    ]

    def make() -> Any:
        def propagate(pictures: Any, others: Any, stabiliser: Any) -> Any:
            return _propagate(model, tf.cast(pictures, tf.float32), others, How(rule == "z-plus", stabiliser))

        return tf.function(propagate, input_signature=signature, autograph=False)

    compute = model.compiled(f"lrp {rule}", make)
    # built and checked at once, so that a network that it cannot be used on is refused before any frame
    compute.get_concrete_function()
    checked = np.concatenate([np.rint(context.mean).astype(np.uint8)[None], context.pictures[:CHECKED]])
    checked = checked[: context.batch]
    _check(compute(checked, np.zeros((len(checked), _beside(model)), np.float32), np.float32(epsilon)))

    def attribute(seen: Seen) -> Attributed:
        score, relevance, *_ = compute(seen.pictures, seen.others, np.float32(epsilon))
        scores, raw = score.numpy(), shared(relevance)
        return Attributed(scores, _at_rgb(raw, model.to_rgb), None, np.zeros_like(scores), missed(raw, scores))

    return attribute


def _at_rgb(raw: Floats, to_rgb: Floats) -> Floats:
    """Relevance of the network's channels at the RGB picture: each at its own, of YUV and grey their sum."""
    used = to_rgb != 0
    if len(used) == 3 and (used.sum(axis=0) == 1).all() and (used.sum(axis=1) == 1).all():
        own: Floats = raw[..., used.argmax(axis=0)]
        return own
    total: Floats = raw.sum(axis=3, keepdims=True)
    return total


def _beside(model: Scorable) -> int:
    """How many numbers go into the network beside the picture."""
    return sum(one.shape[-1] for one in getattr(model.network, "inputs", None) or [] if len(one.shape) == 2)


def _check(found: Any) -> None:
    """Raises ModelError where the chain as it was read is not the network, or the head is not 0 at 0."""
    import numpy as np

    from drivesal.attribution.chain import OTHERS
    from drivesal.errors import ModelError

    score, _, start, ours, theirs, at_zero = (np.asarray(one) for one in found)
    if not np.abs(start - score).max() <= TOLERANCE * np.abs(score).max():
        raise ModelError(
            f"one number of the network's output, for {TITLE}",
            "what is explained is a sum or a function",
            OTHERS,
        )
    if not np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max():
        raise ModelError(
            f"a network whose answer its layers' weights give, for {TITLE}",
            f"they give {ours.flat[0]:g} where it answers {theirs.flat[0]:g}",
            OTHERS,
        )
    if not np.abs(at_zero).max() <= TOLERANCE * max(np.abs(theirs).max(), NOTHING):
        raise ModelError(
            f"an output activation that is 0 at 0, for {TITLE}",
            f"it is {np.abs(at_zero).max():g} there",
            OTHERS,
        )


@dataclass(frozen=True)
class How:
    """The convolutions' rule, the stabiliser (a scalar), and the range of a step's input where it has one."""

    plus: bool
    epsilon: Any
    bounds: Bounds | None = None


def _propagate(model: Scorable, pictures: Any, others: Any, how: How) -> Any:
    """Scores (N,), relevance at the network's input (N, h, w, C), and what `_check` compares."""
    from drivesal.attribution import chain
    from drivesal.backend import tensorflow

    tf = tensorflow()
    x = model.inputs(pictures)
    score, calls = model.inside(x, others, chain.leaves(model.network))
    last, output, bare = _explained(score, calls)
    linked = chain.chain(last.output, x, calls, model.network, TITLE)
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
    from drivesal.attribution.chain import OTHERS
    from drivesal.backend import tensorflow
    from drivesal.errors import ModelError
    from drivesal.score import CLASSIFIERS, HEADS

    for call in reversed(calls):
        output = call.output
        bare = output.op.type in (*HEADS, *CLASSIFIERS)
        for tensor in (output, output.op.inputs[0]) if bare else (output,):
            if tensorflow().gradients(score, tensor)[0] is not None:
                return call, tensor, tensor is not output
    raise ModelError(f"an answer that hangs on the network's layers, for {TITLE}", "it hangs on none", OTHERS)


class Step(Protocol):
    """A piece of the chain."""

    def forward(self, x: Any) -> Any:
        """What goes in, (N, …), to what comes out."""

    def bounded(self, bounds: Bounds | None) -> Bounds | None:
        """The bounds of what comes out, None behind weights."""

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """The relevance of y = forward(x) to that of x."""


@dataclass(frozen=True)
class Weightless:
    """A layer or activation that keeps the order of its inputs, so that bounds stay bounds."""

    function: Callable[[Any], Any]

    def forward(self, x: Any) -> Any:
        """The layer itself."""
        return self.function(x)

    def bounded(self, bounds: Bounds | None) -> Bounds | None:
        """The layer of both."""
        return None if bounds is None else (self.function(bounds[0]), self.function(bounds[1]))


class Through(Weightless):
    """An activation: a number is as relevant as what it was made of."""

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """Unchanged."""
        from drivesal.backend import tensorflow

        return tensorflow().reshape(relevance, tensorflow().shape(x))


class Routed(Weightless):
    """Flattening, cropping, padding, maximum pooling: relevance goes back to where a number came from."""

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """By the layer's derivative, which is 0 or 1."""
        return _pulled([y], x, [relevance])


class Averaged(Weightless):
    """Average pooling: a convolution whose weights are all positive."""

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """By the convolutions' rule."""
        if not how.plus:
            return _by_epsilon(x, y, relevance, how)
        return _by_sign(lambda u: (self.function(u), 0.0), lambda u: u, x, y, relevance, how)


@dataclass(frozen=True)
class Scale:
    """scale · x + shift a channel, (C,) tensors."""

    scale: Any
    shift: Any

    def __call__(self, x: Any) -> Any:
        """All of it."""
        return self.scale * x + self.shift


@dataclass(frozen=True)
class Linear:
    """A layer with weights, or None, and what is folded into it: scales and framing before, scales after."""

    layer: Any
    before: list[Any]
    after: list[Scale]

    def forward(self, x: Any) -> Any:
        """Everything but the activation."""
        for part in self.before:
            x = part(x)
        if self.layer is not None:
            x = _weighted(self.layer, x, self.layer.kernel)
            x = x if self.layer.bias is None else x + self.layer.bias
        for scale in self.after:
            x = scale(x)
        return x

    def bounded(self, bounds: Bounds | None) -> Bounds | None:
        """None."""
        return None

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """By the convolutions' rule, dense layers and scales alone by epsilon."""
        if how.plus and hasattr(self.layer, "kernel_size"):
            return _by_sign(self._halves(), self._scaled, x, y, relevance, how)
        return _by_epsilon(x, y, relevance, how)

    def _scaled(self, x: Any) -> Any:
        """What the weights are given of x, the shifts left out."""
        for part in self.before:
            x = part.scale * x if isinstance(part, Scale) else part(x)
        return x

    def _halves(self) -> Callable[[Any], tuple[Any, Any]]:
        """From what the weights are given to its product with the positive and with the negative ones."""
        from drivesal.backend import tensorflow

        tf = tensorflow()
        kernel = tf.convert_to_tensor(self.layer.kernel)
        for after in self.after:
            # a depthwise kernel keeps its output channels in two axes
            depthwise = kernel.shape[-1] != after.scale.shape[0]
            kernel *= tf.reshape(after.scale, kernel.shape[-2:]) if depthwise else after.scale
        positive, negative = tf.maximum(kernel, 0.0), tf.minimum(kernel, 0.0)
        return lambda u: (_weighted(self.layer, u, positive), _weighted(self.layer, u, negative))


def _weighted(layer: Any, x: Any, kernel: Any) -> Any:
    """The layer's product with a kernel."""
    from drivesal.backend import keras

    ops = keras().ops
    if isinstance(layer, keras().layers.Dense):
        return ops.matmul(x, kernel)
    if isinstance(layer, keras().layers.Conv2D):
        return layer.convolution_op(x, kernel)
    return ops.depthwise_conv(
        x, kernel, strides=layer.strides, padding=layer.padding, dilation_rate=layer.dilation_rate
    )


def _pulled(outputs: Sequence[Any], x: Any, weights: Sequence[Any]) -> Any:
    """Σ weights · ∂outputs/∂x, by x."""
    from drivesal.backend import tensorflow

    tf = tensorflow()
    zero = tf.UnconnectedGradients.ZERO
    given = [tf.reshape(one, tf.shape(y)) for one, y in zip(weights, outputs, strict=True)]
    return tf.convert_to_tensor(tf.gradients(list(outputs), x, grad_ys=given, unconnected_gradients=zero)[0])


def _by_epsilon(x: Any, z: Any, relevance: Any, how: How) -> Any:
    """R_i = Σ_j c_ij R_j / (z_j + ε sign z_j), ε a share of the picture's mean |z|; the sign of 0 is +."""
    from drivesal.backend import tensorflow

    tf = tensorflow()
    size = tf.abs(z)
    stabiliser = how.epsilon * tf.reduce_mean(size, axis=list(range(1, len(z.shape))), keepdims=True)
    stable = tf.where(z < 0, z - stabiliser, z + stabiliser)
    return x * _pulled([z], x, [tf.math.divide_no_nan(tf.reshape(relevance, tf.shape(z)), stable)])


def _by_sign(
    halves: Callable[[Any], tuple[Any, Any]],
    scaled: Callable[[Any], Any],
    x: Any,
    z: Any,
    relevance: Any,
    how: How,
) -> Any:
    """R_i = Σ_j p_ij / Σ_i p_ij · R_j, p the contributions of z_j's own sign, within bounds from there.

    `halves` multiplies with the positive and the negative weights what `scaled` makes of x. The derivative by
    x, l and h of Σ_i p_ij, times themselves, is p_ij: no weights are written out.
    """
    from drivesal.backend import tensorflow

    tf = tensorflow()
    sources = [x]
    if how.bounds is None:
        (up, down_too), (down, up_too) = (halves(part(scaled(x), 0.0)) for part in (tf.maximum, tf.minimum))
        up, down = up + up_too, down + down_too
    else:
        sources += [bound + tf.zeros_like(x) for bound in how.bounds]
        ends = scaled(sources[1]), scaled(sources[2])
        lowest, highest = halves(tf.minimum(*ends)), halves(tf.maximum(*ends))
        z_alone = sum(halves(scaled(x)))
        up, down = z_alone - lowest[0] - highest[1], z_alone - highest[0] - lowest[1]
    relevance = tf.reshape(relevance, tf.shape(z))
    weights = [
        _divided(tf.where(z < 0, 0.0, relevance), up),
        _divided(tf.where(z < 0, relevance, 0.0), down),
    ]
    return sum(one * _pulled([up, down], one, weights) for one in sources)


def _divided(relevance: Any, total: Any) -> Any:
    """relevance / total, 0 where there is nothing to share it among."""
    from drivesal.backend import tensorflow

    tf = tensorflow()
    size = tf.abs(total)
    least = NOTHING * tf.reduce_mean(size, axis=list(range(1, len(size.shape))), keepdims=True)
    return tf.math.divide_no_nan(relevance, tf.where(size > least, total, 0.0))


def _bounds(model: Scorable, x: Any) -> Bounds:
    """The least and the largest that black to white pictures can be at the network's input, (1, h, w, C)."""
    from drivesal.backend import tensorflow

    tf = tensorflow()
    # black, red, green, blue
    corners = model.inputs(
        tf.constant([[[[0.0] * 3]], *([[[255.0 * (i == c) for i in range(3)]]] for c in range(3))])
    )
    black, ways = corners[:1], corners[1:] - corners[:1]
    full = tf.ones([1, *x.shape[1:]])
    low = black + tf.reduce_sum(tf.minimum(ways, 0.0), axis=0, keepdims=True)
    high = black + tf.reduce_sum(tf.maximum(ways, 0.0), axis=0, keepdims=True)
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
    from drivesal.backend import keras

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
    from drivesal.attribution.chain import OTHERS, called
    from drivesal.backend import keras
    from drivesal.errors import ModelError

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


def _scale(call: Call, network: Any) -> Scale:
    """A layer of one scale and one shift a channel, by its value and slope at 0."""
    from drivesal.attribution.chain import OTHERS, called
    from drivesal.backend import tensorflow
    from drivesal.errors import ModelError

    tf = tensorflow()
    rank, channels = len(call.input.shape), call.input.shape[-1]
    axes = getattr(call.layer, "axis", None) or ()
    fits = all(axis in (-1, rank - 1) for axis in (axes if isinstance(axes, (list, tuple)) else (axes,)))
    zero = tf.zeros([1] * (rank - 1) + [channels])
    if fits and call.output.shape[1:] == call.input.shape[1:]:
        value = call.layer(zero)
        if value.shape == zero.shape:
            return Scale(
                tf.reshape(_pulled([value], zero, [tf.ones_like(value)]), [-1]), tf.reshape(value, [-1])
            )
    raise ModelError(
        f"layers that scale and shift each channel, for {TITLE}",
        f"{called(call.layer, network)} does not",
        OTHERS,
    )
