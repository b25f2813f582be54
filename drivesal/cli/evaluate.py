"""`drivesal evaluate`: how far a model's answers are from the labels of recordings."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from drivesal.cli import _given
from drivesal.cli import _options as options
from drivesal.cli._progress import expected
from drivesal.cli._progress import progress as bar
from drivesal.errors import LabelError, OptionError

if TYPE_CHECKING:
    from drivesal.evaluation.run import Evaluation
    from drivesal.evaluation.stretches import Stretch
    from drivesal.model import SteeringModel
    from drivesal.outputs import Outputs
    from drivesal.steering import AngleKind
    from drivesal.types import Recording

DAMAGED = 3
"""Exit code where what could be read of a damaged input is done."""
ENDINGS = (".json", ".csv", ".png")
OF_EVALUATION = {"--start", "--end", "--every", "--out", "--overwrite", "--quiet", "--json"}
"""Options that `drivesal video` has too, and that say nothing of how recording and model are read."""


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
@click.argument("recordings", metavar="RECORDING...", nargs=-1, required=True, type=options.FILE)
@click.option(
    "--out",
    type=options.FILE,
    metavar="NAME",
    help="Write NAME.json, NAME.csv and NAME.png.  [default: ./MODEL.RECORDING.evaluation]",
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
@options.declared_options
@options.preset_option
@options.device_option
@options.label_options
@options.steering_ratio_option
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def command(context: click.Context, /, model_path: Path, recordings: tuple[Path, ...], **given: Any) -> int:
    """Measure how far a model's answers are from labels, and name the stretches where it is worst.

    MODEL is a .keras or .h5 file, or `default`, the shipped PilotNet (./default is a file of that name). The
    span is taken of each RECORDING.
    """
    from drivesal.evaluation.report import lines

    given["model_path"] = model_path
    _check(given)
    finals = _finals(model_path, recordings, given["out"])
    kind, facts = _evaluate(context, recordings, given, finals)
    if given["as_json"]:
        outputs = {ending[1:]: str(final) for ending, final in finals.items()}
        click.echo(json.dumps({**facts, "outputs": outputs}, indent=2))
    else:
        click.echo("\n".join([*lines(facts, kind), *map(str, finals.values())]))
    limit, rmse = given["fail_above"], facts["errors"]["rmse"]
    if limit is not None and rmse > limit:
        came = f"it is {rmse:.6g}{kind.symbol} over {facts['errors']['frames']} frames"
        click.echo(f"drivesal: expected an RMSE of at most {limit:g}{kind.symbol}, but {came}", err=True)
        return 1
    return DAMAGED if any(one["losses"] for one in facts["recordings"]) else 0


def _check(given: Mapping[str, Any]) -> None:
    if given["no_labels"]:
        raise OptionError("labels to compare with", "--no-labels leaves them out", "leave it out")
    if given["fail_above"] is not None and math.isnan(given["fail_above"]):
        raise OptionError("a number for --fail-above", "it is NaN", "give the largest RMSE that passes")


def _finals(model: Path, recordings: tuple[Path, ...], out: Path | None) -> dict[str, Path]:
    """Where each result goes, by ending."""
    if out is None:
        more = f"+{len(recordings) - 1}" if len(recordings) > 1 else ""
        out = Path(f"{model.stem}.{_given.name_of(recordings[0])}{more}.evaluation")
    elif out.suffix.lower() in ENDINGS:
        out = out.with_suffix("")
    return {ending: out.with_name(out.name + ending) for ending in ENDINGS}


def _evaluate(
    context: click.Context, paths: tuple[Path, ...], given: Mapping[str, Any], finals: Mapping[str, Path]
) -> tuple[AngleKind, dict[str, Any]]:
    """Reads, predicts, measures and writes; the kind of the angles, and the facts."""
    from drivesal.evaluation import report
    from drivesal.evaluation.run import drives_for, evaluate
    from drivesal.outputs import Outputs
    from drivesal.types import Span

    span = Span(given["start"], given["end"], given["every"])
    with contextlib.ExitStack() as stack:
        opened = _given.open_drives(stack, paths, given)
        inputs = _given.files_read(opened, paths, given)
        outputs = stack.enter_context(Outputs(finals.values(), overwrite=given["overwrite"], inputs=inputs))
        model = _given.load(given, opened[0])
        _given.say_enlarged(opened, model)
        drives = drives_for(opened, model, given["steering_ratio"])
        _check_limit(opened, model, given)
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} recordings"
        with bar(expected(opened, span), name, given["quiet"]) as progress:
            names = [str(path) for path in paths]
            found = evaluate(model, drives, names, span, given["worst"], progress)
        found = _looked_into(found, given["quiet"])
        commands = [
            _video(context, given, found, one, _film(finals, number))
            for number, one in enumerate(found.worst, 1)
        ]
        facts = report.facts(found, commands)
        _write(found, facts, outputs, finals)
    return model.kind, facts


def _check_limit(opened: list[Recording], model: SteeringModel, given: Mapping[str, Any]) -> None:
    """Raises LabelError where a limit was given for errors that cannot be measured."""
    from drivesal.comparing import ways
    from drivesal.evaluation.run import labels_apart

    labels = labels_apart(opened, model, given["steering_ratio"])
    if labels is not None and given["fail_above"] is not None:
        raise LabelError(
            f"labels of the model's kind of angle, {model.kind.phrase}, for --fail-above",
            f"they are {labels.phrase}",
            ways(labels, model.kind),
        )


def _looked_into(found: Evaluation, quiet: bool) -> Evaluation:
    """The evaluation with why the model answers as if blind, where it does; said on stderr too."""
    from drivesal.evaluation.blind import effort, looked_into, suspected

    if suspected(found) is None:
        return found
    with bar(effort(found), "other settings", quiet, unit=" passes") as progress:
        blind = looked_into(found, progress)
    if blind is not None:
        click.echo(f"drivesal: {blind.sentence}", err=True)
    return dataclasses.replace(found, blind=blind)


def _write(found: Evaluation, facts: Mapping[str, Any], outputs: Outputs, finals: Mapping[str, Path]) -> None:
    from drivesal.evaluation.figure import picture
    from drivesal.evaluation.report import write_table
    from drivesal.outputs import writing
    from drivesal.table import Units

    model = found.model
    with writing(finals[".json"]):
        outputs.part(finals[".json"]).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    part = outputs.part(finals[".csv"])
    with (
        writing(finals[".csv"]),
        part.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file,
    ):
        write_table(file, found.answers, Units(model.kind.unit, labels=found.labels))
    drawn = picture(found.answers, model.kind, model.name, found.worst, found.labels)
    with writing(finals[".png"]):
        outputs.part(finals[".png"]).write_bytes(drawn)


def _film(finals: Mapping[str, Path], number: int) -> Path:
    """A name for the video of a stretch, so that all of them can be made."""
    json_path = finals[".json"]
    name = json_path.name.removesuffix(".json").removesuffix(".evaluation")
    return json_path.with_name(f"{name}.worst-{number}.mp4")


def _video(
    context: click.Context, given: Mapping[str, Any], found: Evaluation, stretch: Stretch, out: Path
) -> str:
    """The command that shows a stretch, for a POSIX shell, with the options that were given here.

    Times are rounded outwards to tenths of a second.
    """
    from drivesal.assets import default_model
    from drivesal.evaluation.report import outwards

    words = ["drivesal", "video", found.answers[stretch.recording].name]
    if given["model_path"] != default_model():
        words += ["--model", str(given["model_path"])]
    words += _said(context, leave_out=OF_EVALUATION)
    start, end = outwards(stretch.start_s, stretch.end_s)
    return shlex.join([*words, "--start", start, "--end", end, "--out", str(out)])


def _said(context: click.Context, leave_out: set[str]) -> Iterator[str]:
    """The options on the command line that `drivesal video` has too, as words."""
    from drivesal.cli.video import command as video

    known = {flag for parameter in video.params for flag in parameter.opts} - leave_out
    for parameter in context.command.params:
        flag, name = parameter.opts[0], parameter.name or ""
        if flag not in known or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        if isinstance(parameter, click.Option) and parameter.is_flag:
            yield flag
            continue
        for one in value if parameter.multiple else [value]:
            yield from (flag, str(one))
