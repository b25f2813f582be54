"""Model parameter randomization test: whether a map depends on the weights that the network has learnt.

Adebayo et al. 2018, Sanity checks for saliency maps (arXiv:1810.03292): layers get random weights one after the
other, from the last to the first (cascading randomization). A map that stays the same does not depend on the
learnt weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.model.network import copied, layers

if TYPE_CHECKING:
    from numpy.typing import NDArray


def from_the_top(network: Any) -> list[Any]:
    """The layers with weights of their own, from the last to the first."""
    every = layers(network).values()
    return [layer for layer in every if layer.weights and not hasattr(layer, "layers")][::-1]


def cascade(network: Any, seeds: Iterable[int]) -> Iterator[tuple[int, str, Any]]:
    """Cascading randomization: yield (seed, layer, copy) after each further layer has got random weights.

    `layer` is the name of the latest one, from the last to the first; each seed starts from the learnt weights.
    The copy is always the same object, changed in place, so that functions compiled for it can be reused.
    `network` is not changed.
    """
    copy = copied(network)
    for seed in seeds:
        copy.set_weights(network.get_weights())
        for number, layer in enumerate(from_the_top(copy)):
            reinitialize(layer, [seed, number])
            yield seed, str(layer.name), copy


def reinitialize(layer: Any, seed: list[int]) -> None:
    """Draw the layer's weights again from its initializers; weights without an initializer are not changed."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        initializer = getattr(layer, f"{weight.name}_initializer", None)
        if initializer is None:
            continue
        config = initializer.get_config()
        if "seed" in config:
            config["seed"] = int(rng.integers(2**31))
        weight.assign(type(initializer).from_config(config)(weight.shape, weight.dtype))


def spearman(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Spearman's rank correlation, -1..1, of two arrays of the same shape; NaN where either is constant."""
    first, second = (ranks(values) - (values.size + 1) / 2 for values in (a, b))
    norm = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / norm if norm > 0 else float("nan")


def ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Rank of each value of the flattened array, from 1; equal values share their mean rank."""
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
