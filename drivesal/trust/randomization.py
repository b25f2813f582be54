"""Whether a map follows from the network: it is taken again with layers that have forgotten what they learnt.

Adebayo et al. 2018, Sanity checks for saliency maps (arXiv:1810.03292): layers get random weights one after the
other, the last one first (cascading randomisation). A map that stays as it was does not show what was learnt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.model.network import copied, layers

if TYPE_CHECKING:
    from numpy.typing import NDArray


def from_the_top(network: Any) -> list[Any]:
    """The layers that hold weights of their own, the last one first."""
    every = layers(network).values()
    return [layer for layer in every if layer.weights and not hasattr(layer, "layers")][::-1]


def cascade(network: Any, seeds: Iterable[int]) -> Iterator[tuple[int, str, Any]]:
    """(seed, layer, copy): a copy of the network after each further layer, the last one first, became random.

    `layer` is the name of the latest one; with each seed the copy begins with all that was learnt. It is one
    copy, changed in place, so that what was compiled of it serves again. `network` is left alone.
    """
    copy = copied(network)
    for seed in seeds:
        copy.set_weights(network.get_weights())
        for number, layer in enumerate(from_the_top(copy)):
            forget(layer, [seed, number])
            yield seed, str(layer.name), copy


def forget(layer: Any, seed: list[int]) -> None:
    """Gives the layer weights as its own initialisers draw them; those that have none are left as they are."""
    draw = np.random.default_rng(seed)
    for weight in layer.weights:
        how = getattr(layer, f"{weight.name}_initializer", None)
        if how is None:
            continue
        settings = how.get_config()
        if "seed" in settings:
            settings["seed"] = int(draw.integers(2**31))
        weight.assign(type(how).from_config(settings)(weight.shape, weight.dtype))


def spearman(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Rank correlation, -1..1, of two arrays of one shape; NaN where either is the same all over."""
    first, second = (ranks(values) - (values.size + 1) / 2 for values in (one, other))
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size > 0 else float("nan")


def ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """The rank of each value, from 1, of the flattened array; equal values share the mean of theirs."""
    _, where, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[where]
