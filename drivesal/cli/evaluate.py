"""`drivesal evaluate`: how far a model's answers are from the labels of recordings."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _given, _opening, _warned
from drivesal.cli import _options as options
from drivesal.cli._again import again
from drivesal.cli._places import OUT, Into, check_facts, name_of, placed, to_make
from drivesal.cli._progress import expected
from drivesal.cli._progress import progress as bar
from drivesal.errors import DAMAGED, LabelError, OptionError
from drivesal.settings import ComparisonSettings, ModelSettings, RecordingSettings, SpanSettings

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.evaluation.run import Evaluation
    from drivesal.evaluation.segments import Segment
    from drivesal.io.outputs import Outputs
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Recording

ENDINGS = (".json", ".csv", ".png")
OF_EVALUATION = {"--start", "--end", "--every", "--out", "--overwrite", "--quiet", "--json"}
"""Options that `drivesal video` has too, and that say nothing of how recording and model are read."""


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """The options."""

    recording: RecordingSettings
    model: ModelSettings
    span: SpanSettings
    comparison: ComparisonSettings
    out: Path | Into | None
    overwrite: bool
    worst: int
    fail_above: float | None
    quiet: bool
    as_json: bool


@click.command(
    epilog="""\b
Examples:
  drivesal evaluate my.keras run.mp4
  drivesal evaluate default run.mp4 --start 10s --end 1:30
  drivesal evaluate my.keras monday/ tuesday/ --out week --steering-ratio 15
  drivesal evaluate my.keras run.mp4 --labels run.csv --fail-above 4 --json
"""
)
@click.argument("model_path", metavar="MODEL", type=options.MODEL)
@options.recordings_argument
@click.option(
    "--out",
    type=OUT,
    metavar="NAME",
    help="Write NAME.json, NAME.csv and NAME.png, or into a folder.  [default: ./MODEL.RECORDING.evaluation]",
)
@click.option("--overwrite", is_flag=True, help="Write over existing files.")
@options.span_options
@click.option(
    "--worst",
    type=click.IntRange(0, 1000),
    default=5,
    show_default=True,
    metavar="N",
    help="How many of the worst stretches to name.",
)
@click.option(
    "--fail-above",
    type=click.FloatRange(min=0),
    metavar="DEG",
    help="Exit with 1 where the RMSE is above this; norm where the model's angle is.",
)
@options.compared_options
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
@options.typed(EvaluateConfig)
def command(
    context: click.Context, model_path: Path, recordings: tuple[Path, ...], config: EvaluateConfig
) -> int:
    """Measure how far a model's answers are from labels, and name the stretches where it is worst.

    MODEL is a .keras or .h5 file, or `default`, the shipped PilotNet (./default is a file of that name). The
    span is taken of each RECORDING.
    """
    from drivesal.evaluation.report import lines

    _check(config)
    finals = _finals(model_path, recordings, config.out)
    check_facts(finals[".json"], "evaluate")
    kind, facts = _evaluate(context, model_path, recordings, config, finals)
    if config.as_json:
        outputs = {ending[1:]: str(final) for ending, final in finals.items()}
        click.echo(json.dumps({**facts, "outputs": outputs}, indent=2))
    else:
        click.echo("\n".join([*lines(facts, kind), *map(str, finals.values())]))
    limit, rmse = config.fail_above, facts["errors"]["rmse"]
    if limit is not None and rmse > limit:
        came = f"it is {rmse:.6g}{kind.symbol} over {facts['errors']['frames']} frames"
        click.echo(f"drivesal: expected an RMSE of at most {limit:g}{kind.symbol}, but {came}", err=True)
        return 1
    return DAMAGED if any(one["losses"] for one in facts["recordings"]) else 0


def _check(config: EvaluateConfig) -> None:
    if config.recording.no_labels:
        raise OptionError("labels to compare with", "--no-labels leaves them out", "leave it out")
    if config.fail_above is not None and math.isnan(config.fail_above):
        raise OptionError("a number for --fail-above", "it is NaN", "give the largest RMSE that passes")


def _finals(model: Path, recordings: tuple[Path, ...], out: Path | Into | None) -> dict[str, Path]:
    """Where each result goes, by ending."""
    more = f"+{len(recordings) - 1}" if len(recordings) > 1 else ""
    out = placed(out, f"{model.stem}.{name_of(recordings[0])}{more}.evaluation")
    if out.suffix.lower() in ENDINGS:
        out = out.with_suffix("")
    return {ending: out.with_name(out.name + ending) for ending in ENDINGS}


def _evaluate(
    context: click.Context,
    model_path: Path,
    paths: tuple[Path, ...],
    config: EvaluateConfig,
    finals: Mapping[str, Path],
) -> tuple[AngleKind, dict[str, Any]]:
    """Reads, predicts, measures and writes; the kind of the angles, and the facts."""
    from drivesal.api.files import files_read
    from drivesal.evaluation import report
    from drivesal.evaluation.run import drives_for, evaluate
    from drivesal.io.outputs import Outputs
    from drivesal.types import Span

    span, ratio = Span(*config.span.bounds), config.comparison.steering_ratio
    with contextlib.ExitStack() as stack:
        opened = _opening.open_drives(stack, paths, config.recording, model_path)
        inputs = files_read(paths, opened, config.recording, model_path, imports=config.model.imports)
        places = Outputs(finals.values(), overwrite=config.overwrite, inputs=inputs, make=to_make(config.out))
        outputs = stack.enter_context(places)
        model = _given.load(model_path, config.model, config.recording, opened[0])
        _warned.say_enlarged(opened, model)
        drives = drives_for(opened, model, ratio)
        _check_limit(opened, model, config)
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} recordings"
        with bar(expected(opened, span), name, config.quiet) as progress:
            names = [str(path) for path in paths]
            found = evaluate(model, drives, names, span, config.worst, progress)
        found = _looked_into(found, config.quiet)
        if found.blind is not None:
            _warned.say_turned(found.blind.fit, opened, config.recording)
        found = dataclasses.replace(found, advice=_advice(context, found, paths))
        commands = [
            _video(context, model_path, found, one, _film(finals, number))
            for number, one in enumerate(found.worst, 1)
        ]
        facts = report.facts(found, commands)
        _write(found, facts, outputs, finals)
    return model.kind, facts


def _check_limit(opened: list[Recording], model: SteeringModel, config: EvaluateConfig) -> None:
    """Raises LabelError where a limit was given for errors that cannot be measured."""
    from drivesal.evaluation.run import incomparable_labels
    from drivesal.recordings.labels.comparing import ways

    labels = incomparable_labels(opened, model, config.comparison.steering_ratio)
    if labels is not None and config.fail_above is not None:
        raise LabelError(
            f"labels of the model's kind of angle, {model.kind.phrase}, for --fail-above",
            f"they are {labels.phrase}",
            ways(labels, model.kind),
        )


def _looked_into(found: Evaluation, quiet: bool) -> Evaluation:
    """The evaluation with why the model answers as if blind, where it does; said on stderr too.

    Of one that follows the labels to some degree, the setting that fits them much better is said.
    """
    from drivesal.evaluation.diagnosis import diagnose, effort, low_correlation
    from drivesal.evaluation.model_warnings import changes_crop

    if low_correlation(found) is None:
        if found.doubts.better is not None:
            click.echo(f"drivesal: {found.doubts.better.sentence}", err=True)
        return found
    with bar(effort(found), "other settings", quiet, unit=" passes") as progress:
        blind = diagnose(found, progress)
    if blind is not None:
        click.echo(f"drivesal: {blind.sentence}", err=True)
        unlike = None if changes_crop(blind.words) else found.doubts.unlike
        doubts = dataclasses.replace(found.doubts, better=None, unlike=unlike)
        return dataclasses.replace(found, blind=blind, doubts=doubts)
    return found


def _advice(context: click.Context, found: Evaluation, paths: tuple[Path, ...]) -> str | None:
    """The command to go on with, where other settings fit or nothing says how the network is fed."""
    from drivesal.evaluation.advice import next_command
    from drivesal.model.shipped import SHIPPED, default_model

    better = found.blind or found.doubts.better
    keys = () if better is None or better.smoothed_s is None else ("--smooth-labels", f"{better.smoothed_s:g}")

    infos = [drive.recording.info for drive in found.drives]

    def command(words: Sequence[str]) -> str | None:
        options = again(context, [*words, *keys], leave_out={"--overwrite", "--quiet"}, infos=infos)
        if options is None:
            return None
        path = context.params["model_path"]
        model = SHIPPED if path == default_model() else str(path)
        return shlex.join(["drivesal", "evaluate", model, *map(str, paths), *options, "--overwrite"])

    return next_command(found.model, [info.format for info in infos], better or found.size, command)


def _write(found: Evaluation, facts: Mapping[str, Any], outputs: Outputs, finals: Mapping[str, Path]) -> None:
    from drivesal.evaluation.figure import render_png
    from drivesal.evaluation.report import write_table
    from drivesal.export.table import Units
    from drivesal.io.outputs import writing

    model = found.model
    with writing(finals[".json"]):
        outputs.part(finals[".json"]).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    part = outputs.part(finals[".csv"])
    with (
        writing(finals[".csv"]),
        part.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file,
    ):
        write_table(file, found.answers, Units(model.kind.unit, labels=found.labels))
    drawn = render_png(found.answers, model.kind, model.name, found.worst, found.labels)
    with writing(finals[".png"]):
        outputs.part(finals[".png"]).write_bytes(drawn)


def _film(finals: Mapping[str, Path], number: int) -> Path:
    """A name for the video of a stretch, so that all of them can be made."""
    json_path = finals[".json"]
    name = json_path.name.removesuffix(".json").removesuffix(".evaluation")
    return json_path.with_name(f"{name}.worst-{number}.mp4")


def _video(context: click.Context, model_path: Path, found: Evaluation, stretch: Segment, out: Path) -> str:
    """The command that shows a stretch, for a POSIX shell, with the options that were given here.

    Times are rounded outwards to tenths of a second.
    """
    from drivesal.cli.video import command as video
    from drivesal.evaluation.report import rounded_outwards
    from drivesal.model.shipped import default_model

    words = ["drivesal", "video", found.answers[stretch.recording].name]
    if model_path != default_model():
        words += ["--model", str(model_path)]
    words += again(context, (), video, OF_EVALUATION) or []
    start, end = rounded_outwards(stretch.start_s, stretch.end_s)
    return shlex.join([*words, "--start", start, "--end", end, "--out", str(out)])
