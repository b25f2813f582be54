"""What a search for settings found: a table by correlation, the setting that fits, and what is undecided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.evaluation.candidates import KINDS, Setting

if TYPE_CHECKING:
    from drivesal.evaluation.sizing import Size
    from drivesal.recordings.inspection.label_check import Fit

NEAR = 0.02
"""Correlations closer than this are one: the setting with the fewest changes goes first."""

FURTHER = 2.0
"""A setting whose RMSE is more than this many times another's does not do as well, whatever its correlation,"""
CLOSE = 0.3
"""unless it is at most this share of the best constant answer's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: `r` of its answers with the labels, its 95 % interval `low` to `high`, and its RMSE.

    `options` say what differs from what is declared. `behind` is the 95 % interval of how much less its r is
    than that of the setting that fits, None where none does. `rmse` is None where the labels are of another
    kind of angle than the answers. `as_preset` is the RMSE in the unit of the preset that says it, None
    without one.
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
    def promised(self) -> float | None:
        """The RMSE once the setting is said as advised: by its preset, unless that makes it much larger."""
        if self.as_preset is None or (self.rmse is not None and self.as_preset > FURTHER * self.rmse):
            return self.rmse
        return self.as_preset

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        numbers = {"correlation": self.r, "interval": [self.low, self.high], "rmse": self.rmse}
        behind = None if self.behind is None else list(self.behind)
        return {"options": list(self.options), **numbers, "behind": behind}


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a search found.

    `declared` is what was declared; `rows` the settings that were tried on all `frames`, the best first;
    `tried` counts all combinations, each of which stands for both signs. `chance` is the share of searches with
    shifted labels whose best was as good as the best here, None where the frames are too few. `winner` is the
    setting that fits, None where none is better than chance; `best` the same where it is clearly better than
    the declared one. `constant` is the RMSE of the best constant answer, in the labels' unit. `size` says that
    the winner's answers are of the wrong size. All angles in the model's unit.
    """

    declared: Row
    rows: tuple[Row, ...]
    tried: int
    frames: int
    chance: float | None
    winner: Row | None
    best: Row | None
    constant: float
    fit: Fit
    size: Size | None = None

    @property
    def undecided(self) -> tuple[Row, ...]:
        """The settings that fit as well as the winner, as far as these frames tell."""
        return tuple(
            row for row in self.rows if row is not self.winner and _as_good(row, self.winner, self.constant)
        )

    def undecided_lines(self) -> Iterator[str]:
        """What is undecided, a line for each thing that is: "colours: YUV, YCrCb or Lab"."""
        winner = self.winner
        if winner is None:
            return
        together = 0
        ways: dict[str, list[str]] = {}
        for row in self.undecided:
            changed = row.setting.changes(winner.setting)
            if len(changed) == 1:
                ways.setdefault(changed[0], []).append(_value(row.setting, changed[0]))
            else:
                together += 1
        for kind, values in ways.items():
            yield f"{KINDS[kind]}: {_either([_value(winner.setting, kind), *values])}"
        if together:
            yield f"{together} more that differ in several of these"

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


def as_close(row: Row, other: Row, constant: float) -> bool:
    """Whether a setting's answers are about as close to the labels as another's; so where that is not known."""
    if row.rmse is None or other.rmse is None:
        return True
    return row.rmse <= max(FURTHER * other.rmse, CLOSE * constant)


def _as_good(row: Row, winner: Row | None, constant: float) -> bool:
    """Whether the frames do not tell this setting from the winner."""
    if row.behind is None or winner is None or not as_close(row, winner, constant):
        return False
    low, high = row.behind
    return low <= 0 or high <= NEAR


def _value(setting: Setting, kind: str) -> str:
    if kind == "crop" and setting.crop.text == ":":
        return "whole frames"
    if kind == "positive":
        return f"positive {setting.positive}"
    return " ".join(setting.said(kind)[1::2]) or "the declared one"


def _either(values: Sequence[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}"
