"""The steps of a chain of layers, each with its rule for propagating relevance back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from drivesal.attribution.engine.relevance import (
    Bounds,
    PropagationRule,
    epsilon_rule,
    sign_rule,
    vector_jacobian,
)
from drivesal.model.backend import keras, tensorflow


class Step(Protocol):
    """One step of the chain."""

    def forward(self, x: Any) -> Any:
        """Input (N, …) to output (N, …)."""

    def output_bounds(self, bounds: Bounds | None) -> Bounds | None:
        """Bounds of the output for these bounds of the input; None after weights."""

    def backward(self, x: Any, y: Any, relevance: Any, rule: PropagationRule) -> Any:
        """Relevance of y = forward(x) to relevance of x."""


@dataclass(frozen=True)
class Monotone:
    """A layer or activation without weights that preserves the order of its inputs, and so their bounds."""

    function: Callable[[Any], Any]

    def forward(self, x: Any) -> Any:
        """Apply the layer."""
        return self.function(x)

    def output_bounds(self, bounds: Bounds | None) -> Bounds | None:
        """Apply the layer to both bounds."""
        return None if bounds is None else (self.function(bounds[0]), self.function(bounds[1]))


class PassThrough(Monotone):
    """An activation: its input has the relevance of its output."""

    def backward(self, x: Any, y: Any, relevance: Any, rule: PropagationRule) -> Any:
        """Return the relevance unchanged."""
        return tensorflow().reshape(relevance, tensorflow().shape(x))


class Routing(Monotone):
    """Flattening, cropping, padding, maximum pooling: relevance goes to the input that became the output."""

    def backward(self, x: Any, y: Any, relevance: Any, rule: PropagationRule) -> Any:
        """Multiply by the layer's derivative, which is 0 or 1."""
        return vector_jacobian([y], x, [relevance])


class Averaging(Monotone):
    """Average pooling: a convolution whose weights are all positive."""

    def backward(self, x: Any, y: Any, relevance: Any, rule: PropagationRule) -> Any:
        """Apply the convolutions' rule."""
        if not rule.plus:
            return epsilon_rule(x, y, relevance, rule)
        return sign_rule(lambda u: (self.function(u), 0.0), lambda u: u, x, y, relevance, rule)


@dataclass(frozen=True)
class ChannelAffine:
    """scale · x + shift for each channel, (C,) tensors."""

    scale: Any
    shift: Any

    def __call__(self, x: Any) -> Any:
        """Apply scale and shift."""
        return self.scale * x + self.shift


@dataclass(frozen=True)
class Linear:
    """A layer with weights, or None, with what is folded into it.

    `before`: scales, cropping and padding of its input; `after`: scales of its output.
    """

    layer: Any
    before: list[Any]
    after: list[ChannelAffine]

    def forward(self, x: Any) -> Any:
        """Apply everything but the activation."""
        for step in self.before:
            x = step(x)
        if self.layer is not None:
            x = _weighted(self.layer, x, self.layer.kernel)
            x = x if self.layer.bias is None else x + self.layer.bias
        for scale in self.after:
            x = scale(x)
        return x

    def output_bounds(self, bounds: Bounds | None) -> Bounds | None:
        """None: bounds are not followed through weights."""
        return None

    def backward(self, x: Any, y: Any, relevance: Any, rule: PropagationRule) -> Any:
        """Apply the convolutions' rule; the epsilon rule for dense layers and for scales alone."""
        if rule.plus and hasattr(self.layer, "kernel_size"):
            return sign_rule(self._products(), self._scaled, x, y, relevance, rule)
        return epsilon_rule(x, y, relevance, rule)

    def _scaled(self, x: Any) -> Any:
        """Input of the weights for x, without shifts."""
        for step in self.before:
            x = step.scale * x if isinstance(step, ChannelAffine) else step(x)
        return x

    def _products(self) -> Callable[[Any], tuple[Any, Any]]:
        """Return a function from the weights' input to its products with the positive and negative weights."""
        tf = tensorflow()
        kernel = tf.convert_to_tensor(self.layer.kernel)
        for after in self.after:
            # a depthwise kernel keeps its output channels in two axes
            depthwise = kernel.shape[-1] != after.scale.shape[0]
            kernel *= tf.reshape(after.scale, kernel.shape[-2:]) if depthwise else after.scale
        positive, negative = tf.maximum(kernel, 0.0), tf.minimum(kernel, 0.0)
        return lambda u: (_weighted(self.layer, u, positive), _weighted(self.layer, u, negative))


def _weighted(layer: Any, x: Any, kernel: Any) -> Any:
    """The layer's product of x with a kernel, without bias."""
    ops = keras().ops
    if isinstance(layer, keras().layers.Dense):
        return ops.matmul(x, kernel)
    if isinstance(layer, keras().layers.Conv2D):
        return layer.convolution_op(x, kernel)
    return ops.depthwise_conv(
        x, kernel, strides=layer.strides, padding=layer.padding, dilation_rate=layer.dilation_rate
    )
