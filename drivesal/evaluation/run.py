"""Run a model on labelled recordings and compare its predictions with the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import LabelError, ModelError
from drivesal.evaluation.candidates import crops_of
from drivesal.evaluation.crop_views import CropViewCollector
from drivesal.evaluation.metrics import joined
from drivesal.evaluation.model_warnings import ModelWarnings, without_duplicates
from drivesal.evaluation.prediction_scale import check_magnitude, label_metadata
from drivesal.evaluation.predictions import Predictions
from drivesal.evaluation.quick_check import better_setting
from drivesal.evaluation.sample import ImageSample
from drivesal.evaluation.segments import Segment, worst_segments
from drivesal.explanation.frame_batches import batches, no_decodable_frame
from drivesal.io.stages import Ahead
from drivesal.recordings.labels.labelled_drives import Drive, of_one_kind
from drivesal.types import WHOLE, Recording, Span

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.evaluation.diagnosis import Diagnosis
    from drivesal.evaluation.prediction_scale import MagnitudeMismatch
    from drivesal.model.steering_model import SteeringModel


QUICK_CHECK_FRAMES = 64
"""Frames that the quick check of other settings uses, or up to twice as many."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's predictions on some recordings, one `Predictions` per drive, and what follows from them.

    `worst` are the segments with the largest error. `doubts` are warnings about settings, input scaling and
    camera. `labels` is the kind of the labels where they cannot be compared with the model's angle, so that
    only the correlation is known, else None. `blind` explains why the predictions may not follow the labels,
    None if they do or if nothing was checked (`diagnosis.diagnose`). `size` reports predictions that follow
    the labels at the wrong magnitude; `advice` is the next command to run, in one line.
    """

    model: SteeringModel
    drives: Sequence[Drive]
    span: Span
    answers: Sequence[Predictions]
    worst: Sequence[Segment]
    doubts: ModelWarnings
    labels: AngleKind | None = None
    blind: Diagnosis | None = None
    size: MagnitudeMismatch | None = None
    advice: str | None = None

    @property
    def kind(self) -> AngleKind:
        """The kind of the labels: the model's wherever the two are compared."""
        return self.labels or self.model.kind


def evaluate(
    model: SteeringModel,
    drives: Sequence[Drive],
    names: Sequence[str],
    span: Span = WHOLE,
    segments: int = 5,
    progress: Callable[[int], object] = lambda _: None,
) -> Evaluation:
    """Evaluate the model on the span of each drive, and find up to `segments` worst segments.

    `names` are the drives' display names. Raises like `predict_drive`.
    """
    labels = next((drive.kind for drive in drives if not drive.kind.comparable(model.kind)), None)
    sample, collector = ImageSample(labelled=labels is None), _collector(model, drives, span)
    results = [
        predict_drive(drive, model, name, span, progress, sample, collector)
        for drive, name in zip(drives, names, strict=True)
    ]
    metadata = label_metadata([drive.recording.info for drive in drives], model)
    views = collector.views(unit=None if labels is None else labels.unit, metadata=metadata)
    warnings = without_duplicates(
        better_setting(model, views),
        sample.scaling_warning(model),
        sample.unlike(model, drives[0].recording.info),
    )
    worst = () if labels is not None else worst_segments(results, segments)
    predicted, truth = joined(results, "predicted"), joined(results, "truth")
    unit = model.kind.unit if labels is None else labels.unit
    size = check_magnitude(predicted, truth, model.card.target.angle, unit, metadata)
    return Evaluation(model, drives, span, results, worst, warnings, labels, None, size)


def _collector(model: SteeringModel, drives: Sequence[Drive], span: Span) -> CropViewCollector:
    """Keeps QUICK_CHECK_FRAMES of the frames, or up to twice as many, under all usual crops."""
    recordings = [drive.recording for drive in drives]
    crops = crops_of(model, recordings)
    expected = sum(recording.info.length or 0 for recording in recordings) // span.every
    return CropViewCollector(model, crops, 2 * QUICK_CHECK_FRAMES, max(expected // QUICK_CHECK_FRAMES, 1))


def incomparable_labels(
    recordings: Sequence[Recording], model: SteeringModel, steering_ratio: float | None = None
) -> AngleKind | None:
    """The kind of the labels if all share one that cannot be compared with the model's angle, else None.

    None also if the user named the labels: they were meant to be compared.
    """
    kinds = [recording.info.angle for recording in recordings]
    first = kinds[0]
    if (
        first is None
        or any(kind != first for kind in kinds)
        or any(recording.info.named_labels for recording in recordings)
    ):
        return None
    return first if first.factor_to(model.kind, steering_ratio) is None else None


def drives_for(
    recordings: Sequence[Recording], model: SteeringModel, steering_ratio: float | None = None
) -> list[Drive]:
    """The recordings with labels in the model's kind of angle, or in their own (see `incomparable_labels`).

    `steering_ratio` is the steering-wheel angle [deg] per degree of the road wheels. Raises ModelError if the
    model's output is not a steering angle, LabelError like `of_one_kind`.
    """
    if model.steering is None or not model.kind.sided:
        raise ModelError(
            "a model whose output is a steering angle",
            f"{model.name} gives {model.output_name}, which is none",
            "name the steering output with --output, or use --bins for a distribution over angles",
        )
    kind = incomparable_labels(recordings, model, steering_ratio) or model.kind
    return of_one_kind(recordings, kind, steering_ratio)


def predict_drive(
    drive: Drive,
    model: SteeringModel,
    name: str,
    span: Span = WHOLE,
    progress: Callable[[int], object] = lambda _: None,
    sample: ImageSample | None = None,
    collector: CropViewCollector | None = None,
) -> Predictions:
    """Predict the angle of every labelled frame of the span; only numbers are kept per frame.

    `progress` is called with 1 for every frame read; `sample` and `collector` keep some of the images. Raises
    InputError if the span holds no frame, LabelError if none of its frames has a label, ModelError if a
    prediction is not finite.
    """
    read = 0

    def count(frames: int) -> None:
        nonlocal read
        read += frames
        progress(frames)

    rows: list[np.ndarray] = []
    for keeper in (sample, collector):
        if keeper is not None:
            keeper.begin()
    with Ahead(batches(drive.frames(span, count), model)) as ahead:
        for batch in ahead:
            frames, images = batch.frames, batch.seen.images
            columns = (
                [frame.index for frame in frames],
                [frame.time_s for frame in frames],
                [frame.steering for frame in frames],
                model.predict(images, batch.seen.auxiliary),
                images.mean(axis=(1, 2, 3)),
            )
            rows.append(np.array(columns, np.float64))
            if collector is not None:
                collector.add_suitable(frames)
            if sample is not None:
                sample.add(images, batch.seen.auxiliary, rows[-1][2], rows[-1][1])
    if not read:
        raise no_decodable_frame()
    if not rows:
        raise LabelError(
            f"labelled frames in the chosen span of {drive.recording.info.path}",
            f"none of its {read} frames has a label",
            "choose another span, or another table of labels",
        )
    index, time_s, truth, predicted, brightness = np.concatenate(rows, axis=1)
    if not np.isfinite(predicted).all():
        bad = int(index[~np.isfinite(predicted)][0])
        raise ModelError(
            "finite predictions",
            f"{model.name} gives none for frame #{bad} of {name}",
            "check its weights and input",
        )
    steps = np.diff(time_s)
    step_s = float(np.median(steps)) if len(steps) else float(span.every / drive.recording.info.rate)
    return Predictions(name, index.astype(np.int64), time_s, truth, predicted, brightness, step_s)
