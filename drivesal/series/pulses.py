"""Labels of keys: pulses with zeros between, told from those of a wheel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from drivesal.types import Doubles

_LEAST_SHARE, _LEAST_PULSES, _LONGEST_PULSE_S = 0.3, 10, 1.0
"""The share of zeros, the number of pulses and their usual length [s] that tell keys from a wheel at rest."""


@dataclass(frozen=True, slots=True)
class Pulses:
    """Labels as keys make them: `share` of them exactly 0, the others in `count` pulses of about `usual_s`."""

    share: float
    count: int
    usual_s: float

    @property
    def sentence(self) -> str:
        """What the labels are, in words."""
        return (
            f"the labels are pulses, as keys steer: {self.share:.0%} are exactly 0, the others come in "
            f"{self.count} pulses of about {self.usual_s:.2g} s"
        )


def pulses(times_s: Doubles, values: Doubles) -> Pulses | None:
    """The pulses of labels (N,) at ascending times, NaN where unknown; None where they are not made of such."""
    known = np.isfinite(values)
    times, labels = times_s[known], values[known]
    if len(labels) < 2 or not (labels == 0).any():
        return None
    steps = np.diff(np.concatenate([[0], (labels != 0).astype(int), [0]]))
    starts, ends = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    share = float((labels == 0).mean())
    if share < _LEAST_SHARE or len(starts) < _LEAST_PULSES:
        return None
    step = float(np.median(np.diff(times)))
    usual = float(np.median(times[ends - 1] - times[starts])) + step
    return Pulses(share, len(starts), usual) if usual <= _LONGEST_PULSE_S else None
