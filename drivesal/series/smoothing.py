"""Labels averaged over time.

    smoothed(t) = mean of the labels from t − width/2 to t + width/2

a moving average, cut off at the ends of the recording and at its gaps; nothing is averaged across a gap of more
than LONGEST_GAP_S.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.types import Doubles

LONGEST_GAP_S = 1.0
"""A longer step between labels [s] is a gap: what lies beyond it is another scene."""
_MOMENT_S = 1e-6


def smoothed(times_s: Doubles, values: Doubles, width_s: float) -> Doubles:
    """(N,) the mean of the finite values within `width_s` around each time; NaN where the value is NaN.

    `times_s` (N,) ascend; where they go back, another recording begins. Raises OptionError for a width that is
    not above 0.
    """
    if not (np.isfinite(width_s) and width_s > 0):
        raise OptionError("seconds above 0 to smooth labels over", f"it is {width_s:g}", "give some, such as 1")
    found = np.full(len(values), np.nan)
    steps = np.diff(times_s)
    cuts = np.flatnonzero((steps > LONGEST_GAP_S) | (steps < 0)) + 1
    for first, end in itertools.pairwise([0, *cuts.tolist(), len(values)]):
        run = slice(first, end)
        found[run] = averaged(times_s[run], values[run], width_s)
    return np.where(np.isfinite(values), found, np.nan)


def averaged(times_s: Doubles, values: Doubles, width_s: float) -> Doubles:
    """(N,) the mean of the finite values within `width_s` around each time, NaN where there is none."""
    known = np.isfinite(values)
    total = np.append(0.0, np.cumsum(np.where(known, values, 0.0)))
    count = np.append(0, np.cumsum(known))
    first = np.searchsorted(times_s, times_s - width_s / 2 - _MOMENT_S)
    end = np.searchsorted(times_s, times_s + width_s / 2 + _MOMENT_S)
    number = count[end] - count[first]
    found = np.full(len(values), np.nan)
    np.divide(total[end] - total[first], number, out=found, where=number > 0)
    return found


def note(width_s: float) -> str:
    """What a recording says of labels that were smoothed."""
    return f"labels smoothed: their mean over {width_s:g} s around each frame"
