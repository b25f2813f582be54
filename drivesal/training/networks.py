"""Networks to train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivesal.model.backend import keras
from drivesal.model.colours import Colour


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


def toy_car(size: tuple[int, int], channels: int, dropout: float) -> Any:
    """The small network of a toy car: three convolutions with pooling, a dense layer of 128, tanh.

    Of the shape that keras-vis's self-driving example has, built for 70x180. Input (`size`, `channels`), one
    output in -1..1 named steering, for angles as shares of a full lock.
    """
    layers = keras().layers
    convolutions: list[Any] = []
    for filters in (8, 16, 32):
        convolutions += [layers.Conv2D(filters, 5, activation="relu"), layers.MaxPooling2D()]
    dense = [layers.Dropout(dropout), layers.Dense(128, activation="relu"), layers.Dropout(dropout)]
    picture = layers.Input((*size, channels), name="picture")
    head = layers.Dense(1, activation="tanh", name="steering")
    return keras().Sequential([picture, *convolutions, layers.Flatten(), *dense, head], name="toy_car")


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network that can be trained from nothing.

    `build(size, channels, dropout)`; `size` (height, width) [px], `colour` and `dropout` are what it is usually
    given; `bounded` says that it answers -1..1, so that angles are shares of a full lock; `paper` its source.
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
    """Whether the answer is a dense layer without an activation, which `scale_head` can scale.

    Of a subclassed network nothing says which layer answers.
    """
    last = network.layers[-1] if getattr(network, "outputs", None) else None
    keras_module = keras()
    return isinstance(last, keras_module.layers.Dense) and last.activation is keras_module.activations.linear


def scale_head(network: Any, scale: float) -> None:
    """Multiplies the answer by `scale`, in the weights of the last layer, which must be linear."""
    head = network.layers[-1]
    head.set_weights([weight * scale for weight in head.get_weights()])
