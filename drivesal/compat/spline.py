"""Enlarging a map by the cubic spline through its values, as scipy.ndimage.zoom does, without SciPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Floats


def zoomed(values: Floats, size: tuple[int, ...]) -> Floats:
    """(h, w) to `size` by the cubic spline that passes through the values, corner pixels on corner pixels."""
    rows, columns = (_spline(*counts) for counts in zip(values.shape, size, strict=True))
    return (rows @ values @ columns.T).astype(np.float32)


def _spline(count: int, wanted: int) -> NDArray[np.float64]:
    """(wanted, count): from `count` values to their spline at evenly spread points, both ends included."""
    through = np.linalg.inv(_basis(np.arange(count, dtype=np.float64), count))
    spread: NDArray[np.float64] = _basis(np.linspace(0, count - 1, wanted), count) @ through
    return spread


def _basis(at: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(len(at), count): cubic B-splines around 0, 1, …, count − 1 at these points, mirrored at both ends."""
    first = np.floor(at)
    beyond = at - first
    near = [(4 - 6 * d**2 + 3 * d**3) / 6 for d in (beyond, 1 - beyond)]
    weights = [(1 - beyond) ** 3 / 6, *near, beyond**3 / 6]
    period = max(2 * (count - 1), 1)
    basis = np.zeros((len(at), count))
    for i, weight in enumerate(weights):
        folded = np.abs(first.astype(int) - 1 + i) % period
        np.add.at(basis, (np.arange(len(at)), np.minimum(folded, period - folded)), weight)
    return basis
