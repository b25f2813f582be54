"""The gradient of the score with respect to the image, and its product with the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Attributed, Attributor, Context, ModelInputs, Scorable, register

if TYPE_CHECKING:
    from drivesal.types import Floats


@register(
    name="gradient",
    title="Vanilla saliency",
    paper="Simonyan, Vedaldi and Zisserman 2014, arXiv:1312.6034",
    equation="A = ∂S/∂x",
    kind="sensitivity",
    signed=True,
    antisymmetric=True,
    uses_head=True,
)
def gradient(model: Scorable, context: Context) -> Attributor:
    """A = ∂S/∂x, in the score's unit per 1/255 of a channel's brightness."""
    differentiate = _compiled(model, context)

    return lambda inputs: Attributed(*differentiate(inputs), model.to_rgb)


@register(
    name="gradient-x-input",
    title="Gradient × input",
    paper="Shrikumar, Greenside and Kundaje 2017, arXiv:1704.02685",
    equation="A = x · ∂S/∂x",
    kind="contribution",
    signed=True,
    antisymmetric=True,
    uses_head=True,
)
def gradient_x_input(model: Scorable, context: Context) -> Attributor:
    """A = x · ∂S/∂x with x in RGB 0..255: the contribution relative to black if the score were linear."""
    differentiate = _compiled(model, context)

    def attribute(inputs: ModelInputs) -> Attributed:
        scores, raw = differentiate(inputs)
        return Attributed(scores, (raw @ model.to_rgb) * inputs.images)

    return attribute


def _compiled(model: Scorable, context: Context) -> Callable[[ModelInputs], tuple[Floats, Floats]]:
    """Scores and gradients at the network's input, in one compiled function."""
    from drivesal.attribution.engine.kernels import compiled_for_images, score_gradient
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def differentiate(images: Any, auxiliary: Any) -> Any:
        x = model.inputs(tf.cast(images, tf.float32))
        score = model.score_of(x, auxiliary)
        return score, score_gradient(score, x)

    return compiled_for_images(model, "gradient of images", differentiate, context)
