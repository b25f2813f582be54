"""Heat to 0..1 on one scale for a whole clip, so that heat does not flicker and strength can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.types import Floats

PERCENTILE = 99.5
"""The share of a usual frame's pixels [%] that stay below full heat."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The heat that is drawn as full strength, by case, with its unit, or in words what it is without one.

    A scale is a value: it is written into the facts and can be given to another run.
    """

    full: Mapping[str, float]
    unit: Mapping[str, str]

    def apply(self, case: str, heat: Floats) -> Floats:
        """(h, w) heat to (h, w) float32 in 0..1. All zero where the scale is 0 (nothing was ever hot)."""
        import cv2

        full = self.full[case]
        if full <= 0:
            return heat * 0
        return cv2.min(heat * (1.0 / full), 1.0)  # type: ignore[no-any-return]

    def as_json(self) -> dict[str, Any]:
        """{case: {"full": number, "unit": text}}, the "scale" of the facts."""
        return {case: {"full": full, "unit": self.unit[case]} for case, full in self.full.items()}

    @classmethod
    def from_json(cls, facts: Any, units: Mapping[str, str]) -> Scale:
        """The scale out of a run's facts, for the cases and units of this run. Raises OptionError."""
        expected = f"facts with a scale for {', '.join(units)}"
        remedy = "give the .json of a run with the same cases, method and unit"
        entries = facts.get("scale") if isinstance(facts, dict) else None
        if not isinstance(entries, dict):
            raise OptionError(expected, "the file has no scale", remedy)
        full: dict[str, float] = {}
        for case, unit in units.items():
            entry = entries.get(case)
            entry = entry if isinstance(entry, dict) else {}
            value = entry.get("full")
            if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                raise OptionError(expected, f"it has none for {case}", remedy)
            if entry.get("unit") != unit:
                raise OptionError(expected, f"its {case} is in {entry.get('unit')!r}, not {unit!r}", remedy)
            full[case] = float(value)
        return cls(full, dict(units))


def fit(groups: Mapping[str, tuple[str, Iterable[Floats]]], units: Mapping[str, str]) -> Scale:
    """One scale: the PERCENTILE of the usual frame, jointly for the cases of a group.

    `groups` maps a case to (its group, its heats (h, w), one a frame). The usual frame is the median of those
    that are hot at all: a few frames that the network is many times as sensitive in would hide all others.
    """
    import numpy as np

    pooled: dict[str, list[list[Floats]]] = {}
    for group, heats in groups.values():
        pooled.setdefault(group, []).append(list(heats))
    levels = {}
    for group, cases in pooled.items():
        found = [_level(np.stack(frame)) for frame in zip(*cases, strict=True)]
        hot = [level for level in found if level > 0]
        levels[group] = float(np.median(hot)) if hot else 0.0
    return Scale({case: levels[group] for case, (group, _) in groups.items()}, dict(units))


def _level(heats: Floats) -> float:
    """PERCENTILE of the heats; of those that are hot at all where hardly a pixel is."""
    import numpy as np

    level = float(np.percentile(heats, PERCENTILE))
    if level > 0 or not (heats > 0).any():
        return level
    return float(np.percentile(heats[heats > 0], PERCENTILE))


def smooth(heat: Floats, sigma: float) -> Floats:
    """Gaussian blur of (h, w) heat by `sigma` model pixels; 0 leaves it. Stride-2 checkerboards need 2."""
    import cv2

    if sigma <= 0:
        return heat
    return cv2.GaussianBlur(heat, (0, 0), sigma)  # type: ignore[no-any-return]
