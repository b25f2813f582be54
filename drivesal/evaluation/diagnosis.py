"""Why predictions may not follow the labels: whether the labels fit the images, and which settings fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.evaluation.advice import words_for
from drivesal.evaluation.candidates import crops_of
from drivesal.evaluation.crop_views import READ, SEGMENT, collect_views, spread_segments
from drivesal.evaluation.input_scaling import LEAST_LABELS
from drivesal.evaluation.metrics import errors, joined
from drivesal.evaluation.prediction_scale import label_metadata
from drivesal.evaluation.ranking import Ranking
from drivesal.evaluation.scaling_warning import bounds
from drivesal.evaluation.setting_search import passes, rank_settings
from drivesal.recordings.inspection.label_check import Fit
from drivesal.types import Frame, Span

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.evaluation.predictions import Predictions
    from drivesal.evaluation.run import Evaluation
    from drivesal.model.preprocess import Crop
    from drivesal.recordings.labels.labelled_drives import Drive

LEAST = 0.2
"""Predictions that correlate with the labels by less, or negatively, are diagnosed."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The diagnosis of a model whose predictions do not follow the labels: correlation `r` over `labels`
    labels.

    `fit` states how well the labels match the image motion; `ranking` is the search over other settings, None
    if the labels do not match or do not vary. `kind` is the labels' kind of angle. `words` are the options that
    declare the setting that fits, alternating with their values; () without one. `smoothed_s` is the time [s]
    over which keyboard labels were averaged in the search.
    """

    r: float
    labels: int
    fit: Fit
    ranking: Ranking | None
    kind: AngleKind
    words: tuple[str, ...] = ()
    smoothed_s: float | None = None

    @property
    def sentence(self) -> str:
        """What is wrong, whether the labels fit, and which options to use, in one line."""
        what = "does not follow the labels" if self.r > -LEAST else "steers opposite to the labels"
        return (
            f"the model {what}: r {self.r:.2f} over {self.labels} labels{self._label_fit}{self._search_result}"
        )

    def as_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        fit = {
            "correlation": self.fit.correlation,
            "frames": self.fit.frames,
            "interval": self.fit.interval,
            "warning": self.fit.warning,
        }
        search = None if self.ranking is None else self.ranking.as_json()
        return {"correlation": self.r, "labels": self.labels, "labels_fit": fit, "search": search}

    @property
    def _label_fit(self) -> str:
        if self.fit.correlation is None:
            return " (too little image motion to check the labels)"
        shift = f"r {self.fit.correlation:.2f} with the image shift"
        if not self.fit.sure:
            return f" (whether they fit the images is undecided: {shift})"
        if self.fit.warning is None:
            return f", which fit the images ({shift})"
        return f" ({shift}), and {self.fit.warning}: correct them first, see `drivesal info`"

    @property
    def _search_result(self) -> str:
        ranking = self.ranking
        if ranking is None:
            return "" if self.fit.warning else "; they vary too little to try other settings"
        if ranking.chance is None:
            return "; they cover too short a time to try other settings"
        if ranking.best is None:
            return self._nothing_fits(ranking)
        best = ranking.best
        interval = f"95 % interval {best.low:.2f} to {best.high:.2f}"
        expected = best.expected_rmse
        rmse = "" if expected is None else f" and the {self._rmse(expected, ranking)}"
        options = " ".join(self.words)
        over = "" if self.smoothed_s is None else f" against the labels' mean over {self.smoothed_s:g} s"
        return (
            f"; with {options} r is {best.r:.2f}{over} ({interval}){rmse}: "
            "use these options, or correct the model card"
        )

    def _rmse(self, rmse: float, ranking: Ranking) -> str:
        symbol = self.kind.symbol
        return f"RMSE {rmse:.3g}{symbol} ({ranking.constant:.3g}{symbol} for the best constant prediction)"

    def _nothing_fits(self, ranking: Ranking) -> str:
        top = ranking.rows[0]
        setting = f"with {' '.join(top.options)}" if top.options else "as declared"
        rmse = "" if top.rmse is None else f", {self._rmse(top.rmse, ranking)}"
        return (
            f"; none of {ranking.tried} combinations of crop, colour format and input scale fits, with either "
            f"sign: the best is r {top.r:.2f} {setting}{rmse}, which is not conclusive; "
            "the network may be untrained, or made for another camera"
        )


def low_correlation(evaluation: Evaluation) -> float | None:
    """The correlation if it is low enough to diagnose, 0 for constant predictions; None otherwise.

    None also for a nearly straight drive and for fewer than LEAST_LABELS labels: they are no evidence.
    """
    truth, predicted = joined(evaluation.answers, "truth"), joined(evaluation.answers, "predicted")
    if len(truth) < LEAST_LABELS or truth.std() < bounds(evaluation.kind).moving / 2:
        return None
    r = errors(predicted, truth).correlation or 0.0
    return r if r < LEAST else None


def effort(evaluation: Evaluation) -> int:
    """The approximate number of frames and forward passes that `diagnose` takes, for a progress bar."""
    frames = sum(_frames_to_read(drive, evaluation) for drive in evaluation.answers)
    return frames + passes(evaluation.model, len(_crops(evaluation)))


def diagnose(evaluation: Evaluation, progress: Callable[[int], object] = lambda _: None) -> Diagnosis | None:
    """Find out why the model does not follow the labels; None if it does. Reads some frames once more.

    `progress` is called with the number of frames read and of forward passes.
    """
    r = low_correlation(evaluation)
    if r is None:
        return None
    model, drives, predictions = evaluation.model, evaluation.drives, evaluation.answers
    losses = [list(drive.recording.losses) for drive in drives]
    frames = [
        _frames(drive, of_drive, _frames_to_read(of_drive, evaluation))
        for drive, of_drive in zip(drives, predictions, strict=True)
    ]
    unit = None if evaluation.labels is None else evaluation.labels.unit
    metadata = label_metadata([drive.recording.info for drive in drives], model)
    views = collect_views(model, frames, _crops(evaluation), progress, unit, metadata)
    for drive, lost in zip(drives, losses, strict=True):
        drive.recording.losses[:] = lost  # already reported when the drive was read in full
    ranking = None if views.fit.warning else rank_settings(model, views, progress)
    words: tuple[str, ...] = ()
    if ranking is not None and ranking.best is not None:
        best = ranking.best
        words = words_for(model, best.setting, ranking.size, best.rmse, best.as_preset)
    labels = sum(len(of_drive.index) for of_drive in predictions)
    return Diagnosis(r, labels, views.fit, ranking, evaluation.kind, words, views.smoothed_s)


def _crops(evaluation: Evaluation) -> Sequence[Crop]:
    return crops_of(evaluation.model, [drive.recording for drive in evaluation.drives])


def _length(predictions: Predictions) -> int:
    return int(predictions.index[-1] - predictions.index[0]) + 1


def _frames_to_read(predictions: Predictions, evaluation: Evaluation) -> int:
    """The number of a recording's frames to read once more."""
    length, total = _length(predictions), sum(_length(drive) for drive in evaluation.answers)
    return length if total <= 2 * READ else min(max(READ * length // total, SEGMENT), length)


def _frames(drive: Drive, predictions: Predictions, count: int) -> Iterator[Frame]:
    """About `count` frames of the range that was evaluated, in segments of consecutive frames."""
    start, end = int(predictions.index[0]), int(predictions.index[-1]) + 1
    if count >= end - start:
        yield from drive.frames(Span(start, end))
        return
    for segment in spread_segments(start, end, count):
        yield from drive.frames(segment)
