"""Search for the settings of a model over whole drives, and the card that declares them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.angle import AngleSpec
from drivesal.errors import LabelError
from drivesal.evaluation.advice import preset_for, words_for
from drivesal.evaluation.candidates import crops_of, declared
from drivesal.evaluation.crop_views import READ, collect_views, spread_segments
from drivesal.evaluation.prediction_scale import label_metadata
from drivesal.evaluation.setting_predictor import with_output
from drivesal.evaluation.setting_search import BY_CHANCE, passes, rank_settings
from drivesal.model.network import signature
from drivesal.types import Span

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.evaluation.ranking import Ranking
    from drivesal.model.card import Card
    from drivesal.model.preprocess import Crop
    from drivesal.model.steering_model import SteeringModel
    from drivesal.recordings.inspection.label_check import Fit
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.types import Frame

MOST_OUTPUTS = 8
"""The most output numbers of a network that are tried as its steering angle."""


@dataclass(frozen=True, slots=True)
class FoundSettings:
    """The result of a search over a model's settings; `ranking` is None if the labels do not vary.

    `labels` counts the labels read, `fit` states how well they match the image motion, `kind` is their kind of
    angle; `several` is whether more than one output was tried; `smoothed_s` is the time [s] over which keyboard
    labels were averaged, None for others.
    """

    model: SteeringModel
    labels: int
    fit: Fit
    ranking: Ranking | None
    kind: AngleKind
    several: bool
    smoothed_s: float | None = None

    @property
    def fits(self) -> str:
        """How well the labels match the image motion, in words."""
        if self.fit.correlation is None:
            return "too little image motion to check whether they fit"
        shift = f"r {self.fit.correlation:.2f} with the image shift"
        if not self.fit.sure:
            return f"whether they fit the images is undecided ({shift})"
        return (
            f"which fit the images ({shift})" if self.fit.warning is None else f"{self.fit.warning} ({shift})"
        )

    @property
    def words(self) -> tuple[str, ...] | None:
        """The options of the setting that fits, () if it is the declared one; None if nothing fits."""
        if self.ranking is None or self.ranking.winner is None:
            return None
        winner = self.ranking.winner
        return words_for(self.model, winner.setting, self.ranking.size, winner.rmse, winner.as_preset)

    @property
    def verdict(self) -> str:
        """The result in one line."""
        ranking = self.ranking
        if ranking is None:
            return "no result: fewer than two frames have a label, or all labels are the same"
        if self.fit.warning is not None:
            return f"no result: {self.fit.warning}; correct the labels first, see `drivesal info`"
        if ranking.chance is None:
            return "no result: the frames cover too short a time"
        winner = ranking.winner
        if winner is None:
            top = ranking.rows[0]
            why = "labels shifted in time do as well" if ranking.chance > BY_CHANCE else "not conclusive"
            best = f"the best is r {top.r:.2f} ({top.low:.2f} to {top.high:.2f}), {why}"
            return f"nothing fits: {best}; the network may be untrained, or made for another camera"
        if not winner.setting.changes(declared(self.model)):
            return "the declared setting fits"
        match = preset_for(self.model, winner.setting, winner.rmse, winner.as_preset)
        preset = f", the setting of the preset {match.name}" if match else ""
        if match and winner.as_preset is not None:
            preset += f": RMSE {winner.as_preset:.3g}{self.kind.symbol} in its unit"
        return f"fits: {' '.join(winner.options)}{preset}"

    @property
    def no_card(self) -> str | None:
        """Why no card can be written; None if one can."""
        ranking = self.ranking
        if ranking is None or ranking.winner is None or self.fit.warning is not None:
            return self.verdict
        side = ranking.winner.setting.positive
        if any(row.setting.positive != side for row in ranking.undecided):
            return "the sign is undecided"
        if self.model.path is None:
            return "the model is in memory"
        assumed = [assumption for assumption in self._card()[1] if assumption.startswith("unit")]
        return "the unit of its predictions is unknown: declare it with --angle-unit" if assumed else None

    def card(self) -> Card:
        """The card that declares the setting that fits."""
        return self._card()[0]

    def _card(self) -> tuple[Card, tuple[str, ...]]:
        """The card, and the assumptions that remain."""
        ranking = self.ranking
        assert ranking is not None
        assert ranking.winner is not None
        setting, size = ranking.winner.setting, ranking.size
        model = with_output(self.model, setting.output)
        angle, assumed = model.card.target.angle, self.model.assumed
        winner = ranking.winner
        match = preset_for(self.model, setting, winner.rmse, winner.as_preset)
        if match is not None:
            angle = match.preset.angle
        elif size is not None and size.of_labels is None and size.spec:
            values = dict(zip(size.spec[::2], size.spec[1::2], strict=True))
            lock = values.get("--full-lock")
            unit: Any = values["--model-angle-unit"]
            angle = AngleSpec(unit, angle.turns, angle.positive, None if lock is None else float(lock))
        if match is not None or size is not None:
            assumed = tuple(assumption for assumption in assumed if not assumption.startswith("unit"))
        angle = dataclasses.replace(angle, positive=setting.positive)
        target = dataclasses.replace(model.card.target, angle=angle)
        result = {
            "correlation": round(ranking.winner.r, 4),
            "frames": ranking.frames,
            "undecided": list(ranking.undecided_lines()),
        }
        training = model.card.training | {"settings found by fit-settings": result}
        preprocess = setting.applied_to(model.preprocess)
        return dataclasses.replace(model.card, preprocess=preprocess, target=target, training=training), assumed

    def as_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        fit = {"correlation": self.fit.correlation, "frames": self.fit.frames, "warning": self.fit.warning}
        return {
            "model": self.model.name,
            "labels": self.labels,
            "labels_fit": fit,
            "unit": self.kind.unit,
            "smoothed_s": self.smoothed_s,
            "search": None if self.ranking is None else self.ranking.as_json(),
            "options": None if self.words is None else list(self.words),
            "verdict": self.verdict,
        }


def search(
    model: SteeringModel,
    drives: Sequence[Drive],
    span: Span,
    outputs: Sequence[str | None] = (None,),
    progress: Callable[[int], object] = lambda _: None,
) -> FoundSettings:
    """Search for the settings under which the model follows the drives' labels; see `rank_settings`.

    `outputs` are the candidate steering outputs, None for the declared one; `progress` is called with the
    number of frames read and of forward passes. Raises LabelError if no frame of the span has a label.
    """
    kind = drives[0].kind
    unit = None if kind.comparable(model.kind) else kind.unit
    counted = 0

    def read(drive: Drive) -> Iterator[Frame]:
        nonlocal counted
        for segment in _segments(drive, span, READ // len(drives)):
            for frame in drive.frames(segment):
                counted += 1
                yield frame

    metadata = label_metadata([drive.recording.info for drive in drives], model)
    frames = [read(drive) for drive in drives]
    views = collect_views(model, frames, _crops(model, drives), progress, unit, metadata)
    if not counted:
        raise LabelError("labelled frames in the chosen span", "none has a label", "choose another span")
    ranking = rank_settings(model, views, progress, outputs=outputs)
    if ranking is not None and views.fit.warning is not None:
        ranking = dataclasses.replace(ranking, winner=None, best=None, size=None)
    return FoundSettings(model, counted, views.fit, ranking, kind, len(outputs) > 1, views.smoothed_s)


def _segments(drive: Drive, span: Span, count: int) -> list[Span]:
    """The whole span, or segments with about `count` of its frames if it has more than twice as many."""
    frames = drive.recording.info.reach_of(span)
    if frames is None or span.every > 1 or frames[1] - frames[0] <= 2 * count:
        return [span]
    return spread_segments(*frames, count)


def effort(model: SteeringModel, drives: Sequence[Drive], outputs: Sequence[str | None] = (None,)) -> int:
    """The approximate number of frames and forward passes that `search` takes, for a progress bar."""
    read = sum(min(drive.recording.info.length or 0, 2 * READ // len(drives)) for drive in drives)
    return read + passes(model, len(_crops(model, drives)), outputs)


def outputs_of(network: Any) -> tuple[str, ...]:
    """The candidate steering outputs of a network, as `--output` takes them: at most MOST_OUTPUTS, no
    softmax."""
    from drivesal.model.readers.steering_output import ends_in_softmax

    names: list[str] = []
    for name, shape in signature(network).outputs:
        if ends_in_softmax(network, name):
            continue
        if all(size == 1 for size in shape):
            names.append(name)
        elif len(shape) == 1 and shape[0] is not None:
            names += [f"{name}[{index}]" for index in range(shape[0])]
    return tuple(names[:MOST_OUTPUTS])


def _crops(model: SteeringModel, drives: Sequence[Drive]) -> Sequence[Crop]:
    return crops_of(model, [drive.recording for drive in drives])
