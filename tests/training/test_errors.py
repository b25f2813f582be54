"""Figures of error against their definitions."""

import numpy as np
import pytest

from drivesal.training.errors import errors


def test_figures_by_hand():
    found = errors(np.array([1.0, -1, 4]), np.array([0.0, 1, 2]))
    assert found["frames"] == 3
    assert found["rmse_deg"] == pytest.approx(np.sqrt(9 / 3), abs=0.005)
    assert found["mean_absolute_error_deg"] == pytest.approx(5 / 3, abs=0.005)
    assert found["mean_error_deg"] == pytest.approx(1 / 3, abs=0.005)
    assert found["rmse_always_0_deg"] == pytest.approx(np.sqrt(5 / 3), abs=0.005)
    assert found["correlation"] == pytest.approx(np.corrcoef([1, -1, 4], [0, 1, 2])[0, 1], abs=5e-4)


def test_no_correlation_with_what_does_not_vary():
    assert errors(np.zeros(3), np.array([1.0, 2, 3]))["correlation"] is None


@pytest.mark.parametrize(("predicted", "truth"), [([], []), ([1.0], [1.0, 2.0])])
def test_frames_and_labels_must_pair(predicted, truth):
    with pytest.raises(ValueError, match="as many predictions as labels"):
        errors(np.array(predicted), np.array(truth))
