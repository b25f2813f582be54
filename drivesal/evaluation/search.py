"""A search for settings over whole drives: what fits, what is undecided, and the card that would say it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.angle import AngleSpec
from drivesal.errors import LabelError
from drivesal.evaluation.advice import preset_for, words_for
from drivesal.evaluation.asked import steering_by
from drivesal.evaluation.candidates import crops_of, declared
from drivesal.evaluation.fitting import BY_CHANCE, passes, ranked
from drivesal.evaluation.gathered import READ, gather, stretches
from drivesal.evaluation.sizing import labels_said
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
"""Numbers of a network that are tried as its steering."""


@dataclass(frozen=True, slots=True)
class FoundSettings:
    """What a search found of a model: `ranking` None where the labels do not vary.

    `labels` counts those that were read, `fit` tells how they go with the picture, `kind` is theirs; `several`
    says that more than one output was tried; `smoothed_s` is the time [s] that labels of keys were averaged
    over.
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
        """How the labels go with the picture, in words."""
        if self.fit.correlation is None:
            return "too little moves in the picture to tell whether they fit it"
        shift = f"r {self.fit.correlation:.2f} with the picture's shift"
        if not self.fit.sure:
            return f"if they fit the picture cannot be told ({shift})"
        return (
            f"which fit the picture ({shift})" if self.fit.warning is None else f"{self.fit.warning} ({shift})"
        )

    @property
    def words(self) -> tuple[str, ...] | None:
        """The options that say the setting that fits, () where that is declared; None where nothing fits."""
        if self.ranking is None or self.ranking.winner is None:
            return None
        winner = self.ranking.winner
        return words_for(self.model, winner.setting, self.ranking.size, winner.rmse, winner.as_preset)

    @property
    def verdict(self) -> str:
        """What came of it, in one line."""
        ranking = self.ranking
        if ranking is None:
            return "nothing can be told: fewer than two frames have a label, or all labels are the same"
        if self.fit.warning is not None:
            return f"nothing to go by: {self.fit.warning}; mend the labels first, see `drivesal info`"
        if ranking.chance is None:
            return "nothing can be told: the frames cover too short a time"
        winner = ranking.winner
        if winner is None:
            top = ranking.rows[0]
            why = "labels shifted in time do as well" if ranking.chance > BY_CHANCE else "not enough to go by"
            best = f"the best is r {top.r:.2f} ({top.low:.2f} to {top.high:.2f}), {why}"
            return f"nothing fits: {best}; the network may be untrained, or made for another camera"
        if not winner.setting.changes(declared(self.model)):
            return "what is declared fits"
        family = preset_for(self.model, winner.setting, winner.rmse, winner.as_preset)
        also = f", which is what the preset {family.name} says" if family else ""
        if family and winner.as_preset is not None:
            also += f": RMSE {winner.as_preset:.3g}{self.kind.symbol} in its unit"
        return f"fits: {' '.join(winner.options)}{also}"

    @property
    def no_card(self) -> str | None:
        """Why no card can be written of it; None where one can."""
        ranking = self.ranking
        if ranking is None or ranking.winner is None or self.fit.warning is not None:
            return self.verdict
        side = ranking.winner.setting.positive
        if any(one.setting.positive != side for one in ranking.undecided):
            return "the sign is undecided"
        if self.model.path is None:
            return "the model is in memory"
        assumed = [one for one in self._card()[1] if one.startswith("unit")]
        return "the unit of its answers is not known: say it with --angle-unit" if assumed else None

    def card(self) -> Card:
        """The card that says the setting that fits."""
        return self._card()[0]

    def _card(self) -> tuple[Card, tuple[str, ...]]:
        """The card, and what it would assume."""
        ranking = self.ranking
        assert ranking is not None
        assert ranking.winner is not None
        setting, size = ranking.winner.setting, ranking.size
        model = steering_by(self.model, setting.output)
        angle, assumed = model.card.target.angle, self.model.assumed
        winner = ranking.winner
        family = preset_for(self.model, setting, winner.rmse, winner.as_preset)
        if family is not None:
            angle = family.preset.angle
        elif size is not None and size.of_labels is None and size.spec:
            values = dict(zip(size.spec[::2], size.spec[1::2], strict=True))
            lock = values.get("--full-lock")
            unit: Any = values["--model-angle-unit"]
            angle = AngleSpec(unit, angle.turns, angle.positive, None if lock is None else float(lock))
        if family is not None or size is not None:
            assumed = tuple(one for one in assumed if not one.startswith("unit"))
        angle = dataclasses.replace(angle, positive=setting.positive)
        target = dataclasses.replace(model.card.target, angle=angle)
        found = {
            "correlation": round(ranking.winner.r, 4),
            "frames": ranking.frames,
            "undecided": list(ranking.undecided_lines()),
        }
        training = model.card.training | {"settings found by fit-settings": found}
        preprocess = setting.over(model.preprocess)
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
    """The settings under which the model follows the labels of the drives; see `fitting.ranked`.

    `outputs` are what may steer, None the declared one; `progress` is called with the number of frames read and
    of forward passes. Raises LabelError where no frame of the span has a label.
    """
    kind = drives[0].kind
    unit = None if kind.comparable(model.kind) else kind.unit
    counted = 0

    def read(drive: Drive) -> Iterator[Frame]:
        nonlocal counted
        for part in _parts(drive, span, READ // len(drives)):
            for frame in drive.frames(part):
                counted += 1
                yield frame

    said = labels_said([drive.recording.info for drive in drives], model)
    given = gather(model, [read(drive) for drive in drives], _crops(model, drives), progress, unit, said)
    if not counted:
        raise LabelError("labelled frames in the chosen part", "none has a label", "choose another part")
    ranking = ranked(model, given, progress, outputs=outputs)
    if ranking is not None and given.fit.warning is not None:
        ranking = dataclasses.replace(ranking, winner=None, best=None, size=None)
    return FoundSettings(model, counted, given.fit, ranking, kind, len(outputs) > 1, given.smoothed_s)


def _parts(drive: Drive, span: Span, most: int) -> list[Span]:
    """The span whole, or stretches of it with about so many frames where it has more than twice as many."""
    reach = drive.recording.info.reach_of(span)
    if reach is None or span.every > 1 or reach[1] - reach[0] <= 2 * most:
        return [span]
    return stretches(*reach, most)


def effort(model: SteeringModel, drives: Sequence[Drive], outputs: Sequence[str | None] = (None,)) -> int:
    """About how many frames and forward passes `search` takes, for a bar."""
    read = sum(min(drive.recording.info.length or 0, 2 * READ // len(drives)) for drive in drives)
    return read + passes(model, len(_crops(model, drives)), outputs)


def outputs_of(network: Any) -> tuple[str, ...]:
    """The numbers of a network that may steer, as `--output` takes them: MOST_OUTPUTS at most, no softmax."""
    from drivesal.model.readers.steering_output import ends_in_softmax

    found: list[str] = []
    for name, shape in signature(network).outputs:
        if ends_in_softmax(network, name):
            continue
        if all(size == 1 for size in shape):
            found.append(name)
        elif len(shape) == 1 and shape[0] is not None:
            found += [f"{name}[{place}]" for place in range(shape[0])]
    return tuple(found[:MOST_OUTPUTS])


def _crops(model: SteeringModel, drives: Sequence[Drive]) -> Sequence[Crop]:
    return crops_of(model, [one.recording for one in drives])
