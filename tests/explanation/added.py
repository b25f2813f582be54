"""A case that tests register and remove again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from drivesal.explanation import registry
from drivesal.explanation.registry import Case, Lane

ADDED = Case(
    name="everywhere",
    reads="attribution",
    scale="everywhere",
    colour=(250, 20, 200),
    order=15,
    meaning={"": "as hot on every pixel as the sum of the map"},
    heat=lambda explained, clip: np.full_like(explained.attribution, abs(explained.attribution.sum())),
    shown="signed",
    relative="sum of the map",
    lane=Lane(light=(200, 0, 120), dark=(255, 120, 220), order=35),
    key="6",
)


@contextlib.contextmanager
def added(case: Case = ADDED) -> Iterator[Case]:
    """Register the case inside the block."""
    registry.register(case)
    try:
        yield case
    finally:
        del registry._registry._items[case.name]
