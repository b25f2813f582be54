"""Moving average of labels over time.

    smoothed(t) = mean of the labels from t − width/2 to t + width/2

The window is truncated at the ends of the recording and at gaps of more than LONGEST_GAP_S.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.types import Doubles

LONGEST_GAP_S = 1.0
"""A longer step between labels [s] is a gap: the labels after it belong to another scene."""
_TOLERANCE_S = 1e-6


def smoothed(times_s: Doubles, values: Doubles, width_s: float) -> Doubles:
    """Mean (N,) of the finite values in the window of `width_s` around each time; NaN where the value is NaN.

    Times (N,) ascend; where one is before its predecessor, another recording begins. Raises OptionError for a
    width that is not above 0.
    """
    if not (np.isfinite(width_s) and width_s > 0):
        raise OptionError(
            "a smoothing width above 0 s", f"it is {width_s:g}", "give a number of seconds such as 1"
        )
    means = np.full(len(values), np.nan)
    steps = np.diff(times_s)
    cuts = np.flatnonzero((steps > LONGEST_GAP_S) | (steps < 0)) + 1
    for first, end in itertools.pairwise([0, *cuts.tolist(), len(values)]):
        segment = slice(first, end)
        means[segment] = averaged(times_s[segment], values[segment], width_s)
    return np.where(np.isfinite(values), means, np.nan)


def averaged(times_s: Doubles, values: Doubles, width_s: float) -> Doubles:
    """Mean (N,) of the finite values in the window of `width_s` around each time, NaN where there are none."""
    known = np.isfinite(values)
    total = np.append(0.0, np.cumsum(np.where(known, values, 0.0)))
    count = np.append(0, np.cumsum(known))
    first = np.searchsorted(times_s, times_s - width_s / 2 - _TOLERANCE_S)
    end = np.searchsorted(times_s, times_s + width_s / 2 + _TOLERANCE_S)
    number = count[end] - count[first]
    means = np.full(len(values), np.nan)
    np.divide(total[end] - total[first], number, out=means, where=number > 0)
    return means


def note(width_s: float) -> str:
    """A recording's note that its labels were smoothed."""
    return f"labels smoothed: mean over {width_s:g} s around each frame"
