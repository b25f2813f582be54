"""Networks to train."""

from __future__ import annotations

from typing import Any

from drivesal.backend import keras


def pilotnet(size: tuple[int, int], channels: int, dropout: float) -> Any:
    """PilotNet (Bojarski et al. 2016, arXiv:1604.07316): five convolutions, dense layers of 100, 50, 10 and 1.

    ELU, as its Keras descendants have it, and in training dropout before the two wide dense layers. Input
    (`size`, `channels`), one linear output named steering. Built for 66x200.
    """
    layers = keras().layers
    convolutions = [
        layers.Conv2D(filters, kernel, stride, activation="elu")
        for filters, kernel, stride in ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))
    ]
    dense: list[Any] = []
    for units in (100, 50, 10):
        if units > 10:
            dense.append(layers.Dropout(dropout))
        dense.append(layers.Dense(units, activation="elu"))
    picture = layers.Input((*size, channels), name="picture")
    head = layers.Dense(1, name="steering")
    return keras().Sequential([picture, *convolutions, layers.Flatten(), *dense, head], name="pilotnet")


def scale_head(network: Any, scale: float) -> None:
    """Multiplies the answer by `scale`, in the weights of the last layer, which must be linear."""
    head = network.layers[-1]
    head.set_weights([weight * scale for weight in head.get_weights()])
