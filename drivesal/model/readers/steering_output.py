"""What steers in a network that nobody described: outputs of the usual names and shapes."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.model.network import layers, signature
from drivesal.model.target import Bins, Target

if TYPE_CHECKING:
    from drivesal.angle import Unit
    from drivesal.model.network import Shape, Signature
    from drivesal.model.preprocess import Preprocess

PAIRS = (
    ("angle_out", "throttle_out"),
    ("n_outputs0", "n_outputs1"),
    ("out_0", "out_1"),
)
"""How donkeycar names angle and throttle: in categorical, linear and IMU pilots."""
BINS = 15
"""The bins of donkeycar's categorical angle, over -1..1."""
_BEFORE = ("InputLayer", "Cropping2D", "ZeroPadding2D", "Resizing")
"""Layers that leave a picture's numbers as they are."""
_STEERS = re.compile(r"steer|angle|wheel")
_ELSE = re.compile(r"throttle|speed|brake|acc|gas|gear")


@dataclass(frozen=True, slots=True)
class Usual:
    """What is assumed to steer: the output of this name (None: the one there is), over `bins` or one number.

    `assumed` are the words in which that is told.
    """

    output: str | None
    bins: tuple[float, float] | None
    assumed: tuple[str, ...]


def usual_steering(
    found: Signature, network: Any, output: str | None = None, unit: Unit | None = None
) -> Usual | None:
    """What most likely steers, where nothing was said; None where one number is or where nothing is likely.

    `output` is what was said of it, by name; `unit` of the angle: bins over -1..1 are assumed of norm alone.
    """
    shapes = dict(found.outputs)
    told: tuple[str, ...] = ()
    if output is None and len(shapes) > 1:
        output = _named(shapes)
        if output is None:
            return None
        told += (f"output {output} steers",)
    shape = shapes.get(output or found.outputs[0][0])
    if shape is None:
        return None
    if all(size == 1 for size in shape):
        return Usual(output, None, told) if told else None
    if shape == (BINS,) and unit in (None, "norm") and ends_in_softmax(network, output):
        return Usual(output, (-1.0, 1.0), (*told, f"{BINS} bins over -1..1"))
    return None


def usual_family(found: Signature) -> str | None:
    """The preset whose networks name their outputs like this one, None where none is known to."""
    return "donkey" if any({name for name, _ in found.outputs} == set(pair) for pair in PAIRS) else None


def with_usual(steering: Target, network: Any, preprocess: Preprocess) -> tuple[Target, tuple[str, ...]]:
    """What steers, with an output of a usual name or shape where nothing says it, and what that assumes."""
    if steering.bins is not None or not (steering.output is None or isinstance(steering.output, str)):
        return steering, ()
    found = signature(network, (*preprocess.size, preprocess.channels))
    likely = usual_steering(found, network, steering.output, steering.angle.unit)
    if likely is None:
        return steering, ()
    bins = None if likely.bins is None else Bins(*likely.bins)
    return dataclasses.replace(steering, output=likely.output, bins=bins), likely.assumed


def _named(shapes: dict[str, Shape]) -> str | None:
    """The output whose name says that it steers; None where no name does, or several do."""
    for angle, throttle in PAIRS:
        if set(shapes) == {angle, throttle}:
            return angle
    steers = [name for name in shapes if _STEERS.search(name.lower()) and not _ELSE.search(name.lower())]
    return steers[0] if len(steers) == 1 else None


def takes_bytes(network: Any) -> bool:
    """Whether the first layer that computes makes small numbers of 0..255: a Rescaling, or a said Lambda.

    One by less than 1/50 is meant for 0..255: `x - 0.5` is not.
    """
    known = (layer for layer in layers(network).values() if type(layer).__name__ not in _BEFORE)
    first = next(known, None)
    scale = getattr(first, "scale", None) if type(first).__name__ == "Rescaling" else None
    return isinstance(scale, int | float) and 0 < abs(scale) < 1 / 50


def ends_in_softmax(network: Any, output: str | None) -> bool:
    """Whether the layer that gives this output, the last one for None, says that it is a distribution."""
    known = layers(network)
    layer = list(known.values())[-1] if output is None and known else known.get(str(output))
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    return activation == "softmax" or type(layer).__name__ == "Softmax"
