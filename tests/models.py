"""Small networks whose right answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drivesal.angle import AngleSpec
from drivesal.attribution.registry import Context, ModelInputs
from drivesal.model.backend import keras
from drivesal.model.card import Card
from drivesal.model.colours import Colour
from drivesal.model.preprocess import Preprocess
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Explainable, Target
from drivesal.settings import ExplainSettings

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


def nested(size: tuple[int, int] = (24, 32), seed: int = 0) -> Any:
    """A functional network whose convolutions are those of a model inside it, "backbone"."""
    keras().utils.set_random_seed(seed)
    layers = keras().layers
    inner = layers.Input((*size, 3))
    x = layers.Conv2D(4, 5, strides=2, activation="relu", name="conv1")(inner)
    backbone = keras().Model(inner, layers.Conv2D(3, 3, activation="elu", name="conv2")(x), name="backbone")
    inputs = layers.Input((*size, 3))
    dense = layers.Dense(6, activation="relu", name="dense1")(layers.Flatten()(backbone(inputs)))
    return keras().Model(inputs, layers.Dense(1, name="steering")(dense))


def two_inputs(size: tuple[int, int] = (24, 32), order: str = "picture first", seed: int = 0) -> Any:
    """A picture and a speed; `order` "picture first", "picture last" or "dict"."""
    keras().utils.set_random_seed(seed)
    layers = keras().layers
    picture, speed = layers.Input((*size, 3), name="picture"), layers.Input((1,), name="speed")
    x = layers.Conv2D(4, 5, strides=2, activation="relu", name="conv1")(picture)
    x = layers.Concatenate()([layers.Flatten()(x), speed])
    output = layers.Dense(1, name="steering")(layers.Dense(6, activation="relu", name="dense1")(x))
    given: Any = {"speed": speed, "picture": picture}
    if order != "dict":
        given = [picture, speed] if order == "picture first" else [speed, picture]
    return keras().Model(given, output)


def subclassed(size: tuple[int, int] = (24, 32), seed: int = 0, built: bool = True) -> Any:
    """A network that is a class of its own, whose code calls the layers."""
    keras().utils.set_random_seed(seed)
    layers = keras().layers

    class Pilot(keras().Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="pilot")
            self.conv1 = layers.Conv2D(4, 5, strides=2, activation="relu", name="conv1")
            self.flat = layers.Flatten(name="flat")
            self.dense1 = layers.Dense(6, activation="relu", name="dense1")
            self.steering = layers.Dense(1, name="steering")

        def call(self, x: Any) -> Any:
            return self.steering(self.dense1(self.flat(self.conv1(x))))

    network = Pilot()
    if built:
        network(np.zeros((1, *size, 3), np.float32))
    return network


def classifier(
    ending: str = "argument",
    activation: str = "softmax",
    classes: int = 4,
    size: tuple[int, int] = SIZE,
    seed: int = 0,
) -> Any:
    """Class scores; `activation` as the `ending` says: "argument", "layer" or "activation layer"."""
    keras().utils.set_random_seed(seed)
    layers = keras().layers
    inputs = layers.Input((*size, 3))
    x = layers.Conv2D(3, 3, activation="relu", name="conv1")(layers.Rescaling(1 / 255)(inputs))
    last = layers.Dense(classes, activation if ending == "argument" else None, name="classes")
    x = last(layers.Flatten()(x))
    if ending == "layer":
        x = layers.Softmax(name="chances")(x)
    if ending == "activation layer":
        x = layers.Activation(activation, name="chances")(x)
    return keras().Model(inputs, x)


def categorical(bins: int = 5, size: tuple[int, int] = SIZE, seed: int = 0) -> Any:
    """A distribution over angles, and beside it a throttle."""
    keras().utils.set_random_seed(seed)
    layers = keras().layers
    inputs = layers.Input((*size, 3))
    x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    angle = layers.Dense(bins, activation="softmax", name="angle")(x)
    return keras().Model(inputs, [angle, layers.Dense(1, name="throttle")(x)])


def steering(
    network: Any,
    angle: AngleSpec = DEGREES,
    colour: Colour = "RGB",
    scale: float = 1.0,
    offset: float = 0.0,
    *,
    size: tuple[int, int] | None = None,
    target: Explainable | None = None,
    feed: Mapping[str, float | str] | None = None,
) -> SteeringModel:
    """The network as a SteeringModel that sees the whole frame; `size` where the network does not say it."""
    size = size or next(one.shape[1:3] for one in network.inputs if len(one.shape) == 4)
    card = Card(Preprocess(size, colour=colour, scale=scale, offset=offset), Target(angle))
    return SteeringModel(network, card, target=target, feed=feed)


def pictures(count: int, size: tuple[int, int], seed: int = 1) -> Any:
    """(N, h, w, 3) uint8 of noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def seen(images: Any, others: Any = None, first: int = 0) -> ModelInputs:
    """What a model without other inputs is given of frames with these pictures, counted from `first`."""
    count = len(images)
    beside = np.zeros((count, 0), np.float32) if others is None else np.asarray(others, np.float32)
    return ModelInputs(images, np.arange(first, first + count, dtype=np.int64), beside)


def context(images: Any, batch: int = 32, seed: int = 0) -> Context:
    """What methods may know of a clip of these pictures (N, h, w, 3), or of the mean (h, w, 3) alone."""
    if images.ndim == 4:
        return Context(images.mean(axis=0).astype(np.float32), images, batch, seed)
    return Context(images.astype(np.float32), images.astype(np.uint8)[None], batch, seed)


def asked(
    cases: Sequence[str], method: str = "gradient", options: Mapping[str, Any] | None = None, **more: Any
) -> ExplainSettings:
    """What a model is asked: these cases of a method with its options."""
    return ExplainSettings(method=method, options=options or {}, cases=tuple(cases), **more)
