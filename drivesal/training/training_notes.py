"""What a model's card says of its training."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.evaluation.metrics import errors
from drivesal.evaluation.significance import gain
from drivesal.series.pulses import pulses
from drivesal.training.batches import RECIPE, drawn_as_often
from drivesal.training.course import answers

if TYPE_CHECKING:
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.training.beginnings import Beginning
    from drivesal.training.course import Recipe, Trained
    from drivesal.training.examples import Examples, Split


def notes(
    start: Beginning, drives: Sequence[Drive], parts: Split, recipe: Recipe, trained: Trained
) -> dict[str, Any]:
    """What the card says of a training, as plain JSON values: names of files, never where they lie.

    Errors are in the angles' unit.
    """
    training, validation, kind = parts.training, parts.validation, start.target.angle.kind
    said = answers(trained.model.network, validation, start.preprocess, start.final)
    found = errors(said, validation.angles)
    better = gain(said, validation.angles, validation.times, validation.drives)
    frames = [
        {
            "name": drive.recording.info.path.resolve().name,
            "format": drive.recording.info.format,
            "frames": {
                "training": int((training.drives == number).sum()),
                **_sides(training, number),
                "validation": int((validation.drives == number).sum()),
            },
            "validation_from_s": round(parts.starts_s[number], 3),
            "left_out_before_s": round(parts.gaps_s[number], 3),
            **({} if drive.factor == 1 else {"labels_times": drive.factor}),
            **({} if (width := drive.recording.info.smoothed_s) is None else {"labels_smoothed_s": width}),
        }
        for number, drive in enumerate(drives)
    ]
    return {
        "network": start.name,
        "recipe": RECIPE,
        "recordings": frames,
        "frames": {"training": len(training), "validation": len(validation)},
        "mean_picture": f"the mean of the {len(training)} frames learnt from",
        "pulses": _pulses(training),
        "angles": {"unit": kind.unit, "turns": kind.turns, "positive": "left"},
        "seed": recipe.seed,
        "batch": recipe.batch,
        "epochs": trained.history[-1]["epoch"],
        "best_epoch": trained.best["epoch"],
        "versions": versions(),
        "validation": _rounded(
            dataclasses.asdict(found)
            | {"rmse_always_0": better.always_0, "better_low": better.low, "better_high": better.high}
        ),
    }


def _pulses(training: Examples) -> dict[str, float] | None:
    """The share of exact zeros among labels of keys, and among the frames drawn; None for other labels."""
    straight = training.where(~training.aside)
    found = pulses(straight.times, straight.angles.astype(np.float64))
    if found is None:
        return None
    often = drawn_as_often(training)[~training.aside]
    drawn = float(often[straight.angles == 0].sum() / often.sum())
    return {"zeros": round(found.share, 3), "zeros_drawn": round(drawn, 3), "count": found.count}


def _sides(training: Examples, number: int) -> dict[str, int]:
    """How many of a recording's frames to learn from came from cameras at its sides, where any did."""
    count = int((training.aside & (training.drives == number)).sum())
    return {"of_side_cameras": count} if count else {}


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    """Four digits are more than enough of an error."""
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}


def versions() -> dict[str, str]:
    """The versions that the weights depend on."""
    names = ("tensorflow", "keras", "numpy", "opencv-python", "opencv-python-headless", "av")
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {"python": platform.python_version()} | {n: installed[n] for n in names if n in installed}
