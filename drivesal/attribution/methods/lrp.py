"""Layer-wise relevance propagation: the score distributed back, layer by layer, over the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import (
    Attributed,
    Attributor,
    Context,
    ModelInputs,
    Option,
    Scorable,
    register,
)

if TYPE_CHECKING:
    from drivesal.types import Floats

TOLERANCE = 1e-3
"""Largest difference between the outputs of the steps and the network, as a share of the largest output."""

CHECK_IMAGES = 4
"""Images of the clip that the steps are checked on, in addition to the mean image."""


@register(
    name="lrp",
    title="Layer-wise relevance propagation",
    paper="Bach et al. 2015, doi 10.1371/journal.pone.0130140; Montavon et al. 2017, arXiv:1512.02479",
    equation="A = R of the input; R_i = Σ_j R_j · c_ij / Σ_i c_ij at every layer, R = S at the output",
    kind="contribution",
    signed=True,
    antisymmetric=True,
    uses_head=True,
    passes=lambda options, size: 6 if options["rule"] == "z-plus" else 2,
    options=(
        Option("rule", str, "z-plus", "propagation rule of convolutions", choices=("z-plus", "epsilon")),
        Option(
            "epsilon",
            float,
            0.001,
            "stabiliser of the epsilon rule, as a share of the layer's mean |z|",
            low=1e-9,
            high=1,
        ),
    ),
)
def lrp(model: Scorable, context: Context, *, rule: str, epsilon: float) -> Attributor:
    """A = R of the input; R_i = Σ_j R_j · c_ij / Σ_i c_ij at every layer, in the score's unit.

    For a network that sees neither RGB nor BGR, relevance is summed over the channels. With inputs x,
    weights w, contributions c_ij = x_i w_ij and z_j = Σ_i c_ij + b_j, relevance is propagated back

    - through dense layers by R_i = Σ_j c_ij R_j / (z_j + ε sign z_j) (Bach 2015, eq. 58), where ε is `epsilon`
      times the layer's mean |z| for that image, so that `epsilon` has no unit;
    - through convolutions by the same rule, or with `rule` "z-plus" in proportion to the contributions with the
      sign of z_j: x⁺w⁺ + x⁻w⁻ where z_j ≥ 0, and x⁺w⁻ + x⁻w⁺ where z_j < 0. Before a ReLU only outputs with
      z_j ≥ 0 have relevance, and the rule is the z⁺ rule of Montavon 2017; before an ELU, or at an output, both
      kinds have relevance;
    - through the first convolution, under "z-plus", by the z^B rule of Montavon 2017,
      x_i w_ij − l_i w⁺_ij − h_i w⁻_ij: how far a contribution lies above its minimum over the pixel's range
      l..h, or below its maximum where z_j < 0. Black is then not treated as absence;
    - through average pooling as through a convolution, and through maximum pooling to the largest input;
    - unchanged through activations with f(0) = 0 and the sign of their argument (ReLU, ReLU6, LeakyReLU, ELU,
      SELU); under the epsilon rule this replaces their slope by the secant f(z)/z (Ancona 2018,
      arXiv:1711.06104). Likewise through a head that is 0 at 0 (tanh, 2·atan), so that the relevance at the
      output is the explained number itself.

    A per-channel scale and shift (such as batch normalization) is folded into the convolution or dense layer
    before it, or else the one after it; alone it gets the epsilon rule. Biases, shifts and the stabiliser
    absorb relevance, so the sum is not the score: the baseline score is 0 and the completeness error |Σ R − S|.

    "z-plus" is the default because its shares lie between 0 and 1. The epsilon rule, an input times a gradient
    with secants, can add and subtract several times the score in neighbouring pixels.

    Raises ModelError where the network is no chain of such layers, or the explained number is not linear in one
    layer's output.
    """
    import numpy as np

    from drivesal.attribution.engine.kernels import as_array
    from drivesal.attribution.engine.propagation import propagate
    from drivesal.attribution.engine.relevance import PropagationRule
    from drivesal.attribution.methods.integrated import completeness_error
    from drivesal.model.backend import tensorflow

    tf = tensorflow()
    height, width, _ = context.mean.shape
    signature = [
        tf.TensorSpec([None, height, width, 3], tf.uint8),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([], tf.float32),
    ]

    def make() -> Any:
        def relevance_of(images: Any, auxiliary: Any, stabiliser: Any) -> Any:
            propagation = PropagationRule(rule == "z-plus", stabiliser)
            return propagate(model, tf.cast(images, tf.float32), auxiliary, propagation)

        return tf.function(relevance_of, input_signature=signature, autograph=False)

    compute = model.compiled(f"lrp {rule}", make)
    # traced and checked at once, so that an unsuitable network is refused before the first frame
    compute.get_concrete_function()
    images = np.concatenate([np.rint(context.mean).astype(np.uint8)[None], context.images[:CHECK_IMAGES]])
    images = images[: context.batch]
    auxiliary = np.zeros((len(images), _auxiliary_count(model)), np.float32)
    _check(compute(images, auxiliary, np.float32(epsilon)))

    def attribute(inputs: ModelInputs) -> Attributed:
        score, relevance, *_ = compute(inputs.images, inputs.auxiliary, np.float32(epsilon))
        scores, raw = score.numpy(), as_array(relevance)
        error = completeness_error(raw, scores)
        return Attributed(scores, _at_rgb(raw, model), None, np.zeros_like(scores), error)

    return attribute


def _at_rgb(raw: Floats, model: Scorable) -> Floats:
    """Relevance per RGB channel where the network sees RGB in any order, otherwise the sum over channels."""
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


def _auxiliary_count(model: Scorable) -> int:
    """Total length of the network's auxiliary inputs."""
    inputs = getattr(model.network, "inputs", None) or []
    return sum(tensor.shape[-1] for tensor in inputs if len(tensor.shape) == 2)


def _check(propagated: Any) -> None:
    """Raise ModelError where the steps do not reproduce the network, or the head is not 0 at 0."""
    import numpy as np

    from drivesal.attribution.engine.chain import ALTERNATIVES
    from drivesal.attribution.engine.propagation import TITLE
    from drivesal.attribution.engine.relevance import NEGLIGIBLE
    from drivesal.errors import ModelError

    score, _, start, output_of_steps, output, at_zero = (np.asarray(value) for value in propagated)
    if not np.abs(start - score).max() <= TOLERANCE * np.abs(score).max():
        raise ModelError(
            f"one number of the network's output, for {TITLE}",
            "the explained number is a sum or a function of outputs",
            ALTERNATIVES,
        )
    if not np.abs(output_of_steps - output).max() <= TOLERANCE * np.abs(output).max():
        raise ModelError(
            f"a network whose output can be recomputed from its layers' weights, for {TITLE}",
            f"the weights give {output_of_steps.flat[0]:g} where the network gives {output.flat[0]:g}",
            ALTERNATIVES,
        )
    if not np.abs(at_zero).max() <= TOLERANCE * max(np.abs(output).max(), NEGLIGIBLE):
        raise ModelError(
            f"an output activation that is 0 at 0, for {TITLE}",
            f"it is {np.abs(at_zero).max():g} there",
            ALTERNATIVES,
        )
