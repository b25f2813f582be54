"""One training from beginning to end: a network, examples divided by time, and a model with its card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.errors import LabelError, Stopped
from drivesal.evaluation.measure import errors
from drivesal.model.card import Card, encode_picture
from drivesal.model.domain_shift import MOST, TrainingImages, in_segments, training_images
from drivesal.model.steering_model import SteeringModel
from drivesal.training.batches import batches, network_input
from drivesal.training.beginnings import Beginning
from drivesal.training.fit import Row, TrainingPlan, fit
from drivesal.training.networks import scale_head
from drivesal.training.training_state import best_row

if TYPE_CHECKING:
    from drivesal.model.preprocess import Preprocess
    from drivesal.training.examples import Examples, Split
    from drivesal.types import Floats

MEASURED = 1000
"""How many of the training frames the learning curves are measured on."""
AT_ONCE = 256
AT_ONCE_BYTES = 64 * 2**20
"""The pictures that are answered in one call, and their bytes as the network is fed them."""
GOING_ON_RATE = 5e-4
"""The learning rate for a network that has learnt already."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long: `epochs` of about as many frames as the centre camera has to learn from, `batch` a step.

    Ended where the validation error has not become smaller in `patience` epochs. `learning_rate` None is the
    usual one.
    """

    epochs: int = 60
    batch: int = 64
    patience: int = 15
    seed: int = 0
    learning_rate: float | None = None

    def steps(self, examples: Examples) -> int:
        """Steps in an epoch."""
        return max(1, round(int((~examples.aside).sum()) / self.batch))


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with its card, and what was measured on the way, a row an epoch."""

    model: SteeringModel
    history: list[Row]
    best: Row


def train(
    start: Beginning,
    examples: Split,
    recipe: Recipe,
    report: Callable[[Row], object] = lambda _: None,
    progress: Callable[[int], object] = lambda _: None,
    frames: Sequence[tuple[int, int]] = (),
) -> Trained:
    """Trains the network in place. `frames` are the sizes (width, height) [px] of the recordings' frames.

    Rows have "epoch", "loss" and, in the unit of the angles, the RMSE as "training" and "validation". That of
    epoch 0, the network as it came where it has learnt already, has no loss. Raises LabelError where all angles
    to learn from are the same, OptionError where the error is no number at the end of the first epoch.
    """
    learnt = examples.training
    angles = learnt.angles[~learnt.aside]
    if (angles == angles[0]).all():
        came = f"all {len(angles)} to learn from are {angles[0]:g}"
        raise LabelError("steering angles that vary", came, "check the labels, or choose another part")
    network, preprocess = start.network, start.preprocess
    steps = recipe.steps(examples.training)
    shown = learnt.where(~learnt.aside)
    shown = shown.where(_spread(len(shown), MEASURED))

    def measure(averaged: Any) -> Row:
        return {
            name: errors(answers(averaged, some, preprocess, start.scale), some.angles).rmse
            for name, some in (("training", shown), ("validation", examples.validation))
        }

    def tell(row: Row) -> None:
        row["epoch"] = math.ceil(row["step"] / steps)
        report(row)

    rate = {} if recipe.learning_rate is None else {"learning_rate": recipe.learning_rate}
    plan = TrainingPlan(
        recipe.epochs * steps,
        every=steps,
        watch="validation",
        patience=recipe.patience,
        average=0.99,
        start_counts=start.learnt,
        **rate,
    )
    draw = batches(examples.training, preprocess, start.scale, recipe.batch, recipe.seed)
    history = fit(network, draw, plan, measure, tell, None, "", progress=progress)
    if start.head != 1:
        scale_head(network, start.head)
    mean = encode_picture(learnt.mean_picture())
    card = Card(preprocess, start.target, mean, images=_images(learnt.where(~learnt.aside), frames, preprocess))
    return Trained(SteeringModel(network, card), history, best_row(history, "validation"))


def _images(
    learnt: Examples, frames: Sequence[tuple[int, int]], preprocess: Preprocess
) -> TrainingImages | None:
    """What the card compares a drive's images with."""
    shown = learnt.where(_spread(len(learnt), MOST))
    return training_images(
        shown.take(slice(None)), in_segments(shown.times, shown.drives), frames, preprocess.crop
    )


def answers(network: Any, examples: Examples, preprocess: Preprocess, scale: float) -> Floats:
    """(N,) what the network answers to the examples' pictures, times `scale`."""
    height, width = preprocess.size
    at_once = min(max(AT_ONCE_BYTES // (4 * height * width * preprocess.channels), 1), AT_ONCE)
    found = []
    for at in range(0, len(examples), at_once):
        Stopped.check()
        given = network_input(examples.take(slice(at, at + at_once)), preprocess)
        found.append(network.predict_on_batch(given).reshape(-1))
    angles: Floats = np.concatenate(found) * np.float32(scale)
    return angles


def _spread(count: int, most: int) -> Any:
    """(count,) bool: up to `most` of them, evenly."""
    mask = np.zeros(count, np.bool_)
    mask[np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))] = True
    return mask
