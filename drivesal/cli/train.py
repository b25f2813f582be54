"""`drivesal train`: train a steering model on recordings."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _model_loading, _recordings
from drivesal.cli import _options as options
from drivesal.cli._cameras import with_sides
from drivesal.cli._output_paths import OUT, OutFolder, folders_to_create, output_name, output_path
from drivesal.cli._progress import expected, say
from drivesal.cli._progress import progress as bar
from drivesal.cli._settings_options import parameter_name
from drivesal.cli._train_report import (
    epoch_reporter,
    input_warnings,
    report_pulses,
    summary,
    training_advice,
    write,
)
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

_FOR_EXISTING_MODEL = [
    parameter_name(name, field)
    for name, field in on_command_line(ModelSettings).items()
    if name not in InputSettings.model_fields and name != "device"
]
"""Options that describe an existing model only."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The options of the command."""

    recording: RecordingSettings
    model: ModelSettings
    span: SpanSettings
    comparison: ComparisonSettings
    out: Path | OutFolder
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
    help="Write to this .keras, or to RECORDING.keras in this folder, with card and learning curves.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--arch", type=click.Choice(list(ARCHITECTURES)), help="Train this network.  [default: pilotnet]")
@click.option(
    "--model",
    "model_path",
    type=options.MODEL,
    help="Continue from this model instead of --arch; `default` is the shipped PilotNet.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 100_000),
    default=60,
    show_default=True,
    help="Train for at most this many epochs.",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=15,
    show_default=True,
    help="Stop after this many epochs without a smaller validation error.",
)
@click.option(
    "--validation",
    type=options.Number(0.01, 0.9),
    default=0.2,
    show_default=True,
    help="Validate on this share of each recording, at its end.",
)
@click.option(
    "--batch", type=click.IntRange(1, 4096), default=64, show_default=True, help="Frames per training step."
)
@click.option(
    "--learning-rate", type=options.Number(0, min_open=True), help="Maximum learning rate.  [default: 0.002]"
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of the random generators.",
)
@options.span_options
@options.declared_options
@options.preset_option
@options.label_options
@options.smooth_labels_option
@click.option(
    "--side-correction",
    metavar="VALUE",
    help="Correct the labels of left and right cameras towards the center: a share of full lock, degrees like "
    "5deg, or none to leave these cameras out.  [default: 0.2]",
)
@options.steering_ratio_option
@options.device_option
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
@options.typed(TrainConfig)
def command(context: click.Context, recordings: tuple[Path, ...], config: TrainConfig) -> int:
    """Train a steering model on recordings; write a .keras, its card and its learning curves."""
    from drivesal.api.files import files_read
    from drivesal.io.outputs import Outputs
    from drivesal.model.shipped import default_model

    out = output_path(config.out, f"{output_name(recordings[0])}.keras")
    _check(context, out, config)
    ratio = config.comparison.steering_ratio
    paths = {"model": out, "card": out.with_name(f"{out.name}.card.json")}
    paths["curves"] = out.with_name(f"{out.stem}.curves.png")
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        opened = _recordings.open_drives(stack, recordings, config.recording, config.model_path)
        model_read = config.model_path or default_model()
        read = files_read(recordings, opened, config.recording, model_read, imports=config.model.imports)
        make = folders_to_create(config.out)
        outputs = stack.enter_context(
            Outputs(list(paths.values()), overwrite=config.overwrite, inputs=read, make=make)
        )
        model = _model(config, opened[0])
        cameras = with_sides(stack, recordings, opened, config.recording, config.side_correction)
        drives, kind = _drives(cameras.centres, model, ratio)
        for note in () if config.quiet else cameras.notes:
            say(note)
        sides, _ = _drives([side for _, side in cameras.sides], model, ratio, kind)
        numbered_sides = list(zip([number for number, _ in cameras.sides], sides, strict=True))
        trained, notes = _trained(stack, drives, numbered_sides, kind, model, out, config)
        notes["cameras"] = cameras.notes
        notes["wall_time_s"] = round(time.perf_counter() - started, 1)
        write(trained, notes, kind, outputs.part, paths)
        Stopped.check()
        recordings_read = (*opened, *(side for _, side in cameras.sides))
        losses = [loss for recording in recordings_read for loss in recording.losses]
    summary(notes, kind, paths, losses, config.as_json)
    return DAMAGED if losses else 0


def _check(context: click.Context, out: Path, config: TrainConfig) -> None:
    """Raise OptionError for options that contradict each other."""
    if out.suffix != ".keras":
        raise OptionError("--out to end in .keras", f"it is {out}", "change its suffix to .keras")
    if config.model_path is not None and config.arch is not None:
        raise OptionError("either --model or --arch", "both were given", "leave one out")
    if config.model_path is None:
        flags = {parameter.name: parameter.opts[0] for parameter in context.command.params}
        misplaced = [flags[name] for name in _FOR_EXISTING_MODEL if context.params[name]]
        if misplaced:
            raise OptionError(f"--model for {misplaced[0]}", "a new network is trained", "leave it out")


def _model(config: TrainConfig, recording: Recording) -> SteeringModel | None:
    """The model to continue from, None for a new network; either on the requested device."""
    from drivesal.model.device import use_device

    if config.model_path is not None:
        return _model_loading.load(config.model_path, config.model, config.recording, recording)
    use_device(config.model.device)
    return None


def _drives(
    opened: Sequence[Recording],
    model: SteeringModel | None,
    ratio: float | None,
    kind: AngleKind | None = None,
) -> tuple[list[Drive], AngleKind]:
    """The recordings with angles converted to `kind`, else to the model's or the first recording's."""
    from drivesal.errors import LabelError
    from drivesal.recordings.labels.labelled_drives import of_one_kind

    if kind is None:
        kind = opened[0].info.angle if model is None else model.kind
    if kind is None:
        came = f"{opened[0].info.path} has no angles"
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
    """The trained model, and the notes on the training for its card."""
    from drivesal.io.outputs import writing
    from drivesal.training.examples import read_examples, split_by_time
    from drivesal.training.starting_network import from_architecture, from_model
    from drivesal.training.training_notes import notes
    from drivesal.training.training_run import train
    from drivesal.types import Span

    quiet = config.quiet
    preprocess = _preprocess(config) if model is None else model.preprocess
    sizes = [(drive.recording.info.width, drive.recording.info.height) for drive in drives]
    warnings = input_warnings(preprocess, sizes, model is not None, config.model.crop is not None)
    for warning in () if quiet else warnings:
        say(warning)
    with writing(out):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".drivesal-", dir=out.parent))
    span = Span(*config.span.bounds)
    recordings = [drive.recording for drive in (*drives, *(side for _, side in sides))]
    with bar(expected(recordings, span), "reading", quiet) as progress:
        examples = read_examples(drives, preprocess, Path(folder), span, progress, sides)
    pulses = report_pulses(examples, quiet)
    split = split_by_time(examples, config.validation)
    angles = split.training.angles
    if model is None:
        start = from_architecture(config.arch or "pilotnet", preprocess, kind, angles, config.seed)
    else:
        start = from_model(model, angles, config.seed)
    recipe = _recipe(config, model is not None)
    steps = recipe.epochs * recipe.steps(split.training)
    with bar(steps, "training", quiet, unit=" steps") as progress:
        trained = train(start, split, recipe, epoch_reporter(kind, recipe, quiet), progress, sizes)
    facts = notes(start, drives, split, recipe, trained)
    return trained, facts | training_advice(facts, kind, drives, pulses, bool(sides), config)


def _preprocess(config: TrainConfig) -> Preprocess:
    """Preprocessing for a new network."""
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


def _recipe(config: TrainConfig, fine_tuning: bool) -> Recipe:
    from drivesal.training.training_run import FINE_TUNING_RATE, Recipe

    rate = config.learning_rate or (FINE_TUNING_RATE if fine_tuning else None)
    return Recipe(config.epochs, config.batch, config.patience, config.seed, rate)
