"""What a training begins with: a new network, or a model to go on with."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.angle import AngleKind, AngleSpec
from drivesal.errors import ModelError, OptionError
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Target
from drivesal.training.batches import usual_angle
from drivesal.training.fit import seeded
from drivesal.training.networks import ARCHITECTURES, has_linear_head, scale_head

if TYPE_CHECKING:
    from drivesal.model.preprocess import Preprocess
    from drivesal.types import Floats


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
    elif model.signature.auxiliary:
        came = f"has {1 + len(model.signature.auxiliary)} inputs"
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
