"""How a layer's relevance is shared out among what went into it: the epsilon rule and the rule of signs.

For use inside a compiled function, because `tf.gradients` does the sharing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drivesal.model.backend import tensorflow

Bounds = tuple[Any, Any]
"""The least and the largest that goes into a layer before any weights, (1, h, w, C) each."""

NOTHING = 1e-9
"""Shares whose sum is less than this, as a share of the layer's mean sum, are none."""


@dataclass(frozen=True)
class How:
    """The convolutions' rule, the stabiliser (a scalar), and the range of a step's input where it has one."""

    plus: bool
    epsilon: Any
    bounds: Bounds | None = None


def by_epsilon(x: Any, z: Any, relevance: Any, how: How) -> Any:
    """R_i = Σ_j c_ij R_j / (z_j + ε sign z_j), ε a share of the picture's mean |z|; the sign of 0 is +."""
    tf = tensorflow()
    size = tf.abs(z)
    stabiliser = how.epsilon * tf.reduce_mean(size, axis=list(range(1, len(z.shape))), keepdims=True)
    stable = tf.where(z < 0, z - stabiliser, z + stabiliser)
    return x * pulled([z], x, [tf.math.divide_no_nan(tf.reshape(relevance, tf.shape(z)), stable)])


def by_sign(
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
    return sum(one * pulled([up, down], one, weights) for one in sources)


def _divided(relevance: Any, total: Any) -> Any:
    """relevance / total, 0 where there is nothing to share it among."""
    tf = tensorflow()
    size = tf.abs(total)
    least = NOTHING * tf.reduce_mean(size, axis=list(range(1, len(size.shape))), keepdims=True)
    return tf.math.divide_no_nan(relevance, tf.where(size > least, total, 0.0))


def pulled(outputs: Sequence[Any], x: Any, weights: Sequence[Any]) -> Any:
    """Σ weights · ∂outputs/∂x, by x."""
    tf = tensorflow()
    zero = tf.UnconnectedGradients.ZERO
    given = [tf.reshape(one, tf.shape(y)) for one, y in zip(weights, outputs, strict=True)]
    return tf.convert_to_tensor(tf.gradients(list(outputs), x, grad_ys=given, unconnected_gradients=zero)[0])
