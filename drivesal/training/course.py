"""One training from beginning to end: a network, examples divided by time, and a model with its card."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.card import Card, encode_picture
from drivesal.errors import LabelError, ModelError, OptionError
from drivesal.evaluation.measure import errors
from drivesal.model import SteeringModel
from drivesal.steering import AngleKind, AngleSpec
from drivesal.target import Target
from drivesal.training.batches import RECIPE, batches, network_input, usual_angle
from drivesal.training.fit import Plan, Row, best_row, fit, seeded
from drivesal.training.networks import ARCHITECTURES, has_linear_head, scale_head

if TYPE_CHECKING:
    from drivesal.drives import Drive
    from drivesal.preprocess import Preprocess
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
class Beginning:
    """A network to train and what its answer means.

    While it learns its answer is angle / `scale`; at the end the head is multiplied by `head` (1 for none),
    after which it is angle / `final`. `learnt`: it has learnt already, and its weights may be the best.
    """

    network: Any
    preprocess: Preprocess
    target: Target
    scale: float
    head: float
    name: str
    learnt: bool = False

    @property
    def final(self) -> float:
        """The angle for an answer of 1, once trained."""
        return self.scale / self.head


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long: `epochs` of about as many frames as there are to learn from, `batch` of them a step.

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
        return max(1, round(len(examples) / self.batch))


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with its card, and what was measured on the way, a row an epoch."""

    model: SteeringModel
    history: list[Row]
    best: Row


def fresh(name: str, preprocess: Preprocess, kind: AngleKind, angles: Floats, seed: int) -> Beginning:
    """A new network of this architecture for angles (N,) of this kind.

    Raises OptionError for an input too small for it, and for angles that its answer cannot reach.
    """
    seeded(seed)
    architecture = ARCHITECTURES[name]
    try:
        network = architecture.build(preprocess.size, preprocess.channels, architecture.dropout)
    except ValueError as error:
        height, width = architecture.size
        came = f"{name} cannot be built for {preprocess.size[0]}x{preprocess.size[1]}"
        raise OptionError(
            f"an --input-size that {name} fits into, such as {height}x{width}", came, "choose a larger one"
        ) from error
    largest = float(np.abs(angles).max())
    told = f"{architecture.paper}, {network.count_params()} parameters"
    if not architecture.bounded:
        spec = AngleSpec("deg" if kind.unit == "deg" else "norm", kind.turns, "left")
        scale = usual_angle(angles)
        return Beginning(network, preprocess, Target(spec), scale, scale, told)
    if kind.unit == "norm" and largest > 1:
        raise OptionError(
            f"angles of -1..1 for {name}, whose answer is no more",
            f"the largest is {largest:.4g}",
            "say what 1.0 stands for in a table of labels with --full-lock, or use --arch pilotnet",
        )
    # a fifth beyond the largest angle: at the end of a tanh there is nothing to learn from
    lock = math.ceil(max(1.2 * largest, 1.0) / 5) * 5.0 if kind.unit == "deg" else None
    return Beginning(
        network, preprocess, Target(AngleSpec("norm", kind.turns, "left", lock)), lock or 1.0, 1.0, told
    )


def continued(model: SteeringModel, angles: Floats, seed: int) -> Beginning:
    """A model to go on with, whose network is trained in place, and angles (N,) of its kind.

    Raises ModelError for one of several inputs or outputs, for bins, and where all layers are frozen.
    """
    target, outputs = model.steering, model.signature.outputs
    came = None
    if target is None or target.bins is not None:
        came = "answers with no number that is an angle"
    elif model.signature.others:
        came = f"has {1 + len(model.signature.others)} inputs"
    elif len(outputs) != 1 or any(size not in (None, 1) for size in outputs[0][1]):
        came = f"gives {', '.join(name for name, _ in outputs)} of several numbers"
    if target is None or came is not None:
        expected = "a network that maps one picture to one angle, to go on with"
        raise ModelError(expected, f"{model.name} {came}", "train another")
    if not model.network.trainable_variables:
        came = f"all of {model.name} is frozen (trainable=False)"
        raise ModelError("layers that can learn", came, "save it with those that shall learn thawed")
    seeded(seed)
    factor = target.angle.factor
    told = f"{model.name} trained on, {model.network.count_params()} parameters"
    target = dataclasses.replace(target, pre_activation=False)
    if not has_linear_head(model.network):
        return Beginning(model.network, model.preprocess, target, factor, 1.0, told, learnt=True)
    scale = usual_angle(angles)
    scale_head(model.network, factor / scale)
    return Beginning(model.network, model.preprocess, target, scale, scale / factor, told, learnt=True)


def train(
    start: Beginning,
    examples: Split,
    recipe: Recipe,
    report: Callable[[Row], object] = lambda _: None,
    progress: Callable[[int], object] = lambda _: None,
) -> Trained:
    """Trains the network in place.

    Rows have "epoch", "loss" and, in the unit of the angles, the RMSE as "training" and "validation". That of
    epoch 0, the network as it came where it has learnt already, has no loss. Raises LabelError where all angles
    to learn from are the same, OptionError where the error is no number at the end of the first epoch.
    """
    angles = examples.training.angles
    if (angles == angles[0]).all():
        came = f"all {len(angles)} to learn from are {angles[0]:g}"
        raise LabelError("steering angles that vary", came, "check the labels, or choose another part")
    network, preprocess = start.network, start.preprocess
    steps = recipe.steps(examples.training)
    shown = examples.training.where(_spread(len(examples.training), MEASURED))

    def measure(averaged: Any) -> Row:
        return {
            name: errors(answers(averaged, some, preprocess, start.scale), some.angles).rmse
            for name, some in (("training", shown), ("validation", examples.validation))
        }

    def tell(row: Row) -> None:
        row["epoch"] = math.ceil(row["step"] / steps)
        report(row)

    rate = {} if recipe.learning_rate is None else {"learning_rate": recipe.learning_rate}
    plan = Plan(
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
    card = Card(preprocess, start.target, encode_picture(examples.training.mean_picture()))
    return Trained(SteeringModel(network, card), history, best_row(history, "validation"))


def answers(network: Any, examples: Examples, preprocess: Preprocess, scale: float) -> Floats:
    """(N,) what the network answers to the examples' pictures, times `scale`."""
    height, width = preprocess.size
    at_once = min(max(AT_ONCE_BYTES // (4 * height * width * preprocess.channels), 1), AT_ONCE)
    found = [
        network.predict_on_batch(network_input(examples.take(slice(at, at + at_once)), preprocess)).reshape(-1)
        for at in range(0, len(examples), at_once)
    ]
    angles: Floats = np.concatenate(found) * np.float32(scale)
    return angles


def notes(
    start: Beginning, drives: Sequence[Drive], parts: Split, recipe: Recipe, trained: Trained
) -> dict[str, Any]:
    """What the card says of a training, as plain JSON values: names of files, never where they lie.

    Errors are in the angles' unit.
    """
    training, validation, kind = parts.training, parts.validation, start.target.angle.kind
    found = errors(answers(trained.model.network, validation, start.preprocess, start.final), validation.angles)
    still = errors(np.zeros(len(validation)), validation.angles)
    frames = [
        {
            "name": drive.recording.info.path.resolve().name,
            "format": drive.recording.info.format,
            "frames": {
                "training": int((training.drives == number).sum()),
                "validation": int((validation.drives == number).sum()),
            },
            "validation_from_s": round(parts.starts_s[number], 3),
            "left_out_before_s": round(parts.gaps_s[number], 3),
            **({} if drive.factor == 1 else {"labels_times": drive.factor}),
        }
        for number, drive in enumerate(drives)
    ]
    return {
        "network": start.name,
        "recipe": RECIPE,
        "recordings": frames,
        "frames": {"training": len(training), "validation": len(validation)},
        "mean_picture": f"the mean of the {len(training)} frames learnt from",
        "angles": {"unit": kind.unit, "turns": kind.turns, "positive": "left"},
        "seed": recipe.seed,
        "batch": recipe.batch,
        "epochs": trained.history[-1]["epoch"],
        "best_epoch": trained.best["epoch"],
        "versions": versions(),
        "validation": _rounded(dataclasses.asdict(found) | {"rmse_always_0": still.rmse}),
    }


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    """Four digits are more than enough of an error."""
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}


def versions() -> dict[str, str]:
    """The versions that the weights depend on."""
    names = ("tensorflow", "keras", "numpy", "opencv-python", "opencv-python-headless", "av")
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {"python": platform.python_version()} | {n: installed[n] for n in names if n in installed}


def _spread(count: int, most: int) -> Any:
    """(count,) bool: up to `most` of them, evenly."""
    mask = np.zeros(count, np.bool_)
    mask[np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))] = True
    return mask
