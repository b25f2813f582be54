"""Detection of labels from keyboard steering: pulses separated by zeros, unlike those of a steering wheel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from drivesal.types import Doubles

_MIN_ZERO_SHARE, _MIN_PULSES, _MAX_TYPICAL_PULSE_S = 0.3, 10, 1.0
"""Share of zeros, number of pulses and median length [s] that separate keys from a steering wheel at rest."""


@dataclass(frozen=True, slots=True)
class Pulses:
    """Labels from keyboard steering: `share` of them 0, the rest in `count` pulses of about `usual_s`."""

    share: float
    count: int
    usual_s: float

    @property
    def sentence(self) -> str:
        """A description of the labels."""
        return (
            f"the labels are pulses, as from keyboard steering: {self.share:.0%} are exactly 0, the rest are "
            f"{self.count} pulses of about {self.usual_s:.2g} s"
        )


def pulses(times_s: Doubles, values: Doubles) -> Pulses | None:
    """Pulses in labels (N,) at ascending times, NaN where unknown; None where the labels are no pulses."""
    known = np.isfinite(values)
    times, labels = times_s[known], values[known]
    if len(labels) < 2 or not (labels == 0).any():
        return None
    steps = np.diff(np.concatenate([[0], (labels != 0).astype(int), [0]]))
    starts, ends = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    share = float((labels == 0).mean())
    if share < _MIN_ZERO_SHARE or len(starts) < _MIN_PULSES:
        return None
    step = float(np.median(np.diff(times)))
    typical = float(np.median(times[ends - 1] - times[starts])) + step
    return Pulses(share, len(starts), typical) if typical <= _MAX_TYPICAL_PULSE_S else None
