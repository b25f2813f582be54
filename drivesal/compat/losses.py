"""Losses as in keras-vis, and their weighted sum, which is differentiated."""

from __future__ import annotations

import functools
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.compat.symbolic import is_symbolic
from drivesal.errors import ModelError, OptionError
from drivesal.model.backend import keras

if TYPE_CHECKING:
    Losses = Iterable[tuple[Any, float]]


class Loss(ABC):
    """A loss to differentiate; `build_loss` returns a symbolic scalar built with `keras.ops`.

    As in keras-vis, a smaller loss is better; a weight of −1 reverses that.
    """

    name = "Unnamed Loss"

    def __str__(self) -> str:
        return self.name

    @abstractmethod
    def build_loss(self) -> Any:
        """Return a scalar KerasTensor."""


class ActivationMaximization(Loss):
    """−mean of each of the layer's filters (or units), summed over `filter_indices`.

    `filter_indices` is a number, several, or None for −mean of the whole output; negative numbers count from
    the end. Where the layer was called several times, its first call is used, as in Keras's `layer.output`.
    """

    name = "ActivationMax Loss"

    def __init__(self, layer: Any, filter_indices: Any) -> None:
        self.layer = layer
        self.filter_indices = filter_indices

    def build_loss(self) -> Any:
        """Return a scalar KerasTensor. Raises ModelError, or OptionError for a filter that does not exist."""
        calls = getattr(self.layer, "_inbound_nodes", None)
        if not calls or len(calls[0].outputs) != 1:
            raise ModelError(
                "a layer of a network, with one output",
                f"{getattr(self.layer, 'name', self.layer)!r} is not one",
                "give a layer of model.layers",
            )
        output = calls[0].outputs[0]
        return _negated_activation(output, check_filters(output, filter_indices=self.filter_indices))


class OutputMaximization(Loss):
    """ActivationMaximization for a given symbolic output instead of a layer."""

    def __init__(self, output: Any, filters: tuple[int, ...] | None) -> None:
        self.output, self.filters = output, filters

    def build_loss(self) -> Any:
        """Return a scalar KerasTensor."""
        return _negated_activation(self.output, self.filters)


def check_filters(output: Any, filter_indices: Any) -> tuple[int, ...] | None:
    """The filter numbers, None for the whole output. Raises OptionError."""
    if filter_indices is None:
        return None
    width = output.shape[-1]
    try:
        listed = [filter_indices] if np.ndim(filter_indices) == 0 else list(filter_indices)
        filters = tuple(operator.index(index) for index in listed)
    except (TypeError, ValueError):
        filters = ()
    wrong = [index for index in filters if width is not None and not -width <= index < width]
    if not filters or wrong:
        raise OptionError(
            f"filter_indices from 0 to {width - 1}" if wrong else "filter_indices as a number, several or None",
            f"it is {wrong[0] if wrong else filter_indices!r}",
            "choose existing filters, or None for the mean of all",
        )
    return filters


def _negated_activation(output: Any, filters: tuple[int, ...] | None) -> Any:
    """The symbolic scalar of ActivationMaximization."""
    mean = keras().ops.mean
    if filters is None:
        return -mean(output)
    return functools.reduce(operator.add, [-mean(output[..., i]) for i in filters])


def total_loss(losses: Losses) -> Any:
    """Σ weight · loss, a scalar KerasTensor; a loss of weight 0 is not built."""
    total = None
    pairs = list(losses)
    if any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in pairs):
        raise OptionError("losses as [(loss, weight), …]", f"they are {pairs!r}", "give each loss its weight")
    for loss, weight in pairs:
        if weight == 0:
            continue
        built = loss.build_loss()
        if not is_symbolic(built) or tuple(built.shape) != ():
            raise ModelError(
                "a loss whose build_loss returns a symbolic scalar",
                f"that of {loss} returns {built!r}",
                "take keras.ops.mean of a value computed from a layer's output",
            )
        weighted = float(weight) * built
        total = weighted if total is None else total + weighted
    if total is None:
        raise OptionError("at least one loss with a weight", "there is none", "give [(loss, weight), …]")
    return total
