"""A complete training run: from a starting network and examples split by time to a model with its card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.errors import LabelError, Stopped
from drivesal.evaluation.metrics import errors
from drivesal.model.card import Card, encode_image
from drivesal.model.domain_shift import MOST, TrainingImages, in_segments, training_images
from drivesal.model.steering_model import SteeringModel
from drivesal.training.batches import batches, network_input
from drivesal.training.fit import Row, TrainingPlan, fit
from drivesal.training.networks import scale_head
from drivesal.training.starting_network import StartingNetwork
from drivesal.training.training_state import best_row

if TYPE_CHECKING:
    from drivesal.model.preprocess import Preprocess
    from drivesal.training.examples import Examples, Split
    from drivesal.types import Floats

MEASURED = 1000
"""The number of training frames for the learning curves."""
AT_ONCE = 256
AT_ONCE_BYTES = 64 * 2**20
"""The most images in one prediction call, and their most bytes as network input."""
FINE_TUNING_RATE = 5e-4
"""The default learning rate for fine-tuning."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The length of a training: `epochs` of about the centre camera's training frames, `batch` per step.

    Training stops early if the validation error has not decreased for `patience` epochs. `learning_rate` None
    is the default.
    """

    epochs: int = 60
    batch: int = 64
    patience: int = 15
    seed: int = 0
    learning_rate: float | None = None

    def steps(self, examples: Examples) -> int:
        """The number of steps per epoch."""
        return max(1, round(int((~examples.from_side_camera).sum()) / self.batch))


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model with its card, and the metrics, one row per epoch."""

    model: SteeringModel
    history: list[Row]
    best: Row


def train(
    start: StartingNetwork,
    examples: Split,
    recipe: Recipe,
    report: Callable[[Row], object] = lambda _: None,
    progress: Callable[[int], object] = lambda _: None,
    frames: Sequence[tuple[int, int]] = (),
) -> Trained:
    """Train the network in place. `frames` are the sizes (width, height) [px] of the recordings' frames.

    Rows have "epoch", "loss" and the RMSE on "training" and "validation" data in the angles' unit. Epoch 0,
    the untouched pretrained network, has no loss. Raises LabelError if all training angles are equal,
    OptionError if the error is not a finite number at the end of the first epoch.
    """
    training = examples.training
    centre = training.where(~training.from_side_camera)
    angles = centre.angles
    if (angles == angles[0]).all():
        came = f"all {len(angles)} training angles are {angles[0]:g}"
        raise LabelError("steering angles that vary", came, "check the labels, or choose another span")
    network, preprocess = start.network, start.preprocess
    steps = recipe.steps(training)
    curve = centre.where(_spread_mask(len(centre), MEASURED))

    def measure(averaged: Any) -> Row:
        return {
            name: errors(predict(averaged, some, preprocess, start.scale), some.angles).rmse
            for name, some in (("training", curve), ("validation", examples.validation))
        }

    def report_epoch(row: Row) -> None:
        row["epoch"] = math.ceil(row["step"] / steps)
        report(row)

    rate = {} if recipe.learning_rate is None else {"learning_rate": recipe.learning_rate}
    plan = TrainingPlan(
        recipe.epochs * steps,
        every=steps,
        watch="validation",
        patience=recipe.patience,
        average=0.99,
        start_counts=start.pretrained,
        **rate,
    )
    draw = batches(training, preprocess, start.scale, recipe.batch, recipe.seed)
    history = fit(network, draw, plan, measure, report_epoch, None, "", progress=progress)
    if start.head != 1:
        scale_head(network, start.head)
    mean = encode_image(training.mean_image())
    card = Card(preprocess, start.target, mean, images=_training_images(centre, frames, preprocess))
    return Trained(SteeringModel(network, card), history, best_row(history, "validation"))


def _training_images(
    examples: Examples, frames: Sequence[tuple[int, int]], preprocess: Preprocess
) -> TrainingImages | None:
    """The card's reference for whether a drive's images are like the training images."""
    sample = examples.where(_spread_mask(len(examples), MOST))
    return training_images(
        sample.take(slice(None)), in_segments(sample.times, sample.drives), frames, preprocess.crop
    )


def predict(network: Any, examples: Examples, preprocess: Preprocess, scale: float) -> Floats:
    """(N,) the network's outputs for the examples, times `scale`."""
    height, width = preprocess.size
    at_once = min(max(AT_ONCE_BYTES // (4 * height * width * preprocess.channels), 1), AT_ONCE)
    outputs = []
    for first in range(0, len(examples), at_once):
        Stopped.check()
        inputs = network_input(examples.take(slice(first, first + at_once)), preprocess)
        outputs.append(network.predict_on_batch(inputs).reshape(-1))
    angles: Floats = np.concatenate(outputs) * np.float32(scale)
    return angles


def _spread_mask(count: int, most: int) -> Any:
    """(count,) bool: True for up to `most` evenly spread positions."""
    mask = np.zeros(count, np.bool_)
    mask[np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))] = True
    return mask
