"""Auxiliary inputs: the numbers that a network takes in addition to the image, and their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from drivesal.errors import InputError, ModelError
from drivesal.model.network import Signature
from drivesal.types import Frame

if TYPE_CHECKING:
    from drivesal.types import Floats

Feed = Mapping[str, float | str]
"""Source of each auxiliary input, by the input's name: a constant, or the name of a recorded value."""


def checked_feed(signature: Signature, feed: Feed) -> dict[str, float | str]:
    """The feed as a dict. Raises ModelError if it names an input that the network does not have."""
    known = [name for name, _ in signature.auxiliary]
    for name in feed:
        if name not in known:
            raise ModelError(
                f"one of the model's auxiliary inputs ({', '.join(known) or 'it has none'})",
                f"a value for {name!r} was given",
                "leave it out",
            )
    return dict(feed)


def auxiliary_values(frames: Sequence[Frame], signature: Signature, feed: Feed) -> Floats:
    """The auxiliary inputs of these frames, (N, K) float32, in the network's order.

    Raises InputError if a frame lacks a value that an input needs.
    """
    import numpy as np

    rows = [[_value(feed.get(name, name), name, frame) for name, _ in signature.auxiliary] for frame in frames]
    sizes = [size for _, size in signature.auxiliary]
    return np.repeat(np.array(rows, np.float32).reshape(len(frames), len(sizes)), sizes, axis=1)


def _value(source: float | str, name: str, frame: Frame) -> float:
    if not isinstance(source, str):
        return source
    value = frame.extras.get(source)
    if value is None:
        available = ", ".join(frame.extras) or "no values other than the image"
        raise InputError(
            f"a value for the model's input {name}",
            f"frame {frame.index} has {available}",
            f"take a column of the labels with --feed {name}=COLUMN or a constant with --feed {name}=NUMBER",
        )
    return float(value)
