import io
import math

import numpy as np
import pytest

from drivesal.angle import AngleKind, digits
from drivesal.evaluation.report import _Numbers
from drivesal.export.table import Table, Units
from drivesal.types import Explained, Frame
from tests.models import convolutional, steering


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (-0.001, "+.2f", "0.00"),
        (0.001, "+.2f", "0.00"),
        (-0.0, ".6g", "0"),
        (-0.5, "+.2f", "-0.50"),
        (0.5, "+.2f", "+0.50"),
        (-1e-9, ".6g", "-1e-09"),
        (math.nan, "+.2f", "+nan"),
        (-math.inf, ".2f", "-inf"),
    ],
)
def test_what_rounds_to_zero_has_no_sign(value, spec, text):
    assert digits(value, spec) == text


def test_the_table_and_the_terminal_have_no_minus_before_zero():
    file = io.StringIO()
    zero = np.zeros((24, 32), np.float32)
    frame = Frame(0, 0.0, np.zeros((24, 32, 3), np.uint8), -0.0)
    model = steering(convolutional())
    table = Table(file, Units("deg"), ["increase"], model.preprocess, False)
    table.add(Explained(frame, frame.image, -0.0, -0.0, zero[..., None], None, zero), {"increase": zero})
    assert file.getvalue().splitlines()[1] == "0,0.000000,0,0,0,0,,"
    numbers = _Numbers(AngleKind("deg"), 0)
    row = {"frames": 3, "rmse": 0.001, "mean_absolute": 0.001, "bias": -0.001, "correlation": -0.0001}
    assert "-0" not in numbers.row("model", row)
    assert AngleKind("score").text(-0.0) == "0"
