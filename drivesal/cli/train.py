"""`drivesal train`: a steering model from recordings."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _given, _opening
from drivesal.cli import _options as options
from drivesal.cli._cameras import with_sides
from drivesal.cli._places import OUT, name_of, placed, to_make
from drivesal.cli._progress import expected, say
from drivesal.cli._progress import progress as bar
from drivesal.cli._trained import ending, reporter, summary, told_input, told_pulses
from drivesal.errors import DAMAGED, OptionError, Stopped
from drivesal.training.networks import ARCHITECTURES

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.model.preprocess import Preprocess
    from drivesal.model.steering_model import SteeringModel
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.training.training_run import Recipe, Trained
    from drivesal.types import Recording

_OF_A_MODEL = {
    "output": "output",
    "bins": "bins",
    "pre_activation": "pre-activation",
    "feed": "feed",
    "model_angle_unit": "model-angle-unit",
    "model_positive": "model-positive",
    "lambdas": "lambda",
    "imports": "import",
    "unsafe": "unsafe",
    "preset": "preset",
    "turns": "turns",
}
"""Options that only say something of a model that is there already, and their flags."""


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
def command(recordings: tuple[Path, ...], **given: Any) -> int:
    """Train a steering model on recordings: a .keras, its card and its learning curves."""
    from drivesal.io.outputs import Outputs

    make = to_make(given["out"])
    out = given["out"] = placed(given["out"], f"{name_of(recordings[0])}.keras")
    _check(given)
    paths = {"model": out, "card": out.with_name(f"{out.name}.card.json")}
    paths["curves"] = out.with_name(f"{out.stem}.curves.png")
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        opened = _opening.open_drives(stack, recordings, given)
        read = _given.files_read(opened, recordings, given)
        places = Outputs(list(paths.values()), overwrite=given["overwrite"], inputs=read, make=make)
        outputs = stack.enter_context(places)
        model = _model(given, opened[0])
        cameras = with_sides(stack, recordings, opened, given)
        drives, kind = _drives(cameras.centres, model, given["steering_ratio"])
        for sentence in () if given["quiet"] else cameras.said:
            say(sentence)
        sides, _ = _drives([one for _, one in cameras.sides], model, given["steering_ratio"], kind)
        numbered = list(zip([number for number, _ in cameras.sides], sides, strict=True))
        trained, notes = _trained(stack, drives, numbered, kind, model, given)
        notes["cameras"] = cameras.said
        notes["wall_time_s"] = round(time.perf_counter() - started, 1)
        _write(trained, notes, kind, outputs.part, paths)
        Stopped.check()
        losses = [loss for one in (*opened, *(side for _, side in cameras.sides)) for loss in one.losses]
    summary(notes, kind, paths, losses, given["as_json"])
    return DAMAGED if losses else 0


def _check(given: Mapping[str, Any]) -> None:
    """Raises OptionError for options that contradict one another."""
    if given["out"].suffix != ".keras":
        raise OptionError("--out as the name of a .keras file", f"it is {given['out']}", "name it so")
    if given["model_path"] is not None and given["arch"] is not None:
        raise OptionError("a model to go on from or --arch", "both were given", "leave one out")
    if given["model_path"] is None:
        said = [flag for name, flag in _OF_A_MODEL.items() if given[name]]
        if said:
            raise OptionError(f"--model for --{said[0]}", "a new network is trained", "leave it out")


def _model(given: Mapping[str, Any], recording: Recording) -> SteeringModel | None:
    """The model to go on from, None for a new network; either way on the device that was asked for."""
    from drivesal.model.device import use_device

    if given["model_path"] is not None:
        return _given.load(given, recording)
    use_device(given["device"])
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
    given: Mapping[str, Any],
) -> tuple[Trained, dict[str, Any]]:
    """The trained model, and what its card says of the training."""
    from drivesal.io.outputs import writing
    from drivesal.training.examples import read_examples, split_by_time
    from drivesal.training.starting_network import from_architecture, from_model
    from drivesal.training.training_notes import notes
    from drivesal.training.training_run import train
    from drivesal.types import Span

    quiet = given["quiet"]
    preprocess = _preprocess(given) if model is None else model.preprocess
    sizes = [(one.recording.info.width, one.recording.info.height) for one in drives]
    told = told_input(preprocess, sizes, model is not None, given["crop"] is not None)
    for sentence in () if quiet else told:
        say(sentence)
    with writing(given["out"]):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".drivesal-", dir=given["out"].parent))
    span = Span(given["start"], given["end"], given["every"])
    read = [one.recording for one in (*drives, *(side for _, side in sides))]
    with bar(expected(read, span), "reading", quiet) as progress:
        examples = read_examples(drives, preprocess, Path(folder), span, progress, sides)
    found = told_pulses(examples, quiet)
    parts = split_by_time(examples, given["validation"])
    angles = parts.training.angles
    if model is None:
        start = from_architecture(given["arch"] or "pilotnet", preprocess, kind, angles, given["seed"])
    else:
        start = from_model(model, angles, given["seed"])
    recipe = _recipe(given, model is not None)
    steps = recipe.epochs * recipe.steps(parts.training)
    with bar(steps, "training", quiet, unit=" steps") as progress:
        trained = train(start, parts, recipe, reporter(kind, recipe, quiet), progress, sizes)
    said = notes(start, drives, parts, recipe, trained)
    return trained, said | ending(said, kind, drives, found, bool(sides), given)


def _preprocess(given: Mapping[str, Any]) -> Preprocess:
    """How a new network's input is made."""
    from drivesal.model.preprocess import Crop, Preprocess

    architecture = ARCHITECTURES[given["arch"] or "pilotnet"]
    said = _given.declared(given, has_card=False)
    scale, offset = said.input_scale or (2 / 255, -1.0)
    return Preprocess(
        said.size or architecture.size,
        said.crop or Crop(),
        said.interpolation or "area",
        said.colour or architecture.colour,
        scale,
        offset,
    )


def _recipe(given: Mapping[str, Any], goes_on: bool) -> Recipe:
    from drivesal.training.training_run import FINE_TUNING_RATE, Recipe

    rate = given["learning_rate"] or (FINE_TUNING_RATE if goes_on else None)
    return Recipe(given["epochs"], given["batch"], given["patience"], given["seed"], rate)


def _write(
    trained: Trained,
    notes: dict[str, Any],
    kind: AngleKind,
    part: Callable[[Path], Path],
    paths: Mapping[str, Path],
) -> None:
    """The model, its card and its curves."""
    import dataclasses

    from drivesal.io.outputs import writing
    from drivesal.model.card import card_text
    from drivesal.training.curves import draw_curves

    card = dataclasses.replace(trained.model.card, training=notes)
    with writing(paths["model"]):
        trained.model.network.save(part(paths["model"]))
    with writing(paths["card"]):
        part(paths["card"]).write_text(card_text(card), encoding="utf-8")
    rows = {
        name: [row for row in trained.history if name in row] for name in ("loss", "training", "validation")
    }
    lines = {name: ([row["epoch"] for row in some], [row[name] for row in some]) for name, some in rows.items()}
    unit = kind.unit if kind.turns == "unknown" else f"{kind.unit} at the {kind.turns}"
    panels = {
        "loss (training batches)": {"loss": lines.pop("loss")},
        f"RMSE [{unit}]": lines,
    }
    with writing(paths["curves"]):
        draw_curves(panels, "epoch", part(paths["curves"]), trained.best["epoch"])
