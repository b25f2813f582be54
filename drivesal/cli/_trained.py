"""What `drivesal train` says: of the labels, of each epoch, and at the end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.angle import digits
from drivesal.cli._progress import say
from drivesal.errors import InputError

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.cli.train import TrainConfig
    from drivesal.model.preprocess import Preprocess
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.series.pulses import Pulses
    from drivesal.training.examples import Examples
    from drivesal.training.training_run import Recipe, Trained


def told_pulses(examples: Examples, quiet: bool) -> Pulses | None:
    """The pulses that labels of keys are made of, said on stderr; None where they are no such labels."""
    import numpy as np

    from drivesal.series.pulses import pulses

    straight = examples.where(~examples.from_side_camera)
    found = pulses(straight.times, straight.angles.astype(np.float64))
    if found is not None and not quiet:
        say(f"{found.sentence}; --smooth-labels 1 takes their mean over a second")
    return found


def told_input(
    preprocess: Preprocess, sizes: Sequence[tuple[int, int]], goes_on: bool, cropped: bool
) -> list[str]:
    """What to know of what the network will see of frames of these `sizes` (width, height) [px]."""
    told = []
    if not goes_on and not cropped:
        told.append(
            "no --crop: it learns from whole frames, sky and bonnet included, which mislead; "
            "try --crop 0.4:0.9, say, the rows from the horizon to the bonnet"
        )
    for width, height in dict.fromkeys(sizes):
        with contextlib.suppress(InputError):  # reading refuses what the crop does not fit
            found = preprocess.enlarged(width, height)
            if found is not None:
                told.append(found.plain + ("" if goes_on else "; a smaller --input-size avoids that"))
    return told


def reporter(kind: AngleKind, recipe: Recipe, quiet: bool) -> Callable[[dict[str, Any]], None]:
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


def ending(
    said: Mapping[str, Any],
    kind: AngleKind,
    drives: Sequence[Drive],
    found: Pulses | None,
    sides: bool,
    config: TrainConfig,
) -> dict[str, Any]:
    """What is wrong with the kept model, and what to try."""
    from drivesal.evaluation.significance import Gain
    from drivesal.training.verdict import TrainingContext, verdict

    info, figures = drives[0].recording.info, said["validation"]
    names = ("rmse", "rmse_always_0", "better_low", "better_high", "correlation")
    better = Gain(*(figures[name] for name in names))
    wrong, tries = verdict(
        better,
        kind,
        said["best_epoch"],
        said["epochs"],
        TrainingContext(
            said["frames"]["training"],
            found,
            config.recording.smooth_labels is not None,
            config.model.crop is not None,
            sides if len(info.cameras) > 1 else None,
            config.learning_rate,
            info.path.name,
            config.model_path is not None,
        ),
    )
    return {"wrong": wrong, "to_try": tries}


def write(
    trained: Trained,
    notes: dict[str, Any],
    kind: AngleKind,
    part: Callable[[Path], Path],
    paths: Mapping[str, Path],
) -> None:
    """Writes the model, its card and its curves."""
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


def summary(
    notes: Mapping[str, Any], kind: AngleKind, paths: Mapping[str, Path], losses: list[str], as_json: bool
) -> None:
    """Prints what came out, where it is, and what to try where it did not come to much."""
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
        f"correlation {'unknown' if r is None else digits(r, '.3f')}"
    )
    if notes["pulses"] is not None:
        click.echo(
            f"labels: pulses of keys, {notes['pulses']['zeros']:.0%} exactly 0, which are "
            f"{notes['pulses']['zeros_drawn']:.0%} of the frames drawn"
        )
    for sentence in notes["cameras"]:
        click.echo(sentence)
    for loss in losses:
        click.echo(f"lost: {loss}")
    click.echo("\n".join(str(path) for path in paths.values()))
    for sentence in notes["wrong"]:
        click.echo(sentence)
    for number, one in enumerate(notes["to_try"], 1):
        click.echo(f"  try {number}: {one}")
