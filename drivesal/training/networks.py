"""Network architectures to train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivesal.model.backend import keras
from drivesal.model.colours import Colour


def pilotnet(size: tuple[int, int], channels: int, dropout: float) -> Any:
    """PilotNet (Bojarski et al. 2016, arXiv:1604.07316): five convolutions, dense layers of 100, 50, 10 and 1.

    ELU, as in its Keras descendants, and dropout before the two wide dense layers in training. Input (`size`,
    `channels`), one linear output named steering. Designed for 66x200.
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
    image = layers.Input((*size, channels), name="picture")
    head = layers.Dense(1, name="steering")
    return keras().Sequential([image, *convolutions, layers.Flatten(), *dense, head], name="pilotnet")


def toy_car(size: tuple[int, int], channels: int, dropout: float) -> Any:
    """The small network of a toy car: three convolutions with pooling, a dense layer of 128, tanh.

    The architecture of keras-vis's self-driving example, designed for 70x180. Input (`size`, `channels`), one
    output in -1..1 named steering, for angles as shares of full lock.
    """
    layers = keras().layers
    convolutions: list[Any] = []
    for filters in (8, 16, 32):
        convolutions += [layers.Conv2D(filters, 5, activation="relu"), layers.MaxPooling2D()]
    dense = [layers.Dropout(dropout), layers.Dense(128, activation="relu"), layers.Dropout(dropout)]
    image = layers.Input((*size, channels), name="picture")
    head = layers.Dense(1, activation="tanh", name="steering")
    return keras().Sequential([image, *convolutions, layers.Flatten(), *dense, head], name="toy_car")


@dataclass(frozen=True, slots=True)
class Architecture:
    """An architecture to train from scratch.

    `build(size, channels, dropout)` makes the network; `size` (height, width) [px], `colour` and `dropout` are
    the defaults; `bounded` is whether its output is limited to -1..1, so that angles are shares of full lock;
    `paper` is its source.
    """

    build: Callable[[tuple[int, int], int, float], Any]
    size: tuple[int, int]
    colour: Colour
    dropout: float
    bounded: bool
    paper: str


ARCHITECTURES = {
    "pilotnet": Architecture(pilotnet, (66, 200), "YUV", 0.2, False, "PilotNet (Bojarski et al. 2016)"),
    "toy-car": Architecture(toy_car, (70, 180), "RGB", 0.3, True, "toy car (after keras-vis's example)"),
}


def has_linear_head(network: Any) -> bool:
    """Whether the output layer is dense without an activation, so that `scale_head` can scale it.

    False for a subclassed network, whose output layer is unknown.
    """
    last = network.layers[-1] if getattr(network, "outputs", None) else None
    keras_module = keras()
    return isinstance(last, keras_module.layers.Dense) and last.activation is keras_module.activations.linear


def scale_head(network: Any, scale: float) -> None:
    """Multiply the output by `scale` through the weights of the last layer, which must be linear."""
    head = network.layers[-1]
    head.set_weights([weight * scale for weight in head.get_weights()])
