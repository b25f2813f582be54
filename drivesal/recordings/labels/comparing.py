"""Comparison of labels with predictions: converted to the model's kind of angle, or shown separately."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from drivesal.angle import AngleKind, digits
from drivesal.errors import LabelError
from drivesal.recordings.labels.converted import ConvertedRecording

if TYPE_CHECKING:
    from drivesal.types import Frame, Recording


_RATIO_ADVICE = ", and the steering wheel degrees per degree of the road wheels with --steering-ratio"


def fitted(recording: Recording, model_kind: AngleKind, steering_ratio: float | None = None) -> Recording:
    """The recording with its labels converted to `model_kind`, the kind of the predicted angle, if possible.

    `steering_ratio` is steering wheel degrees per degree of the road wheels. Labels that cannot be converted
    stay unchanged, and `apart` returns their kind; raises LabelError if the user named them. A prediction that
    is not an angle is not compared with labels: the recording stays unchanged.
    """
    labels = recording.info.angle
    if labels is None or not model_kind.sided:
        return recording
    factor = labels.factor_to(model_kind, steering_ratio)
    if factor is None:
        if recording.info.named_labels:
            raise LabelError(
                f"labels in the kind of the model's angle, {model_kind.phrase}",
                f"they are {labels.phrase}",
                f"{ways(labels, model_kind, table=True)}, or ignore them with --no-labels",
            )
        return recording
    if labels.comparable(model_kind):
        return recording
    note = f"labels converted from {labels.phrase} to {model_kind.phrase}: times {factor:.6g}"
    return ConvertedRecording(recording, factor, model_kind, note)


def with_full_lock(recording: Recording, full_lock_deg: float | None) -> Recording:
    """The recording with its own labels converted from norm to degrees, given the angle at norm 1.0 [deg]."""
    labels = recording.info.angle
    if full_lock_deg is None or labels is None or labels.unit != "norm" or not recording.info.own_labels:
        return recording
    kind = replace(labels, unit="deg")
    note = f"1.0 in the recording's own labels taken as {full_lock_deg:g}°"
    return ConvertedRecording(recording, full_lock_deg, kind, note, full_lock_deg)


def apart(recording: Recording, model_kind: AngleKind) -> AngleKind | None:
    """The kind of the labels if they cannot be compared with a prediction of `model_kind`, else None."""
    labels = recording.info.angle
    return None if labels is None or not model_kind.sided or labels.comparable(model_kind) else labels


def truths(frames: Iterable[Frame], recording: Recording, model_kind: AngleKind) -> list[Frame]:
    """The frames, without their labels if these cannot be compared with a prediction of `model_kind`."""
    if apart(recording, model_kind) is None:
        return list(frames)
    return [replace(frame, steering=None) for frame in frames]


def ways(labels: AngleKind, model_kind: AngleKind, *, table: bool = False) -> str:
    """The options that make the labels comparable with the prediction; `table`: the labels are from a CSV."""
    if labels.unit == model_kind.unit:
        return "give the steering wheel degrees per degree of the road wheels with --steering-ratio"
    turned = (
        ""
        if labels.turns == model_kind.turns or "unknown" in (labels.turns, model_kind.turns)
        else _RATIO_ADVICE
    )
    if labels.unit == "norm":
        unit = " (or their unit with --angle-unit)" if table else ""
        return f"give the degrees at 1.0 of the labels with --full-lock DEG{unit}{turned}"
    return (
        "give the degrees at 1.0 of the model's output with --full-lock DEG (or its unit with "
        f"--model-angle-unit){turned}"
    )


def beside(labels: AngleKind, model_kind: AngleKind) -> str:
    """One line about labels that cannot be compared with the prediction, with the options that allow it."""
    return (
        f"the labels are {labels.phrase}, the prediction {model_kind.phrase}: shown on a scale of their own; "
        f"to compare them, {ways(labels, model_kind)}"
    )


def told(labels: AngleKind, model_kind: AngleKind, correlation: float | None) -> str:
    """Like `beside`, for many frames: with the correlation, which is reported instead of errors."""
    r = "unknown" if correlation is None else digits(correlation, ".3f")
    return (
        f"the labels are {labels.phrase}, the prediction {model_kind.phrase}: shown on a scale of their own, "
        f"with a correlation of {r} instead of errors; to compare them, {ways(labels, model_kind)}"
    )
