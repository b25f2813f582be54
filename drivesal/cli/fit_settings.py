"""`drivesal fit-settings`: find the input settings, sign and output with which a model follows labels."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _model_loading, _recordings, _warnings
from drivesal.cli import _options as options
from drivesal.cli._progress import progress as bar
from drivesal.cli._rerun import rerun_options
from drivesal.errors import DAMAGED, IncompleteError, OptionError
from drivesal.settings import ComparisonSettings, ModelSettings, RecordingSettings, SpanSettings

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.evaluation.drive_search import FoundSettings
    from drivesal.evaluation.ranking import RankedSetting, Ranking
    from drivesal.model.steering_model import SteeringModel
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.types import Recording, RecordingInfo

LEAVE_OUT = {"--json", "--write-card", "--quiet", "--rows", "--overwrite"}
"""Options that do not affect how recording and model are read, or that the result replaces."""


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """The options of the command."""

    recording: RecordingSettings
    model: ModelSettings
    span: SpanSettings
    comparison: ComparisonSettings
    rows: int
    write_card: bool
    overwrite: bool
    quiet: bool
    as_json: bool


@click.command(
    epilog="""\b
Examples:
  drivesal fit-settings old.h5 drive/
  drivesal fit-settings my.keras run.mp4 --labels run.csv --start 10s --end 2:00
  drivesal fit-settings old.h5 monday/ tuesday/ --write-card
"""
)
@click.argument("model_path", metavar="MODEL", type=options.MODEL)
@options.recordings_argument
@options.span_options
@options.compared_options
@click.option(
    "--rows",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="List at most this many settings.",
)
@click.option(
    "--write-card", is_flag=True, help="Write the setting that fits to the card next to the model file."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing card.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
@options.typed(SearchConfig)
def command(
    context: click.Context, model_path: Path, recordings: tuple[Path, ...], config: SearchConfig
) -> int:
    """Find the crop, colours, input scale, sign and output with which a model follows labels.

    MODEL is a .keras or .h5 file, or `default`, the shipped PilotNet. The declared settings are tried
    first, then common values in all combinations, on up to 256 labelled frames spread over the RECORDINGs.
    """
    from drivesal.model.card import card_path

    if config.recording.no_labels:
        raise OptionError("labels to compare with", "--no-labels leaves them out", "leave it out")
    if config.write_card and card_path(model_path).exists() and not config.overwrite:
        raise OptionError("a new file for the card", f"{card_path(model_path)} exists", "give --overwrite")
    with contextlib.ExitStack() as stack:
        opened = _recordings.open_drives(stack, recordings, config.recording, model_path)
        result = _search(opened, model_path, config)
        losses = [loss for recording in opened for loss in recording.losses]
        _warnings.warn_contradicting_sign(result.fit, opened, config.recording)
        infos = [recording.info for recording in opened]
    commands = _commands(context, result, recordings, infos)
    card = _write_card(result, config.overwrite) if config.write_card else None
    if config.as_json:
        facts = {**result.as_json(), "commands": commands, "losses": losses}
        click.echo(json.dumps(facts | ({"wrote": str(card)} if card else {}), indent=2))
    else:
        click.echo("\n".join(_lines(result, config.rows, recordings)))
        click.echo("\n".join([*commands, *(f"lost: {loss}" for loss in losses)]))
        if card is not None:
            click.echo(f"wrote {card}")
    return DAMAGED if losses else 0


def _search(opened: Sequence[Recording], path: Path, config: SearchConfig) -> FoundSettings:
    """Load the model and search. Raises ModelError, LabelError."""
    from drivesal.evaluation.drive_search import effort, search
    from drivesal.evaluation.run import drives_for
    from drivesal.types import Span

    model, outputs = _loaded(path, config, opened[0])
    drives: list[Drive] = drives_for(opened, model, config.comparison.steering_ratio)
    span = Span(*config.span.bounds)
    with bar(effort(model, drives, outputs), "settings", config.quiet, unit=" passes") as progress:
        return search(model, drives, span, outputs, progress)


def _loaded(
    path: Path, config: SearchConfig, recording: Recording
) -> tuple[SteeringModel, tuple[str | None, ...]]:
    """The model, and which of its outputs may steer: (None,) if that is known."""
    from drivesal.evaluation.drive_search import outputs_of

    try:
        model = _model_loading.load(path, config.model, config.recording, recording)
        if model.steering is not None and model.kind.sided:
            return model, (None,)
        network: Any = model.network
    except IncompleteError as error:
        if error.network is None or config.model.output is not None:
            raise
        network = error.network
        outputs = outputs_of(network)
        if not outputs:
            raise
    outputs = outputs_of(network)
    return _model_loading.load(path, config.model.but(output=outputs[0]), config.recording, recording), outputs


def _commands(
    context: click.Context, result: FoundSettings, paths: tuple[Path, ...], infos: Sequence[RecordingInfo]
) -> list[str]:
    """The commands to run next; empty if nothing fits, or if no options can declare what fits."""
    from drivesal.cli.evaluate import command as evaluate
    from drivesal.cli.video import command as video
    from drivesal.evaluation.advice import suggest_preset
    from drivesal.model.shipped import SHIPPED, default_model

    changes = result.words
    if changes is None:
        suggestion = suggest_preset(result.model, [info.format for info in infos])
        if suggestion is None:
            return []
        changes = suggestion[1]
    path = context.params["model_path"]
    name = SHIPPED if path == default_model() else str(path)
    model = [] if path == default_model() else ["--model", name]
    smoothing = () if result.smoothed_s is None else ("--smooth-labels", f"{result.smoothed_s:g}")
    for_video = rerun_options(context, changes, video, LEAVE_OUT, infos)
    for_evaluate = rerun_options(context, [*changes, *smoothing], evaluate, LEAVE_OUT, infos)
    if for_video is None or for_evaluate is None:
        return []
    video_command = ["drivesal", "video", str(paths[0]), *model, *for_video]
    evaluate_command = ["drivesal", "evaluate", name, *map(str, paths), *for_evaluate]
    return [shlex.join(video_command), shlex.join(evaluate_command)]


def _write_card(result: FoundSettings, overwrite: bool) -> Path:
    """Write the card of the setting that fits. Raises OptionError if none does."""
    from drivesal.io.outputs import Outputs, writing
    from drivesal.model.card import card_path, card_text

    reason = result.no_card
    if reason is not None:
        raise OptionError(
            "a setting that clearly fits, for --write-card",
            reason,
            "see the table without --write-card, or declare more options",
        )
    path = result.model.path
    assert path is not None
    final = card_path(path)
    with Outputs([final], overwrite=overwrite, inputs=[path]) as outputs, writing(final):
        outputs.part(final).write_text(card_text(result.card()), encoding="utf-8")
    return final


def _lines(result: FoundSettings, count: int, paths: tuple[Path, ...]) -> Iterator[str]:
    """The table and the conclusions, line by line."""
    ranking = result.ranking
    where = str(paths[0]) if len(paths) == 1 else f"{len(paths)} recordings"
    yield f"{result.model.name} on {where}: {result.labels} labels, {result.fits}"
    if result.smoothed_s is not None:
        yield f"the labels are keyboard pulses; compared with their mean over {result.smoothed_s:g} s"
    if ranking is None:
        yield result.verdict
        return
    kinds = "crop, colours, input scale and output" if result.several else "crop, colours and input scale"
    yield (
        f"{ranking.tried} combinations of {kinds}, with either sign, on up to 64 frames; the best, and "
        f"variants with one change, on {ranking.frames}"
    )
    yield ""
    yield from _table(ranking, count, result.kind)
    yield ""
    yield result.verdict
    undecided = list(ranking.undecided_lines())
    if undecided:
        yield "undecided on these frames:"
        yield from (f"  {line}" for line in undecided)
    if ranking.size is not None and "--preset" not in (result.words or ()):
        yield ranking.size.sentence


def _table(ranking: Ranking, count: int, kind: AngleKind) -> Iterator[str]:
    unit = kind.symbol
    yield f"{'':>3} {'r':>6}  {'95 %':>14}  {'RMSE':>10}  setting"
    ranked = list(enumerate(ranking.rows, 1))
    declared = next((pair for pair in ranked if pair[1].setting == ranking.declared.setting), None)
    winner = next((pair for pair in ranked if pair[1] is ranking.winner), None)
    listed = dict([*ranked[:count], *(pair for pair in (declared, winner) if pair is not None)])
    for rank, row in sorted(listed.items()):
        yield f"{rank:>3} {_figures(row, unit)}  {_options_text(row, ranking)}"
    yield f"{'':>3} {'':>6}  {'':>14}  {f'{ranking.constant:.3g}{unit}':>10}  (the best constant prediction)"


def _figures(row: RankedSetting, unit: str) -> str:
    rmse = "-" if row.rmse is None else f"{row.rmse:.3g}{unit}"
    return f"{row.r:>6.3f}  {f'{row.low:.2f} to {row.high:.2f}':>14}  {rmse:>10}"


def _options_text(row: RankedSetting, ranking: Ranking) -> str:
    text = " ".join(row.options) or "as declared"
    return f"{text}  <- fits" if row is ranking.winner else text
