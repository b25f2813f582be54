"""Scales heat to 0..1 with one scale for a whole clip: no flicker, and strengths can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.types import Floats

PERCENTILE = 99.5
"""Percentile of a typical frame's heat that is drawn at full strength [%]."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The heat that is drawn at full strength, by case, with its unit or, without one, a description.

    A scale is a value: it is written to the facts and can be reused in another run.
    """

    full: Mapping[str, float]
    unit: Mapping[str, str]

    def apply(self, case: str, heat: Floats) -> Floats:
        """Heat (h, w) scaled to float32 in 0..1; all zero if the scale is 0 (no frame had heat)."""
        import cv2

        full = self.full[case]
        if full <= 0:
            return heat * 0
        return cv2.min(heat * (1.0 / full), 1.0)  # type: ignore[no-any-return]

    def as_json(self) -> dict[str, Any]:
        """The "scale" of the facts: {case: {"full": number, "unit": text}}."""
        return {case: {"full": full, "unit": self.unit[case]} for case, full in self.full.items()}

    @classmethod
    def from_json(cls, facts: Any, units: Mapping[str, str]) -> Scale:
        """The scale from a run's facts, for the cases and units of this run. Raises OptionError."""
        expected = f"facts with a scale for {', '.join(units)}"
        remedy = "use the .json of a run with the same cases, method and unit"
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
    """Fit one scale: the PERCENTILE of a typical frame, jointly for the cases of a group.

    `groups` maps a case to (its group, its heat (h, w) for each frame). The level is the median over the frames
    that have any heat: otherwise a few frames to which the network is far more sensitive would hide all others.
    """
    import numpy as np

    pooled: dict[str, list[list[Floats]]] = {}
    for group, heats in groups.values():
        pooled.setdefault(group, []).append(list(heats))
    levels = {}
    for group, cases in pooled.items():
        all_levels = [_level(np.stack(frame)) for frame in zip(*cases, strict=True)]
        hot = [level for level in all_levels if level > 0]
        levels[group] = float(np.median(hot)) if hot else 0.0
    return Scale({case: levels[group] for case, (group, _) in groups.items()}, dict(units))


def _level(heats: Floats) -> float:
    """PERCENTILE of the heats; of the nonzero ones alone if the percentile of all is 0."""
    import numpy as np

    level = float(np.percentile(heats, PERCENTILE))
    if level > 0 or not (heats > 0).any():
        return level
    return float(np.percentile(heats[heats > 0], PERCENTILE))


def smooth(heat: Floats, sigma: float) -> Floats:
    """Gaussian blur of heat (h, w), `sigma` in model pixels; 0 for none.

    2 removes the checkerboards of stride-2 convolutions.
    """
    import cv2

    if sigma <= 0:
        return heat
    return cv2.GaussianBlur(heat, (0, 0), sigma)  # type: ignore[no-any-return]
