"""Recurrent layers of Keras 1: their gates' weights in one array each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

GATES = {"LSTM": (0, 6, 3, 9), "GRU": (0, 3, 6)}
"""Where Keras 1 keeps the kernel of each gate, in Keras 3's order; recurrent kernel and bias follow each."""


def joined(kind: str, values: Sequence[Any]) -> list[Any]:
    """The weights of a layer of this kind, or of one each way, with all gates in one array.

    Keras 1 keeps three arrays a gate; what is not of this form comes back as it is.
    """
    order = GATES.get(kind, ())
    size = 3 * len(order)
    if not size or not values or len(values) % size:
        return list(values)
    return [
        _Gates([values[start + gate + part] for gate in order])
        for start in range(0, len(values), size)
        for part in range(3)
    ]


class _Gates:
    """Arrays side by side, read only once they are asked for."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = parts

    @property
    def shape(self) -> tuple[int, ...]:
        first, *others = (tuple(part.shape) for part in self.parts)
        if any(one[:-1] != first[:-1] for one in others) or not first:
            return first
        return (*first[:-1], sum(part.shape[-1] for part in self.parts))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.concatenate([np.asarray(part, dtype) for part in self.parts], axis=-1)
