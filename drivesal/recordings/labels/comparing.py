"""Labels beside a model's angle: brought to its kind where something says how, else on a scale of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from drivesal.angle import AngleKind, digits
from drivesal.errors import LabelError
from drivesal.recordings.labels.converted import ConvertedRecording

if TYPE_CHECKING:
    from drivesal.types import Frame, Recording


_RATIO = ", and how far the steering wheel turns for the road wheels with --steering-ratio"


def fitted(recording: Recording, answer: AngleKind, steering_ratio: float | None = None) -> Recording:
    """The recording with its labels in the kind `answer` of the model's angle, where that can be.

    `steering_ratio` is the degrees that the steering wheel turns for one degree of the road wheels. Labels that
    cannot be brought to that kind stay as they are, and `apart` tells it; LabelError where the user named them.
    A number that is no angle is not compared with labels: the recording stays as it is.
    """
    labels = recording.info.angle
    if labels is None or not answer.sided:
        return recording
    factor = labels.factor_to(answer, steering_ratio)
    if factor is None:
        if recording.info.named_labels:
            raise LabelError(
                f"labels in the model's kind of angle, {answer.phrase}",
                f"they are {labels.phrase}",
                f"{ways(labels, answer, table=True)}, or leave them with --no-labels",
            )
        return recording
    if labels.comparable(answer):
        return recording
    note = f"labels brought from {labels.phrase} to {answer.phrase}: times {factor:.6g}"
    return ConvertedRecording(recording, factor, answer, note)


def with_full_lock(recording: Recording, full_lock_deg: float | None) -> Recording:
    """The recording with its own labels in degrees, where they are norm whose 1.0 is this [deg]."""
    labels = recording.info.angle
    if full_lock_deg is None or labels is None or labels.unit != "norm" or not recording.info.own_labels:
        return recording
    kind = replace(labels, unit="deg")
    note = f"1.0 of the recording's own labels taken as {full_lock_deg:g}°"
    return ConvertedRecording(recording, full_lock_deg, kind, note, full_lock_deg)


def apart(recording: Recording, answer: AngleKind) -> AngleKind | None:
    """The kind of the labels where they cannot be compared with an answer of this kind, else None."""
    labels = recording.info.angle
    return None if labels is None or not answer.sided or labels.comparable(answer) else labels


def truths(frames: Iterable[Frame], recording: Recording, answer: AngleKind) -> list[Frame]:
    """The frames with only those labels that can be compared with an answer of this kind."""
    if apart(recording, answer) is None:
        return list(frames)
    return [replace(frame, steering=None) for frame in frames]


def ways(labels: AngleKind, answer: AngleKind, *, table: bool = False) -> str:
    """What a person can say so that the labels can be compared with the answer; `table`: they are a CSV's."""
    if labels.unit == answer.unit:
        return "say the degrees of the steering wheel for one of the road wheels with --steering-ratio"
    turned = "" if labels.turns == answer.turns or "unknown" in (labels.turns, answer.turns) else _RATIO
    if labels.unit == "norm":
        unit = " (or their unit with --angle-unit)" if table else ""
        return f"say what 1.0 of the labels stands for with --full-lock DEG{unit}{turned}"
    return (
        "say what 1.0 of the model's answer stands for with --full-lock DEG (or its unit with "
        f"--model-angle-unit){turned}"
    )


def beside(labels: AngleKind, answer: AngleKind) -> str:
    """One line on labels that cannot be compared with the answer, and how they could be."""
    return (
        f"the labels are {labels.phrase}, the answer {answer.phrase}: shown on a scale of their own; "
        f"to compare, {ways(labels, answer)}"
    )


def told(labels: AngleKind, answer: AngleKind, correlation: float | None) -> str:
    """`beside` for many frames: with the correlation, which stands in place of errors."""
    r = "unknown" if correlation is None else digits(correlation, ".3f")
    return (
        f"the labels are {labels.phrase}, the answer {answer.phrase}: shown on a scale of their own, with a "
        f"correlation of {r} in place of errors; to compare, {ways(labels, answer)}"
    )
