"""What is differentiated: losses as in keras-vis, and their weighted sum."""

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
    """Something to differentiate: `build_loss` gives a symbolic scalar, made with `keras.ops`.

    A smaller loss is more of what is wanted, as in keras-vis; a weight of −1 turns that round.
    """

    name = "Unnamed Loss"

    def __str__(self) -> str:
        return self.name

    @abstractmethod
    def build_loss(self) -> Any:
        """A scalar KerasTensor."""


class ActivationMaximization(Loss):
    """−mean of each of the layer's filters (or units), summed over `filter_indices`.

    `filter_indices` is a number, several, or None for −mean of the whole output; negative ones count from the
    end. Where the layer was called several times, its first call counts, as in Keras's `layer.output`.
    """

    name = "ActivationMax Loss"

    def __init__(self, layer: Any, filter_indices: Any) -> None:
        self.layer = layer
        self.filter_indices = filter_indices

    def build_loss(self) -> Any:
        """A scalar KerasTensor. Raises ModelError, and OptionError for a filter that the layer has not."""
        calls = getattr(self.layer, "_inbound_nodes", None)
        if not calls or len(calls[0].outputs) != 1:
            raise ModelError(
                "a layer of a network, with one output",
                f"{getattr(self.layer, 'name', self.layer)!r} is none",
                "give a layer of model.layers",
            )
        output = calls[0].outputs[0]
        return _less_active(output, filters_of(output, filter_indices=self.filter_indices))


class OutputMaximization(Loss):
    """ActivationMaximization on an output that is known already."""

    def __init__(self, output: Any, filters: tuple[int, ...] | None) -> None:
        self.output, self.filters = output, filters

    def build_loss(self) -> Any:
        """A scalar KerasTensor."""
        return _less_active(self.output, self.filters)


def filters_of(output: Any, filter_indices: Any) -> tuple[int, ...] | None:
    """The filters as numbers, None for the whole output."""
    if filter_indices is None:
        return None
    width = output.shape[-1]
    try:
        given = [filter_indices] if np.ndim(filter_indices) == 0 else list(filter_indices)
        found = tuple(operator.index(one) for one in given)
    except (TypeError, ValueError):
        found = ()
    wrong = [one for one in found if width is not None and not -width <= one < width]
    if not found or wrong:
        raise OptionError(
            f"filter_indices from 0 to {width - 1}" if wrong else "filter_indices as a number, several or None",
            f"it is {wrong[0] if wrong else filter_indices!r}",
            "None is the mean of all",
        )
    return found


def _less_active(output: Any, filters: tuple[int, ...] | None) -> Any:
    """ActivationMaximization's symbolic scalar."""
    mean = keras().ops.mean
    if filters is None:
        return -mean(output)
    return functools.reduce(operator.add, [-mean(output[..., i]) for i in filters])


def total_of(losses: Losses) -> Any:
    """Σ weight · loss, a scalar KerasTensor; a loss of weight 0 is not even built."""
    total = None
    pairs = list(losses)
    if any(not isinstance(one, tuple | list) or len(one) != 2 for one in pairs):
        raise OptionError("losses as [(loss, weight), …]", f"they are {pairs!r}", "give each loss its weight")
    for loss, weight in pairs:
        if weight == 0:
            continue
        built = loss.build_loss()
        if not is_symbolic(built) or tuple(built.shape) != ():
            raise ModelError(
                "a loss whose build_loss gives a symbolic scalar",
                f"that of {loss} gives {built!r}",
                "take keras.ops.mean of something computed of a layer's output",
            )
        weighted = float(weight) * built
        total = weighted if total is None else total + weighted
    if total is None:
        raise OptionError("at least one loss with a weight", "there is none", "give [(loss, weight), …]")
    return total
