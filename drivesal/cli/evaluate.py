"""`drivesal evaluate`: errors of a model's predictions against the labels of recordings."""

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

from drivesal.cli import _model_loading, _recordings, _warnings
from drivesal.cli import _options as options
from drivesal.cli._output_paths import OUT, OutFolder, check_facts, folders_to_create, output_name, output_path
from drivesal.cli._progress import expected
from drivesal.cli._progress import progress as bar
from drivesal.cli._rerun import rerun_options
from drivesal.errors import DAMAGED, LabelError, OptionError
from drivesal.settings import ComparisonSettings, ModelSettings, RecordingSettings, SpanSettings

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.evaluation.run import Evaluation
    from drivesal.evaluation.segments import Segment
    from drivesal.io.outputs import Outputs
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Recording

SUFFIXES = (".json", ".csv", ".png")
NOT_FOR_VIDEO = {"--start", "--end", "--every", "--out", "--overwrite", "--quiet", "--json"}
"""Options that `drivesal video` has too, but that do not affect how recording and model are read."""


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """The options of the command."""

    recording: RecordingSettings
    model: ModelSettings
    span: SpanSettings
    comparison: ComparisonSettings
    out: Path | OutFolder | None
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
    help="Write NAME.json, .csv and .png, or files in a folder NAME.  [default: ./MODEL.RECORDING.evaluation]",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@options.span_options
@click.option(
    "--worst",
    type=click.IntRange(0, 1000),
    default=5,
    show_default=True,
    metavar="N",
    help="List the N worst segments.",
)
@click.option(
    "--fail-above",
    type=click.FloatRange(min=0),
    metavar="DEG",
    help="Exit with code 1 if the RMSE is larger; in norm if the model's unit is norm.",
)
@options.compared_options
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
@click.pass_context
@options.typed(EvaluateConfig)
def command(
    context: click.Context, model_path: Path, recordings: tuple[Path, ...], config: EvaluateConfig
) -> int:
    """Measure the errors of a model against labels, and list its worst segments.

    MODEL is a .keras or .h5 file, or `default`, the shipped PilotNet (a file of that name is ./default).
    --start, --end and --every apply to each RECORDING.
    """
    from drivesal.evaluation.report import lines

    _check(config)
    finals = _output_paths(model_path, recordings, config.out)
    check_facts(finals[".json"], "evaluate")
    kind, facts = _evaluate(context, model_path, recordings, config, finals)
    if config.as_json:
        outputs = {suffix[1:]: str(final) for suffix, final in finals.items()}
        click.echo(json.dumps({**facts, "outputs": outputs}, indent=2))
    else:
        click.echo("\n".join([*lines(facts, kind), *map(str, finals.values())]))
    limit, rmse = config.fail_above, facts["errors"]["rmse"]
    if limit is not None and rmse > limit:
        came = f"it is {rmse:.6g}{kind.symbol} over {facts['errors']['frames']} frames"
        click.echo(f"drivesal: expected an RMSE of at most {limit:g}{kind.symbol}, but {came}", err=True)
        return 1
    return DAMAGED if any(recording["losses"] for recording in facts["recordings"]) else 0


def _check(config: EvaluateConfig) -> None:
    if config.recording.no_labels:
        raise OptionError("labels to compare with", "--no-labels leaves them out", "leave it out")
    if config.fail_above is not None and math.isnan(config.fail_above):
        raise OptionError("a number for --fail-above", "it is NaN", "give the largest RMSE that passes")


def _output_paths(model: Path, recordings: tuple[Path, ...], out: Path | OutFolder | None) -> dict[str, Path]:
    """The path of each output, by suffix."""
    others = f"+{len(recordings) - 1}" if len(recordings) > 1 else ""
    out = output_path(out, f"{model.stem}.{output_name(recordings[0])}{others}.evaluation")
    if out.suffix.lower() in SUFFIXES:
        out = out.with_suffix("")
    return {suffix: out.with_name(out.name + suffix) for suffix in SUFFIXES}


def _evaluate(
    context: click.Context,
    model_path: Path,
    paths: tuple[Path, ...],
    config: EvaluateConfig,
    finals: Mapping[str, Path],
) -> tuple[AngleKind, dict[str, Any]]:
    """Read, predict, measure and write; the kind of the angles, and the facts."""
    from drivesal.api.files import files_read
    from drivesal.evaluation import report
    from drivesal.evaluation.run import drives_for, evaluate
    from drivesal.io.outputs import Outputs
    from drivesal.types import Span

    span, ratio = Span(*config.span.bounds), config.comparison.steering_ratio
    with contextlib.ExitStack() as stack:
        opened = _recordings.open_drives(stack, paths, config.recording, model_path)
        inputs = files_read(paths, opened, config.recording, model_path, imports=config.model.imports)
        folders = folders_to_create(config.out)
        outputs = stack.enter_context(
            Outputs(finals.values(), overwrite=config.overwrite, inputs=inputs, make=folders)
        )
        model = _model_loading.load(model_path, config.model, config.recording, opened[0])
        _warnings.warn_enlarged(opened, model)
        drives = drives_for(opened, model, ratio)
        _check_limit(opened, model, config)
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} recordings"
        with bar(expected(opened, span), name, config.quiet) as progress:
            names = [str(path) for path in paths]
            result = evaluate(model, drives, names, span, config.worst, progress)
        result = _diagnosed(result, config.quiet)
        if result.blind is not None:
            _warnings.warn_contradicting_sign(result.blind.fit, opened, config.recording)
        result = dataclasses.replace(result, advice=_advice(context, result, paths))
        commands = [
            _video_command(context, model_path, result, segment, _video_path(finals, number))
            for number, segment in enumerate(result.worst, 1)
        ]
        facts = report.facts(result, commands)
        _write(result, facts, outputs, finals)
    return model.kind, facts


def _check_limit(opened: list[Recording], model: SteeringModel, config: EvaluateConfig) -> None:
    """Raise LabelError if --fail-above was given but errors cannot be measured."""
    from drivesal.evaluation.run import incomparable_labels
    from drivesal.recordings.labels.comparing import ways

    labels = incomparable_labels(opened, model, config.comparison.steering_ratio)
    if labels is not None and config.fail_above is not None:
        raise LabelError(
            f"labels of the model's kind of angle, {model.kind.phrase}, for --fail-above",
            f"the labels are {labels.phrase}",
            ways(labels, model.kind),
        )


def _diagnosed(result: Evaluation, quiet: bool) -> Evaluation:
    """The evaluation with a diagnosis if the predictions do not follow the labels; reported on stderr too.

    If they follow to some degree, a setting that fits the labels much better is reported.
    """
    from drivesal.evaluation.diagnosis import diagnose, effort, low_correlation
    from drivesal.evaluation.model_warnings import changes_crop

    if low_correlation(result) is None:
        if result.doubts.better is not None:
            click.echo(f"drivesal: {result.doubts.better.sentence}", err=True)
        return result
    with bar(effort(result), "other settings", quiet, unit=" passes") as progress:
        diagnosis = diagnose(result, progress)
    if diagnosis is not None:
        click.echo(f"drivesal: {diagnosis.sentence}", err=True)
        unlike = None if changes_crop(diagnosis.words) else result.doubts.unlike
        doubts = dataclasses.replace(result.doubts, better=None, unlike=unlike)
        return dataclasses.replace(result, blind=diagnosis, doubts=doubts)
    return result


def _advice(context: click.Context, result: Evaluation, paths: tuple[Path, ...]) -> str | None:
    """The command to run next, if other settings fit or the network's input is undeclared."""
    from drivesal.evaluation.advice import next_command
    from drivesal.model.shipped import SHIPPED, default_model

    better = result.blind or result.doubts.better
    smoothing = (
        () if better is None or better.smoothed_s is None else ("--smooth-labels", f"{better.smoothed_s:g}")
    )

    infos = [drive.recording.info for drive in result.drives]

    def command(changes: Sequence[str]) -> str | None:
        options = rerun_options(
            context, [*changes, *smoothing], leave_out={"--overwrite", "--quiet"}, infos=infos
        )
        if options is None:
            return None
        path = context.params["model_path"]
        model = SHIPPED if path == default_model() else str(path)
        return shlex.join(["drivesal", "evaluate", model, *map(str, paths), *options, "--overwrite"])

    return next_command(result.model, [info.format for info in infos], better or result.size, command)


def _write(result: Evaluation, facts: Mapping[str, Any], outputs: Outputs, finals: Mapping[str, Path]) -> None:
    from drivesal.evaluation.figure import render_png
    from drivesal.evaluation.report import write_table
    from drivesal.export.table import Units
    from drivesal.io.outputs import writing

    model = result.model
    with writing(finals[".json"]):
        outputs.part(finals[".json"]).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    temporary = outputs.part(finals[".csv"])
    with (
        writing(finals[".csv"]),
        temporary.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file,
    ):
        write_table(file, result.answers, Units(model.kind.unit, labels=result.labels))
    figure = render_png(result.answers, model.kind, model.name, result.worst, result.labels)
    with writing(finals[".png"]):
        outputs.part(finals[".png"]).write_bytes(figure)


def _video_path(finals: Mapping[str, Path], number: int) -> Path:
    """A path for the video of a segment, different for each."""
    json_path = finals[".json"]
    name = json_path.name.removesuffix(".json").removesuffix(".evaluation")
    return json_path.with_name(f"{name}.worst-{number}.mp4")


def _video_command(
    context: click.Context, model_path: Path, result: Evaluation, segment: Segment, out: Path
) -> str:
    """The command that renders a segment, for a POSIX shell, with the options of this run.

    Times are rounded outwards to tenths of a second.
    """
    from drivesal.cli.video import command as video
    from drivesal.evaluation.report import rounded_outwards
    from drivesal.model.shipped import default_model

    words = ["drivesal", "video", result.answers[segment.recording].name]
    if model_path != default_model():
        words += ["--model", str(model_path)]
    words += rerun_options(context, (), video, NOT_FOR_VIDEO) or []
    start, end = rounded_outwards(segment.start_s, segment.end_s)
    return shlex.join([*words, "--start", start, "--end", end, "--out", str(out)])
