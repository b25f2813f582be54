"""Gradients at noisy copies of the image: their mean, mean square and variance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import (
    HEADLESS,
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

    Moments = Callable[[ModelInputs, bool], tuple[Floats, Floats, Floats]]

_OPTIONS = (
    Option("samples", int, 25, "number of noisy copies of each frame", low=1, high=4096),
    Option("noise", float, 0.1, "standard deviation of the noise as a share of 0..255", low=0.0, high=10.0),
)


def _passes(options: Any, size: tuple[int, int]) -> int:
    return int(options["samples"])


@register(
    name="smoothgrad",
    title="SmoothGrad",
    paper="Smilkov, Thorat, Kim, Viégas and Wattenberg 2017, arXiv:1706.03825",
    equation="A = 1/K Σ_k ∂S/∂x at x + ε_k, ε_k ~ N(0, σ²)",
    kind="sensitivity",
    signed=True,
    antisymmetric=True,
    uses_head=True,
    options=_OPTIONS,
    passes=_passes,
)
def smoothgrad(model: Scorable, context: Context, *, samples: int, noise: float) -> Attributor:
    """A = 1/K Σ_k ∂S/∂x at x + ε_k, in the score's unit per 1/255 of a channel's brightness."""
    import numpy as np

    moments = _moments(model, context, samples, noise)

    def attribute(inputs: ModelInputs) -> Attributed:
        scores, total, _ = moments(inputs, False)
        return Attributed(scores, total / np.float32(samples), model.to_rgb)

    return attribute


@register(
    name="squared-smoothgrad",
    title="Squared SmoothGrad",
    paper="Hooker, Erhan, Kindermans and Kim 2018, arXiv:1806.10758",
    equation="A = 1/K Σ_k (∂S/∂x at x + ε_k)², ε_k ~ N(0, σ²)",
    kind="relative",
    signed=False,
    antisymmetric=False,
    uses_head=True,
    caution=HEADLESS,
    options=_OPTIONS,
    passes=_passes,
)
def squared_smoothgrad(model: Scorable, context: Context, *, samples: int, noise: float) -> Attributor:
    """A = 1/K Σ_k (∂S/∂x at x + ε_k)² for each RGB channel; unsigned, relative."""
    import numpy as np

    moments = _moments(model, context, samples, noise)

    def attribute(inputs: ModelInputs) -> Attributed:
        scores, _, squares = moments(inputs, True)
        return Attributed(scores, squares / np.float32(samples))

    return attribute


@register(
    name="vargrad",
    title="VarGrad",
    paper="Adebayo, Gilmer, Goodfellow and Kim 2018, arXiv:1810.03307",
    equation="A = 1/K Σ_k (g_k − ḡ)², g_k = ∂S/∂x at x + ε_k, ε_k ~ N(0, σ²)",
    kind="relative",
    signed=False,
    antisymmetric=False,
    uses_head=True,
    caution=HEADLESS,
    options=(Option("samples", int, 25, "number of noisy copies of each frame", low=2, high=4096), _OPTIONS[1]),
    passes=_passes,
)
def vargrad(model: Scorable, context: Context, *, samples: int, noise: float) -> Attributor:
    """A = 1/K Σ_k (g_k − ḡ)², g_k = ∂S/∂x at x + ε_k, for each RGB channel; unsigned, relative."""
    import numpy as np

    moments = _moments(model, context, samples, noise)

    def attribute(inputs: ModelInputs) -> Attributed:
        scores, total, squares = moments(inputs, True)
        mean = (total / np.float32(samples)) @ model.to_rgb
        # rounding may leave a variance just below 0
        return Attributed(scores, np.maximum(squares / np.float32(samples) - mean * mean, 0))

    return attribute


def _moments(model: Scorable, context: Context, samples: int, noise: float) -> Moments:
    """Return a function from inputs to scores (N,), sum of gradients (N, h, w, C) and sum of their squares.

    Gradients are at the network's input, squares (N, h, w, 3) at RGB and computed only on request. The noise is
    added to the RGB image and, as in the paper, not clipped to 0..255.
    """
    import numpy as np

    from drivesal.attribution.engine import kernels
    from drivesal.attribution.engine.noise import Noise, noisy_copies
    from drivesal.model.backend import tensorflow

    plain, squared = kernels.summed_gradient(model), _with_squares(model)
    source = Noise(context.seed, context.mean.shape[:2], model.to_rgb.T, 255 * noise)

    def moments(inputs: ModelInputs, squares: bool) -> tuple[Floats, Floats, Floats]:
        x = kernels.network_inputs(model, inputs.images)
        total, square = np.zeros_like(x), np.zeros(inputs.images.shape if squares else 0, np.float32)
        for noisy, frames in noisy_copies(source, x, inputs, samples, context.batch):
            rows = slice(frames[0], frames[-1] + 1)
            auxiliary = tensorflow().constant(inputs.auxiliary[frames])
            membership = kernels.frame_membership(frames)
            if squares:
                gradient, gradient_square = squared(noisy, auxiliary, membership)
                square[rows] += gradient_square.numpy()
            else:
                gradient = plain(noisy, auxiliary, membership)
            total[rows] += gradient.numpy()
        return kernels.batched_scores(model, x, inputs.auxiliary, context.batch), total, square

    return moments


def _with_squares(model: Scorable) -> Any:
    """`kernels.summed_gradient` that also returns the sum of squares at RGB."""
    from drivesal.attribution.engine.kernels import float_specs, score_gradient, sum_by_frame
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def make() -> Any:
        def differentiate(x: Any, auxiliary: Any, membership: Any) -> Any:
            gradient = score_gradient(model.score_of(x, auxiliary), x)
            at_rgb = tf.nn.conv2d(gradient, model.to_rgb[None, None], 1, "VALID")
            return sum_by_frame(gradient, membership), sum_by_frame(at_rgb * at_rgb, membership)

        signature = float_specs((None, None, len(model.to_rgb)), (None,), (None,))
        return tf.function(differentiate, input_signature=signature, autograph=False).get_concrete_function()

    return model.compiled("summed squares", make)
