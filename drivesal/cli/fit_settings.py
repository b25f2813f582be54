"""`drivesal fit-settings`: which crop, colours, scaling, sign and output make a model follow labels."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _given, _opening, _warned
from drivesal.cli import _options as options
from drivesal.cli._again import again
from drivesal.cli._progress import progress as bar
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
"""Options that say nothing of how recording and model are read, or that the search says anew."""


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """The options."""

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
    "--rows", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many settings to list."
)
@click.option("--write-card", is_flag=True, help="Keep the setting that fits in the card beside the weights.")
@click.option("--overwrite", is_flag=True, help="Write over an existing card.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
@options.typed(SearchConfig)
def command(
    context: click.Context, model_path: Path, recordings: tuple[Path, ...], config: SearchConfig
) -> int:
    """Find the crop, colours, input scale, sign and output under which a model follows labels.

    MODEL is a .keras or .h5 file, or `default`, the shipped PilotNet. What is declared of it is tried first,
    then the usual values in all combinations, on up to 256 labelled frames spread over the RECORDINGs.
    """
    from drivesal.model.card import card_path

    if config.recording.no_labels:
        raise OptionError("labels to compare with", "--no-labels leaves them out", "leave it out")
    if config.write_card and card_path(model_path).exists() and not config.overwrite:
        raise OptionError("a new file for the card", f"{card_path(model_path)} exists", "give --overwrite")
    with contextlib.ExitStack() as stack:
        opened = _opening.open_drives(stack, recordings, config.recording, model_path)
        found = _searched(opened, model_path, config)
        losses = [loss for one in opened for loss in one.losses]
        _warned.say_turned(found.fit, opened, config.recording)
        infos = [one.info for one in opened]
    commands = _commands(context, found, recordings, infos)
    wrote = _write_card(found, config.overwrite) if config.write_card else None
    if config.as_json:
        facts = {**found.as_json(), "commands": commands, "losses": losses}
        click.echo(json.dumps(facts | ({"wrote": str(wrote)} if wrote else {}), indent=2))
    else:
        click.echo("\n".join(_lines(found, config.rows, recordings)))
        click.echo("\n".join([*commands, *(f"lost: {one}" for one in losses)]))
        if wrote is not None:
            click.echo(f"wrote {wrote}")
    return DAMAGED if losses else 0


def _searched(opened: Sequence[Recording], path: Path, config: SearchConfig) -> FoundSettings:
    """What the search found. Raises ModelError, LabelError."""
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
    """The model, and which of its outputs may steer: None where that is known."""
    from drivesal.evaluation.drive_search import outputs_of

    try:
        model = _given.load(path, config.model, config.recording, recording)
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
    return _given.load(path, config.model.but(output=outputs[0]), config.recording, recording), outputs


def _commands(
    context: click.Context, found: FoundSettings, paths: tuple[Path, ...], infos: Sequence[RecordingInfo]
) -> list[str]:
    """What to go on with, paste-ready; none where nothing fits, or where options do not say it."""
    from drivesal.cli.evaluate import command as evaluate
    from drivesal.cli.video import command as video
    from drivesal.evaluation.advice import suggest_preset
    from drivesal.model.shipped import SHIPPED, default_model

    words = found.words
    if words is None:
        likely = suggest_preset(found.model, [info.format for info in infos])
        if likely is None:
            return []
        words = likely[1]
    path = context.params["model_path"]
    name = SHIPPED if path == default_model() else str(path)
    model = [] if path == default_model() else ["--model", name]
    keys = () if found.smoothed_s is None else ("--smooth-labels", f"{found.smoothed_s:g}")
    for_video = again(context, words, video, LEAVE_OUT, infos)
    for_evaluate = again(context, [*words, *keys], evaluate, LEAVE_OUT, infos)
    if for_video is None or for_evaluate is None:
        return []
    shown = ["drivesal", "video", str(paths[0]), *model, *for_video]
    measured = ["drivesal", "evaluate", name, *map(str, paths), *for_evaluate]
    return [shlex.join(shown), shlex.join(measured)]


def _write_card(found: FoundSettings, overwrite: bool) -> Path:
    """Writes the card of the setting that fits. Raises OptionError where none does."""
    from drivesal.io.outputs import Outputs, writing
    from drivesal.model.card import card_path, card_text

    why = found.no_card
    if why is not None:
        raise OptionError(
            "a setting that clearly fits, for --write-card", why, "see the table, or say more of it"
        )
    path = found.model.path
    assert path is not None
    final = card_path(path)
    with Outputs([final], overwrite=overwrite, inputs=[path]) as outputs, writing(final):
        outputs.part(final).write_text(card_text(found.card()), encoding="utf-8")
    return final


def _lines(found: FoundSettings, count: int, paths: tuple[Path, ...]) -> Iterator[str]:
    """The table and what it says, a line each."""
    ranking = found.ranking
    where = str(paths[0]) if len(paths) == 1 else f"{len(paths)} recordings"
    yield f"{found.model.name} on {where}: {found.labels} labels, {found.fits}"
    if found.smoothed_s is not None:
        yield f"the labels are pulses of keys: their mean over {found.smoothed_s:g} s is compared"
    if ranking is None:
        yield found.verdict
        return
    kinds = f"crop, colours, input scale{' and output' if found.several else ''}"
    yield (
        f"{ranking.tried} combinations of {kinds}, either sign, on up to 64 frames; the best of them, and what "
        f"is one change from the best, on {ranking.frames}"
    )
    yield ""
    yield from _table(ranking, count, found.kind)
    yield ""
    yield found.verdict
    undecided = list(ranking.undecided_lines())
    if undecided:
        yield "undecided, as far as these frames tell:"
        yield from (f"  {line}" for line in undecided)
    if ranking.size is not None and "--preset" not in (found.words or ()):
        yield ranking.size.sentence


def _table(ranking: Ranking, count: int, kind: AngleKind) -> Iterator[str]:
    of = kind.symbol
    yield f"{'':>3} {'r':>6}  {'95 %':>14}  {'RMSE':>10}  setting"
    shown = list(enumerate(ranking.rows, 1))[:count]
    own = next(
        (pair for pair in enumerate(ranking.rows, 1) if pair[1].setting == ranking.declared.setting), None
    )
    fits = next((pair for pair in enumerate(ranking.rows, 1) if pair[1] is ranking.winner), None)
    shown += [pair for pair in (own, fits) if pair is not None and pair not in shown]
    shown = sorted(dict(shown).items())
    for place, row in shown:
        yield f"{place:>3} {_figures(row, of)}  {_said(row, ranking)}"
    yield f"{'':>3} {'':>6}  {'':>14}  {f'{ranking.constant:.3g}{of}':>10}  (the best constant answer)"


def _figures(row: RankedSetting, of: str) -> str:
    rmse = "-" if row.rmse is None else f"{row.rmse:.3g}{of}"
    return f"{row.r:>6.3f}  {f'{row.low:.2f} to {row.high:.2f}':>14}  {rmse:>10}"


def _said(row: RankedSetting, ranking: Ranking) -> str:
    text = " ".join(row.options) or "as declared"
    return f"{text}  <- fits" if row is ranking.winner else text
