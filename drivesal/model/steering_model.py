"""A steering model: a Keras network, how its input is made, and what its answer means."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.angle import AngleKind
from drivesal.model.auxiliary_inputs import checked_feed, fed
from drivesal.model.backend import tensorflow
from drivesal.model.card import Card, card_path, card_text
from drivesal.model.colour_conversion import converted, mapped
from drivesal.model.compatibility import check_finite, check_input, output_name, steering_of
from drivesal.model.network import Call, Signature, forward, signature
from drivesal.model.preprocess import Enlarged, Preprocess
from drivesal.model.score import check, express, looked_at
from drivesal.model.target import Explainable, Target, describe
from drivesal.types import Frame, Recording

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

    Shown = Recording | Frame | Image | Iterable[Frame] | Iterable[Image]
    """What `predict` takes."""


class SteeringModel:
    """A Keras 3 model joined to its `Preprocess` and to what is explained of it, by default its steering.

    `network` is never changed. `target` is what maps explain; the angle that a picture gives stays the card's
    steering answer, where the network has one. `feed` says where inputs beside the picture come from: a number
    that is held, or the name of a value that the recording carries; by default the one of the input's own name.
    `assumed` names what neither the card nor the person said ("input scaling", "unit", "sign"), `angle_assumed`
    more of that, which counts only where there is an angle; `steers` is False for a network whose number is
    none. `cut_anew` says that another crop was declared than the one in the card's file. Build one with
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
        cut_anew: bool = False,
        angle_assumed: tuple[str, ...] = (),
        steers: bool = True,
    ) -> None:
        self.network = network
        self.card = card
        self.path = path
        self.cut_anew = cut_anew
        self.preprocess = card.preprocess
        check_finite(network)
        self.signature: Signature = signature(network, (*card.preprocess.size, card.preprocess.channels))
        check_input(self.signature, card.preprocess)
        self.feed = checked_feed(self.signature, feed or {})
        self._functions: dict[str, Any] = {}
        self._sign = 1.0
        self.target: Explainable = card.target if target is None else target
        check(self.target, network, self.signature)
        self.steering: Target | None = None
        if steers:
            self.steering = steering_of(self.target, card.target, network, self.signature)
        self.assumed = assumed if self.steering is None else (*assumed, *angle_assumed)

    def __repr__(self) -> str:
        height, width = self.preprocess.size
        seen = f"{width}x{height} {self.preprocess.colour}"
        return f"<SteeringModel {self.name}: {seen} to {self.output_name} ({self.unit})>"

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
        return output_name(self.steering, self.signature)

    def enlarged(self, width: int, height: int) -> Enlarged | None:
        """What to say where the network is shown more pixels than the crop leaves of such a frame [px].

        None where it is not, and where the card says that it was trained on frames of this size, cut so.
        Raises InputError where nothing is left.
        """
        found, known = self.preprocess.enlarged(width, height), self.card.images
        trained_so = known is not None and not self.cut_anew and (width, height) in known.frames
        return None if trained_so else found

    @functools.cached_property
    def negated(self) -> SteeringModel:
        """The same model with the explained number's sign turned, for methods that are not odd in it."""
        other = copy.copy(self)
        other._sign, other._functions = -self._sign, {}
        return other

    def explaining(self, target: Explainable) -> SteeringModel:
        """The same model with another target. Raises ModelError."""
        return SteeringModel(
            self.network,
            self.card,
            path=self.path,
            assumed=self.assumed,
            target=target,
            feed=self.feed,
            cut_anew=self.cut_anew,
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
        """(N, h, w, 3) float tensor, RGB 0..255, to what maps are taken at.

        That is the network's picture input (N, h, w, C), or the picture as it is where the network's colour is
        no linear map of it.
        """
        return mapped(pictures, self.preprocess) if self.preprocess.linear else pictures

    def given(self, values: Any) -> Any:
        """What `inputs` gives to the network's picture input (N, h, w, C)."""
        if self.preprocess.linear:
            return values
        return mapped(converted(values, self.preprocess.colour), self.preprocess)

    @property
    def converts(self) -> bool:
        """Whether `given` does anything: HSV, HLS and Lab."""
        return not self.preprocess.linear

    @property
    def input_limits(self) -> tuple[Floats, Floats]:
        """The least and the most that each channel of the network's picture input can be, (C,) each."""
        return self.preprocess.input_limits()

    def answer(self, values: Any, others: Any = None) -> Any:
        """What `inputs` gives (N, h, w, C), with what `others_of` gives beside it, to (N,)."""
        return self.inside(self.given(values), others, ())[0]

    def inside(self, values: Any, others: Any, layers: Iterable[Any]) -> tuple[Any, list[Call]]:
        """The network's picture input to (N,), with the calls of these layers in the same pass, in order."""
        wanted = list(layers)
        outputs, calls = forward(
            self.network, self.arguments(values, others), [*wanted, *looked_at(self.target, self.network)]
        )
        score = express(self.target, self.signature, outputs, calls, self.network)
        kept = [call for call in calls if any(call.layer is one for one in wanted)]
        return (score if self._sign > 0 else -score), kept

    def arguments(self, values: Any, others: Any) -> list[Any]:
        """All inputs in the network's order: the image's (N, h, w, C), the auxiliary ones (N, numbers)."""
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
        return fed(frames, self.signature, self.feed)

    @property
    def to_rgb(self) -> Floats:
        """(C, 3) float32 that takes a gradient at `inputs` to one at RGB 0..255: the chain rule."""
        import numpy as np

        return np.eye(3, dtype=np.float32) if self.converts else self.preprocess.colour_map()[0].T

    def _angles(self, pictures: Any, others: Any) -> Any:
        """(N, h, w, 3) uint8 pictures to the angle, not what is explained."""
        tf = tensorflow()
        values = self.given(self.inputs(tf.cast(pictures, tf.float32)))
        if self.steering is None:
            return self.inside(values, others, ())[0]
        plain = Target(self.steering.angle, self.steering.output, self.steering.bins)
        outputs, _ = forward(self.network, self.arguments(values, others))
        return express(plain, self.signature, outputs, (), self.network)

    def predict(self, pictures: Shown, others: Floats | None = None) -> Floats:
        """The angles (N,) float32, left positive, in the unit of `kind`.

        `pictures` are (N, h, w, 3) uint8 RGB of the model's size, as `prepare` gives them. Anything else of
        frames goes too: a recording, a `Frame` or several, (H, W, 3) or (N, H, W, 3) uint8 RGB of any size:
        these are prepared (see `batching.batches_of`), while `attribute` and `explain` crop and resize
        every image, also one of the model's size. `others` is what `others_of` gives, for a network with
        more inputs than the picture; without it what frames carry. Raises InputError.
        """
        import numpy as np

        shape = (*self.preprocess.size, 3)
        array = pictures if isinstance(pictures, np.ndarray) and pictures.dtype == np.uint8 else None
        if array is not None and array.shape[1:] == shape and len(array):
            if others is None:
                others = self.others_of([Frame(i, 0.0, picture) for i, picture in enumerate(array)])
            return self._answers(array, others)
        from drivesal.model.batching import batches_of

        return np.concatenate([self._answers(*batch) for batch in batches_of(self, pictures, others)])

    def _answers(self, pictures: Image, others: Floats) -> Floats:
        """(N, h, w, 3) uint8 pictures of the model's size with (N, numbers) float32 to (N,) float32 angles."""
        tf = tensorflow()
        height, width = self.preprocess.size
        signature = [
            tf.TensorSpec([None, height, width, 3], tf.uint8),
            tf.TensorSpec([None, sum(size for _, size in self.signature.others)], tf.float32),
        ]
        function = self.compiled(
            "predict", lambda: tf.function(self._angles, input_signature=signature, autograph=False)
        )
        answers: Floats = function(pictures, others).numpy()
        return answers

    def predict_as(self, pictures: Image, others: Floats, preprocess: Preprocess) -> tuple[Floats, Floats]:
        """`predict` as if the card had this preprocess's colour and scaling; the model stays as it is.

        Nothing is compiled again for another of them; HSV, HLS and Lab are OpenCV's whole numbers. `pictures`
        are of the model's size; as many channels as the model has. Returns the angles (N,) and the same before
        a tanh or atan head (N,), which is the angles themselves where the network does not end in one. For a
        model that steers.
        """
        from drivesal.model.preprocess_override import predicted_as

        return predicted_as(self, pictures, others, preprocess)

    def prepare(self, image: Image) -> Image:
        """A frame (H, W, 3) uint8 RGB to the picture (h, w, 3) that the model sees of it."""
        return self.preprocess.prepare(image)

    def save(self, path: Path) -> None:
        """Writes the network as `.keras` and its card beside it."""
        self.network.save(path)
        card_path(path).write_text(card_text(self.card), encoding="utf-8")
