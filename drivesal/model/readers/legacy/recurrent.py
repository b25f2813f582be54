"""Recurrent layers of Keras 1, which stores the weights of each gate in arrays of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

GATES = {"LSTM": (0, 6, 3, 9), "GRU": (0, 3, 6)}
"""Index of each gate's kernel in Keras 1's list, in Keras 3's order; recurrent kernel and bias follow each."""


def joined(kind: str, values: Sequence[Any]) -> list[Any]:
    """The weights of a layer of this kind, or of a bidirectional one, with all gates in one array.

    Keras 1 stores three arrays per gate. Weights of any other form are returned unchanged.
    """
    order = GATES.get(kind, ())
    size = 3 * len(order)
    if not size or not values or len(values) % size:
        return list(values)
    return [
        _Gates([values[start + gate + offset] for gate in order])
        for start in range(0, len(values), size)
        for offset in range(3)
    ]


class _Gates:
    """Arrays concatenated along the last axis, read only on demand."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        self.arrays = arrays

    @property
    def shape(self) -> tuple[int, ...]:
        first, *rest = (tuple(array.shape) for array in self.arrays)
        if any(shape[:-1] != first[:-1] for shape in rest) or not first:
            return first
        return (*first[:-1], sum(array.shape[-1] for array in self.arrays))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.concatenate([np.asarray(array, dtype) for array in self.arrays], axis=-1)
