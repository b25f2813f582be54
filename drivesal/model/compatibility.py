"""Whether a network, its preprocess and its target go together, and which of its outputs steers."""

from __future__ import annotations

from typing import Any

from drivesal.errors import ModelError
from drivesal.model.network import Signature
from drivesal.model.preprocess import Preprocess
from drivesal.model.score import check, locate
from drivesal.model.target import Explainable, Target, terms


def check_finite(network: Any) -> None:
    """Raises ModelError where weights are not finite."""
    import numpy as np

    for weight in network.weights:
        if not np.all(np.isfinite(weight.numpy())):
            raise ModelError(
                "finite weights", f"{weight.path} holds NaN or infinity", "train or export the model again"
            )


def check_input(found: Signature, preprocess: Preprocess) -> None:
    """Raises ModelError where the preprocess gives another size or other channels than the network takes."""
    height, width, channels = found.shape
    size = preprocess.size
    if channels != preprocess.channels or height not in (None, size[0]) or width not in (None, size[1]):
        raise ModelError(
            f"a preprocess that gives the model's input {(height, width, channels)}",
            f"it gives {(*size, preprocess.channels)} ({preprocess.colour})",
            "mend the card or give --color",
        )


def steering_of(target: Explainable, stated: Target, network: Any, signature: Signature) -> Target | None:
    """The steering answer: the target itself, or the card's where the network has it."""
    if isinstance(target, Target):
        return target
    try:
        check(stated, network, signature)
    except ModelError:
        return None
    return stated


def output_name(target: Target, signature: Signature) -> str:
    """Which outputs the target takes, by name, with the element where one gives several numbers."""
    names = []
    for term in terms(target.output):
        if target.bins is not None:
            names.append(f"expected angle of {term.output or signature.outputs[0][0]}")
            continue
        which, element = locate(signature, term.output, term.element)
        name, shape = signature.outputs[which]
        text = name if all(size == 1 for size in shape) else f"{name}[{element}]"
        names.append(text if term.weight == 1 else f"{term.weight:g}*{text}")
    return "+".join(names)
