"""The results of an evaluation as JSON values, as a CSV table and as text. See docs/evaluate.md."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from drivesal import __version__
from drivesal.angle import AngleKind, digits
from drivesal.evaluation.metrics import (
    BRIGHTNESS_LIMITS,
    Comparison,
    Errors,
    by_brightness,
    by_steering,
    compare_with_baselines,
    errors,
    joined,
    steering_limits,
)
from drivesal.evaluation.significance import gain
from drivesal.io.schema import FACTS
from drivesal.model.facts import model_facts
from drivesal.recordings.inspection.facts import input_facts
from drivesal.recordings.labels.comparing import told
from drivesal.series.pulses import pulses

if TYPE_CHECKING:
    from drivesal.evaluation.predictions import Predictions
    from drivesal.evaluation.run import Evaluation
    from drivesal.export.table import Units
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.types import Mask


def columns(units: Units) -> list[str]:
    """The table's header."""
    angles = [f"predicted_{units.angle}", f"truth_{units.truth}", f"error_{units.angle}"]
    return ["recording", "frame", "time_s", *angles, "brightness"]


def write_table(file: TextIO, recordings: Sequence[Predictions], units: Units) -> None:
    """Write one row per labelled frame; the error is empty where the labels cannot be compared."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns(units))
    for each in recordings:
        numbers = (each.predicted, each.truth, each.error if units.labels is None else None, each.brightness)
        for position, (frame, time_s) in enumerate(zip(each.index.tolist(), each.time_s.tolist(), strict=True)):
            row = ("" if values is None else digits(values[position], ".6g") for values in numbers)
            writer.writerow([each.name, frame, f"{time_s:.6f}", *row])


def facts(evaluation: Evaluation, commands: Sequence[str]) -> dict[str, Any]:
    """All results but the frames, as plain JSON values; `commands` show the worst segments, one each."""
    model, predictions, compared = evaluation.model, evaluation.answers, evaluation.labels is None
    limits = steering_limits(evaluation.kind)
    predicted, truth = joined(predictions, "predicted"), joined(predictions, "truth")

    def bands(masks: Mapping[str, Mask]) -> dict[str, Any]:
        return {name: _plain(errors(predicted[mask], truth[mask]), compared) for name, mask in masks.items()}

    return {
        "schema": FACTS,
        "drivesal": __version__,
        "model": model_facts(model),
        "unit": model.kind.unit,
        "positive": "left",
        "span": dataclasses.asdict(evaluation.span),
        "labels": {
            "kind": dataclasses.asdict(evaluation.kind),
            "compared": compared,
            "smoothed_s": evaluation.drives[0].recording.info.smoothed_s,
        },
        **_comparison(compare_with_baselines(predictions), compared),
        "gain": _gain(evaluation) if compared else None,
        "by_steering": {"limits": list(limits), "bands": bands(by_steering(truth, limits))},
        "by_brightness": {
            "limits": list(BRIGHTNESS_LIMITS),
            "bands": bands(by_brightness(joined(predictions, "brightness"))),
        },
        "recordings": [
            _recording(drive, of_drive, evaluation)
            for drive, of_drive in zip(evaluation.drives, predictions, strict=True)
        ],
        "worst": [
            {
                "recording": predictions[segment.recording].name,
                **{
                    name: getattr(segment, name)
                    for name in ("start_s", "end_s", "frames", "rmse", "bias", "share")
                },
                "command": command,
            }
            for segment, command in zip(evaluation.worst, commands, strict=True)
        ],
        **evaluation.doubts.as_json(),
        "blind": evaluation.blind.as_json() if evaluation.blind else None,
        "wrong_size": evaluation.size.as_json() if evaluation.size else None,
        "notes": list(_notes(evaluation)),
    }


def _notes(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.labels is not None:
        correlation = compare_with_baselines(evaluation.answers).model.correlation
        yield told(evaluation.labels, evaluation.model.kind, correlation)
    yield from (warning.sentence for warning in (evaluation.blind, evaluation.size) if warning is not None)
    yield from evaluation.doubts.sentences
    if evaluation.advice is not None:
        yield evaluation.advice


def _gain(evaluation: Evaluation) -> dict[str, Any]:
    """The share of always 0's squared error that the model removes, and a sentence if it is not significant."""
    predictions = evaluation.answers
    drives = np.repeat(np.arange(len(predictions)), [len(of_drive.index) for of_drive in predictions])
    predicted, truth, times = (joined(predictions, name) for name in ("predicted", "truth", "time_s"))
    result = gain(predicted, truth, times, drives)
    return {"low": result.low, "high": result.high, "sentence": result.sentence(evaluation.kind)}


def _plain(measured: Errors, compared: bool) -> dict[str, Any]:
    """The metrics; only count and correlation where predictions and labels cannot be compared."""
    kept = measured if compared else Errors(measured.frames, correlation=measured.correlation)
    return dataclasses.asdict(kept)


def _comparison(comparison: Comparison, compared: bool) -> dict[str, Any]:
    return {
        "errors": _plain(comparison.model, compared),
        "always_0": _plain(comparison.always_0, compared),
        "last_label": {"step_s": comparison.step_s, **_plain(comparison.last_label, compared)},
    }


def _recording(drive: Drive, predictions: Predictions, evaluation: Evaluation) -> dict[str, Any]:
    info = drive.recording.info
    enlarged = evaluation.model.enlarged(info.width, info.height)
    return {
        "path": predictions.name,
        "input": input_facts(drive.recording),
        "factor": drive.factor,
        "runs": len(predictions.runs),
        **_comparison(compare_with_baselines([predictions]), evaluation.labels is None),
        "losses": list(drive.recording.losses),
        "notes": [*info.notes, *([enlarged.sentence] if enlarged else []), *_pulse_note(predictions)],
    }


def _pulse_note(predictions: Predictions) -> Iterator[str]:
    """A note if the labels are pulses."""
    found = pulses(predictions.time_s, predictions.truth)
    if found is not None:
        yield f"{found.sentence}; --smooth-labels 1 compares with their mean over a second"


def lines(facts: Mapping[str, Any], kind: AngleKind) -> Iterator[str]:
    """The facts as lines of text."""
    count = facts["errors"]["frames"]
    recordings = facts["recordings"]
    several = len(recordings) > 1
    number = _Numbers(kind, max(len(each["path"]) for each in recordings) if several else 0)
    where = f"{len(recordings)} recordings" if several else recordings[0]["path"]
    yield f"{facts['model']['file']} on {where}: {count} labelled frame{'' if count == 1 else 's'}"
    turns = "" if kind.turns == "unknown" else f" at {kind.turns}"
    labels = AngleKind(**facts["labels"]["kind"])
    compared = facts["labels"]["compared"]
    smoothed_s = facts["labels"]["smoothed_s"]
    smoothing = "" if smoothed_s is None else f"; against labels smoothed over {smoothed_s:g} s"
    yield f"{kind.unit}{turns}, left +" + ("" if compared else f"; the labels in {labels.phrase}") + smoothing
    yield ""
    yield number.header
    yield number.row("model", facts["errors"])
    yield number.row("always 0", facts["always_0"])
    yield number.row(f"label {facts['last_label']['step_s']:.3g} s before", facts["last_label"])
    if facts["gain"] is not None and facts["gain"]["sentence"] is not None:
        yield f"the model is {facts['gain']['sentence']}"
    if several:
        yield ""
        for each in recordings:
            yield number.row(each["path"], each["errors"])
    yield ""
    for names, key in ((_steering_names(labels), "by_steering"), (_BRIGHT, "by_brightness")):
        limits = facts[key]["limits"]
        for name, row in facts[key]["bands"].items():
            yield number.row(f"{name:<12}{names[name].format(*limits)}", row)
        yield ""
    yield from _worst(facts["worst"], number, several)
    for assumption in facts["model"]["assumed"]:
        yield f"assumed of the model: {assumption}; declare it in a card or with options (see `drivesal model`)"
    yield from facts["notes"]
    for each in recordings:
        prefix = f"{each['path']}: " if several else ""
        yield from (f"{prefix}{note}" for note in each["notes"])
        yield from (f"{prefix}lost: {loss}" for loss in each["losses"])


def _worst(segments: Sequence[Mapping[str, Any]], number: _Numbers, several: bool) -> Iterator[str]:
    """Two lines per worst segment, the second its command; each names its recording if there are several."""
    if segments:
        yield "worst segments:"
    for segment in segments:
        recording = f" of {segment['recording']}" if several else ""
        rmse, bias = number.plain(segment["rmse"]), number.signed(segment["bias"])
        when = f"{' to '.join(rounded_outwards(segment['start_s'], segment['end_s']))}{recording}"
        yield f"  {when}: RMSE {rmse}, bias {bias}, {segment['share']:.0%} of all squared error"
        yield f"    {segment['command']}"


_BRIGHT = {"dark": "below {0:g} of 255", "medium": "{0:g} to {1:g}", "bright": "{1:g} and more"}


def _steering_names(kind: AngleKind) -> dict[str, str]:
    symbol = kind.symbol if kind.unit == "deg" else ""
    turning, sharp = f"{{0:g}}{symbol} to {{1:g}}{symbol}", f"{{1:g}}{symbol} and more"
    return {
        "sharp left": sharp,
        "left": turning,
        "straight": f"within {{0:g}}{symbol}",
        "right": turning,
        "sharp right": sharp,
    }


class _Numbers:
    """Formats table rows in the angles' unit; `longest` is the length of the longest row name."""

    def __init__(self, kind: AngleKind, longest: int) -> None:
        self._width = max(longest, 27)
        self._symbol, self._digits = kind.symbol, 2 if kind.unit == "deg" else 4

    def plain(self, value: float | None) -> str:
        return "-" if value is None else digits(value, f".{self._digits}f") + self._symbol

    def signed(self, value: float | None) -> str:
        return "-" if value is None else digits(value, f"+.{self._digits}f") + self._symbol

    @property
    def header(self) -> str:
        return self._cells("", "frames", "RMSE", "MAE", "bias", "r")

    def row(self, name: str, errors: Mapping[str, Any]) -> str:
        r = errors["correlation"]
        return self._cells(
            name,
            f"{errors['frames']}",
            self.plain(errors["rmse"]),
            self.plain(errors["mean_absolute"]),
            self.signed(errors["bias"]),
            "-" if r is None else digits(r, ".3f"),
        )

    def _cells(self, name: str, frames: str, *numbers: str) -> str:
        *errors, r = numbers
        width = 9 if self._digits == 2 else 13
        return (
            f"{name:<{self._width}} {frames:>8}" + "".join(f" {cell:>{width}}" for cell in errors) + f" {r:>7}"
        )


def rounded_outwards(start_s: float, end_s: float) -> tuple[str, str]:
    """A range of seconds as `--start` and `--end` take it, rounded outwards to tenths of a second."""
    tolerance = 1e-6  # in tenths, for numbers that are not exact in binary
    return clock(math.floor(start_s * 10 + tolerance) / 10), clock(math.ceil(end_s * 10 - tolerance) / 10)


def clock(seconds: float, digits: int = 1) -> str:
    """Seconds as m:ss.s, as `--start` takes it; h:mm:ss.s from an hour on."""
    tenths = round(seconds * 10**digits)
    whole, part = divmod(tenths, 10**digits)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    ends = f"{rest:02d}" + (f".{part:0{digits}d}" if digits else "")
    return f"{hours}:{minutes:02d}:{ends}" if hours else f"{minutes}:{ends}"
