"""A model that answers as if it did not see the road: whether the labels fit, and what else to declare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.evaluation.advice import words_for
from drivesal.evaluation.candidates import crops_of
from drivesal.evaluation.fitting import passes, ranked
from drivesal.evaluation.gathered import READ, STRETCH, gather, stretches
from drivesal.evaluation.input_scaling import LEAST_LABELS
from drivesal.evaluation.measure import errors, joined
from drivesal.evaluation.ranking import Ranking
from drivesal.evaluation.scaling_findings import bounds
from drivesal.evaluation.sizing import labels_said
from drivesal.recordings.inspection.label_check import Fit
from drivesal.types import Frame, Span

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.evaluation.answers import Answers
    from drivesal.evaluation.run import Evaluation
    from drivesal.model.preprocess import Crop
    from drivesal.recordings.labels.labelled_drives import Drive

LEAST = 0.2
"""A model whose answers correlate with the labels by less is looked into, also one that steers against them."""


@dataclass(frozen=True, slots=True)
class Blind:
    """A model whose answers do not follow the labels: `r` over so many `labels`.

    `fit` tells how the labels go with the picture, `ranking` what other settings give; None where the labels do
    not fit, which nothing was then searched with. `kind` is that of the labels. `words` are the options that
    say the setting that fits, an option and its value in turn; () without one. `smoothed_s` is the time [s]
    that labels of keys were averaged over in the search.
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
        """What is wrong, whether the labels fit, and what to say in place of what is declared, in one line."""
        what = "answers as if it did not see the road" if self.r > -LEAST else "steers against the labels"
        return f"the model {what}: r {self.r:.2f} over {self.labels} labels{self._labels}{self._found}"

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
    def _labels(self) -> str:
        if self.fit.correlation is None:
            return " (if they fit: too little moves in the picture to tell)"
        shift = f"r {self.fit.correlation:.2f} with its shift"
        if not self.fit.sure:
            return f" (if they fit the picture cannot be told: {shift})"
        if self.fit.warning is None:
            return f", which fit the picture ({shift})"
        return f" ({shift}), and {self.fit.warning}: mend them first, see `drivesal info`"

    @property
    def _found(self) -> str:
        ranking = self.ranking
        if ranking is None:
            return "" if self.fit.warning else "; too few of them vary to try other settings"
        if ranking.chance is None:
            return "; they cover too short a time to try other settings"
        if ranking.best is None:
            return self._nothing(ranking)
        best = ranking.best
        interval = f"95 % interval {best.low:.2f} to {best.high:.2f}"
        promised = best.promised
        rmse = "" if promised is None else f" and the {self._rmse(promised, ranking)}"
        with_ = " ".join(self.words)
        over = "" if self.smoothed_s is None else f" against the labels' mean over {self.smoothed_s:g} s"
        return f"; with {with_} r is {best.r:.2f}{over} ({interval}){rmse}: say that, or mend the model's card"

    def _rmse(self, rmse: float, ranking: Ranking) -> str:
        of = self.kind.symbol
        return f"RMSE {rmse:.3g}{of} ({ranking.constant:.3g}{of} for the best constant answer)"

    def _nothing(self, ranking: Ranking) -> str:
        top = ranking.rows[0]
        with_ = f"with {' '.join(top.options)}" if top.options else "as declared"
        rmse = "" if top.rmse is None else f", {self._rmse(top.rmse, ranking)}"
        return (
            f"; nothing fits of {ranking.tried} combinations of crop, colours and input scale, either sign: "
            f"the best is r {top.r:.2f} {with_}{rmse}, not enough to go by; "
            "the network may be untrained, or made for another camera"
        )


def suspected(found: Evaluation) -> float | None:
    """The correlation of a model to look into, 0 where its answers never vary; None for one that follows them.

    Labels of a drive that is as good as straight, or of fewer than LEAST_LABELS frames, tell nothing.
    """
    truth, predicted = joined(found.answers, "truth"), joined(found.answers, "predicted")
    if len(truth) < LEAST_LABELS or truth.std() < bounds(found.kind).moving / 2:
        return None
    r = errors(predicted, truth).correlation or 0.0
    return r if r < LEAST else None


def effort(found: Evaluation) -> int:
    """About how many frames and forward passes `looked_into` takes, for a bar."""
    frames = sum(_count(one, found) for one in found.answers)
    return frames + passes(found.model, len(_crops(found)))


def looked_into(found: Evaluation, progress: Callable[[int], object] = lambda _: None) -> Blind | None:
    """Why the model may not follow the labels; None where it does. Reads some of the frames again, once.

    `progress` is called with the number of frames read and of forward passes made.
    """
    r = suspected(found)
    if r is None:
        return None
    model, answers = found.model, found.answers
    losses = [list(drive.recording.losses) for drive in found.drives]
    frames = [_again(drive, one, _count(one, found)) for drive, one in zip(found.drives, answers, strict=True)]
    unit = None if found.labels is None else found.labels.unit
    said = labels_said([drive.recording.info for drive in found.drives], model)
    given = gather(model, frames, _crops(found), progress, unit, said)
    for drive, lost in zip(found.drives, losses, strict=True):
        drive.recording.losses[:] = lost  # they were told when it was read whole
    ranking = None if given.fit.warning else ranked(model, given, progress)
    words: tuple[str, ...] = ()
    if ranking is not None and ranking.best is not None:
        best = ranking.best
        words = words_for(model, best.setting, ranking.size, best.rmse, best.as_preset)
    return Blind(
        r, sum(len(one.index) for one in answers), given.fit, ranking, found.kind, words, given.smoothed_s
    )


def _crops(found: Evaluation) -> Sequence[Crop]:
    return crops_of(found.model, [drive.recording for drive in found.drives])


def _reach(answers: Answers) -> int:
    return int(answers.index[-1] - answers.index[0]) + 1


def _count(answers: Answers, found: Evaluation) -> int:
    """How many of a recording's frames are read again."""
    reach, whole = _reach(answers), sum(_reach(one) for one in found.answers)
    return reach if whole <= 2 * READ else min(max(READ * reach // whole, STRETCH), reach)


def _again(drive: Drive, answers: Answers, count: int) -> Iterator[Frame]:
    """So many of the frames that were measured and of those between, one after another in stretches."""
    start, end = int(answers.index[0]), int(answers.index[-1]) + 1
    if count >= end - start:
        yield from drive.frames(Span(start, end))
        return
    for part in stretches(start, end, count):
        yield from drive.frames(part)
