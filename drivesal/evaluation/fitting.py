"""Which settings make a model's answers follow the labels: a search over crops, colours, scalings and signs.

    ranking = fit_settings(model, frames)          # labelled frames of a drive, read once
    ranking.best                                   # None where no setting is better than chance

All combinations are tried on SCREENED frames; those that do best there, and the declared one, on all that are
kept. What is best of a hundred is good by chance alone: how good is told by the same search with the labels
shifted in time, which go with no picture and are as smooth as before (a maximum statistic, as of Westfall and
Young, 1993).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.evaluation.gathered import Gathered, gather, spread_out
from drivesal.evaluation.settings import Setting, crops_for, declared, settings
from drivesal.explainer import BATCH
from drivesal.plausible import OF_CONSTANT
from drivesal.types import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.evaluation.answers import Values
    from drivesal.model import SteeringModel
    from drivesal.survey import Fit

SCREENED = 64
"""Frames on which every combination is tried."""
FINALISTS = 8
"""Combinations that are tried on all frames, besides the declared one and the best with a single change."""
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
NEAR = 0.02
"""Correlations closer than this are one: the setting with the fewest changes goes first."""
BY_CHANCE = 0.05
"""The share of searches with shifted labels that may do as well."""
APART_S = 5.0
"""Labels are shifted by at least this [s]."""
LEAST_SHIFTS = 20
BLOCK_S, LEAST_BLOCKS, RESAMPLED, SEED = 5.0, 10, 1000, 0
"""Blocks [s] of the drive are drawn again: frames closer than that are not independent."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: `r` of its answers with the labels, its 95 % interval `low` to `high`, and its RMSE.

    `options` say what differs from what is declared.
    """

    setting: Setting
    options: tuple[str, ...]
    r: float
    low: float
    high: float
    rmse: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        numbers = {"correlation": self.r, "interval": [self.low, self.high], "rmse": self.rmse}
        return {"options": list(self.options), **numbers}


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a search found.

    `declared` is what was declared; `rows` the settings that were tried on all `frames`, the best first;
    `tried` counts all combinations, each of which stands for both signs. `chance` is the share of searches with
    shifted labels whose best was as good as the best here, on SCREENED frames, None where those are too few.
    `best` is the setting that fits, None where none is clearly better than the declared one and than chance.
    `constant` is the RMSE of the best constant answer. All angles in the model's unit.
    """

    declared: Row
    rows: tuple[Row, ...]
    tried: int
    frames: int
    chance: float | None
    best: Row | None
    constant: float
    fit: Fit

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "declared": self.declared.as_json(),
            "rows": [row.as_json() for row in self.rows],
            "best": None if self.best is None else self.best.as_json(),
            "combinations": self.tried,
            "frames": self.frames,
            "chance": self.chance,
            "rmse_constant": self.constant,
        }


def fit_settings(
    model: SteeringModel,
    frames: Iterable[Frame],
    progress: Callable[[int], object] = lambda _: None,
    batch: int = BATCH,
) -> Ranking | None:
    """The settings under which a model's answers follow the labels of a drive's frames; see `ranked`.

    `frames` are of one size, in order, their labels of the model's kind of angle; they are read once.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        return None
    crops = crops_for(model, [first.image.shape[1::-1]])
    return ranked(model, gather(model, [itertools.chain([first], stream)], crops), progress, batch)


def passes(model: SteeringModel, crops: int) -> int:
    """About how many forward passes `ranked` takes with so many crops."""
    combinations = len(list(settings(model, [model.preprocess.crop] * crops)))
    return combinations * SCREENED + (FINALISTS + 4) * 256


def ranked(
    model: SteeringModel,
    given: Gathered,
    progress: Callable[[int], object] = lambda _: None,
    batch: int = BATCH,
) -> Ranking | None:
    """The settings ranked; None where there are fewer than two frames, or labels that do not vary.

    `progress` is told how many pictures went through the network.
    """
    count = len(given.labels)
    if count < 2 or given.labels.std() == 0:
        return None
    own, tried = declared(model), list(settings(model, given.crops))
    few, everything = spread_out(count, SCREENED), np.arange(count)
    ask = _Asked(model, given, progress, batch)
    answers = np.stack([ask(setting, few) for setting in tried])
    screened: Values = np.abs(_correlations(answers, given.labels[few][None])[:, 0])
    rows, drawn = [], []
    resample = _Resampled(given.times_s, given.labels)
    for setting in _finalists(tried, screened, own):
        said = ask(setting, everything)
        backwards = (said * given.labels).mean() < said.mean() * given.labels.mean()
        if setting == own or not backwards:
            rows.append(_row(setting, own, said, given.labels, resample))
            drawn.append(resample(said))
        if backwards:
            rows.append(_row(_other_side(setting), own, -said, given.labels, resample))
            drawn.append(resample(-said))
    chance = _chance(answers, given.labels[few], given.times_s[few])
    constant = float(given.labels.std())
    best = _best(rows, drawn, constant) if chance is not None and chance <= BY_CHANCE else None
    order = tuple(sorted(rows, key=lambda row: -row.r))
    return Ranking(rows[0], order, len(tried), count, chance, best, constant, given.fit)


def _follows(row: Row, constant: float) -> bool:
    """Whether these are the answers of a network that steers, as far as their correlation and size tell."""
    sized = row.rmse <= OF_CONSTANT * constant or row.low >= SURE
    return row.r >= LEAST_R and row.low >= LEAST_LOW and sized


def _best(rows: Sequence[Row], drawn: Sequence[Values], constant: float) -> Row | None:
    """The setting that fits, clearly better than the declared one, which is the first row; None without any."""
    fitting = [
        row
        for row, draws in zip(rows[1:], drawn[1:], strict=True)
        if _follows(row, constant) and np.quantile(draws - drawn[0], 0.025) >= MARGIN
    ]
    most = max((row.r for row in fitting), default=0.0)
    near = [row for row in fitting if row.r >= most - NEAR]
    return min(near, key=lambda row: (len(row.options), -row.r), default=None)


def _chance(answers: Values, labels: Values, times_s: Values) -> float | None:
    """The share of shifted labels that some answers (A, n) go with as well as any does with the labels (n,).

    Labels are shifted round, by APART_S or more either way. None where fewer than LEAST_SHIFTS are possible.
    """
    count = len(labels)
    step_s = float(np.ptp(times_s)) / max(count - 1, 1)
    apart = [k for k in range(1, count) if min(k, count - k) * step_s >= APART_S]
    if len(apart) < LEAST_SHIFTS:
        return None
    shifted = np.stack([labels, *(np.roll(labels, k) for k in apart)])
    best = np.abs(_correlations(answers, shifted)).max(axis=0)
    return float((1 + (best[1:] >= best[0]).sum()) / len(best))


class _Asked:
    """Asks the model under any setting."""

    def __init__(
        self, model: SteeringModel, given: Gathered, progress: Callable[[int], object], batch: int
    ) -> None:
        self._model, self._given, self._progress, self._batch = model, given, progress, batch
        self._views = dict(zip(given.crops, given.views, strict=True))

    def __call__(self, setting: Setting, places: NDArray[np.int64]) -> Values:
        """(n,) the angles at these places, left positive; 0 where one is not finite."""
        pictures, others = self._views[setting.crop], self._given.others
        preprocess = setting.over(self._model.preprocess)
        found = []
        for at in range(0, len(places), self._batch):
            some = places[at : at + self._batch]
            found.append(self._model.predict_as(pictures[some], others[some], preprocess)[0])
            self._progress(len(some))
        angles = np.concatenate(found).astype(np.float64)
        return angles if np.isfinite(angles).all() else np.zeros(len(places))


def _correlations(answers: Values, labels: Values) -> Values:
    """(A, L) Pearson's correlations of answers (A, n) and labels (L, n); 0 where either does not vary."""

    def standard(values: Values) -> Values:
        centred = values - values.mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).sum(axis=1, keepdims=True))
        varies = size > 1e-9 * np.abs(values).max(axis=1, keepdims=True)
        unit: Values = np.divide(centred, size, out=np.zeros_like(centred), where=varies)
        return unit

    found: Values = standard(answers) @ standard(labels).T
    return found


def _finalists(tried: Sequence[Setting], r: Values, own: Setting) -> list[Setting]:
    """The declared setting, those whose answers go with the labels most, and the best with a single change."""
    order = np.argsort(-np.abs(r), kind="stable").tolist()
    chosen = [tried[0], *(tried[i] for i in order[:FINALISTS])]
    for kind in ("--crop", "--color", "--input-scale"):
        single = (tried[i] for i in order if _kinds(tried[i].options(own)) == [kind])
        chosen += [one for one in [next(single, None)] if one is not None]
    return list(dict.fromkeys(chosen))


def _kinds(options: Sequence[str]) -> list[str]:
    return [option.split()[0] for option in options]


class _Resampled:
    """Pearson's correlation with labels over blocks of time, drawn again and again: the block bootstrap."""

    def __init__(self, times_s: Values, labels: Values) -> None:
        length = min(BLOCK_S, max(float(np.ptp(times_s)), 1e-9) / LEAST_BLOCKS)
        _, self._block = np.unique(((times_s - times_s.min()) / length).astype(np.int64), return_inverse=True)
        blocks = int(self._block.max()) + 1
        draws = np.random.default_rng(SEED).integers(0, blocks, (RESAMPLED, blocks))
        self._times = np.stack([np.bincount(one, minlength=blocks) for one in draws]).astype(np.float64)
        self._labels = labels - labels.mean()

    def __call__(self, answers: Values) -> Values:
        """(RESAMPLED,) correlations; 0 where what was drawn does not vary."""
        a, y = (answers - answers.mean()) / (answers.std() or 1.0), self._labels
        columns = np.stack([np.ones_like(a), a, y, a * a, y * y, a * y])
        sums = np.stack([np.bincount(self._block, one) for one in columns])
        n, sa, sy, saa, syy, say = (self._times @ sums.T).T
        both = (saa - sa * sa / n) * (syy - sy * sy / n)
        safe = both > 1e-12
        found: Values = np.where(safe, (say - sa * sy / n) / np.sqrt(np.where(safe, both, 1.0)), 0.0)
        return found


def _row(setting: Setting, own: Setting, answers: Values, labels: Values, resample: _Resampled) -> Row:
    low, high = np.quantile(resample(answers), (0.025, 0.975))
    r = float(_correlations(answers[None], labels[None])[0, 0])
    rmse = math.sqrt(float(((answers - labels) ** 2).mean()))
    return Row(setting, setting.options(own), r, float(low), float(high), rmse)


def _other_side(setting: Setting) -> Setting:
    return replace(setting, positive="left" if setting.positive == "right" else "right")
