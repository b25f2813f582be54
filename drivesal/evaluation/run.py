"""Joins a model and labelled recordings: its answer beside each label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.drives import Drive, of_one_kind
from drivesal.errors import LabelError, ModelError
from drivesal.evaluation.answers import Answers
from drivesal.evaluation.sample import Sample
from drivesal.evaluation.stretches import Stretch, worst
from drivesal.explainer import batches, nothing_decoded
from drivesal.stages import Ahead
from drivesal.types import WHOLE, Recording, Span

if TYPE_CHECKING:
    from drivesal.evaluation.blind import Blind
    from drivesal.model import SteeringModel
    from drivesal.plausible import Doubt
    from drivesal.steering import AngleKind


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model answered in some recordings, one `Answers` a drive, and the stretches where it is worst.

    `doubt` says why the declared input scaling looks wrong, None where nothing does. `labels` is the kind of
    the labels where they cannot be compared with the model's angle, which leaves the correlation, else None.
    `blind` says why the answers may not follow the labels, None where they do or nobody looked
    (`evaluation.blind.looked_into`).
    """

    model: SteeringModel
    drives: Sequence[Drive]
    span: Span
    answers: Sequence[Answers]
    worst: Sequence[Stretch]
    doubt: Doubt | None
    labels: AngleKind | None = None
    blind: Blind | None = None

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
    sample = Sample(labelled=labels is None)
    answers = [
        answers_of(drive, model, name, span, progress, sample)
        for drive, name in zip(drives, names, strict=True)
    ]
    if labels is not None:
        return Evaluation(model, drives, span, answers, (), sample.doubt(model), labels)
    return Evaluation(model, drives, span, answers, worst(answers, stretches), sample.doubt(model))


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
) -> Answers:
    """The model's answer to every labelled frame of the span; only numbers are kept of a frame.

    `progress` is called with 1 for every frame that is read; `sample` keeps some of the pictures. Raises
    InputError where the span holds no frame, LabelError where none of its frames has a label, ModelError where
    an answer is not finite.
    """
    read = 0

    def seen(frames: int) -> None:
        nonlocal read
        read += frames
        progress(frames)

    rows: list[np.ndarray] = []
    if sample is not None:
        sample.begin()
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
