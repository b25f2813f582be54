"""Smooth noise over the time of a drive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from drivesal.types import Doubles


def smooth(draw: Callable[[int], Doubles], frames: int, rate: float, knots_a_second: float) -> Doubles:
    """(frames,) values that go from one drawn number to the next as a cosine does.

    `draw(n)` gives n of them; `rate` in frames a second.
    """
    place = np.arange(frames) / rate * knots_a_second
    whole = place.astype(int)
    knots = draw(int(whole[-1]) + 2)
    share = (1 - np.cos(np.pi * (place - whole))) / 2
    between: Doubles = knots[whole] * (1 - share) + knots[whole + 1] * share
    return between
