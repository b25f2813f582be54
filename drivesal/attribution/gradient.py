"""Vanilla saliency: the gradient of the angle at the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Attributed, Attributor, Scorable, register

if TYPE_CHECKING:
    from drivesal.types import Floats, Image


@register(
    name="gradient",
    title="Vanilla saliency",
    paper="Simonyan, Vedaldi and Zisserman 2014, arXiv:1312.6034",
    equation="A = ∂S/∂x",
    kind="sensitivity",
    signed=True,
    odd=True,
    uses_head=True,
)
def gradient(model: Scorable, mean: Floats) -> Attributor:
    """A = ∂S/∂x, in the angle's unit per 1/255 of a channel's brightness."""
    import numpy as np

    from drivesal.backend import tensorflow

    tf = tensorflow()
    height, width, _ = mean.shape

    @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.uint8)])  # type: ignore[untyped-decorator]
    def differentiate(pictures: Any) -> Any:
        x = model.inputs(tf.cast(pictures, tf.float32))
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = model.answer(x)
        return score, tape.gradient(score, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def attribute(pictures: Image) -> Attributed:
        score, raw = differentiate(pictures)
        # numpy() would copy; the tensor is nobody else's
        return Attributed(score.numpy(), np.asarray(memoryview(raw)), model.to_rgb)

    return attribute
