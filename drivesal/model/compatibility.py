"""Checks that a network, its preprocess and its target are compatible; which of its outputs steers."""

from __future__ import annotations

from typing import Any

from drivesal.errors import ModelError
from drivesal.model.network import Signature
from drivesal.model.preprocess import Preprocess
from drivesal.model.score import check, locate
from drivesal.model.target import Explainable, Target, terms


def check_finite(network: Any) -> None:
    """Raise ModelError if a weight is not finite."""
    import numpy as np

    for weight in network.weights:
        if not np.all(np.isfinite(weight.numpy())):
            raise ModelError(
                "finite weights", f"{weight.path} holds NaN or infinity", "train or export the model again"
            )


def check_input(signature: Signature, preprocess: Preprocess) -> None:
    """Raise ModelError if the preprocess does not produce the size and channels of the network's input."""
    height, width, channels = signature.shape
    size = preprocess.size
    if channels != preprocess.channels or height not in (None, size[0]) or width not in (None, size[1]):
        raise ModelError(
            f"a preprocess that produces the model's input {(height, width, channels)}",
            f"it produces {(*size, preprocess.channels)} ({preprocess.colour})",
            "correct the card or give --color",
        )


def steering_target(
    target: Explainable, card_target: Target, network: Any, signature: Signature
) -> Target | None:
    """The steering prediction: the target itself, or the card's if the network has that output, else None."""
    if isinstance(target, Target):
        return target
    try:
        check(card_target, network, signature)
    except ModelError:
        return None
    return card_target


def output_name(target: Target, signature: Signature) -> str:
    """The outputs that the target combines, by name, with the element's index for vector outputs."""
    names = []
    for term in terms(target.output):
        if target.bins is not None:
            names.append(f"expected angle of {term.output or signature.outputs[0][0]}")
            continue
        index, element = locate(signature, term.output, term.element)
        name, shape = signature.outputs[index]
        text = name if all(size == 1 for size in shape) else f"{name}[{element}]"
        names.append(text if term.weight == 1 else f"{term.weight:g}*{text}")
    return "+".join(names)
