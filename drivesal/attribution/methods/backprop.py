"""Guided and rectified backpropagation: the gradient with other rules for the activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import HEADLESS, Attributed, Attributor, Context, Scorable, register

if TYPE_CHECKING:
    from drivesal.attribution.engine.rules import Rule


@register(
    name="guided",
    title="Guided backpropagation",
    paper="Springenberg, Dosovitskiy, Brox and Riedmiller 2014, arXiv:1412.6806",
    equation="A = ∂S/∂x with R ← R · 1[R > 0] · 1[y > 0] at every activation y",
    kind="relative",
    signed=True,
    odd=False,
    uses_head=True,
    caution=HEADLESS,
)
def guided(model: Scorable, context: Context) -> Attributor:
    """The gradient, only through positive activations and positive gradients; relative."""
    return _modified("guided", model, context)


@register(
    name="rectified",
    title="Rectified backpropagation (deconvolution)",
    paper="Zeiler and Fergus 2014, arXiv:1311.2901",
    equation="A = ∂S/∂x with R ← R · 1[R > 0] at every activation",
    kind="relative",
    signed=True,
    odd=False,
    uses_head=True,
    aliases=("deconv", "zeiler-fergus"),
)
def rectified(model: Scorable, context: Context) -> Attributor:
    """Only positive gradients are passed back, whatever the activations were; relative."""
    return _modified("rectified", model, context)


def _modified(rule: Rule, model: Scorable, context: Context) -> Attributor:
    from drivesal.attribution.engine.kernels import of_pictures, slope
    from drivesal.attribution.engine.rules import check_passed, overridden
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def differentiate(pictures: Any, others: Any) -> Any:
        x = model.inputs(tf.cast(pictures, tf.float32))
        with overridden(rule, model.network):
            score = model.answer(x, others)
        check_passed(rule, score)
        return score, slope(score, x)

    compute = of_pictures(model, rule, differentiate, context)
    return lambda seen: Attributed(*compute(seen), model.to_rgb)
