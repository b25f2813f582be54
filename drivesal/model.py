"""A steering model: a Keras network, how its input is made, and what its answer means."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.backend import tensorflow
from drivesal.card import Card, card_path, card_text
from drivesal.errors import InputError, ModelError
from drivesal.network import Call, Signature, forward, signature
from drivesal.preprocess import Preprocess
from drivesal.score import check, express, locate, looked_at
from drivesal.steering import AngleKind
from drivesal.target import Explainable, Target, describe, terms

if TYPE_CHECKING:
    from drivesal.types import Floats, Frame, Image


class SteeringModel:
    """A Keras 3 model joined to its `Preprocess` and to what is explained of it, by default its steering.

    `network` is never changed. `target` is what maps explain; the angle that a picture gives stays the card's
    steering answer, where the network has one. `feed` says where inputs beside the picture come from: a number
    that is held, or the name of a value that the recording carries; by default the one of the input's own name.
    `assumed` names what neither the card nor the person said ("input scaling", "unit", "sign"). Build one with
    `load_model`, or directly from a network in memory.

    Raises ModelError where the network takes no single picture, has not what the target names, or holds weights
    that are not finite.
    """

    def __init__(
        self,
        network: Any,
        card: Card,
        *,
        path: Path | None = None,
        assumed: tuple[str, ...] = (),
        target: Explainable | None = None,
        feed: Mapping[str, float | str] | None = None,
    ) -> None:
        self.network = network
        self.card = card
        self.path = path
        self.assumed = assumed
        self.preprocess = card.preprocess
        _check_finite(network)
        self.signature: Signature = signature(network, (*card.preprocess.size, card.preprocess.channels))
        _check_input(self.signature, card.preprocess)
        self.feed = _checked_feed(self.signature, feed or {})
        self._functions: dict[str, Any] = {}
        self._sign = 1.0
        self.target: Explainable = card.target if target is None else target
        check(self.target, network, self.signature)
        self.steering: Target | None = _steering(self.target, card.target, network, self.signature)

    @property
    def name(self) -> str:
        """The weights' file name, or the network's own name."""
        return self.path.name if self.path else str(self.network.name)

    @property
    def kind(self) -> AngleKind:
        """What the angle of a picture is inside drivesal; the explained number's where there is no angle."""
        return self.target.kind if self.steering is None else self.steering.angle.kind

    @property
    def unit(self) -> str:
        """The unit of the explained number: "deg", "norm" or "score"."""
        return self.target.kind.unit

    @property
    def explains_its_answer(self) -> bool:
        """Whether the explained number is the angle itself."""
        if self.steering is None:
            return True
        return self.target == self.steering and not self.steering.pre_activation

    @functools.cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the weights file, None for a network in memory."""
        if self.path is None:
            return None
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def output_name(self) -> str:
        """Which output steers, by name, with the element where it gives several numbers."""
        if self.steering is None:
            return describe(self.target)
        return _output_name(self.steering, self.signature)

    @functools.cached_property
    def negated(self) -> SteeringModel:
        """The same model with the explained number's sign turned, for methods that are not odd in it."""
        other = copy.copy(self)
        other._sign, other._functions = -self._sign, {}
        return other

    def explaining(self, target: Explainable) -> SteeringModel:
        """The same model with another target. Raises ModelError."""
        return SteeringModel(
            self.network, self.card, path=self.path, assumed=self.assumed, target=target, feed=self.feed
        )

    def compiled(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gave when it was first asked for under this name: functions are compiled once a model."""
        if name not in self._functions:
            self._functions[name] = make()
        return self._functions[name]

    def score(self, pictures: Any, others: Any = None) -> Any:
        """The explained number as a differentiable TensorFlow expression, for use inside a compiled function.

        pictures: (N, h, w, 3) float tensor, RGB 0..255. Returns (N,), an angle in drivesal's convention
        (`kind`, left positive), so that a gradient is degrees (or norm) per 1/255 of brightness. It is
        `answer(inputs(pictures), others)`.
        """
        return self.answer(self.inputs(pictures), others)

    def inputs(self, pictures: Any) -> Any:
        """(N, h, w, 3) float tensor, RGB 0..255, to the network's picture input (N, h, w, C)."""
        return _network_input(pictures, self.preprocess)

    def answer(self, values: Any, others: Any = None) -> Any:
        """The network's picture input (N, h, w, C), with what `others_of` gives beside it, to (N,)."""
        return self.inside(values, others, ())[0]

    def inside(self, values: Any, others: Any, layers: Iterable[Any]) -> tuple[Any, list[Call]]:
        """`answer`, with the calls of these layers in the same forward pass, in order."""
        wanted = list(layers)
        outputs, calls = forward(
            self.network, self._arguments(values, others), [*wanted, *looked_at(self.target, self.network)]
        )
        score = express(self.target, self.signature, outputs, calls, self.network)
        kept = [call for call in calls if any(call.layer is one for one in wanted)]
        return (score if self._sign > 0 else -score), kept

    def _arguments(self, values: Any, others: Any) -> list[Any]:
        """The inputs in the network's order."""
        if not self.signature.others:
            return [values]
        tf = tensorflow()
        arguments = list(tf.split(others, [size for _, size in self.signature.others], axis=1))
        arguments.insert(self.signature.picture, values)
        return arguments

    def others_of(self, frames: Sequence[Frame]) -> Floats:
        """What goes beside the pictures of these frames, (N, numbers) float32; (N, 0) for most networks.

        Raises InputError where a frame does not carry a value that an input needs.
        """
        import numpy as np

        rows = [[self._fed(name, frame) for name, _ in self.signature.others] for frame in frames]
        sizes = [size for _, size in self.signature.others]
        return np.repeat(np.array(rows, np.float32).reshape(len(frames), len(sizes)), sizes, axis=1)

    def _fed(self, name: str, frame: Frame) -> float:
        source = self.feed.get(name, name)
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

    @property
    def to_rgb(self) -> Floats:
        """(C, 3) float32 that takes a gradient at the network's input to one at RGB 0..255: the chain rule."""
        return self.preprocess.colour_map()[0].T

    def _angles(self, pictures: Any, others: Any) -> Any:
        """(N, h, w, 3) uint8 pictures to the angle, not what is explained."""
        tf = tensorflow()
        values = self.inputs(tf.cast(pictures, tf.float32))
        if self.steering is None:
            return self.answer(values, others)
        plain = Target(self.steering.angle, self.steering.output, self.steering.bins)
        outputs, _ = forward(self.network, self._arguments(values, others))
        return express(plain, self.signature, outputs, (), self.network)

    def _mapped(self, pictures: Any, others: Any, matrix: Any, shift: Any) -> tuple[Any, Any]:
        """The angle under another map of colours, and the same before a tanh or atan head."""
        tf = tensorflow()
        values = tf.nn.conv2d(tf.cast(pictures, tf.float32), matrix[None, None], 1, "VALID") + shift
        outputs, _ = forward(self.network, self._arguments(values, others))
        assert self.steering is not None
        plain = Target(self.steering.angle, self.steering.output, self.steering.bins)
        angles = express(plain, self.signature, outputs, (), self.network)
        if plain.bins is not None:
            return angles, angles
        try:
            headless = dataclasses.replace(plain, pre_activation=True)
            return angles, express(headless, self.signature, outputs, (), self.network)
        except ModelError:  # it does not end in such a head
            return angles, angles

    def predict(self, pictures: Image, others: Floats | None = None) -> Floats:
        """(N, h, w, 3) uint8 RGB pictures of the model's size to (N,) float32 angles, left positive.

        `others` is what `others_of` gives, for a network with more inputs than the picture.
        """
        from drivesal.types import Frame

        tf = tensorflow()
        height, width = self.preprocess.size
        signature = [
            tf.TensorSpec([None, height, width, 3], tf.uint8),
            tf.TensorSpec([None, sum(size for _, size in self.signature.others)], tf.float32),
        ]
        function = self.compiled(
            "predict", lambda: tf.function(self._angles, input_signature=signature, autograph=False)
        )
        if others is None:
            others = self.others_of([Frame(i, 0.0, picture) for i, picture in enumerate(pictures)])
        answers: Floats = function(pictures, others).numpy()
        return answers

    def predict_as(self, pictures: Image, others: Floats, preprocess: Preprocess) -> tuple[Floats, Floats]:
        """`predict` as if the card had this preprocess's colour and scaling; the model stays as it is.

        Nothing is compiled again for another of them. `pictures` are of the model's size; as many channels as
        the model has. Returns the angles (N,) and the same before a tanh or atan head (N,), which is the angles
        themselves where the network does not end in one. For a model that steers.
        """
        tf = tensorflow()
        height, width = self.preprocess.size
        channels = self.preprocess.channels
        signature = [
            tf.TensorSpec([None, height, width, 3], tf.uint8),
            tf.TensorSpec([None, sum(size for _, size in self.signature.others)], tf.float32),
            tf.TensorSpec([3, channels], tf.float32),
            tf.TensorSpec([channels], tf.float32),
        ]
        function = self.compiled(
            "predict as", lambda: tf.function(self._mapped, input_signature=signature, autograph=False)
        )
        angles, headless = function(pictures, others, *preprocess.colour_map())
        return angles.numpy(), headless.numpy()

    def prepare(self, image: Image) -> Image:
        """A frame (H, W, 3) uint8 RGB to the picture (h, w, 3) that the model sees of it."""
        return self.preprocess.prepare(image)

    def save(self, path: Path) -> None:
        """Writes the network as `.keras` and its card beside it."""
        self.network.save(path)
        card_path(path).write_text(card_text(self.card), encoding="utf-8")


def _network_input(pictures: Any, preprocess: Preprocess) -> Any:
    """(N, h, w, 3) float tensor, RGB 0..255, in the network's colours and scaling (N, h, w, C)."""
    matrix, shift = preprocess.colour_map()
    if preprocess.colour == "RGB":
        return pictures * matrix[0, 0] + shift
    # a 1x1 convolution costs half of what a matrix product costs
    return tensorflow().nn.conv2d(pictures, matrix[None, None], 1, "VALID") + shift


def _steering(target: Explainable, stated: Target, network: Any, signature: Signature) -> Target | None:
    """The steering answer: the target itself, or the card's where the network has it."""
    if isinstance(target, Target):
        return target
    try:
        check(stated, network, signature)
    except ModelError:
        return None
    return stated


def _output_name(target: Target, signature: Signature) -> str:
    names = []
    for term in terms(target.output):
        if target.bins is not None:
            names.append(f"expected angle of {term.output or signature.outputs[0][0]}")
            continue
        which, element = locate(signature, term.output, term.element)
        name, shape = signature.outputs[which]
        text = name if all(size == 1 for size in shape) else f"{name}[{element}]"
        names.append(text if term.weight == 1 else f"{term.weight:g}*{text}")
    return "+".join(names)


def _checked_feed(signature: Signature, feed: Mapping[str, float | str]) -> dict[str, float | str]:
    known = [name for name, _ in signature.others]
    for name in feed:
        if name not in known:
            raise ModelError(
                f"one of the model's inputs beside the picture ({', '.join(known) or 'it has none'})",
                f"a value for {name!r} was given",
                "leave it out",
            )
    return dict(feed)


def _check_input(found: Signature, preprocess: Preprocess) -> None:
    height, width, channels = found.shape
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
