"""Modifiers under their keras-vis names: formulas for the gradient, and rules for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.errors import OptionError, nearest

if TYPE_CHECKING:
    from drivesal.attribution.engine.activation_rules import Rule
    from drivesal.types import Floats

    GradModifier = str | Callable[[Floats], Any] | None
    BackpropModifier = str | Callable[[Any], Any] | None

EPSILON = 1e-7
"""The constant that keras-vis adds to divisors."""


def negate(gradient: Floats) -> Floats:
    """−g."""
    return -gradient


def absolute(gradient: Floats) -> Floats:
    """|g|."""
    return np.abs(gradient)


def invert(gradient: Floats) -> Floats:
    """1/(g + 1e-7)."""
    inverted: Floats = 1.0 / (gradient + EPSILON)
    return inverted


def relu(gradient: Floats) -> Floats:
    """max(0, g)."""
    return np.maximum(gradient, 0)


def small_values(gradient: Floats) -> Floats:
    """|1/(g + 1e-7)|, for compatibility only.

    Unsound: the pole is at g = −1e-7, so after normalisation only a handful of random pixels near it are
    visible, and they outshine pixels whose gradient is exactly 0; at the pole itself the value is infinite, and
    NaN after normalisation. A small gradient means insensitive, not responsible for the prediction. Use
    drivesal's case `maintain`, or `support` for the pixels that the prediction rests on.
    """
    return np.abs(invert(gradient))


_GRAD_MODIFIERS: dict[str, Callable[[Floats], Any]] = {
    modifier.__name__: modifier for modifier in (negate, absolute, invert, relu, small_values)
}

_BACKPROP_MODIFIERS: dict[str, Rule] = {
    "guided": "guided",
    "rectified": "rectified",
    "relu": "rectified",
    "deconv": "rectified",
}


def gradient_modifier(modifier: GradModifier) -> Callable[[Floats], Floats]:
    """The modifier of this name, or the user's own function with its result checked. Raises OptionError."""
    if modifier is None:
        return lambda gradient: gradient
    if not callable(modifier):
        if modifier not in _GRAD_MODIFIERS:
            raise OptionError(
                f"grad_modifier among {', '.join(_GRAD_MODIFIERS)}, a function or None",
                f"it is {modifier!r}",
                nearest(str(modifier), _GRAD_MODIFIERS, "choose one of them"),
            )
        return _GRAD_MODIFIERS[modifier]

    def checked(gradient: Floats) -> Floats:
        result = np.asarray(modifier(gradient))
        if result.ndim != gradient.ndim:
            raise OptionError(
                f"a grad_modifier that returns an array with as many axes as the gradient {gradient.shape}",
                f"it returned one of shape {result.shape}",
                "keep the batch axis and the channel axis",
            )
        return result

    return checked


def apply_backprop_modifier(model: Any, modifier: BackpropModifier) -> tuple[Any, Rule | None]:
    """The model to use and the rule for its activations. Raises OptionError."""
    if modifier is None:
        return model, None
    if callable(modifier):
        return modifier(model), None
    if modifier not in _BACKPROP_MODIFIERS:
        raise OptionError(
            f"backprop_modifier among {', '.join(_BACKPROP_MODIFIERS)}, a function or None",
            f"it is {modifier!r}",
            nearest(str(modifier), _BACKPROP_MODIFIERS, "choose one of them"),
        )
    return model, _BACKPROP_MODIFIERS[modifier]
