"""Layer-wise relevance propagation: the score handed back layer by layer to what made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Attributed, Attributor, Context, Option, Scorable, Seen, register

if TYPE_CHECKING:
    from drivesal.types import Floats

TOLERANCE = 1e-3
"""How far the answer of the chain as it was read may be from the network's, as a share of the largest."""

CHECKED = 4
"""Pictures of the clip that this is checked on, beside the mean picture."""


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
    """Contributions in the score's unit; what they miss is reported. Of colours but RGB and BGR they are summed
    over channels.

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

    from drivesal.attribution.engine.kernels import shared
    from drivesal.attribution.engine.propagation import propagate
    from drivesal.attribution.engine.relevance import How
    from drivesal.attribution.methods.integrated import missed
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    height, width, _ = context.mean.shape
    signature = [
        tf.TensorSpec([None, height, width, 3], tf.uint8),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([], tf.float32),
    ]

    def make() -> Any:
        def explained(pictures: Any, others: Any, stabiliser: Any) -> Any:
            return propagate(model, tf.cast(pictures, tf.float32), others, How(rule == "z-plus", stabiliser))

        return tf.function(explained, input_signature=signature, autograph=False)

    compute = model.compiled(f"lrp {rule}", make)
    # built and checked at once, so that a network that it cannot be used on is refused before any frame
    compute.get_concrete_function()
    checked = np.concatenate([np.rint(context.mean).astype(np.uint8)[None], context.pictures[:CHECKED]])
    checked = checked[: context.batch]
    _check(compute(checked, np.zeros((len(checked), _beside(model)), np.float32), np.float32(epsilon)))

    def attribute(seen: Seen) -> Attributed:
        score, relevance, *_ = compute(seen.pictures, seen.others, np.float32(epsilon))
        scores, raw = score.numpy(), shared(relevance)
        return Attributed(scores, _at_rgb(raw, model), None, np.zeros_like(scores), missed(raw, scores))

    return attribute


def _at_rgb(raw: Floats, model: Scorable) -> Floats:
    """Relevance of the network's channels at the picture: red, green, blue at their own, others' summed."""
    used = model.to_rgb != 0
    if (
        not model.converts
        and len(used) == 3
        and (used.sum(axis=0) == 1).all()
        and (used.sum(axis=1) == 1).all()
    ):
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

    from drivesal.attribution.engine.chain import OTHERS
    from drivesal.attribution.engine.propagation import TITLE
    from drivesal.attribution.engine.relevance import NOTHING
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
