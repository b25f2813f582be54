"""How far predictions are off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def errors(predicted: Floats, truth: Floats) -> dict[str, Any]:
    """Figures over frames, (n,) predicted and true angles [deg]; beside them a model that always answers 0.

    The correlation is None where either does not vary. Raises `ValueError` without frames.
    """
    if len(predicted) == 0 or len(predicted) != len(truth):
        raise ValueError(f"as many predictions as labels are needed, and one or more, not {len(predicted)}")
    off = np.asarray(predicted, np.float64) - truth
    varies = np.std(predicted) > 0 and np.std(truth) > 0
    return {
        "frames": len(truth),
        "rmse_deg": _root_mean_square(off),
        "mean_absolute_error_deg": round(float(np.mean(np.abs(off))), 2),
        "mean_error_deg": round(float(np.mean(off)), 2),
        "rmse_always_0_deg": _root_mean_square(np.asarray(truth, np.float64)),
        "correlation": round(float(np.corrcoef(predicted, truth)[0, 1]), 3) if varies else None,
    }


def _root_mean_square(values: NDArray[np.float64]) -> float:
    return round(float(np.sqrt(np.mean(values**2))), 2)
