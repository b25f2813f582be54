"""What `drivesal train` reports and writes: on labels and input, per epoch, and at the end."""

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


def report_pulses(examples: Examples, quiet: bool) -> Pulses | None:
    """The pulses of labels from keyboard steering, reported on stderr; None if the labels are not pulses."""
    import numpy as np

    from drivesal.series.pulses import pulses

    straight = examples.where(~examples.from_side_camera)
    result = pulses(straight.times, straight.angles.astype(np.float64))
    if result is not None and not quiet:
        say(f"{result.sentence}; --smooth-labels 1 averages them over one second")
    return result


def input_warnings(
    preprocess: Preprocess, sizes: Sequence[tuple[int, int]], fine_tuning: bool, cropped: bool
) -> list[str]:
    """Warnings about the network's input from frames of these `sizes` (width, height) [px]."""
    warnings = []
    if not fine_tuning and not cropped:
        warnings.append(
            "no --crop: the network is trained on whole frames, with misleading sky and bonnet; "
            "try for example --crop 0.4:0.9, the rows from the horizon to the bonnet"
        )
    for width, height in dict.fromkeys(sizes):
        with contextlib.suppress(InputError):  # an impossible crop is reported on reading
            enlarged = preprocess.enlarged(width, height)
            if enlarged is not None:
                warnings.append(
                    enlarged.plain + ("" if fine_tuning else "; a smaller --input-size avoids that")
                )
    return warnings


def epoch_reporter(kind: AngleKind, recipe: Recipe, quiet: bool) -> Callable[[dict[str, Any]], None]:
    """A callback that reports each epoch on stderr."""
    best = float("inf")

    def report(row: dict[str, Any]) -> None:
        nonlocal best
        improved = row["validation"] < best
        best = min(best, row["validation"])
        if not quiet:
            errors = (
                f"training {row['training']:.3g}{kind.symbol}, validation {row['validation']:.3g}{kind.symbol}"
            )
            if "loss" in row:
                text = f"epoch {row['epoch']}/{recipe.epochs}: loss {row['loss']:.4f}, RMSE {errors}"
                say(f"{text}{', best so far' if improved else ''}")
            else:
                say(f"before training: RMSE {errors}")

    return report


def training_advice(
    notes: Mapping[str, Any],
    kind: AngleKind,
    drives: Sequence[Drive],
    pulses: Pulses | None,
    sides: bool,
    config: TrainConfig,
) -> dict[str, Any]:
    """What is wrong with the model that was kept, and what to try."""
    from drivesal.evaluation.significance import Gain
    from drivesal.training.verdict import TrainingContext, verdict

    info, errors = drives[0].recording.info, notes["validation"]
    names = ("rmse", "rmse_always_0", "better_low", "better_high", "correlation")
    gain = Gain(*(errors[name] for name in names))
    wrong, tries = verdict(
        gain,
        kind,
        notes["best_epoch"],
        notes["epochs"],
        TrainingContext(
            notes["frames"]["training"],
            pulses,
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
    temporary: Callable[[Path], Path],
    paths: Mapping[str, Path],
) -> None:
    """Write the model, its card and its learning curves."""
    from drivesal.io.outputs import writing
    from drivesal.model.card import card_text
    from drivesal.training.curves import draw_curves

    card = dataclasses.replace(trained.model.card, training=notes)
    with writing(paths["model"]):
        trained.model.network.save(temporary(paths["model"]))
    with writing(paths["card"]):
        temporary(paths["card"]).write_text(card_text(card), encoding="utf-8")
    rows = {
        name: [row for row in trained.history if name in row] for name in ("loss", "training", "validation")
    }
    lines = {
        name: ([row["epoch"] for row in values], [row[name] for row in values]) for name, values in rows.items()
    }
    unit = kind.unit if kind.turns == "unknown" else f"{kind.unit} at the {kind.turns}"
    panels = {
        "loss (training batches)": {"loss": lines.pop("loss")},
        f"RMSE [{unit}]": lines,
    }
    with writing(paths["curves"]):
        draw_curves(panels, "epoch", temporary(paths["curves"]), trained.best["epoch"])


def summary(
    notes: Mapping[str, Any], kind: AngleKind, paths: Mapping[str, Path], losses: list[str], as_json: bool
) -> None:
    """Print the result, the files, and what to try if the model is poor."""
    if as_json:
        outputs = {name: str(path) for name, path in paths.items()}
        click.echo(json.dumps({**notes, "losses": losses, "outputs": outputs}))
        return
    errors, frames, unit = notes["validation"], notes["frames"], kind.symbol
    epochs = f"{notes['epochs']} epoch{'s'[: notes['epochs'] != 1]}"
    best = f"best of {epochs}: {notes['best_epoch']}"
    if notes["best_epoch"] == 0:
        best = f"none of {epochs} was better than the starting model"
    click.echo(
        f"trained on {frames['training']} frames, validated on {frames['validation']} later ones; "
        f"{best}, in {notes['wall_time_s']:.0f} s"
    )
    r = errors["correlation"]
    click.echo(
        f"validation: RMSE {errors['rmse']:.3g}{unit} (always 0: {errors['rmse_always_0']:.3g}{unit}), "
        f"correlation {'unknown' if r is None else digits(r, '.3f')}"
    )
    if notes["pulses"] is not None:
        click.echo(
            f"labels: keyboard pulses, {notes['pulses']['zeros']:.0%} exactly 0, which make up "
            f"{notes['pulses']['zeros_drawn']:.0%} of the sampled frames"
        )
    for sentence in notes["cameras"]:
        click.echo(sentence)
    for loss in losses:
        click.echo(f"lost: {loss}")
    click.echo("\n".join(str(path) for path in paths.values()))
    for sentence in notes["wrong"]:
        click.echo(sentence)
    for number, advice in enumerate(notes["to_try"], 1):
        click.echo(f"  try {number}: {advice}")
