"""Smooth random signals over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from drivesal.types import Doubles


def smooth(draw: Callable[[int], Doubles], frames: int, rate: float, knots_per_second: float) -> Doubles:
    """(frames,) values with cosine interpolation between random knots.

    `draw(n)` gives n random knots; `rate` is in frames per second.
    """
    position = np.arange(frames) / rate * knots_per_second
    whole = position.astype(int)
    knots = draw(int(whole[-1]) + 2)
    share = (1 - np.cos(np.pi * (position - whole))) / 2
    between: Doubles = knots[whole] * (1 - share) + knots[whole + 1] * share
    return between
