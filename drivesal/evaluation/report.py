"""What an evaluation found: as JSON values, as a table, and as lines for a person. See docs/evaluate.md."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from drivesal import __version__
from drivesal.angle import AngleKind, digits
from drivesal.evaluation.measure import (
    BRIGHTNESS_LIMITS,
    Errors,
    Measured,
    by_brightness,
    by_steering,
    errors,
    joined,
    measured,
    steering_limits,
)
from drivesal.evaluation.significance import gain
from drivesal.io.schema import FACTS
from drivesal.model.facts import model_facts
from drivesal.recordings.inspection.facts import input_facts
from drivesal.recordings.labels.comparing import told
from drivesal.series.pulses import pulses

if TYPE_CHECKING:
    from drivesal.evaluation.answers import Answers
    from drivesal.evaluation.run import Evaluation
    from drivesal.export.table import Units
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.types import Mask


def columns(units: Units) -> list[str]:
    """The table's header."""
    angles = [f"predicted_{units.angle}", f"truth_{units.truth}", f"error_{units.angle}"]
    return ["recording", "frame", "time_s", *angles, "brightness"]


def write_table(file: TextIO, answers: Sequence[Answers], units: Units) -> None:
    """One row a labelled frame; no error where the labels cannot be compared."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns(units))
    for one in answers:
        numbers = (one.predicted, one.truth, one.error if units.labels is None else None, one.brightness)
        for place, (frame, time_s) in enumerate(zip(one.index.tolist(), one.time_s.tolist(), strict=True)):
            row = ("" if values is None else digits(values[place], ".6g") for values in numbers)
            writer.writerow([one.name, frame, f"{time_s:.6f}", *row])


def facts(found: Evaluation, commands: Sequence[str]) -> dict[str, Any]:
    """Everything but the frames, as plain JSON values; `commands` show the worst stretches, one each."""
    model, answers, compared = found.model, found.answers, found.labels is None
    limits = steering_limits(found.kind)
    predicted, truth = joined(answers, "predicted"), joined(answers, "truth")

    def parts(masks: Mapping[str, Mask]) -> dict[str, Any]:
        return {name: _plain(errors(predicted[mask], truth[mask]), compared) for name, mask in masks.items()}

    return {
        "schema": FACTS,
        "drivesal": __version__,
        "model": model_facts(model),
        "unit": model.kind.unit,
        "positive": "left",
        "span": dataclasses.asdict(found.span),
        "labels": {
            "kind": dataclasses.asdict(found.kind),
            "compared": compared,
            "smoothed_s": found.drives[0].recording.info.smoothed_s,
        },
        **_measured(measured(answers), compared),
        "gain": _gain(found) if compared else None,
        "by_steering": {"limits": list(limits), "bands": parts(by_steering(truth, limits))},
        "by_brightness": {
            "limits": list(BRIGHTNESS_LIMITS),
            "bands": parts(by_brightness(joined(answers, "brightness"))),
        },
        "recordings": [_recording(*one, found) for one in zip(found.drives, answers, strict=True)],
        "worst": [
            {
                "recording": answers[one.recording].name,
                **{
                    name: getattr(one, name) for name in ("start_s", "end_s", "frames", "rmse", "bias", "share")
                },
                "command": command,
            }
            for one, command in zip(found.worst, commands, strict=True)
        ],
        **found.doubts.as_json(),
        "blind": found.blind.as_json() if found.blind else None,
        "wrong_size": found.size.as_json() if found.size else None,
        "notes": list(_notes(found)),
    }


def _notes(found: Evaluation) -> Iterator[str]:
    if found.labels is not None:
        correlation = measured(found.answers).model.correlation
        yield told(found.labels, found.model.kind, correlation)
    yield from (one.sentence for one in (found.blind, found.size) if one is not None)
    yield from found.doubts.sentences
    if found.advice is not None:
        yield found.advice


def _gain(found: Evaluation) -> dict[str, Any]:
    """The share of always 0's squared error that the model takes away, and a sentence where it is none."""
    answers = found.answers
    drives = np.repeat(np.arange(len(answers)), [len(one.index) for one in answers])
    predicted, truth, times = (joined(answers, name) for name in ("predicted", "truth", "time_s"))
    better = gain(predicted, truth, times, drives)
    return {"low": better.low, "high": better.high, "sentence": better.sentence(found.kind)}


def _plain(found: Errors, compared: bool) -> dict[str, Any]:
    """The figures; only how many and the correlation where answers and labels cannot be compared."""
    kept = found if compared else Errors(found.frames, correlation=found.correlation)
    return dataclasses.asdict(kept)


def _measured(found: Measured, compared: bool) -> dict[str, Any]:
    return {
        "errors": _plain(found.model, compared),
        "always_0": _plain(found.always_0, compared),
        "last_label": {"step_s": found.step_s, **_plain(found.last_label, compared)},
    }


def _recording(drive: Drive, answers: Answers, found: Evaluation) -> dict[str, Any]:
    info = drive.recording.info
    enlarged = found.model.enlarged(info.width, info.height)
    return {
        "path": answers.name,
        "input": input_facts(drive.recording),
        "factor": drive.factor,
        "runs": len(answers.runs),
        **_measured(measured([answers]), found.labels is None),
        "losses": list(drive.recording.losses),
        "notes": [*info.notes, *([enlarged.sentence] if enlarged else []), *_pulses(answers)],
    }


def _pulses(answers: Answers) -> Iterator[str]:
    """That the labels are pulses, where they are."""
    made_of = pulses(answers.time_s, answers.truth)
    if made_of is not None:
        yield f"{made_of.sentence}; --smooth-labels 1 compares with their mean over a second"


def lines(found: Mapping[str, Any], kind: AngleKind) -> Iterator[str]:
    """The facts for a person, a line each."""
    count = found["errors"]["frames"]
    places = found["recordings"]
    number = _Numbers(kind, max(len(one["path"]) for one in places) if len(places) > 1 else 0)
    where = places[0]["path"] if len(places) == 1 else f"{len(places)} recordings"
    yield f"{found['model']['file']} on {where}: {count} labelled frame{'' if count == 1 else 's'}"
    turns = "" if kind.turns == "unknown" else f" at {kind.turns}"
    labels = AngleKind(**found["labels"]["kind"])
    compared = found["labels"]["compared"]
    smoothed_s = found["labels"]["smoothed_s"]
    over = "" if smoothed_s is None else f"; against labels smoothed over {smoothed_s:g} s"
    yield f"{kind.unit}{turns}, left +" + ("" if compared else f"; the labels in {labels.phrase}") + over
    yield ""
    yield number.header
    yield number.row("model", found["errors"])
    yield number.row("always 0", found["always_0"])
    yield number.row(f"label {found['last_label']['step_s']:.3g} s before", found["last_label"])
    if found["gain"] is not None and found["gain"]["sentence"] is not None:
        yield f"the model is {found['gain']['sentence']}"
    if len(places) > 1:
        yield ""
        for one in places:
            yield number.row(one["path"], one["errors"])
    yield ""
    for names, part in ((_steering_names(labels), "by_steering"), (_BRIGHT, "by_brightness")):
        limits = found[part]["limits"]
        for name, row in found[part]["bands"].items():
            yield number.row(f"{name:<12}{names[name].format(*limits)}", row)
        yield ""
    if found["worst"]:
        yield "worst stretches:"
    for one in found["worst"]:
        of = "" if len(places) == 1 else f" of {one['recording']}"
        rmse, bias = number.plain(one["rmse"]), number.signed(one["bias"])
        when = f"{' to '.join(outwards(one['start_s'], one['end_s']))}{of}"
        yield f"  {when}: RMSE {rmse}, bias {bias}, {one['share']:.0%} of all squared error"
        yield f"    {one['command']}"
    for assumed in found["model"]["assumed"]:
        yield f"assumed of the model: {assumed}; a card or options say it (see `drivesal model`)"
    yield from found["notes"]
    for one in places:
        of = "" if len(places) == 1 else f"{one['path']}: "
        yield from (f"{of}{note}" for note in one["notes"])
        yield from (f"{of}lost: {loss}" for loss in one["losses"])


_BRIGHT = {"dark": "below {0:g} of 255", "medium": "{0:g} to {1:g}", "bright": "{1:g} and more"}


def _steering_names(kind: AngleKind) -> dict[str, str]:
    of = kind.symbol if kind.unit == "deg" else ""
    turned, sharp = f"{{0:g}}{of} to {{1:g}}{of}", f"{{1:g}}{of} and more"
    return {
        "sharp left": sharp,
        "left": turned,
        "straight": f"within {{0:g}}{of}",
        "right": turned,
        "sharp right": sharp,
    }


class _Numbers:
    """A table of numbers in the unit of the angles; `longest` is the length of the names of its rows."""

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

    def row(self, name: str, found: Mapping[str, Any]) -> str:
        r = found["correlation"]
        return self._cells(
            name,
            f"{found['frames']}",
            self.plain(found["rmse"]),
            self.plain(found["mean_absolute"]),
            self.signed(found["bias"]),
            "-" if r is None else digits(r, ".3f"),
        )

    def _cells(self, name: str, frames: str, *numbers: str) -> str:
        *errors, r = numbers
        wide = 9 if self._digits == 2 else 13
        return (
            f"{name:<{self._width}} {frames:>8}" + "".join(f" {cell:>{wide}}" for cell in errors) + f" {r:>7}"
        )


def outwards(start_s: float, end_s: float) -> tuple[str, str]:
    """A range of seconds as `--start` and `--end` read it, rounded outwards to tenths of a second."""
    tolerance = 1e-6  # in tenths, for numbers that are not exact in binary
    return clock(math.floor(start_s * 10 + tolerance) / 10), clock(math.ceil(end_s * 10 - tolerance) / 10)


def clock(seconds: float, digits: int = 1) -> str:
    """Seconds as m:ss.s, as `--start` reads it; h:mm:ss.s from an hour on."""
    tenths = round(seconds * 10**digits)
    whole, part = divmod(tenths, 10**digits)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    ends = f"{rest:02d}" + (f".{part:0{digits}d}" if digits else "")
    return f"{hours}:{minutes:02d}:{ends}" if hours else f"{minutes}:{ends}"
