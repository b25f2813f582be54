"""How a layer's relevance is distributed over its inputs: the epsilon rule and the sign rule.

For use inside a compiled function, because both rules are computed with `tf.gradients`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drivesal.model.backend import tensorflow

Bounds = tuple[Any, Any]
"""Lower and upper bound of a layer's input before any weights, (1, h, w, C) each."""

NEGLIGIBLE = 1e-9
"""Contributions that sum to less than this share of the layer's mean sum count as none."""


@dataclass(frozen=True)
class PropagationRule:
    """Whether convolutions use the sign rule, the stabiliser ε (a scalar), a step's input bounds if any."""

    plus: bool
    epsilon: Any
    bounds: Bounds | None = None


def epsilon_rule(x: Any, z: Any, relevance: Any, rule: PropagationRule) -> Any:
    """R_i = Σ_j c_ij R_j / (z_j + ε sign z_j), ε relative to the layer's mean |z| per image, sign 0 = 1."""
    tf = tensorflow()
    size = tf.abs(z)
    stabiliser = rule.epsilon * tf.reduce_mean(size, axis=list(range(1, len(z.shape))), keepdims=True)
    stable = tf.where(z < 0, z - stabiliser, z + stabiliser)
    return x * vector_jacobian([z], x, [tf.math.divide_no_nan(tf.reshape(relevance, tf.shape(z)), stable)])


def sign_rule(
    products: Callable[[Any], tuple[Any, Any]],
    scaled: Callable[[Any], Any],
    x: Any,
    z: Any,
    relevance: Any,
    rule: PropagationRule,
) -> Any:
    """R_i = Σ_j p_ij / Σ_i p_ij · R_j, where p_ij are the contributions with the sign of z_j.

    With bounds l and h of the input, contributions are measured from their extreme over l..h. `scaled` maps x
    to the input of the weights, and `products` multiplies that with the positive and the negative weights. The
    derivatives of Σ_i p_ij with respect to x, l and h, each times its variable, add up to p_ij, so no weight
    matrix is written out.
    """
    tf = tensorflow()
    sources = [x]
    if rule.bounds is None:
        # up = x⁺w⁺ + x⁻w⁻, down = x⁻w⁺ + x⁺w⁻
        (up, down_too), (down, up_too) = (products(half(scaled(x), 0.0)) for half in (tf.maximum, tf.minimum))
        up, down = up + up_too, down + down_too
    else:
        sources += [bound + tf.zeros_like(x) for bound in rule.bounds]
        ends = scaled(sources[1]), scaled(sources[2])
        lowest, highest = products(tf.minimum(*ends)), products(tf.maximum(*ends))
        z_without_bias = sum(products(scaled(x)))
        up, down = z_without_bias - lowest[0] - highest[1], z_without_bias - highest[0] - lowest[1]
    relevance = tf.reshape(relevance, tf.shape(z))
    weights = [
        _safe_divide(tf.where(z < 0, 0.0, relevance), up),
        _safe_divide(tf.where(z < 0, relevance, 0.0), down),
    ]
    return sum(source * vector_jacobian([up, down], source, weights) for source in sources)


def _safe_divide(relevance: Any, total: Any) -> Any:
    """relevance / total, 0 where the total is negligible."""
    tf = tensorflow()
    size = tf.abs(total)
    least = NEGLIGIBLE * tf.reduce_mean(size, axis=list(range(1, len(size.shape))), keepdims=True)
    return tf.math.divide_no_nan(relevance, tf.where(size > least, total, 0.0))


def vector_jacobian(outputs: Sequence[Any], x: Any, weights: Sequence[Any]) -> Any:
    """Vector-Jacobian product Σ weights · ∂outputs/∂x, 0 where the outputs do not depend on x."""
    tf = tensorflow()
    zero = tf.UnconnectedGradients.ZERO
    vectors = [tf.reshape(weight, tf.shape(y)) for weight, y in zip(weights, outputs, strict=True)]
    return tf.convert_to_tensor(tf.gradients(list(outputs), x, grad_ys=vectors, unconnected_gradients=zero)[0])
