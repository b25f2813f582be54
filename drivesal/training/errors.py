"""How far predictions are off, as a card of a trained model states it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivesal.evaluation import measure

Floats = NDArray[np.float32]


def errors(predicted: Floats, truth: Floats) -> dict[str, Any]:
    """Rounded figures over frames, (n,) predicted and true angles [deg]; beside them one that always answers 0.

    The correlation is None where either does not vary. Raises `ValueError` without frames.
    """
    if len(predicted) == 0 or len(predicted) != len(truth):
        raise ValueError(f"as many predictions as labels are needed, and one or more, not {len(predicted)}")
    found, still = measure.errors(predicted, truth), measure.errors(np.zeros(len(truth)), truth)
    return {
        "frames": found.frames,
        "rmse_deg": _rounded(found.rmse, 2),
        "mean_absolute_error_deg": _rounded(found.mean_absolute, 2),
        "mean_error_deg": _rounded(found.bias, 2),
        "rmse_always_0_deg": _rounded(still.rmse, 2),
        "correlation": _rounded(found.correlation, 3),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
