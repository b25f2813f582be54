"""The pieces of a chain of layers that relevance goes back through, each by a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from drivesal.attribution.engine.relevance import Bounds, How, by_epsilon, by_sign, pulled
from drivesal.model.backend import keras, tensorflow


class Step(Protocol):
    """A piece of the chain."""

    def forward(self, x: Any) -> Any:
        """What goes in, (N, …), to what comes out."""

    def bounded(self, bounds: Bounds | None) -> Bounds | None:
        """The bounds of what comes out, None behind weights."""

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """The relevance of y = forward(x) to that of x."""


@dataclass(frozen=True)
class Weightless:
    """A layer or activation that keeps the order of its inputs, so that bounds stay bounds."""

    function: Callable[[Any], Any]

    def forward(self, x: Any) -> Any:
        """The layer itself."""
        return self.function(x)

    def bounded(self, bounds: Bounds | None) -> Bounds | None:
        """The layer of both."""
        return None if bounds is None else (self.function(bounds[0]), self.function(bounds[1]))


class Through(Weightless):
    """An activation: a number is as relevant as what it was made of."""

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """Unchanged."""
        return tensorflow().reshape(relevance, tensorflow().shape(x))


class Routed(Weightless):
    """Flattening, cropping, padding, maximum pooling: relevance goes back to where a number came from."""

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """By the layer's derivative, which is 0 or 1."""
        return pulled([y], x, [relevance])


class Averaged(Weightless):
    """Average pooling: a convolution whose weights are all positive."""

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """By the convolutions' rule."""
        if not how.plus:
            return by_epsilon(x, y, relevance, how)
        return by_sign(lambda u: (self.function(u), 0.0), lambda u: u, x, y, relevance, how)


@dataclass(frozen=True)
class ChannelScale:
    """scale · x + shift a channel, (C,) tensors."""

    scale: Any
    shift: Any

    def __call__(self, x: Any) -> Any:
        """All of it."""
        return self.scale * x + self.shift


@dataclass(frozen=True)
class Linear:
    """A layer with weights, or None, and what is folded into it: scales and framing before, scales after."""

    layer: Any
    before: list[Any]
    after: list[ChannelScale]

    def forward(self, x: Any) -> Any:
        """Everything but the activation."""
        for part in self.before:
            x = part(x)
        if self.layer is not None:
            x = _weighted(self.layer, x, self.layer.kernel)
            x = x if self.layer.bias is None else x + self.layer.bias
        for scale in self.after:
            x = scale(x)
        return x

    def bounded(self, bounds: Bounds | None) -> Bounds | None:
        """None."""
        return None

    def back(self, x: Any, y: Any, relevance: Any, how: How) -> Any:
        """By the convolutions' rule, dense layers and scales alone by epsilon."""
        if how.plus and hasattr(self.layer, "kernel_size"):
            return by_sign(self._halves(), self._scaled, x, y, relevance, how)
        return by_epsilon(x, y, relevance, how)

    def _scaled(self, x: Any) -> Any:
        """What the weights are given of x, the shifts left out."""
        for part in self.before:
            x = part.scale * x if isinstance(part, ChannelScale) else part(x)
        return x

    def _halves(self) -> Callable[[Any], tuple[Any, Any]]:
        """From what the weights are given to its product with the positive and with the negative ones."""
        tf = tensorflow()
        kernel = tf.convert_to_tensor(self.layer.kernel)
        for after in self.after:
            # a depthwise kernel keeps its output channels in two axes
            depthwise = kernel.shape[-1] != after.scale.shape[0]
            kernel *= tf.reshape(after.scale, kernel.shape[-2:]) if depthwise else after.scale
        positive, negative = tf.maximum(kernel, 0.0), tf.minimum(kernel, 0.0)
        return lambda u: (_weighted(self.layer, u, positive), _weighted(self.layer, u, negative))


def _weighted(layer: Any, x: Any, kernel: Any) -> Any:
    """The layer's product with a kernel."""
    ops = keras().ops
    if isinstance(layer, keras().layers.Dense):
        return ops.matmul(x, kernel)
    if isinstance(layer, keras().layers.Conv2D):
        return layer.convolution_op(x, kernel)
    return ops.depthwise_conv(
        x, kernel, strides=layer.strides, padding=layer.padding, dilation_rate=layer.dilation_rate
    )
