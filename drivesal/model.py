"""A steering model: a Keras network, how its input is made, and what its answer means."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.backend import keras, tensorflow
from drivesal.card import Card, Target, card_path, card_text, read_card
from drivesal.errors import ModelError
from drivesal.preprocess import Colour, Crop, Interpolation, Preprocess
from drivesal.steering import AngleKind, AngleSpec, Side, Turns, Unit

if TYPE_CHECKING:
    from drivesal.types import Floats, Image


@dataclass(frozen=True, slots=True)
class Declared:
    """What a person says of a model; None leaves it to the card or to an assumption that is told.

    `size` is (height, width) [px] of the network's input, `input_scale` (scale, offset) of `Preprocess`.
    """

    crop: Crop | None = None
    interpolation: Interpolation | None = None
    colour: Colour | None = None
    input_scale: tuple[float, float] | None = None
    output: str | None = None
    unit: Unit | None = None
    turns: Turns | None = None
    positive: Side | None = None
    full_lock_deg: float | None = None
    size: tuple[int, int] | None = None


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


def load_model(path: Path, declared: Declared | None = None, *, unsafe: bool = False) -> SteeringModel:
    """Reads a `.keras` file with its card; what `declared` says goes before the card.

    No code from the file runs unless `unsafe`. Raises ModelError.
    """
    declared = declared or Declared()
    network = _read_network(path, unsafe)
    given = card_path(path)
    card = read_card(given) if given.is_file() else None
    preprocess, assumed = _preprocess(network, card, declared)
    angle, more = _angle(card, declared)
    output: str | int | None = card.target.output if card else None
    if declared.output is not None:
        output = int(declared.output) if declared.output.isdigit() else declared.output
    base = card or Card(preprocess, Target(angle))
    card = dataclasses.replace(base, preprocess=preprocess, target=Target(angle, output))
    return SteeringModel(network, card, path=path, assumed=assumed + more)


def _read_network(path: Path, unsafe: bool) -> Any:
    expected = "a Keras model in a .keras file"
    if not path.exists():
        raise ModelError(expected, f"{path} does not exist", "check the path given to --model")
    if not path.is_file():
        raise ModelError(expected, f"{path} is a folder", "save the model with model.save('name.keras')")
    if not zipfile.is_zipfile(path):
        raise ModelError(
            expected, f"{path} is not one", "load it in the Keras that wrote it and save it as name.keras"
        )
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))
    except (KeyError, ValueError, zipfile.BadZipFile, OSError) as error:
        raise ModelError(expected, f"{path} holds no readable config.json", "save the model again") from error
    lambdas = [name for kind, name in _layers(config) if kind == "Lambda"]
    if lambdas and not unsafe:
        raise ModelError(
            "a model without Python code in it",
            f"{path} has Lambda code in {', '.join(lambdas)}",
            "if you trust where the file comes from, allow it with --unsafe",
        )
    try:
        return keras().saving.load_model(path, compile=False, safe_mode=not unsafe)
    except Exception as error:  # whatever Keras raises of a file that it cannot rebuild
        # Keras repeats the whole configuration before the reason
        text = " ".join(str(error).split("Exception encountered:")[-1].split()) or type(error).__name__
        reason = text.split(". ")[0][:200]
        do = "save it again with Keras 3"
        if "Could not locate" in reason:
            do = "custom classes cannot be loaded: build the model of Keras's own layers"
        raise ModelError("a model that Keras can rebuild", f"{path} cannot be loaded ({reason})", do) from error


def _layers(config: Any) -> Iterator[tuple[str, str]]:
    """(class, name) of everything that a saved configuration declares, however deep."""
    if isinstance(config, dict):
        if "class_name" in config:
            inner = config.get("config")
            yield (
                str(config["class_name"]),
                str((inner or {}).get("name") if isinstance(inner, dict) else inner),
            )
        for value in config.values():
            yield from _layers(value)
    elif isinstance(config, list):
        for value in config:
            yield from _layers(value)


def _input_shape(network: Any) -> tuple[int | None, ...]:
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
    height, width, channels = _input_shape(network)
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


def _preprocess(network: Any, card: Card | None, declared: Declared) -> tuple[Preprocess, tuple[str, ...]]:
    """The card's preprocess with what was declared over it, and what had to be assumed."""
    assumed: tuple[str, ...] = ()
    if card is not None:
        base = card.preprocess
    else:
        height, width, channels = _input_shape(network)
        height, width = declared.size or (height, width)
        if height is None or width is None:
            raise ModelError(
                "a model with a fixed input size",
                f"its input is {(height, width, channels)}",
                "give --input-size",
            )
        base = Preprocess((height, width), colour="GREY" if channels == 1 else "RGB")
        if declared.input_scale is None:
            assumed += ("input scaling 0..255",)
        if declared.colour is None:
            assumed += (f"colour {base.colour}",)
    scale, offset = declared.input_scale or (base.scale, base.offset)
    preprocess = dataclasses.replace(
        base,
        size=declared.size or base.size,
        crop=declared.crop or base.crop,
        interpolation=declared.interpolation or base.interpolation,
        colour=declared.colour or base.colour,
        scale=scale,
        offset=offset,
    )
    return preprocess, assumed


def _angle(card: Card | None, declared: Declared) -> tuple[AngleSpec, tuple[str, ...]]:
    """What the answer means, and what had to be assumed of it."""
    base = card.target.angle if card else AngleSpec("norm")
    unit = declared.unit or base.unit
    lock = declared.full_lock_deg or (base.full_lock_deg if unit == "norm" else None)
    try:
        angle = AngleSpec(unit, declared.turns or base.turns, declared.positive or base.positive, lock)
    except ValueError as error:
        raise ModelError(
            "a full lock only with --angle-unit norm", str(error), "leave --full-lock out"
        ) from error
    assumed: tuple[str, ...] = ()
    if card is None and declared.unit is None:
        assumed += ("unit unknown (norm)",)
    if card is None and declared.positive is None:
        assumed += ("positive = left",)
    return angle, assumed
