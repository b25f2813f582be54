"""`drivesal train`: a steering model from recordings."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _given
from drivesal.cli import _options as options
from drivesal.cli._progress import expected, say
from drivesal.cli._progress import progress as bar
from drivesal.errors import OptionError
from drivesal.training.networks import ARCHITECTURES

if TYPE_CHECKING:
    from drivesal.drives import Drive
    from drivesal.model import SteeringModel
    from drivesal.preprocess import Preprocess
    from drivesal.steering import AngleKind
    from drivesal.training.course import Recipe, Trained
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
@click.argument("recordings", nargs=-1, required=True, metavar="RECORDING...", type=options.FILE)
@click.option(
    "--out", type=options.FILE, required=True, help="The .keras; its card and learning curves go beside it."
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
@options.steering_ratio_option
@options.device_option
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(recordings: tuple[Path, ...], **given: Any) -> int:
    """Train a steering model on recordings: a .keras, its card and its learning curves."""
    from drivesal.outputs import Outputs

    out: Path = given["out"]
    _check(given)
    paths = {"model": out, "card": out.with_name(f"{out.name}.card.json")}
    paths["curves"] = out.with_name(f"{out.stem}.curves.png")
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        opened = _given.open_drives(stack, recordings, given)
        read = _given.files_read(opened, recordings, given)
        outputs = stack.enter_context(Outputs(list(paths.values()), overwrite=given["overwrite"], inputs=read))
        model = _model(given, opened[0])
        drives, kind = _drives(opened, model, given["steering_ratio"])
        trained, notes = _trained(stack, drives, kind, model, given)
        notes["wall_time_s"] = round(time.perf_counter() - started, 1)
        _write(trained, notes, kind, outputs.part, paths)
        losses = [loss for one in opened for loss in one.losses]
    _summary(notes, kind, paths, losses, given["as_json"])
    return 3 if losses else 0


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
    from drivesal.backend import use_device

    if given["model_path"] is not None:
        return _given.load(given, recording)
    use_device(given["device"])
    return None


def _drives(
    opened: list[Any], model: SteeringModel | None, ratio: float | None
) -> tuple[list[Drive], AngleKind]:
    """The recordings with angles of the model's kind, or of the first one's."""
    from drivesal.drives import of_one_kind
    from drivesal.errors import LabelError

    kind = opened[0].info.angle if model is None else model.kind
    if kind is None:
        came = f"{opened[0].info.path} has none"
        raise LabelError("a recording with steering angles", came, "give a table with --labels")
    return of_one_kind(opened, kind, ratio), kind


def _trained(
    stack: contextlib.ExitStack,
    drives: list[Drive],
    kind: AngleKind,
    model: SteeringModel | None,
    given: Mapping[str, Any],
) -> tuple[Trained, dict[str, Any]]:
    """The trained model, and what its card says of the training."""
    from drivesal.outputs import writing
    from drivesal.training.course import continued, fresh, notes, train
    from drivesal.training.examples import read_examples, split_by_time
    from drivesal.types import Span

    quiet = given["quiet"]
    preprocess = _preprocess(given) if model is None else model.preprocess
    with writing(given["out"]):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".drivesal-", dir=given["out"].parent))
    span = Span(given["start"], given["end"], given["every"])
    with bar(expected([one.recording for one in drives], span), "reading", quiet) as progress:
        examples = read_examples(drives, preprocess, Path(folder), span, progress)
    parts = split_by_time(examples, given["validation"])
    angles = parts.training.angles
    if model is None:
        start = fresh(given["arch"] or "pilotnet", preprocess, kind, angles, given["seed"])
    else:
        start = continued(model, angles, given["seed"])
    recipe = _recipe(given, model is not None)
    steps = recipe.epochs * recipe.steps(parts.training)
    with bar(steps, "training", quiet, unit=" steps") as progress:
        trained = train(start, parts, recipe, _reporter(kind, recipe, quiet), progress)
    return trained, notes(start, drives, parts, recipe, trained)


def _preprocess(given: Mapping[str, Any]) -> Preprocess:
    """How a new network's input is made."""
    from drivesal.preprocess import Crop, Preprocess, scale_from_range

    architecture = ARCHITECTURES[given["arch"] or "pilotnet"]
    scale, offset = scale_from_range(given["input_scale"] or "-1..1")
    return Preprocess(
        _given.size(given["input_size"]) or architecture.size,
        Crop.parse(given["crop"]) if given["crop"] is not None else Crop(),
        given["interpolation"] or "area",
        given["colour"] or architecture.colour,
        scale,
        offset,
    )


def _recipe(given: Mapping[str, Any], goes_on: bool) -> Recipe:
    from drivesal.training.course import GOING_ON_RATE, Recipe

    rate = given["learning_rate"] or (GOING_ON_RATE if goes_on else None)
    return Recipe(given["epochs"], given["batch"], given["patience"], given["seed"], rate)


def _reporter(kind: AngleKind, recipe: Recipe, quiet: bool) -> Callable[[dict[str, Any]], None]:
    """What says on stderr how each epoch went."""
    best = float("inf")

    def report(row: dict[str, Any]) -> None:
        nonlocal best
        new = row["validation"] < best
        best = min(best, row["validation"])
        if not quiet:
            figures = (
                f"training {row['training']:.3g}{kind.symbol}, validation {row['validation']:.3g}{kind.symbol}"
            )
            if "loss" in row:
                text = f"epoch {row['epoch']}/{recipe.epochs}: loss {row['loss']:.4f}, RMSE {figures}"
                say(f"{text}{', the best so far' if new else ''}")
            else:
                say(f"as it came: RMSE {figures}")

    return report


def _write(
    trained: Trained,
    notes: dict[str, Any],
    kind: AngleKind,
    part: Callable[[Path], Path],
    paths: Mapping[str, Path],
) -> None:
    """The model, its card and its curves."""
    import dataclasses

    from drivesal.card import card_text
    from drivesal.outputs import writing
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


def _summary(
    notes: Mapping[str, Any], kind: AngleKind, paths: Mapping[str, Path], losses: list[str], as_json: bool
) -> None:
    if as_json:
        outputs = {name: str(path) for name, path in paths.items()}
        click.echo(json.dumps({**notes, "losses": losses, "outputs": outputs}))
        return
    found, frames, unit = notes["validation"], notes["frames"], kind.symbol
    best = f"best of {notes['epochs']} epoch{'s'[: notes['epochs'] != 1]}: {notes['best_epoch']}"
    if notes["best_epoch"] == 0:
        best = (
            f"none of {notes['epochs']} epoch{'s'[: notes['epochs'] != 1]} was better than the model as it came"
        )
    click.echo(
        f"{frames['training']} frames learnt from, {frames['validation']} later ones measured on; "
        f"{best}, in {notes['wall_time_s']:.0f} s"
    )
    r = found["correlation"]
    click.echo(
        f"validation: RMSE {found['rmse']:.3g}{unit} (always 0: {found['rmse_always_0']:.3g}{unit}), "
        f"correlation {'unknown' if r is None else f'{r:.3f}'}"
    )
    for loss in losses:
        click.echo(f"lost: {loss}")
    click.echo("\n".join(str(path) for path in paths.values()))
