"""The notes on a training in the model's card."""

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
from drivesal.training.batches import RECIPE, sampling_weights
from drivesal.training.training_run import predict

if TYPE_CHECKING:
    from drivesal.recordings.labels.labelled_drives import Drive
    from drivesal.training.examples import Examples, Split
    from drivesal.training.starting_network import StartingNetwork
    from drivesal.training.training_run import Recipe, Trained


def notes(
    start: StartingNetwork, drives: Sequence[Drive], split: Split, recipe: Recipe, trained: Trained
) -> dict[str, Any]:
    """The card's notes on a training, as plain JSON values: file names without their folders.

    Errors are in the angles' unit.
    """
    training, validation, kind = split.training, split.validation, start.target.angle.kind
    predicted = predict(trained.model.network, validation, start.preprocess, start.final)
    metrics = errors(predicted, validation.angles)
    better = gain(predicted, validation.angles, validation.times, validation.drives)
    frames = [
        {
            "name": drive.recording.info.path.resolve().name,
            "format": drive.recording.info.format,
            "frames": {
                "training": int((training.drives == number).sum()),
                **_side_count(training, number),
                "validation": int((validation.drives == number).sum()),
            },
            "validation_from_s": round(split.starts_s[number], 3),
            "left_out_before_s": round(split.gaps_s[number], 3),
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
        "mean_picture": f"the mean of the {len(training)} training frames",
        "pulses": _pulses(training),
        "angles": {"unit": kind.unit, "turns": kind.turns, "positive": "left"},
        "seed": recipe.seed,
        "batch": recipe.batch,
        "epochs": trained.history[-1]["epoch"],
        "best_epoch": trained.best["epoch"],
        "versions": versions(),
        "validation": _rounded(
            dataclasses.asdict(metrics)
            | {"rmse_always_0": better.always_0, "better_low": better.low, "better_high": better.high}
        ),
    }


def _pulses(training: Examples) -> dict[str, float] | None:
    """The share of exact zeros among keyboard labels, and among the sampled frames; None for other labels."""
    centre = training.where(~training.from_side_camera)
    found = pulses(centre.times, centre.angles.astype(np.float64))
    if found is None:
        return None
    weights = sampling_weights(training)[~training.from_side_camera]
    drawn = float(weights[centre.angles == 0].sum() / weights.sum())
    return {"zeros": round(found.share, 3), "zeros_drawn": round(drawn, 3), "count": found.count}


def _side_count(training: Examples, number: int) -> dict[str, int]:
    """The number of a recording's training frames from side cameras, if there are any."""
    count = int((training.from_side_camera & (training.drives == number)).sum())
    return {"of_side_cameras": count} if count else {}


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    """The values with floats rounded to four significant digits."""
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}


def versions() -> dict[str, str]:
    """The versions of the packages that the weights depend on."""
    names = ("tensorflow", "keras", "numpy", "opencv-python", "opencv-python-headless", "av")
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {"python": platform.python_version()} | {n: installed[n] for n in names if n in installed}
