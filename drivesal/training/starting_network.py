"""The starting point of a training: a new network, or a model to fine-tune."""

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
class StartingNetwork:
    """A network to train and the meaning of its output.

    During training its output is angle / `scale`; at the end the head is multiplied by `head` (1 for no
    change), after which the output is angle / `final`. `pretrained`: its weights were trained before and may
    be the best. `name` describes it in the notes.
    """

    network: Any
    preprocess: Preprocess
    target: Target
    scale: float
    head: float
    name: str
    pretrained: bool = False

    @property
    def final(self) -> float:
        """The angle of an output of 1 after training."""
        return self.scale / self.head


def from_architecture(
    name: str, preprocess: Preprocess, kind: AngleKind, angles: Floats, seed: int
) -> StartingNetwork:
    """A new network of this architecture for angles (N,) of this kind.

    Raises OptionError for an input too small for it, and for angles that its output cannot reach.
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
    described = f"{architecture.paper}, {network.count_params()} parameters"
    if not architecture.bounded:
        spec = AngleSpec("deg" if kind.unit == "deg" else "norm", kind.turns, "left")
        scale = usual_angle(angles)
        return StartingNetwork(network, preprocess, Target(spec), scale, scale, described)
    if kind.unit == "norm" and largest > 1:
        raise OptionError(
            f"angles of -1..1 for {name}, whose output is bounded to that range",
            f"the largest is {largest:.4g}",
            "declare the angle of 1.0 in a table of labels with --full-lock, or use --arch pilotnet",
        )
    # a fifth beyond the largest angle: a saturated tanh has no gradient to learn from
    lock = math.ceil(max(1.2 * largest, 1.0) / 5) * 5.0 if kind.unit == "deg" else None
    target = Target(AngleSpec("norm", kind.turns, "left", lock))
    return StartingNetwork(network, preprocess, target, lock or 1.0, 1.0, described)


def from_model(model: SteeringModel, angles: Floats, seed: int) -> StartingNetwork:
    """A model to fine-tune in place on angles (N,) of its kind.

    Raises ModelError for a model with several inputs or outputs or with bins, and if all layers are frozen.
    """
    target, outputs = model.steering, model.signature.outputs
    came = None
    if target is None or target.bins is not None:
        came = "has no output that is an angle"
    elif model.signature.auxiliary:
        came = f"has {1 + len(model.signature.auxiliary)} inputs"
    elif len(outputs) != 1 or any(size not in (None, 1) for size in outputs[0][1]):
        came = f"gives several numbers as {', '.join(name for name, _ in outputs)}"
    if target is None or came is not None:
        expected = "a network that maps one image to one angle, to fine-tune"
        raise ModelError(expected, f"{model.name} {came}", "choose another model")
    if not model.network.trainable_variables:
        came = f"all layers of {model.name} are frozen (trainable=False)"
        raise ModelError("trainable layers", came, "set trainable=True on the layers to train and save it")
    seeded(seed)
    factor = target.angle.factor
    described = f"{model.name} fine-tuned, {model.network.count_params()} parameters"
    target = dataclasses.replace(target, pre_activation=False)
    scale, head = factor, 1.0
    if has_linear_head(model.network):
        scale = usual_angle(angles)
        head = scale / factor
        scale_head(model.network, factor / scale)
    return StartingNetwork(model.network, model.preprocess, target, scale, head, described, pretrained=True)
