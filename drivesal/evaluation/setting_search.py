"""Search for the crop, colour format, scaling and sign under which a model's predictions follow the labels.

    ranking = fit_settings(model, frames)          # labelled frames of a drive, read once
    ranking.winner                                 # None if no setting is better than chance

All combinations are tried on SCREENED frames; the best of them, the declared one and every single change of
the best are tried on all kept frames. The best of hundreds is good by chance alone. How good is measured by
the same search with the labels shifted in time: they match no image and are as smooth as before (a maximum
statistic, as in Westfall and Young, 1993).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from drivesal.evaluation.advice import input_undeclared, preset_rmse
from drivesal.evaluation.candidates import Setting, crops_for, declared, neighbours, settings
from drivesal.evaluation.crop_views import CropViews, collect_views, spread_positions
from drivesal.evaluation.input_scaling import OF_CONSTANT
from drivesal.evaluation.prediction_scale import KNOWN, LOCKS_DEG, check_magnitude
from drivesal.evaluation.preset_matching import matching_presets
from drivesal.evaluation.ranking import NEAR, RankedSetting, Ranking, as_close
from drivesal.evaluation.setting_predictor import SettingPredictor, with_output
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
"""The least correlation of a setting that fits."""
LEAST_LOW = 0.4
"""The least lower end of that correlation's interval."""
SURE = 0.85
"""From this lower end on, the magnitude may be wrong too, as with a wrong unit; below it, the RMSE must be at
most OF_CONSTANT of the best constant prediction's. With untrained networks the best of 72 combinations reached
r 0.42 on a real drive of 170 s and 0.65 on a synthetic one, with predictions that hardly vary."""
MARGIN = 0.2
"""The least lower end of the interval of its correlation minus the declared setting's."""
BY_CHANCE = 0.05
"""The largest share of searches with shifted labels that may do as well."""


def fit_settings(
    model: SteeringModel,
    frames: Iterable[Frame],
    progress: Callable[[int], object] = lambda _: None,
    batch: int = BATCH,
    outputs: Outputs = (None,),
) -> Ranking | None:
    """Rank settings by how well the predictions follow the labels of a drive's frames; see `rank_settings`.

    `frames` have one size, are in order, and are read once; their labels are of the model's kind of angle.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        return None
    crops = crops_for(model, [first.image.shape[1::-1]])
    views = collect_views(model, [itertools.chain([first], stream)], crops)
    return rank_settings(model, views, progress, batch, outputs)


def passes(model: SteeringModel, crops: int, outputs: Outputs = (None,)) -> int:
    """The approximate number of forward passes that `rank_settings` takes with this many crops."""
    same_crops = [model.preprocess.crop] * crops
    combinations = sum(1 for _ in settings(model, same_crops, outputs))
    around = sum(1 for _ in neighbours(declared(model), model, same_crops, outputs))
    return combinations * SCREENED + (FINALISTS + 4 + around) * 256


def rank_settings(
    model: SteeringModel,
    views: CropViews,
    progress: Callable[[int], object] = lambda _: None,
    batch: int = BATCH,
    outputs: Outputs = (None,),
) -> Ranking | None:
    """Rank all settings; None if there are fewer than two frames or if the labels do not vary.

    `outputs` are the candidate steering outputs, None for the declared one; `progress` is called with the
    number of images per forward pass.
    """
    count = len(views.labels)
    if count < 2 or views.labels.std() == 0:
        return None
    own, tried = replace(declared(model), output=outputs[0]), list(settings(model, views.crops, outputs))
    few, everything = spread_positions(count, SCREENED), np.arange(count)
    predict = SettingPredictor(model, views, progress, batch)
    predictions = np.stack([predict(setting, few) for setting in tried])
    screened: Doubles = np.abs(correlations(predictions, views.labels[few][None])[:, 0])
    table = _Table(own, views, model)
    of_presets = [setting for setting in _preset_settings(model) if setting.crop in views.crops]
    for setting in (*_finalists(tried, screened, own), *of_presets):
        if not table.has(setting):
            table.add(setting, predict(setting, everything))
    best = max(table.rows, key=lambda row: row.r).setting
    for setting in neighbours(best, model, views.crops, outputs):
        if not table.has(setting):
            table.add(setting, predict(setting, everything))
    share = chance(predictions, views.labels[few], views.times_s[few])
    significant = share is not None and share <= BY_CHANCE
    winner = table.winner(model) if significant else None
    better = table.clearly_better(model) if significant else None
    rows = table.compared(winner)
    size = None
    if winner is not None:
        angle = with_output(model, winner.setting.output).card.target.angle
        angles, unit = table.angles[rows.index(winner)], views.unit or angle.kind.unit
        size = check_magnitude(angles, views.labels, angle, unit, views.metadata)
    order = tuple(sorted(rows, key=lambda row: (-round(row.r, 3), row.rmse or 0.0)))
    constant = float(views.labels.std())
    return Ranking(rows[0], order, len(tried), count, share, winner, better, constant, views.fit, size)


class _Table:
    """The settings tried on all frames, the declared one first, with their `angles` (n,) in the same order."""

    def __init__(self, own: Setting, views: CropViews, model: SteeringModel) -> None:
        self._own, self._views, self._model = own, views, model
        self._resample = Resampled(views.times_s, views.labels)
        self.rows: list[RankedSetting] = []
        self.angles: list[Doubles] = []
        self._draws: list[Doubles] = []

    def has(self, setting: Setting) -> bool:
        """Whether the setting was tried, with either sign."""
        return any(replace(row.setting, positive=setting.positive) == setting for row in self.rows)

    def add(self, setting: Setting, angles: Doubles) -> None:
        """Add a setting's predictions: a row for the sign that fits, and for the declared setting itself."""
        labels = self._views.labels
        opposite = (angles * labels).mean() < angles.mean() * labels.mean()
        if setting == self._own or not opposite:
            self._add_row(setting, angles)
        if opposite:
            self._add_row(_with_other_sign(setting), -angles)

    def _add_row(self, setting: Setting, angles: Doubles) -> None:
        labels, draws = self._views.labels, self._resample(angles)
        low, high = np.quantile(draws, (0.025, 0.975))
        r = float(correlations(angles[None], labels[None])[0, 0])
        rmse = math.sqrt(float(((angles - labels) ** 2).mean())) if self._views.unit is None else None
        preset = None if rmse is None else preset_rmse(self._model, setting, angles, labels)
        options = setting.options(self._own)
        self.rows.append(RankedSetting(setting, options, r, float(low), float(high), rmse, as_preset=preset))
        self.angles.append(angles)
        self._draws.append(draws)

    def winner(self, model: SteeringModel) -> RankedSetting | None:
        """The setting that fits; None if none does."""
        return _simplest([row for row in self.rows if self._follows(row)], model, self._views.labels.std())

    def clearly_better(self, model: SteeringModel) -> RankedSetting | None:
        """The setting that fits among those that are clearly better than the declared one."""
        fitting = [
            row
            for row, draws in zip(self.rows, self._draws, strict=True)
            if self._follows(row) and np.quantile(draws - self._draws[0], 0.025) >= MARGIN
        ]
        return _simplest(fitting, model, self._views.labels.std())

    def compared(self, winner: RankedSetting | None) -> list[RankedSetting]:
        """The rows in the same order, each but the winner with the interval by which it is behind."""
        if winner is None:
            return self.rows
        top = self._draws[self.rows.index(winner)]
        rows = []
        for row, draws in zip(self.rows, self._draws, strict=True):
            low, high = np.quantile(top - draws, (0.025, 0.975))
            rows.append(row if row is winner else replace(row, behind=(float(low), float(high))))
        return rows

    def _follows(self, row: RankedSetting) -> bool:
        """Whether the predictions follow the labels, judged by correlation and magnitude."""
        return row.r >= LEAST_R and row.low >= LEAST_LOW and (row.low >= SURE or self._magnitude_fits(row))

    def _magnitude_fits(self, row: RankedSetting) -> bool:
        """Whether the magnitude fits the labels; with labels in another unit, whether any usual unit fits."""
        angles, labels = self.angles[self.rows.index(row)], self._views.labels
        factors = [1.0] if self._views.unit is None else [*KNOWN.values(), *LOCKS_DEG]
        least = min(float(((factor * angles - labels) ** 2).mean()) for factor in factors)
        return math.sqrt(least) <= OF_CONSTANT * float(labels.std())


def _simplest(rows: Sequence[RankedSetting], model: SteeringModel, constant: float) -> RankedSetting | None:
    """The likeliest row within NEAR of the best: a preset's if the input is undeclared, then the fewest
    changes."""
    most = max((row.r for row in rows), default=0.0)
    near = [row for row in rows if row.r >= most - NEAR]
    near = [row for row in near if all(as_close(row, other, constant) for other in near)]
    known = _preset_settings(model) if input_undeclared(model) else []

    def order(row: RankedSetting) -> tuple[bool, int, float]:
        return not any(_equal_but_sign(row.setting, setting) for setting in known), len(row.options), -row.r

    return min(near, key=order, default=None)


def _equal_but_sign(setting: Setting, known: Setting) -> bool:
    same = replace(setting, positive=known.positive, scaling=known.scaling) == known
    return same and setting.scaling.same(known.scaling)


def _preset_settings(model: SteeringModel) -> list[Setting]:
    """The settings of the matching presets, with the declared sign: both signs are tried."""
    own = declared(model).positive
    return [replace(match.setting, positive=own) for match in matching_presets(model)]


def _finalists(tried: Sequence[Setting], r: Doubles, own: Setting) -> list[Setting]:
    """The declared setting, those with the highest correlation, and the best that differs in a single field."""
    order = np.argsort(-np.abs(r), kind="stable").tolist()
    chosen = [tried[0], *(tried[i] for i in order[:FINALISTS])]
    for kind in ("crop", "colour", "scaling", "output"):
        single = (tried[i] for i in order if tried[i].changes(own) == (kind,))
        chosen += [setting for setting in [next(single, None)] if setting is not None]
    return list(dict.fromkeys(chosen))


def _with_other_sign(setting: Setting) -> Setting:
    return replace(setting, positive="left" if setting.positive == "right" else "right")
