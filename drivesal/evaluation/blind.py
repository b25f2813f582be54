"""A model that answers as if it did not see the road: whether the labels fit, and what else to declare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.evaluation.fitting import Ranking, passes, ranked
from drivesal.evaluation.gathered import gather
from drivesal.evaluation.measure import errors, joined
from drivesal.evaluation.settings import crops_for
from drivesal.plausible import LEAST_LABELS, bounds
from drivesal.survey import Fit
from drivesal.types import Frame, Span

if TYPE_CHECKING:
    from drivesal.drives import Drive
    from drivesal.evaluation.answers import Answers
    from drivesal.evaluation.run import Evaluation
    from drivesal.preprocess import Crop
    from drivesal.steering import AngleKind

LEAST = 0.2
"""A model whose answers correlate with the labels by less is looked into, also one that steers against them."""
READ = 2000
"""Frames that are read again: of more than twice as many, stretches of STRETCH, spread evenly."""
STRETCH = 50


@dataclass(frozen=True, slots=True)
class Blind:
    """A model whose answers do not follow the labels: `r` over so many `labels`.

    `fit` tells how the labels go with the picture, `ranking` what other settings give; None where the labels do
    not fit, which nothing was then searched with. `kind` is that of all angles.
    """

    r: float
    labels: int
    fit: Fit
    ranking: Ranking | None
    kind: AngleKind

    @property
    def sentence(self) -> str:
        """What is wrong, whether the labels fit, and what to say in place of what is declared, in one line."""
        what = "answers as if it did not see the road" if self.r > -LEAST else "steers against the labels"
        return f"the model {what}: r {self.r:.2f} over {self.labels} labels{self._labels}{self._found}"

    def as_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        fit = {"correlation": self.fit.correlation, "frames": self.fit.frames, "warning": self.fit.warning}
        search = None if self.ranking is None else self.ranking.as_json()
        return {"correlation": self.r, "labels": self.labels, "labels_fit": fit, "search": search}

    @property
    def _labels(self) -> str:
        if self.fit.correlation is None:
            return " (if they fit: too little moves in the picture to tell)"
        shift = f"r {self.fit.correlation:.2f} with its shift"
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
        best, of = ranking.best, self.kind.symbol
        interval = f"95 % interval {best.low:.2f} to {best.high:.2f}"
        rmse = f"RMSE {best.rmse:.3g}{of} ({ranking.constant:.3g}{of} for the best constant answer)"
        with_ = " ".join(best.options)
        return (
            f"; with {with_} r is {best.r:.2f} ({interval}) and the {rmse}: say that, or mend the model's card"
        )

    def _nothing(self, ranking: Ranking) -> str:
        top, of = ranking.rows[0], self.kind.symbol
        with_ = f"with {' '.join(top.options)}" if top.options else "as declared"
        rmse = f"RMSE {top.rmse:.3g}{of}, {ranking.constant:.3g}{of} for the best constant answer"
        return (
            f"; nothing fits of {ranking.tried} combinations of crop, colours and input scale, either sign: "
            f"the best is r {top.r:.2f} {with_} ({rmse}), not enough to go by; "
            "the network may be untrained, or made for another camera"
        )


def suspected(found: Evaluation) -> float | None:
    """The correlation of a model to look into, 0 where its answers never vary; None for one that follows them.

    Labels of a drive that is as good as straight, or of fewer than LEAST_LABELS frames, tell nothing, and with
    those of another kind of angle nothing is searched.
    """
    if found.labels is not None:
        return None
    truth, predicted = joined(found.answers, "truth"), joined(found.answers, "predicted")
    if len(truth) < LEAST_LABELS or truth.std() < bounds(found.model.kind).moving / 2:
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
    given = gather(model, frames, _crops(found), progress)
    for drive, lost in zip(found.drives, losses, strict=True):
        drive.recording.losses[:] = lost  # they were told when it was read whole
    ranking = None if given.fit.warning else ranked(model, given, progress)
    return Blind(r, sum(len(one.index) for one in answers), given.fit, ranking, model.kind)


def _crops(found: Evaluation) -> Sequence[Crop]:
    sizes = [(drive.recording.info.width, drive.recording.info.height) for drive in found.drives]
    return crops_for(found.model, sizes)


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
    for first in np.linspace(start, end - STRETCH, max(count // STRETCH, 1)).astype(int).tolist():
        yield from drive.frames(Span(first, first + STRETCH))
