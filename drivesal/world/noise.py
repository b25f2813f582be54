"""Smooth noise over the time of a drive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def smooth(draw: Callable[[int], Floats], frames: int, rate: float, knots_a_second: float) -> Floats:
    """(frames,) values that go from one drawn number to the next as a cosine does.

    `draw(n)` gives n of them; `rate` in frames a second.
    """
    place = np.arange(frames) / rate * knots_a_second
    whole = place.astype(int)
    knots = draw(int(whole[-1]) + 2)
    share = (1 - np.cos(np.pi * (place - whole))) / 2
    between: Floats = knots[whole] * (1 - share) + knots[whole + 1] * share
    return between
