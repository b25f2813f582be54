"""A steering model: a Keras network, how its input is made, and what its answer means."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.backend import tensorflow
from drivesal.card import Card, card_path, card_text
from drivesal.errors import ModelError
from drivesal.preprocess import Preprocess
from drivesal.steering import AngleKind

if TYPE_CHECKING:
    from drivesal.types import Floats, Image


class SteeringModel:
    """A Keras 3 model joined to its `Preprocess` and its steering `Target`.

    `network` is never changed. `assumed` names what neither the card nor the person said ("input scaling",
    "unit", "sign"). Build one with `load_model`, or directly from a network in memory.

    Raises ModelError where the network takes no single picture, gives no single number under the target, or
    holds weights that are not finite.
    """

    def __init__(
        self, network: Any, card: Card, *, path: Path | None = None, assumed: tuple[str, ...] = ()
    ) -> None:
        self.network = network
        self.card = card
        self.path = path
        self.assumed = assumed
        self.preprocess = card.preprocess
        self.target = card.target
        _check_finite(network)
        _check_input(network, card.preprocess)
        self._output, self._element = _locate(network, card.target.output)

    @property
    def name(self) -> str:
        """The weights' file name, or the network's own name."""
        return self.path.name if self.path else str(self.network.name)

    @property
    def kind(self) -> AngleKind:
        """What the model's angles are inside drivesal."""
        return self.target.angle.kind

    @functools.cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the weights file, None for a network in memory."""
        if self.path is None:
            return None
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def output_name(self) -> str:
        """Which output is explained, by name, with the element where it gives several numbers."""
        name, shape = _outputs(self.network)[self._output]
        return name if _width(shape) == 1 else f"{name}[{self._element}]"

    def score(self, pictures: Any) -> Any:
        """The steering angle as a differentiable TensorFlow expression, for use inside a compiled function.

        pictures: (N, h, w, 3) float tensor, RGB 0..255. Returns (N,) in drivesal's convention (`kind`, left
        positive), so that a gradient is degrees (or norm) per 1/255 of brightness. It is
        `answer(inputs(pictures))`.
        """
        return self.answer(self.inputs(pictures))

    def inputs(self, pictures: Any) -> Any:
        """(N, h, w, 3) float tensor, RGB 0..255, to the network's input (N, h, w, C)."""
        matrix, shift = self.preprocess.colour_map()
        if self.preprocess.colour == "RGB":
            return pictures * matrix[0, 0] + shift
        # a 1x1 convolution costs half of what a matrix product costs
        return tensorflow().nn.conv2d(pictures, matrix[None, None], 1, "VALID") + shift

    def answer(self, values: Any) -> Any:
        """The network's input (N, h, w, C) to the angle (N,), differentiable."""
        tf = tensorflow()
        answers = tf.nest.flatten(self.network(values, training=False))
        answer = tf.reshape(answers[self._output], [tf.shape(values)[0], -1])[:, self._element]
        return tf.cast(answer, tf.float32) * self.target.angle.factor

    @property
    def to_rgb(self) -> Floats:
        """(C, 3) float32 that takes a gradient at the network's input to one at RGB 0..255: the chain rule."""
        return self.preprocess.colour_map()[0].T

    @functools.cached_property
    def _predict(self) -> Any:
        tf = tensorflow()
        height, width = self.preprocess.size

        @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.uint8)])  # type: ignore[untyped-decorator]
        def predict(pictures: Any) -> Any:
            return self.score(tf.cast(pictures, tf.float32))

        return predict

    def predict(self, pictures: Image) -> Floats:
        """(N, h, w, 3) uint8 RGB pictures of the model's size to (N,) float32 angles, left positive."""
        answers: Floats = self._predict(pictures).numpy()
        return answers

    def prepare(self, image: Image) -> Image:
        """A frame (H, W, 3) uint8 RGB to the picture (h, w, 3) that the model sees of it."""
        return self.preprocess.prepare(image)

    def save(self, path: Path) -> None:
        """Writes the network as `.keras` and its card beside it."""
        self.network.save(path)
        card_path(path).write_text(card_text(self.card), encoding="utf-8")


def input_shape(network: Any) -> tuple[int | None, ...]:
    """(height, width, channels) of the network's one picture input."""
    inputs = getattr(network, "inputs", None) or []  # a Sequential that was never built has none
    shapes = [tuple(one.shape[1:]) for one in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] not in (1, 3):
        came = "; ".join(f"{one.name} {shape}" for one, shape in zip(inputs, shapes, strict=True))
        raise ModelError(
            "a model with one picture as input, (height, width, 1 or 3 channels)",
            f"its inputs are {came}" if came else "it has no fixed inputs",
            "give a model that maps one camera frame to steering",
        )
    return shapes[0]


def _check_input(network: Any, preprocess: Preprocess) -> None:
    height, width, channels = input_shape(network)
    size = preprocess.size
    if channels != preprocess.channels or height not in (None, size[0]) or width not in (None, size[1]):
        raise ModelError(
            f"a preprocess that gives the model's input {(height, width, channels)}",
            f"it gives {(*size, preprocess.channels)} ({preprocess.colour})",
            "mend the card or give --color",
        )


def _check_finite(network: Any) -> None:
    import numpy as np

    for weight in network.weights:
        if not np.all(np.isfinite(weight.numpy())):
            raise ModelError(
                "finite weights", f"{weight.path} holds NaN or infinity", "train or export the model again"
            )


def _outputs(network: Any) -> list[tuple[str, tuple[int | None, ...]]]:
    """Name and shape without the batch of every output, in order."""
    outputs = tensorflow().nest.flatten(network.outputs)
    # a Sequential has no output_names: its output is its last layer's
    names = getattr(network, "output_names", None) or [network.layers[-1].name]
    return [(str(name), tuple(one.shape[1:])) for name, one in zip(names, outputs, strict=True)]


def _width(shape: tuple[int | None, ...]) -> int:
    """How many numbers an output of this shape gives; 0 where that is not fixed."""
    width = 1
    for size in shape:
        width *= size or 0
    return width


def _locate(network: Any, wanted: str | int | None) -> tuple[int, int]:
    """(which output, which of its numbers) the target means. Raises ModelError that lists them."""
    outputs = _outputs(network)
    listed = ", ".join(f"{i}: {name} {shape}" for i, (name, shape) in enumerate(outputs))
    single = len(outputs) == 1
    names = [name for name, _ in outputs]
    chosen = (0 if single else None) if wanted is None else (names.index(wanted) if wanted in names else None)
    element = 0
    if isinstance(wanted, int):
        inside = single and 0 <= wanted < _width(outputs[0][1])
        element = wanted if inside else 0
        chosen = 0 if inside else (wanted if not single and 0 <= wanted < len(outputs) else None)
    if chosen is None:
        raise ModelError(
            "one output to explain",
            f"none is chosen of {listed}"
            if wanted is None
            else f"there is no output {wanted!r} among {listed}",
            "choose one with --output NAME or its number",
        )
    width = _width(outputs[chosen][1])
    if width != 1 and not (single and isinstance(wanted, int)):
        raise ModelError(
            "an output that is one number, the steering angle",
            f"{names[chosen]} gives {width or 'an unknown number of'} numbers",
            "choose one by its number with --output, or give a model that regresses the angle",
        )
    return chosen, element
