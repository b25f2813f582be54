"""Gradients of noisy copies of the picture: their mean, their mean square, their variance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import (
    HEADLESS,
    Attributed,
    Attributor,
    Context,
    Option,
    Scorable,
    Seen,
    register,
)

if TYPE_CHECKING:
    from drivesal.types import Floats

    Moments = Callable[[Seen, bool], tuple[Floats, Floats, Floats]]

_OPTIONS = (
    Option("samples", int, 25, "noisy copies of each frame", low=1, high=4096),
    Option("noise", float, 0.1, "their standard deviation as a share of the range 0..255", low=0.0, high=10.0),
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
    odd=True,
    uses_head=True,
    options=_OPTIONS,
    passes=_passes,
)
def smoothgrad(model: Scorable, context: Context, *, samples: int, noise: float) -> Attributor:
    """The mean gradient around the picture, in the score's unit per 1/255 of a channel's brightness."""
    import numpy as np

    moments = _moments(model, context, samples, noise)

    def attribute(seen: Seen) -> Attributed:
        scores, total, _ = moments(seen, False)
        return Attributed(scores, total / np.float32(samples), model.to_rgb)

    return attribute


@register(
    name="squared-smoothgrad",
    title="Squared SmoothGrad",
    paper="Hooker, Erhan, Kindermans and Kim 2018, arXiv:1806.10758",
    equation="A = 1/K Σ_k (∂S/∂x at x + ε_k)², ε_k ~ N(0, σ²)",
    kind="relative",
    signed=False,
    odd=False,
    uses_head=True,
    caution=HEADLESS,
    options=_OPTIONS,
    passes=_passes,
)
def squared_smoothgrad(model: Scorable, context: Context, *, samples: int, noise: float) -> Attributor:
    """The mean square of the gradients around the picture, at RGB; no sign."""
    import numpy as np

    moments = _moments(model, context, samples, noise)

    def attribute(seen: Seen) -> Attributed:
        scores, _, squares = moments(seen, True)
        return Attributed(scores, squares / np.float32(samples))

    return attribute


@register(
    name="vargrad",
    title="VarGrad",
    paper="Adebayo, Gilmer, Goodfellow and Kim 2018, arXiv:1810.03307",
    equation="A = 1/K Σ_k (g_k − ḡ)², g_k = ∂S/∂x at x + ε_k, ε_k ~ N(0, σ²)",
    kind="relative",
    signed=False,
    odd=False,
    uses_head=True,
    caution=HEADLESS,
    options=(Option("samples", int, 25, "noisy copies of each frame", low=2, high=4096), _OPTIONS[1]),
    passes=_passes,
)
def vargrad(model: Scorable, context: Context, *, samples: int, noise: float) -> Attributor:
    """The variance of the gradients around the picture, at RGB; no sign."""
    import numpy as np

    moments = _moments(model, context, samples, noise)

    def attribute(seen: Seen) -> Attributed:
        scores, total, squares = moments(seen, True)
        mean = (total / np.float32(samples)) @ model.to_rgb
        # what rounding leaves below 0 is 0
        return Attributed(scores, np.maximum(squares / np.float32(samples) - mean * mean, 0))

    return attribute


def _moments(model: Scorable, context: Context, samples: int, noise: float) -> Moments:
    """What gives scores (N,), the gradients' sum (N, h, w, C) at the network's input, and where it is asked for
    the sum of their squares (N, h, w, 3) at RGB.

    The noise is added to the RGB picture and not cut off at 0 and 255, as in the paper.
    """
    import numpy as np

    from drivesal.attribution.engine import kernels
    from drivesal.attribution.engine.noise import Noise, copies
    from drivesal.model.backend import tensorflow

    plain, squared = kernels.summed_gradient(model), _with_squares(model)
    drawn = Noise(context.seed, context.mean.shape[:2], model.to_rgb.T, 255 * noise)

    def moments(seen: Seen, squares: bool) -> tuple[Floats, Floats, Floats]:
        x = kernels.network_inputs(model, seen.pictures)
        total, square = np.zeros_like(x), np.zeros(seen.pictures.shape if squares else 0, np.float32)
        for noisy, frames in copies(drawn, x, seen.indices, samples, context):
            rows = slice(frames[0], frames[-1] + 1)
            beside, belongs = tensorflow().constant(seen.others[frames]), kernels.belonging(frames)
            if squares:
                found, found_square = squared(noisy, beside, belongs)
                square[rows] += found_square.numpy()
            else:
                found = plain(noisy, beside, belongs)
            total[rows] += found.numpy()
        return kernels.scores_of(model, x, seen.others, context.batch), total, square

    return moments


def _with_squares(model: Scorable) -> Any:
    """`kernels.summed_gradient` that gives the sum of squares at RGB too."""
    from drivesal.attribution.engine.kernels import slope, specs, summed
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def make() -> Any:
        def differentiate(x: Any, others: Any, belongs: Any) -> Any:
            found = slope(model.answer(x, others), x)
            at_rgb = tf.nn.conv2d(found, model.to_rgb[None, None], 1, "VALID")
            return summed(found, belongs), summed(at_rgb * at_rgb, belongs)

        signature = specs((None, None, len(model.to_rgb)), (None,), (None,))
        return tf.function(differentiate, input_signature=signature, autograph=False).get_concrete_function()

    return model.compiled("summed squares", make)
