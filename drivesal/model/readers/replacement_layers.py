"""Layers that replace a Lambda with a declared formula, and functions that Keras 3 no longer has.

All are registered with Keras, so that a network that contains them can be saved and loaded again.
"""

from __future__ import annotations

import functools
from typing import Any

from drivesal.errors import OptionError
from drivesal.model.backend import keras
from drivesal.model.readers.lambdas import formula


def register() -> None:
    """Register this module's layers and functions, for Keras's own reader."""
    _head_layer()
    hard_sigmoid()


def layer(text: str, name: str) -> Any:
    """A layer of this name that computes the formula."""
    parsed = formula(text)
    if parsed.head is None:
        return keras().layers.Rescaling(*parsed.inner, name=name)
    return _head_layer()(text, name=name)


def head(text: Any, name: str) -> Any:
    """The layer of a formula with a head, as stored in a model that drivesal saved. Raises OptionError."""
    if not isinstance(text, str) or formula(text).head is None:
        raise OptionError(
            "a formula with a head like 2*atan(x)", f"it is {str(text)[:60]!r}", "save the model again"
        )
    return _head_layer()(text, name=name)


@functools.cache
def hard_sigmoid() -> Any:
    """hard_sigmoid of Keras 1 and 2: 0.2·x + 0.5 clipped to 0..1; that of Keras 3 has a slope of 1/6."""
    ops = keras().ops

    @keras().saving.register_keras_serializable(package="drivesal")  # type: ignore[untyped-decorator]
    def hard_sigmoid_of_keras_2(x: Any) -> Any:
        return ops.clip(0.2 * x + 0.5, 0.0, 1.0)

    return hard_sigmoid_of_keras_2


@functools.cache
def _head_layer() -> Any:
    ops = keras().ops
    heads = {"atan": ops.arctan, "tanh": ops.tanh}

    @keras().saving.register_keras_serializable(package="drivesal")
    class Head(keras().layers.Layer):  # type: ignore[misc]
        """A formula with a head, such as 2*atan(x)."""

        def __init__(self, formula_of_x: str, **keywords: Any) -> None:
            super().__init__(**keywords)
            self.formula_of_x, self._formula = formula_of_x, formula(formula_of_x)

        def call(self, x: Any) -> Any:
            (scale, offset), (factor, shift) = self._formula.inner, self._formula.outer
            return heads[str(self._formula.head)](x * scale + offset) * factor + shift

        def get_config(self) -> Any:
            return super().get_config() | {"formula_of_x": self.formula_of_x}

    return Head
