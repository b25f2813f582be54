"""Modifiers as keras-vis names them: formulas for the gradient, and rules for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.errors import OptionError, nearest

if TYPE_CHECKING:
    from drivesal.attribution.engine.rules import Rule
    from drivesal.types import Floats

    GradModifier = str | Callable[[Floats], Any] | None
    BackpropModifier = str | Callable[[Any], Any] | None

EPSILON = 1e-7
"""What keras-vis adds to a divisor."""


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

    Unsound: the pole is at g = −1e-7, so that after normalisation a handful of random pixels near it are all
    that can be seen, and they outshine pixels with exactly no gradient; at the pole itself there is infinity,
    and NaN after normalisation. A small gradient means insensitive, not responsible for the prediction. Use
    drivesal's case `maintain`, or `support` for what holds the prediction.
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


def gradient_modifier(given: GradModifier) -> Callable[[Floats], Floats]:
    """The function of this name, or the person's own."""
    if given is None:
        return lambda gradient: gradient
    if not callable(given):
        if given not in _GRAD_MODIFIERS:
            raise OptionError(
                f"grad_modifier among {', '.join(_GRAD_MODIFIERS)}, a function or None",
                f"it is {given!r}",
                nearest(str(given), _GRAD_MODIFIERS, "choose one of them"),
            )
        return _GRAD_MODIFIERS[given]

    def own(gradient: Floats) -> Floats:
        found = np.asarray(given(gradient))
        if found.ndim != gradient.ndim:
            raise OptionError(
                f"a grad_modifier that gives an array of as many axes as the gradient's {gradient.shape}",
                f"it gave one of shape {found.shape}",
                "keep the batch axis and the channel axis",
            )
        return found

    return own


def modified(model: Any, given: BackpropModifier) -> tuple[Any, Rule | None]:
    """The model to use and the rule for its activations."""
    if given is None:
        return model, None
    if callable(given):
        return given(model), None
    if given not in _BACKPROP_MODIFIERS:
        raise OptionError(
            f"backprop_modifier among {', '.join(_BACKPROP_MODIFIERS)}, a function or None",
            f"it is {given!r}",
            nearest(str(given), _BACKPROP_MODIFIERS, "choose one of them"),
        )
    return model, _BACKPROP_MODIFIERS[given]
