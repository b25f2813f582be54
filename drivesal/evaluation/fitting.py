"""Which settings make a model's answers follow the labels: a search over crops, colours, scalings and signs.

    ranking = fit_settings(model, frames)          # labelled frames of a drive, read once
    ranking.winner                                 # None where no setting is better than chance

All combinations are tried on SCREENED frames; those that do best there, the declared one, and every single
change of the best on all that are kept. What is best of hundreds is good by chance alone: how good is told by
the same search with the labels shifted in time, which go with no picture and are as smooth as before (a maximum
statistic, as of Westfall and Young, 1993).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from drivesal.evaluation.advice import preset_rmse, undescribed
from drivesal.evaluation.asked import Asked, steering_by
from drivesal.evaluation.candidates import Setting, crops_for, declared, neighbours, settings
from drivesal.evaluation.families import families
from drivesal.evaluation.gathered import Gathered, gather, spread_out
from drivesal.evaluation.input_scaling import OF_CONSTANT
from drivesal.evaluation.ranking import NEAR, Ranking, Row, as_close
from drivesal.evaluation.sizing import KNOWN, LOCKS_DEG, size_doubt
from drivesal.model.batching import BATCH
from drivesal.series.resampling import Resampled, chance, correlations
from drivesal.types import Frame

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles

Outputs = Sequence[str | None]

SCREENED = 64
"""Frames on which every combination is tried."""
FINALISTS = 8
"""Combinations that are tried on all frames, besides the declared one and single changes of the best."""
LEAST_R = 0.5
"""A setting that fits gives answers that follow the labels at least so far."""
LEAST_LOW = 0.4
"""The same at the lower end of its interval."""
SURE = 0.85
"""From this lower end on the answers' size may be wrong too, as under a wrong unit; below it, the RMSE must be
at most OF_CONSTANT of the best constant answer's. Of untrained networks the best of 72 combinations reached r
0.42 on a real drive of 170 s and 0.65 on a drawn one, with answers that hardly move."""
MARGIN = 0.2
"""By so much its correlation is above the declared setting's, at the lower end of the difference's interval."""
BY_CHANCE = 0.05
"""The share of searches with shifted labels that may do as well."""


def fit_settings(
    model: SteeringModel,
    frames: Iterable[Frame],
    progress: Callable[[int], object] = lambda _: None,
    batch: int = BATCH,
    outputs: Outputs = (None,),
) -> Ranking | None:
    """The settings under which a model's answers follow the labels of a drive's frames; see `ranked`.

    `frames` are of one size, in order, their labels of the model's kind of angle; they are read once.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        return None
    crops = crops_for(model, [first.image.shape[1::-1]])
    return ranked(model, gather(model, [itertools.chain([first], stream)], crops), progress, batch, outputs)


def passes(model: SteeringModel, crops: int, outputs: Outputs = (None,)) -> int:
    """About how many forward passes `ranked` takes with so many crops."""
    of_one = [model.preprocess.crop] * crops
    combinations = sum(1 for _ in settings(model, of_one, outputs))
    around = sum(1 for _ in neighbours(declared(model), model, of_one, outputs))
    return combinations * SCREENED + (FINALISTS + 4 + around) * 256


def ranked(
    model: SteeringModel,
    given: Gathered,
    progress: Callable[[int], object] = lambda _: None,
    batch: int = BATCH,
    outputs: Outputs = (None,),
) -> Ranking | None:
    """The settings ranked; None where there are fewer than two frames, or labels that do not vary.

    `outputs` are what may steer, None the declared one; `progress` is told how many pictures went through the
    network.
    """
    count = len(given.labels)
    if count < 2 or given.labels.std() == 0:
        return None
    own, tried = replace(declared(model), output=outputs[0]), list(settings(model, given.crops, outputs))
    few, everything = spread_out(count, SCREENED), np.arange(count)
    ask = Asked(model, given, progress, batch)
    answers = np.stack([ask(setting, few) for setting in tried])
    screened: Doubles = np.abs(correlations(answers, given.labels[few][None])[:, 0])
    table = _Table(own, given, model)
    usual = [one for one in _of_presets(model) if one.crop in given.crops]
    for setting in (*_finalists(tried, screened, own), *usual):
        if not table.has(setting):
            table.add(setting, ask(setting, everything))
    best = max(table.rows, key=lambda row: row.r).setting
    for setting in neighbours(best, model, given.crops, outputs):
        if not table.has(setting):
            table.add(setting, ask(setting, everything))
    share = chance(answers, given.labels[few], given.times_s[few])
    sure = share is not None and share <= BY_CHANCE
    winner = table.winner(model) if sure else None
    better = table.clearly_better(model) if sure else None
    rows = table.compared(winner)
    size = None
    if winner is not None:
        angle = steering_by(model, winner.setting.output).card.target.angle
        size = size_doubt(
            table.said[rows.index(winner)], given.labels, angle, given.unit or angle.kind.unit, given.said
        )
    order = tuple(sorted(rows, key=lambda row: (-round(row.r, 3), row.rmse or 0.0)))
    constant = float(given.labels.std())
    return Ranking(rows[0], order, len(tried), count, share, winner, better, constant, given.fit, size)


class _Table:
    """The settings that were tried on all frames, the declared one first."""

    def __init__(self, own: Setting, given: Gathered, model: SteeringModel) -> None:
        self._own, self._given, self._model = own, given, model
        self._resample = Resampled(given.times_s, given.labels)
        self.rows: list[Row] = []
        self.said: list[Doubles] = []
        self._drawn: list[Doubles] = []

    def has(self, setting: Setting) -> bool:
        """Whether it was tried, with either sign."""
        return any(replace(row.setting, positive=setting.positive) == setting for row in self.rows)

    def add(self, setting: Setting, said: Doubles) -> None:
        """What the model said under a setting: a row for the sign that fits, for both of the declared one."""
        labels = self._given.labels
        backwards = (said * labels).mean() < said.mean() * labels.mean()
        if setting == self._own or not backwards:
            self._row(setting, said)
        if backwards:
            self._row(_other_side(setting), -said)

    def _row(self, setting: Setting, said: Doubles) -> None:
        labels, draws = self._given.labels, self._resample(said)
        low, high = np.quantile(draws, (0.025, 0.975))
        r = float(correlations(said[None], labels[None])[0, 0])
        rmse = math.sqrt(float(((said - labels) ** 2).mean())) if self._given.unit is None else None
        preset = None if rmse is None else preset_rmse(self._model, setting, said, labels)
        options = setting.options(self._own)
        self.rows.append(Row(setting, options, r, float(low), float(high), rmse, as_preset=preset))
        self.said.append(said)
        self._drawn.append(draws)

    def winner(self, model: SteeringModel) -> Row | None:
        """The setting that fits, None without any."""
        return _simplest([row for row in self.rows if self._follows(row)], model, self._given.labels.std())

    def clearly_better(self, model: SteeringModel) -> Row | None:
        """The same of those that are clearly better than the declared one."""
        fitting = [
            row
            for row, draws in zip(self.rows, self._drawn, strict=True)
            if self._follows(row) and np.quantile(draws - self._drawn[0], 0.025) >= MARGIN
        ]
        return _simplest(fitting, model, self._given.labels.std())

    def compared(self, winner: Row | None) -> list[Row]:
        """The rows in their order, each with how far it is behind the winner, and the winner among them."""
        if winner is None:
            return self.rows
        top = self._drawn[self.rows.index(winner)]
        found = []
        for row, draws in zip(self.rows, self._drawn, strict=True):
            low, high = np.quantile(top - draws, (0.025, 0.975))
            found.append(row if row is winner else replace(row, behind=(float(low), float(high))))
        return found

    def _follows(self, row: Row) -> bool:
        """Whether these are the answers of a network that steers, as far as their correlation and size tell."""
        return row.r >= LEAST_R and row.low >= LEAST_LOW and (row.low >= SURE or self._sized(row))

    def _sized(self, row: Row) -> bool:
        """Whether the answers are of the labels' size; in another unit, whether any usual one makes them so."""
        said, labels = self.said[self.rows.index(row)], self._given.labels
        factors = [1.0] if self._given.unit is None else [*KNOWN.values(), *LOCKS_DEG]
        least = min(float(((factor * said - labels) ** 2).mean()) for factor in factors)
        return math.sqrt(least) <= OF_CONSTANT * float(labels.std())


def _simplest(rows: Sequence[Row], model: SteeringModel, constant: float) -> Row | None:
    """Of the rows within NEAR of the best the one that is most likely: of a preset where much was assumed."""
    most = max((row.r for row in rows), default=0.0)
    near = [row for row in rows if row.r >= most - NEAR]
    near = [row for row in near if all(as_close(row, other, constant) for other in near)]
    known = _of_presets(model) if undescribed(model) else []

    def order(row: Row) -> tuple[bool, int, float]:
        return not any(_is(row.setting, one) for one in known), len(row.options), -row.r

    return min(near, key=order, default=None)


def _is(setting: Setting, known: Setting) -> bool:
    same = replace(setting, positive=known.positive, scaling=known.scaling) == known
    return same and setting.scaling.same(known.scaling)


def _of_presets(model: SteeringModel) -> list[Setting]:
    """What the presets of such networks say, of the declared sign: both are tried."""
    own = declared(model).positive
    return [replace(one.setting, positive=own) for one in families(model)]


def _finalists(tried: Sequence[Setting], r: Doubles, own: Setting) -> list[Setting]:
    """The declared setting, those whose answers go with the labels most, and the best with a single change."""
    order = np.argsort(-np.abs(r), kind="stable").tolist()
    chosen = [tried[0], *(tried[i] for i in order[:FINALISTS])]
    for kind in ("crop", "colour", "scaling", "output"):
        single = (tried[i] for i in order if tried[i].changes(own) == (kind,))
        chosen += [one for one in [next(single, None)] if one is not None]
    return list(dict.fromkeys(chosen))


def _other_side(setting: Setting) -> Setting:
    return replace(setting, positive="left" if setting.positive == "right" else "right")
