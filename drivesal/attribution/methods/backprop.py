"""Guided and rectified backpropagation: the gradient with modified rules for the activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import HEADLESS, Attributed, Attributor, Context, Scorable, register

if TYPE_CHECKING:
    from drivesal.attribution.engine.activation_rules import Rule


@register(
    name="guided",
    title="Guided backpropagation",
    paper="Springenberg, Dosovitskiy, Brox and Riedmiller 2014, arXiv:1412.6806",
    equation="A = ∂S/∂x with R ← R · 1[R > 0] · 1[y > 0] at every activation y",
    kind="relative",
    signed=True,
    antisymmetric=False,
    uses_head=True,
    caution=HEADLESS,
)
def guided(model: Scorable, context: Context) -> Attributor:
    """A = ∂S/∂x where each activation passes positive gradients only, and only if it is positive; relative."""
    return _modified("guided", model, context)


@register(
    name="rectified",
    title="Rectified backpropagation (deconvolution)",
    paper="Zeiler and Fergus 2014, arXiv:1311.2901",
    equation="A = ∂S/∂x with R ← R · 1[R > 0] at every activation",
    kind="relative",
    signed=True,
    antisymmetric=False,
    uses_head=True,
    aliases=("deconv", "zeiler-fergus"),
)
def rectified(model: Scorable, context: Context) -> Attributor:
    """A = ∂S/∂x where each activation passes positive gradients only, whatever its value; relative."""
    return _modified("rectified", model, context)


def _modified(rule: Rule, model: Scorable, context: Context) -> Attributor:
    from drivesal.attribution.engine.activation_rules import check_rectifier_on_path, override_gradients
    from drivesal.attribution.engine.kernels import compiled_for_images, score_gradient
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def differentiate(images: Any, auxiliary: Any) -> Any:
        x = model.inputs(tf.cast(images, tf.float32))
        with override_gradients(rule, model.network):
            score = model.score_of(x, auxiliary)
        check_rectifier_on_path(rule, score)
        return score, score_gradient(score, x)

    compute = compiled_for_images(model, rule, differentiate, context)
    return lambda inputs: Attributed(*compute(inputs), model.to_rgb)
