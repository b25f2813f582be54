"""Joins a model and labelled recordings: its answer beside each label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import LabelError, ModelError
from drivesal.evaluation.answers import Answers
from drivesal.evaluation.candidates import crops_of
from drivesal.evaluation.doubts import Doubts, told_apart
from drivesal.evaluation.gathered import Views
from drivesal.evaluation.measure import joined
from drivesal.evaluation.quick import better_setting
from drivesal.evaluation.sample import Sample
from drivesal.evaluation.sizing import labels_said, size_doubt
from drivesal.evaluation.stretches import Stretch, worst
from drivesal.explanation.frame_batches import batches, nothing_decoded
from drivesal.io.stages import Ahead
from drivesal.recordings.labels.labelled_drives import Drive, of_one_kind
from drivesal.types import WHOLE, Recording, Span

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.evaluation.blind import Blind
    from drivesal.evaluation.sizing import Size
    from drivesal.model.steering_model import SteeringModel


LOOKED_AT = 64
"""Frames that are looked at under other settings, or up to twice as many."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model answered in some recordings, one `Answers` a drive, and the stretches where it is worst.

    `doubts` say what looks wrong of settings, input scaling and camera. `labels` is the kind of the labels
    where they cannot be compared with the model's angle, which leaves the correlation, else None. `blind` says
    why the answers may not follow the labels, None where they do or nobody looked
    (`evaluation.blind.looked_into`). `size` says that the answers follow them and are of the wrong size;
    `advice` what to go on with, in one line.
    """

    model: SteeringModel
    drives: Sequence[Drive]
    span: Span
    answers: Sequence[Answers]
    worst: Sequence[Stretch]
    doubts: Doubts
    labels: AngleKind | None = None
    blind: Blind | None = None
    size: Size | None = None
    advice: str | None = None

    @property
    def kind(self) -> AngleKind:
        """The kind of the labels, the model's wherever the two are compared."""
        return self.labels or self.model.kind


def evaluate(
    model: SteeringModel,
    drives: Sequence[Drive],
    names: Sequence[str],
    span: Span = WHOLE,
    stretches: int = 5,
    progress: Callable[[int], object] = lambda _: None,
) -> Evaluation:
    """The model's answers in the span of each drive, and up to `stretches` of the worst stretches.

    `names` are what the drives are called. Raises like `answers_of`.
    """
    labels = next((drive.kind for drive in drives if not drive.kind.comparable(model.kind)), None)
    sample, views = Sample(labelled=labels is None), _views(model, drives, span)
    answers = [
        answers_of(drive, model, name, span, progress, sample, views)
        for drive, name in zip(drives, names, strict=True)
    ]
    said = labels_said([drive.recording.info for drive in drives], model)
    better = better_setting(model, views.gathered(unit=None if labels is None else labels.unit, said=said))
    doubts = told_apart(better, sample.doubt(model), sample.unlike(model, drives[0].recording.info))
    found = () if labels is not None else worst(answers, stretches)
    predicted, truth = joined(answers, "predicted"), joined(answers, "truth")
    unit = model.kind.unit if labels is None else labels.unit
    size = size_doubt(predicted, truth, model.card.target.angle, unit, said)
    return Evaluation(model, drives, span, answers, found, doubts, labels, None, size)


def _views(model: SteeringModel, drives: Sequence[Drive], span: Span) -> Views:
    """What keeps LOOKED_AT of the frames, or up to twice as many, for the other settings."""
    recordings = [drive.recording for drive in drives]
    crops = crops_of(model, recordings)
    expected = sum(one.info.length or 0 for one in recordings) // span.every
    return Views(model, crops, 2 * LOOKED_AT, max(expected // LOOKED_AT, 1))


def labels_apart(
    recordings: Sequence[Recording], model: SteeringModel, steering_ratio: float | None = None
) -> AngleKind | None:
    """The kind of the labels where all are of one that cannot be compared with the model's angle, else None.

    None too where the user named them: they were meant to be compared.
    """
    kinds = [one.info.angle for one in recordings]
    first = kinds[0]
    if (
        first is None
        or any(kind != first for kind in kinds)
        or any(one.info.named_labels for one in recordings)
    ):
        return None
    return first if first.factor_to(model.kind, steering_ratio) is None else None


def drives_for(
    recordings: Sequence[Recording], model: SteeringModel, steering_ratio: float | None = None
) -> list[Drive]:
    """The recordings with their labels in the model's kind of angle, or in their own (see `labels_apart`).

    `steering_ratio` is the degrees that the steering wheel turns for one degree of the road wheels. Raises
    ModelError where the model's answer is no angle, LabelError as `of_one_kind` does.
    """
    if model.steering is None or not model.kind.sided:
        raise ModelError(
            "a model whose answer is a steering angle",
            f"{model.name} gives {model.output_name}, which is none",
            "say what steers with --output, or with --bins for a distribution over angles",
        )
    kind = labels_apart(recordings, model, steering_ratio) or model.kind
    return of_one_kind(recordings, kind, steering_ratio)


def answers_of(
    drive: Drive,
    model: SteeringModel,
    name: str,
    span: Span = WHOLE,
    progress: Callable[[int], object] = lambda _: None,
    sample: Sample | None = None,
    views: Views | None = None,
) -> Answers:
    """The model's answer to every labelled frame of the span; only numbers are kept of a frame.

    `progress` is called with 1 for every frame that is read; `sample` and `views` keep some of the pictures.
    Raises InputError where the span holds no frame, LabelError where none of its frames has a label, ModelError
    where an answer is not finite.
    """
    read = 0

    def seen(frames: int) -> None:
        nonlocal read
        read += frames
        progress(frames)

    rows: list[np.ndarray] = []
    for keeper in (sample, views):
        if keeper is not None:
            keeper.begin()
    with Ahead(batches(drive.frames(span, seen), model)) as ahead:
        for batch in ahead:
            frames, pictures = batch.frames, batch.seen.pictures
            columns = (
                [frame.index for frame in frames],
                [frame.time_s for frame in frames],
                [frame.steering for frame in frames],
                model.predict(pictures, batch.seen.others),
                pictures.mean(axis=(1, 2, 3)),
            )
            rows.append(np.array(columns, np.float64))
            if views is not None:
                views.look(frames)
            if sample is not None:
                sample.add(pictures, batch.seen.others, rows[-1][2], rows[-1][1])
    if not read:
        raise nothing_decoded()
    if not rows:
        raise LabelError(
            f"labelled frames in the chosen part of {drive.recording.info.path}",
            f"none of its {read} frames has a label",
            "choose another part, or another table of labels",
        )
    index, time_s, truth, predicted, brightness = np.concatenate(rows, axis=1)
    if not np.isfinite(predicted).all():
        bad = int(index[~np.isfinite(predicted)][0])
        raise ModelError(
            "finite answers",
            f"{model.name} gives none to frame #{bad} of {name}",
            "check its weights and input",
        )
    steps = np.diff(time_s)
    step_s = float(np.median(steps)) if len(steps) else float(span.every / drive.recording.info.rate)
    return Answers(name, index.astype(np.int64), time_s, truth, predicted, brightness, step_s)
