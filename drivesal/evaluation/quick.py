"""Whether another setting fits the labels much better than the declared one: a quick look at some frames.

Every single change of the declared crop, colours and scaling is tried, and the presets; then every single
change of the best of them, with either sign. `fitting` tries all combinations; this is quick enough for every
run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.evaluation.advice import preset_rmse, undescribed, words_for
from drivesal.evaluation.asked import Asked
from drivesal.evaluation.candidates import Setting, declared, neighbours
from drivesal.evaluation.families import families
from drivesal.evaluation.gathered import Gathered, spread_out
from drivesal.evaluation.input_scaling import LEAST_LABELS, LEAST_MOMENTS, OF_CONSTANT
from drivesal.evaluation.ranking import FURTHER, NEAR
from drivesal.evaluation.scaling_findings import bounds
from drivesal.evaluation.sizing import size_doubt
from drivesal.series.resampling import Resampled, correlations

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles

SCREENED = 64
"""Frames on which changes are tried; the best of them on all."""
LEAST_R = 0.5
"""The other setting's answers follow the labels at least so far."""
LEAST_GAIN = 0.03
"""Its correlation is above the declared one's by this at the lower end of the difference's 95 % interval. In
382 pieces of 8 to 170 s of a real drive, a tub and a drawn drive the right setting was never doubted."""
LEAST_GAIN_SHORT, SHORT_S = 0.1, 25.0
"""The same of frames that cover less than SHORT_S. With noise added to every answer, of 0.7 and 1.2 times the
labels' deviation, another setting looked better in 8 of 1,932 such pieces, and in none of 396 longer ones."""
HALF = 0.5
"""Where its RMSE is at most this share of the declared one's, its correlation only has to be surely larger."""
UNEXPLAINED = 0.6
"""What it leaves unexplained of the labels' variance, 1 - r², is at most this share of what the declared one
leaves."""
OF_DECLARED = 0.8
"""Its RMSE over the declared one's, and at most OF_CONSTANT of the best constant answer's."""


@dataclass(frozen=True, slots=True)
class Better:
    """Another setting that fits the labels of `frames` frames much better than the declared one.

    `words` are the options that say it, an option and its value in turn; `r` its correlation with the labels
    and `rmse` its error, `declared_r` and `declared_rmse` those of what is declared. Errors are None where
    labels and answers are of different kinds.
    """

    setting: Setting
    words: tuple[str, ...]
    r: float
    rmse: float | None
    declared_r: float
    declared_rmse: float | None
    frames: int
    kind: AngleKind
    smoothed_s: float | None = None

    @property
    def short(self) -> str:
        """For the picture."""
        return f"settings look wrong: r {self.declared_r:.2f}, {self.r:.2f} with {' '.join(self.words)}"

    @property
    def sentence(self) -> str:
        """What fits better, by how much, and what to do, in one line."""
        errors = ""
        if self.rmse is not None and self.declared_rmse is not None:
            of = self.kind.symbol
            errors = f" and the RMSE {self.rmse:.3g}{of} in place of {self.declared_rmse:.3g}{of}"
        over = "" if self.smoothed_s is None else f", pulses averaged over {self.smoothed_s:g} s"
        what = (
            "the model steers against the labels" if self.declared_r < 0 else "another setting fits much better"
        )
        return (
            f"{what}: with {' '.join(self.words)} r is {self.r:.2f} in place of {self.declared_r:.2f}{errors} "
            f"(on {self.frames} labels{over}): say that, or see what else fits with `drivesal fit-settings`"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "sentence": self.sentence,
            "options": list(self.words),
            "correlation": self.r,
            "rmse": self.rmse,
            "declared": {"correlation": self.declared_r, "rmse": self.declared_rmse},
            "frames": self.frames,
            "smoothed_s": self.smoothed_s,
        }


def better_setting(
    model: SteeringModel, given: Gathered, progress: Callable[[int], object] = lambda _: None
) -> Better | None:
    """A setting that fits the labels much better than what is declared; None where nothing says so.

    `given.crops` begins with the declared crop. Nothing is said of few labels or of a road that is as good as
    straight, nor of a model that does not steer.
    """
    if model.steering is None or not varied(model, given):
        return None
    count = len(given.labels)
    ask, own = Asked(model, given, progress), declared(model)
    few, everything = spread_out(count, SCREENED), np.arange(count)
    usual = [replace(one.setting, positive=own.positive) for one in families(model)]
    known = [one for one in usual if one.crop in given.crops]
    best = _best(ask, [*neighbours(own, model, given.crops), *known], given, few)
    best = _best(ask, list(neighbours(best, model, given.crops)), given, few)
    if undescribed(model):  # what is usual is likelier than what is better by a hair
        best = _best(ask, [*known, best], given, few, NEAR)
    else:
        best = _pruned(ask, best, own, given, few)
    ours, theirs = ask(own, everything), ask(best, everything)
    best = replace(best, positive=own.positive)
    if _r(theirs, given.labels) < 0:
        theirs = -theirs
        best = replace(best, positive="left" if own.positive == "right" else "right")
    if best == own or not much_better(ours, theirs, given):
        return None
    r, declared_r = (_r(one, given.labels) for one in (theirs, ours))
    rmse, declared_rmse = (None, None) if given.unit else (_rmse(one, given.labels) for one in (theirs, ours))
    as_preset = None if rmse is None else preset_rmse(model, best, theirs, given.labels)
    size = None
    if undescribed(model):
        angle = model.steering.angle
        size = size_doubt(theirs, given.labels, angle, given.unit or angle.kind.unit, given.said)
    words = words_for(model, best, size, rmse, as_preset)
    return Better(
        best,
        words,
        r,
        as_preset if "--preset" in words and as_preset is not None else rmse,
        declared_r,
        declared_rmse,
        count,
        model.kind,
        given.smoothed_s,
    )


def varied(model: SteeringModel, given: Gathered) -> bool:
    """Whether the labels tell anything: enough of them, at enough moments, of a road that bends."""
    if len(given.labels) < max(LEAST_LABELS, LEAST_MOMENTS):
        return False
    least = bounds(model.kind).moving / 2
    return bool(given.labels.std() > 0 if given.unit else given.labels.std() >= least)


def much_better(ours: Doubles, theirs: Doubles, given: Gathered) -> bool:
    """Whether the answers `theirs` (n,) fit the labels so much better than `ours` that it is no chance."""
    labels = given.labels
    r, declared_r = _r(theirs, labels), _r(ours, labels)
    if r < LEAST_R or 1 - r**2 > UNEXPLAINED * (1 - max(declared_r, 0.0) ** 2):
        return False
    rmse = _rmse(theirs, labels)
    if not given.unit and rmse > min(OF_DECLARED * _rmse(ours, labels), OF_CONSTANT * float(labels.std())):
        return False
    resample = Resampled(given.times_s, labels)
    gain = float(np.quantile(resample(theirs) - resample(ours), 0.025))
    if np.ptp(given.times_s) < SHORT_S:
        return gain >= LEAST_GAIN_SHORT
    half = not given.unit and rmse <= HALF * _rmse(ours, labels)
    return gain >= (0 if half else LEAST_GAIN)


def _best(ask: Asked, tried: Sequence[Setting], given: Gathered, places: Any, near: float = 1e-9) -> Setting:
    """The setting whose answers go with the labels most, either sign; the first of those `near` it in r."""
    answers = np.stack([ask(setting, places) for setting in tried])
    r = np.abs(correlations(answers, given.labels[places][None])[:, 0])
    return tried[int(np.argmax(r > r.max() - near))]


def _pruned(ask: Asked, best: Setting, own: Setting, given: Gathered, places: Any) -> Setting:
    """The setting without the changes that it does as well without."""
    labels = given.labels[places]
    for kind in best.changes(own):
        value: Any = getattr(own, kind)
        without = replace(best, **{kind: value})
        now, then = ask(best, places), ask(without, places)
        near = abs(_r(then, labels)) >= abs(_r(now, labels)) - NEAR
        sides = (np.sign(_r(one, labels)) for one in (now, then))
        off = [_rmse(side * one, labels) for side, one in zip(sides, (now, then), strict=True)]
        if near and (given.unit or off[1] <= FURTHER * off[0]):
            best = without
    return best


def _r(angles: Doubles, labels: Doubles) -> float:
    return float(correlations(angles[None], labels[None])[0, 0])


def _rmse(angles: Doubles, labels: Doubles) -> float:
    return float(np.sqrt(((angles - labels) ** 2).mean()))
