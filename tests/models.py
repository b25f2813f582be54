"""Small networks whose right answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from drivesal.backend import keras
from drivesal.card import Card, Target
from drivesal.model import SteeringModel
from drivesal.preprocess import Colour, Preprocess
from drivesal.steering import AngleSpec

SIZE = (6, 8)
DEGREES = AngleSpec("deg", "steering-wheel")


def linear_weights(channels: int = 3, seed: int = 0) -> Any:
    """(h, w, channels) float32 weights of `linear`."""
    return np.random.default_rng(seed).normal(size=(*SIZE, channels)).astype(np.float32)


def linear(weights: Any = None, bias: float = 0.5, output: str = "steering") -> Any:
    """A network whose answer is weights · input + bias."""
    weights = linear_weights() if weights is None else weights
    layers = keras().layers
    inputs = layers.Input(weights.shape)
    dense = layers.Dense(1, name=output)
    network = keras().Model(inputs, dense(layers.Flatten()(inputs)))
    dense.set_weights([weights.reshape(-1, 1), np.array([bias], np.float32)])
    return network


def convolutional(seed: int = 0, size: tuple[int, int] = (24, 32), head: str | None = None) -> Any:
    """A small convolutional network with ELU, as steering networks have."""
    keras().utils.set_random_seed(seed)
    layers = keras().layers
    return keras().Sequential(
        [
            layers.Input((*size, 3)),
            layers.Conv2D(4, 5, strides=2, activation="elu"),
            layers.Conv2D(6, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(8, activation="elu"),
            layers.Dense(1, activation=head, name="steering"),
        ]
    )


def steering(
    network: Any, angle: AngleSpec = DEGREES, colour: Colour = "RGB", scale: float = 1.0, offset: float = 0.0
) -> SteeringModel:
    """The network as a SteeringModel that sees the whole frame."""
    size = network.input_shape[1:3]
    return SteeringModel(
        network, Card(Preprocess(size, colour=colour, scale=scale, offset=offset), Target(angle))
    )


def pictures(count: int, size: tuple[int, int], seed: int = 1) -> Any:
    """(N, h, w, 3) uint8 of noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)
