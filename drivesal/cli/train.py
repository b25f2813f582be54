"""`drivesal train`: a steering model from recordings."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _given, _opening
from drivesal.cli import _options as options
from drivesal.cli._cameras import with_sides
from drivesal.cli._from_settings import parameter_of
from drivesal.cli._places import OUT, Into, name_of, placed, to_make
from drivesal.cli._progress import expected, say
from drivesal.cli._progress import progress as bar
from drivesal.cli._trained import ending, reporter, summary, told_input, told_pulses, write
from drivesal.errors import DAMAGED, OptionError, Stopped
from drivesal.settings import (
    ComparisonSettings,
    InputSettings,
    ModelSettings,
    RecordingSettings,
    SpanSettings,
    on_command_line,
)
from drivesal.training.networks import ARCHITECTURES

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.model.preprocess import Preprocess
    from drivesal.model.steering_model import SteeringModel
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.training.training_run import Recipe, Trained
    from drivesal.types import Recording

_OF_A_MODEL = [
    parameter_of(name, field)
    for name, field in on_command_line(ModelSettings).items()
    if name not in InputSettings.model_fields and name != "device"
]
"""Options that only describe a model that is there already."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The options."""

    recording: RecordingSettings
    model: ModelSettings
    span: SpanSettings
    comparison: ComparisonSettings
    out: Path | Into
    overwrite: bool
    arch: str | None
    model_path: Path | None
    epochs: int
    patience: int
    validation: float
    batch: int
    learning_rate: float | None
    seed: int
    side_correction: str | None
    quiet: bool
    as_json: bool


@click.command(
    epilog="""\b
Examples:
  drivesal train run.mp4 --out my.keras
  drivesal train simulator-drive/ tub/ --crop 0.35:0.85 --epochs 40 --seed 1 --out my.keras
  drivesal train run.mp4 --arch toy-car --out small.keras
  drivesal train new.mp4 --model my.keras --out better.keras
"""
)
@options.recordings_argument
@click.option(
    "--out",
    type=OUT,
    required=True,
    help="The .keras, or a folder for RECORDING.keras; its card and learning curves go beside it.",
)
@click.option("--overwrite", is_flag=True, help="Write over existing files.")
@click.option("--arch", type=click.Choice(list(ARCHITECTURES)), help="The network.  [default: pilotnet]")
@click.option(
    "--model",
    "model_path",
    type=options.MODEL,
    help="Go on from this model, in place of --arch; `default` is the shipped PilotNet.",
)
@click.option("--epochs", type=click.IntRange(1, 100_000), default=60, show_default=True, help="At most.")
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=15,
    show_default=True,
    help="End after so many epochs in which the validation error has not become smaller.",
)
@click.option(
    "--validation",
    type=options.Number(0.01, 0.9),
    default=0.2,
    show_default=True,
    help="The share of each recording's time, at its end, to measure on.",
)
@click.option("--batch", type=click.IntRange(1, 4096), default=64, show_default=True, help="Frames in a step.")
@click.option("--learning-rate", type=options.Number(0, min_open=True), help="The highest.  [default: 0.002]")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of everything random."
)
@options.span_options
@options.declared_options
@options.preset_option
@options.label_options
@options.smooth_labels_option
@click.option(
    "--side-correction",
    metavar="VALUE",
    help="What labels of left and right cameras are corrected by, towards the centre: a share of full lock, "
    "degrees like 5deg, or none, which leaves these cameras out.  [default: 0.2]",
)
@options.steering_ratio_option
@options.device_option
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
@options.typed(TrainConfig)
def command(context: click.Context, recordings: tuple[Path, ...], config: TrainConfig) -> int:
    """Train a steering model on recordings: a .keras, its card and its learning curves."""
    from drivesal.api.files import files_read
    from drivesal.io.outputs import Outputs
    from drivesal.model.shipped import default_model

    out = placed(config.out, f"{name_of(recordings[0])}.keras")
    _check(context, out, config)
    ratio = config.comparison.steering_ratio
    paths = {"model": out, "card": out.with_name(f"{out.name}.card.json")}
    paths["curves"] = out.with_name(f"{out.stem}.curves.png")
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        opened = _opening.open_drives(stack, recordings, config.recording, config.model_path)
        model_read = config.model_path or default_model()
        read = files_read(recordings, opened, config.recording, model_read, imports=config.model.imports)
        make = to_make(config.out)
        places = Outputs(list(paths.values()), overwrite=config.overwrite, inputs=read, make=make)
        outputs = stack.enter_context(places)
        model = _model(config, opened[0])
        cameras = with_sides(stack, recordings, opened, config.recording, config.side_correction)
        drives, kind = _drives(cameras.centres, model, ratio)
        for sentence in () if config.quiet else cameras.said:
            say(sentence)
        sides, _ = _drives([one for _, one in cameras.sides], model, ratio, kind)
        numbered = list(zip([number for number, _ in cameras.sides], sides, strict=True))
        trained, notes = _trained(stack, drives, numbered, kind, model, out, config)
        notes["cameras"] = cameras.said
        notes["wall_time_s"] = round(time.perf_counter() - started, 1)
        write(trained, notes, kind, outputs.part, paths)
        Stopped.check()
        losses = [loss for one in (*opened, *(side for _, side in cameras.sides)) for loss in one.losses]
    summary(notes, kind, paths, losses, config.as_json)
    return DAMAGED if losses else 0


def _check(context: click.Context, out: Path, config: TrainConfig) -> None:
    """Raises OptionError for options that contradict one another."""
    if out.suffix != ".keras":
        raise OptionError("--out as the name of a .keras file", f"it is {out}", "name it so")
    if config.model_path is not None and config.arch is not None:
        raise OptionError("a model to go on from or --arch", "both were given", "leave one out")
    if config.model_path is None:
        flags = {one.name: one.opts[0] for one in context.command.params}
        said = [flags[name] for name in _OF_A_MODEL if context.params[name]]
        if said:
            raise OptionError(f"--model for {said[0]}", "a new network is trained", "leave it out")


def _model(config: TrainConfig, recording: Recording) -> SteeringModel | None:
    """The model to go on from, None for a new network; either way on the device that was asked for."""
    from drivesal.model.device import use_device

    if config.model_path is not None:
        return _given.load(config.model_path, config.model, config.recording, recording)
    use_device(config.model.device)
    return None


def _drives(
    opened: Sequence[Recording],
    model: SteeringModel | None,
    ratio: float | None,
    kind: AngleKind | None = None,
) -> tuple[list[Drive], AngleKind]:
    """The recordings with angles of this kind, else of the model's or of the first one's."""
    from drivesal.errors import LabelError
    from drivesal.recordings.labels.labelled_drives import of_one_kind

    if kind is None:
        kind = opened[0].info.angle if model is None else model.kind
    if kind is None:
        came = f"{opened[0].info.path} has none"
        raise LabelError("a recording with steering angles", came, "give a table with --labels")
    return of_one_kind(opened, kind, ratio), kind


def _trained(
    stack: contextlib.ExitStack,
    drives: list[Drive],
    sides: list[tuple[int, Drive]],
    kind: AngleKind,
    model: SteeringModel | None,
    out: Path,
    config: TrainConfig,
) -> tuple[Trained, dict[str, Any]]:
    """The trained model, and what its card says of the training."""
    from drivesal.io.outputs import writing
    from drivesal.training.examples import read_examples, split_by_time
    from drivesal.training.starting_network import from_architecture, from_model
    from drivesal.training.training_notes import notes
    from drivesal.training.training_run import train
    from drivesal.types import Span

    quiet = config.quiet
    preprocess = _preprocess(config) if model is None else model.preprocess
    sizes = [(one.recording.info.width, one.recording.info.height) for one in drives]
    told = told_input(preprocess, sizes, model is not None, config.model.crop is not None)
    for sentence in () if quiet else told:
        say(sentence)
    with writing(out):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".drivesal-", dir=out.parent))
    span = Span(*config.span.bounds)
    read = [one.recording for one in (*drives, *(side for _, side in sides))]
    with bar(expected(read, span), "reading", quiet) as progress:
        examples = read_examples(drives, preprocess, Path(folder), span, progress, sides)
    found = told_pulses(examples, quiet)
    parts = split_by_time(examples, config.validation)
    angles = parts.training.angles
    if model is None:
        start = from_architecture(config.arch or "pilotnet", preprocess, kind, angles, config.seed)
    else:
        start = from_model(model, angles, config.seed)
    recipe = _recipe(config, model is not None)
    steps = recipe.epochs * recipe.steps(parts.training)
    with bar(steps, "training", quiet, unit=" steps") as progress:
        trained = train(start, parts, recipe, reporter(kind, recipe, quiet), progress, sizes)
    said = notes(start, drives, parts, recipe, trained)
    return trained, said | ending(said, kind, drives, found, bool(sides), config)


def _preprocess(config: TrainConfig) -> Preprocess:
    """How a new network's input is made."""
    from drivesal.model.preprocess import Crop, Preprocess
    from drivesal.model.readers.stated import stated_colour, stated_crop, stated_scaling, stated_size
    from drivesal.model.scaling import Scaling

    architecture = ARCHITECTURES[config.arch or "pilotnet"]
    scaling = stated_scaling(config.model) or Scaling.to_range(-1, 1)
    return Preprocess(
        stated_size(config.model) or architecture.size,
        stated_crop(config.model) or Crop(),
        config.model.interpolation or "area",
        stated_colour(config.model) or architecture.colour,
        scaling.scale,
        scaling.offset,
    )


def _recipe(config: TrainConfig, goes_on: bool) -> Recipe:
    from drivesal.training.training_run import FINE_TUNING_RATE, Recipe

    rate = config.learning_rate or (FINE_TUNING_RATE if goes_on else None)
    return Recipe(config.epochs, config.batch, config.patience, config.seed, rate)
