"""A quick check, on some frames, of whether another setting fits the labels much better than the declared one.

It tries the presets and every single change of the declared crop, colour format and scaling, then every single
change of the best of them, with either sign. `setting_search` tries all combinations; this is quick enough for
every run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.evaluation.advice import input_undeclared, preset_rmse, words_for
from drivesal.evaluation.candidates import Setting, declared, neighbours
from drivesal.evaluation.crop_views import CropViews, spread_positions
from drivesal.evaluation.input_scaling import LEAST_LABELS, LEAST_MOMENTS, OF_CONSTANT
from drivesal.evaluation.prediction_scale import check_magnitude
from drivesal.evaluation.preset_matching import matching_presets
from drivesal.evaluation.ranking import MUCH_LARGER, NEAR
from drivesal.evaluation.scaling_warning import bounds
from drivesal.evaluation.setting_predictor import SettingPredictor
from drivesal.series.resampling import Resampled, correlations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.angle import AngleKind
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles

SCREENED = 64
"""Frames on which changes are tried; the best is tried on all."""
LEAST_R = 0.5
"""The least correlation of the other setting's predictions with the labels."""
LEAST_GAIN = 0.03
"""The least lower end of the 95 % interval of its correlation minus the declared one's. In 382 segments of 8 to
170 s of a real drive, a tub and a synthetic drive the right setting was never questioned."""
LEAST_GAIN_SHORT, SHORT_S = 0.1, 25.0
"""The same for frames that cover less than SHORT_S. With noise of 0.7 and 1.2 times the labels' standard
deviation added to every prediction, another setting looked better in 8 of 1,932 such segments, and in none of
396 longer ones."""
HALF = 0.5
"""If its RMSE is at most this share of the declared one's, its correlation only has to be significantly
larger."""
UNEXPLAINED = 0.6
"""The largest ratio of the labels' variance left unexplained, 1 - r², to that of the declared setting."""
OF_DECLARED = 0.8
"""The largest ratio of its RMSE to the declared one's; it is also at most OF_CONSTANT of the best
constant's."""


@dataclass(frozen=True, slots=True)
class BetterSetting:
    """Another setting that fits the labels of `frames` frames much better than the declared one.

    `words` are the options that declare it, alternating with their values; `r` is its correlation with the
    labels and `rmse` its error, `declared_r` and `declared_rmse` are the declared setting's. Errors are None if
    labels and predictions are of different kinds. `smoothed_s` is the time [s] over which keyboard labels were
    averaged, None for others.
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
        """Short text for the overlay."""
        return f"settings look wrong: r {self.declared_r:.2f}, {self.r:.2f} with {' '.join(self.words)}"

    @property
    def sentence(self) -> str:
        """What fits better, by how much, and what to do, in one line."""
        errors = ""
        if self.rmse is not None and self.declared_rmse is not None:
            symbol = self.kind.symbol
            errors = f" and the RMSE {self.rmse:.3g}{symbol} instead of {self.declared_rmse:.3g}{symbol}"
        over = "" if self.smoothed_s is None else f", pulses averaged over {self.smoothed_s:g} s"
        what = (
            "the model steers opposite to the labels"
            if self.declared_r < 0
            else "another setting fits much better"
        )
        return (
            f"{what}: with {' '.join(self.words)} r is {self.r:.2f} instead of {self.declared_r:.2f}{errors} "
            f"(on {self.frames} labels{over}): use these options, or run `drivesal fit-settings` to try more"
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
    model: SteeringModel, views: CropViews, progress: Callable[[int], object] = lambda _: None
) -> BetterSetting | None:
    """Find a setting that fits the labels much better than the declared one; None without clear evidence.

    `views.crops` starts with the declared crop. The result is None for few labels, a nearly straight road, and
    a model without a steering angle.
    """
    if model.steering is None or not varied(model, views):
        return None
    count = len(views.labels)
    predict, own = SettingPredictor(model, views, progress), declared(model)
    few, everything = spread_positions(count, SCREENED), np.arange(count)
    of_presets = [replace(match.setting, positive=own.positive) for match in matching_presets(model)]
    of_presets = [setting for setting in of_presets if setting.crop in views.crops]
    best = _best(predict, [*neighbours(own, model, views.crops), *of_presets], views, few)
    best = _best(predict, list(neighbours(best, model, views.crops)), views, few)
    if input_undeclared(model):  # a preset is likelier than a setting that is only slightly better
        best = _best(predict, [*of_presets, best], views, few, NEAR)
    else:
        best = _simplified(predict, best, own, views, few)
    current, other = predict(own, everything), predict(best, everything)
    best = replace(best, positive=own.positive)
    if _r(other, views.labels) < 0:
        other = -other
        best = replace(best, positive="left" if own.positive == "right" else "right")
    if best == own or not much_better(current, other, views):
        return None
    r, declared_r = (_r(angles, views.labels) for angles in (other, current))
    rmse = declared_rmse = None
    if not views.unit:
        rmse, declared_rmse = (_rmse(angles, views.labels) for angles in (other, current))
    as_preset = None if rmse is None else preset_rmse(model, best, other, views.labels)
    mismatch = None
    if input_undeclared(model):
        angle = model.steering.angle
        mismatch = check_magnitude(other, views.labels, angle, views.unit or angle.kind.unit, views.metadata)
    words = words_for(model, best, mismatch, rmse, as_preset)
    return BetterSetting(
        best,
        words,
        r,
        as_preset if "--preset" in words and as_preset is not None else rmse,
        declared_r,
        declared_rmse,
        count,
        model.kind,
        views.smoothed_s,
    )


def varied(model: SteeringModel, views: CropViews) -> bool:
    """Whether the labels are evidence: enough of them, at enough distinct times, on a road with bends."""
    if len(views.labels) < max(LEAST_LABELS, LEAST_MOMENTS):
        return False
    least = bounds(model.kind).moving / 2
    return bool(views.labels.std() > 0 if views.unit else views.labels.std() >= least)


def much_better(current: Doubles, other: Doubles, views: CropViews) -> bool:
    """Whether the predictions `other` (n,) fit the labels significantly and much better than `current`."""
    labels = views.labels
    r, declared_r = _r(other, labels), _r(current, labels)
    if r < LEAST_R or 1 - r**2 > UNEXPLAINED * (1 - max(declared_r, 0.0) ** 2):
        return False
    rmse = _rmse(other, labels)
    if not views.unit and rmse > min(OF_DECLARED * _rmse(current, labels), OF_CONSTANT * float(labels.std())):
        return False
    resample = Resampled(views.times_s, labels)
    gain = float(np.quantile(resample(other) - resample(current), 0.025))
    if np.ptp(views.times_s) < SHORT_S:
        return gain >= LEAST_GAIN_SHORT
    half = not views.unit and rmse <= HALF * _rmse(current, labels)
    return gain >= (0 if half else LEAST_GAIN)


def _best(
    predict: SettingPredictor,
    tried: Sequence[Setting],
    views: CropViews,
    positions: NDArray[np.int64],
    near: float = 1e-9,
) -> Setting:
    """The setting with the highest correlation, either sign; the first of those within `near` of it."""
    predictions = np.stack([predict(setting, positions) for setting in tried])
    r = np.abs(correlations(predictions, views.labels[positions][None])[:, 0])
    return tried[int(np.argmax(r > r.max() - near))]


def _simplified(
    predict: SettingPredictor, best: Setting, own: Setting, views: CropViews, positions: NDArray[np.int64]
) -> Setting:
    """The setting without the changes that do not improve it."""
    labels = views.labels[positions]
    for kind in best.changes(own):
        value: Any = getattr(own, kind)
        without = replace(best, **{kind: value})
        both = predict(best, positions), predict(without, positions)
        r = [_r(angles, labels) for angles in both]
        near = abs(r[1]) >= abs(r[0]) - NEAR
        rmse = [_rmse(np.sign(sign) * angles, labels) for sign, angles in zip(r, both, strict=True)]
        if near and (views.unit or rmse[1] <= MUCH_LARGER * rmse[0]):
            best = without
    return best


def _r(angles: Doubles, labels: Doubles) -> float:
    return float(correlations(angles[None], labels[None])[0, 0])


def _rmse(angles: Doubles, labels: Doubles) -> float:
    return float(np.sqrt(((angles - labels) ** 2).mean()))
