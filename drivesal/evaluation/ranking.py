"""The result of a settings search: a ranking by correlation, the setting that fits, and what is undecided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.evaluation.candidates import KINDS, Setting

if TYPE_CHECKING:
    from drivesal.evaluation.prediction_scale import MagnitudeMismatch
    from drivesal.recordings.inspection.label_check import Fit

NEAR = 0.02
"""Correlations closer than this count as equal: the setting with the fewest changes is preferred."""

MUCH_LARGER = 2.0
"""A setting whose RMSE exceeds another's by this factor is worse, whatever its correlation, unless CLOSE
holds."""
CLOSE = 0.3
"""An RMSE of at most this share of the best constant prediction's is never much larger."""


@dataclass(frozen=True, slots=True)
class RankedSetting:
    """One setting: correlation `r` of its predictions with the labels, 95 % interval `low` to `high`, and RMSE.

    `options` declare what differs from the declared setting. `behind` is the 95 % interval of the winner's r
    minus this one's, None without a winner. `rmse` is None if labels and predictions are of different kinds of
    angle. `as_preset` is the RMSE in the unit of the preset that declares the setting, None without one.
    """

    setting: Setting
    options: tuple[str, ...]
    r: float
    low: float
    high: float
    rmse: float | None
    behind: tuple[float, float] | None = None
    as_preset: float | None = None

    @property
    def expected_rmse(self) -> float | None:
        """The RMSE with the advised options: with the preset, unless that makes it much larger."""
        if self.as_preset is None or (self.rmse is not None and self.as_preset > MUCH_LARGER * self.rmse):
            return self.rmse
        return self.as_preset

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        numbers = {"correlation": self.r, "interval": [self.low, self.high], "rmse": self.rmse}
        behind = None if self.behind is None else list(self.behind)
        return {"options": list(self.options), **numbers, "behind": behind}


@dataclass(frozen=True, slots=True)
class Ranking:
    """The result of a settings search.

    `declared` is the declared setting; `rows` are the settings tried on all `frames`, the best first; `tried`
    counts all combinations, each with both signs. `chance` is the share of searches with shifted labels whose
    best was as good, None if there are too few frames. `winner` is the setting that fits, None if none is
    better than chance; `best` is the one that fits and is clearly better than the declared one. `constant` is
    the RMSE of the best constant prediction, in the labels' unit. `size` reports that the winner's predictions
    have the wrong magnitude. All angles are in the model's unit.
    """

    declared: RankedSetting
    rows: tuple[RankedSetting, ...]
    tried: int
    frames: int
    chance: float | None
    winner: RankedSetting | None
    best: RankedSetting | None
    constant: float
    fit: Fit
    size: MagnitudeMismatch | None = None

    @property
    def undecided(self) -> tuple[RankedSetting, ...]:
        """The settings that these frames cannot distinguish from the winner."""
        return tuple(
            row for row in self.rows if row is not self.winner and _as_good(row, self.winner, self.constant)
        )

    def undecided_lines(self) -> Iterator[str]:
        """One line per undecided field: "colours: YUV, YCrCb or Lab"."""
        winner = self.winner
        if winner is None:
            return
        several = 0
        alternatives: dict[str, list[str]] = {}
        for row in self.undecided:
            changed = row.setting.changes(winner.setting)
            if len(changed) == 1:
                alternatives.setdefault(changed[0], []).append(_value(row.setting, changed[0]))
            else:
                several += 1
        for kind, values in alternatives.items():
            yield f"{KINDS[kind]}: {_either([_value(winner.setting, kind), *values])}"
        if several:
            yield f"{several} more that differ in several of these"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "declared": self.declared.as_json(),
            "rows": [row.as_json() for row in self.rows],
            "winner": None if self.winner is None else self.winner.as_json(),
            "best": None if self.best is None else self.best.as_json(),
            "undecided": list(self.undecided_lines()),
            "combinations": self.tried,
            "frames": self.frames,
            "chance": self.chance,
            "rmse_constant": self.constant,
            "size": None if self.size is None else self.size.as_json(),
        }


def as_close(row: RankedSetting, other: RankedSetting, constant: float) -> bool:
    """Whether a setting's RMSE is not much larger than another's; True if one is unknown."""
    if row.rmse is None or other.rmse is None:
        return True
    return row.rmse <= max(MUCH_LARGER * other.rmse, CLOSE * constant)


def _as_good(row: RankedSetting, winner: RankedSetting | None, constant: float) -> bool:
    """Whether the frames cannot distinguish this setting from the winner."""
    if row.behind is None or winner is None or not as_close(row, winner, constant):
        return False
    low, high = row.behind
    return low <= 0 or high <= NEAR


def _value(setting: Setting, kind: str) -> str:
    if kind == "crop" and setting.crop.text == ":":
        return "whole frames"
    if kind == "positive":
        return f"positive {setting.positive}"
    return " ".join(setting.option(kind)[1::2]) or "the declared one"


def _either(values: Sequence[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}"
