"""Infers which output steers, for a network without a card, from common output names and shapes."""

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
"""donkeycar's names of angle and throttle, in categorical, linear and IMU pilots."""
BINS = 15
"""Number of bins of donkeycar's categorical angle, over -1..1."""
_GEOMETRIC = ("InputLayer", "Cropping2D", "ZeroPadding2D", "Resizing")
"""Layers that do not change an image's value range."""
_STEERING_NAME = re.compile(r"steer|angle|wheel")
_OTHER_NAME = re.compile(r"throttle|speed|brake|acc|gas|gear")


@dataclass(frozen=True, slots=True)
class InferredSteering:
    """The output assumed to steer: its name (None: the only output), and its `bins` if it is a distribution.

    `assumed` are the assumptions as reported to the user.
    """

    output: str | None
    bins: tuple[float, float] | None
    assumed: tuple[str, ...]


def infer_steering(
    signature: Signature, network: Any, output: str | None = None, unit: Unit | None = None
) -> InferredSteering | None:
    """The output that most likely steers; None if there is nothing to infer or no likely candidate.

    `output` is the declared output's name, `unit` the declared unit: bins over -1..1 are assumed for norm only.
    """
    shapes = dict(signature.outputs)
    assumed: tuple[str, ...] = ()
    if output is None and len(shapes) > 1:
        output = _output_by_name(shapes)
        if output is None:
            return None
        assumed += (f"output {output} steers",)
    shape = shapes.get(output or signature.outputs[0][0])
    if shape is None:
        return None
    if all(size == 1 for size in shape):
        return InferredSteering(output, None, assumed) if assumed else None
    if shape == (BINS,) and unit in (None, "norm") and ends_in_softmax(network, output):
        return InferredSteering(output, (-1.0, 1.0), (*assumed, f"{BINS} bins over -1..1"))
    return None


def likely_preset(signature: Signature) -> str | None:
    """The preset whose networks have these output names, or None."""
    return "donkey" if any({name for name, _ in signature.outputs} == set(pair) for pair in PAIRS) else None


def with_inferred_output(
    steering: Target, network: Any, preprocess: Preprocess
) -> tuple[Target, tuple[str, ...]]:
    """The steering target, with an inferred output if none is declared, and the assumptions made for it."""
    if steering.bins is not None or not (steering.output is None or isinstance(steering.output, str)):
        return steering, ()
    inferred = infer_steering(
        signature(network, (*preprocess.size, preprocess.channels)),
        network,
        steering.output,
        steering.angle.unit,
    )
    if inferred is None:
        return steering, ()
    bins = None if inferred.bins is None else Bins(*inferred.bins)
    return dataclasses.replace(steering, output=inferred.output, bins=bins), inferred.assumed


def _output_by_name(shapes: dict[str, Shape]) -> str | None:
    """The only output whose name suggests steering; None if no name does, or several do."""
    for angle, throttle in PAIRS:
        if set(shapes) == {angle, throttle}:
            return angle
    names = [
        name for name in shapes if _STEERING_NAME.search(name.lower()) and not _OTHER_NAME.search(name.lower())
    ]
    return names[0] if len(names) == 1 else None


def takes_bytes(network: Any) -> bool:
    """Whether the first computing layer scales 0..255 down: a Rescaling, or a Lambda with a declared formula.

    A factor below 1/50 implies an input of 0..255; `x - 0.5` does not.
    """
    computing = (layer for layer in layers(network).values() if type(layer).__name__ not in _GEOMETRIC)
    first = next(computing, None)
    scale = getattr(first, "scale", None) if type(first).__name__ == "Rescaling" else None
    return isinstance(scale, int | float) and 0 < abs(scale) < 1 / 50


def ends_in_softmax(network: Any, output: str | None) -> bool:
    """Whether the layer of this output, or the last layer for None, is a softmax."""
    known = layers(network)
    layer = list(known.values())[-1] if output is None and known else known.get(str(output))
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    return activation == "softmax" or type(layer).__name__ == "Softmax"
