"""The numbers that a network takes beside the image: where they come from, and those of some frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from drivesal.errors import InputError, ModelError
from drivesal.model.network import Signature
from drivesal.types import Frame

if TYPE_CHECKING:
    from drivesal.types import Floats

Feed = Mapping[str, float | str]
"""By the input's name, the number that is held or the name of a value that the recording carries."""


def checked_feed(signature: Signature, feed: Feed) -> dict[str, float | str]:
    """The feed as it is. Raises ModelError where it names no auxiliary input of the network."""
    known = [name for name, _ in signature.others]
    for name in feed:
        if name not in known:
            raise ModelError(
                f"one of the model's inputs beside the picture ({', '.join(known) or 'it has none'})",
                f"a value for {name!r} was given",
                "leave it out",
            )
    return dict(feed)


def fed(frames: Sequence[Frame], signature: Signature, feed: Feed) -> Floats:
    """The auxiliary inputs of these frames, (N, numbers) float32, in the network's order.

    Raises InputError where a frame does not carry a value that an input needs.
    """
    import numpy as np

    rows = [[_value(feed.get(name, name), name, frame) for name, _ in signature.others] for frame in frames]
    sizes = [size for _, size in signature.others]
    return np.repeat(np.array(rows, np.float32).reshape(len(frames), len(sizes)), sizes, axis=1)


def _value(source: float | str, name: str, frame: Frame) -> float:
    if not isinstance(source, str):
        return source
    value = frame.extras.get(source)
    if value is None:
        carried = ", ".join(frame.extras) or "nothing beside the picture"
        raise InputError(
            f"a value for the model's input {name}",
            f"frame {frame.index} carries {carried}",
            f"name a column of the labels with --feed {name}=COLUMN or hold it with --feed {name}=NUMBER",
        )
    return float(value)
