"""Enlargement of a map by cubic spline interpolation, as scipy.ndimage.zoom does it, without SciPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Floats


def zoomed(values: Floats, size: tuple[int, ...]) -> Floats:
    """Resize (h, w) to `size` by an interpolating cubic spline that maps corner pixels to corner pixels."""
    rows, columns = (_spline(*counts) for counts in zip(values.shape, size, strict=True))
    return (rows @ values @ columns.T).astype(np.float32)


def _spline(count: int, points: int) -> NDArray[np.float64]:
    """Matrix (points, count) from values to their spline at evenly spaced points, both ends included."""
    coefficients = np.linalg.inv(_basis(np.arange(count, dtype=np.float64), count))
    matrix: NDArray[np.float64] = _basis(np.linspace(0, count - 1, points), count) @ coefficients
    return matrix


def _basis(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(len(points), count): cubic B-splines centred at 0, 1, …, count − 1, mirrored at both ends."""
    first = np.floor(points)
    fraction = points - first
    near = [(4 - 6 * d**2 + 3 * d**3) / 6 for d in (fraction, 1 - fraction)]
    weights = [(1 - fraction) ** 3 / 6, *near, fraction**3 / 6]
    period = max(2 * (count - 1), 1)
    basis = np.zeros((len(points), count))
    for i, weight in enumerate(weights):
        folded = np.abs(first.astype(int) - 1 + i) % period
        np.add.at(basis, (np.arange(len(points)), np.minimum(folded, period - folded)), weight)
    return basis
