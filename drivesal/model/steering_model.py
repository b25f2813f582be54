"""A steering model: a Keras network with the preprocessing of its input and the meaning of its output."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.angle import AngleKind
from drivesal.model.auxiliary_inputs import auxiliary_values, checked_feed
from drivesal.model.backend import tensorflow
from drivesal.model.card import Card, card_path, card_text
from drivesal.model.colour_conversion import converted, mapped
from drivesal.model.compatibility import check_finite, check_input, output_name, steering_target
from drivesal.model.network import Call, Signature, forward, signature
from drivesal.model.preprocess import Enlarged, Preprocess
from drivesal.model.score import check, express, required_layers
from drivesal.model.target import Explainable, Target, describe
from drivesal.types import Frame, Recording

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

    ImageSource = Recording | Frame | Image | Iterable[Frame] | Iterable[Image]
    """Accepted by `predict`."""


class SteeringModel:
    """A Keras 3 model with its `Preprocess` and the target that is explained, by default its steering.

    `network` is never modified. `target` is what maps explain; `predict` still returns the card's steering
    prediction if the network has one. `feed` maps each auxiliary input to a constant or to the name of a
    recorded value, by default the value of the input's own name. `assumed` lists what neither the card nor the
    user declared ("input scaling", "unit", "sign"); `angle_assumed` lists assumptions that apply only if there
    is an angle. `steers` is False for a network whose output is not an angle. `cut_anew` marks a crop that was
    declared and differs from the card's. Build one with `load_model`, or directly from a network in memory.

    Raises ModelError if the network does not take exactly one image, lacks what the target names, or has
    weights that are not finite.
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
            self.steering = steering_target(self.target, card.target, network, self.signature)
        self.assumed = assumed if self.steering is None else (*assumed, *angle_assumed)

    def __repr__(self) -> str:
        height, width = self.preprocess.size
        seen = f"{width}x{height} {self.preprocess.colour}"
        return f"<SteeringModel {self.name}: {seen} to {self.output_name} ({self.unit})>"

    @property
    def name(self) -> str:
        """File name of the model, or the network's own name."""
        return self.path.name if self.path else str(self.network.name)

    @property
    def kind(self) -> AngleKind:
        """Kind of the predicted angle in drivesal's convention; the score's kind if there is no angle."""
        return self.target.kind if self.steering is None else self.steering.angle.kind

    @property
    def unit(self) -> str:
        """Unit of the explained score: "deg", "norm" or "score"."""
        return self.target.kind.unit

    @property
    def explains_prediction(self) -> bool:
        """Whether the explained score is the predicted angle itself."""
        if self.steering is None:
            return True
        return self.target == self.steering and not self.steering.pre_activation

    @functools.cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the model's file, None for a network in memory."""
        if self.path is None:
            return None
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def output_name(self) -> str:
        """Name of the steering output, with the element's index if the output is a vector."""
        if self.steering is None:
            return describe(self.target)
        return output_name(self.steering, self.signature)

    def enlarged(self, width: int, height: int) -> Enlarged | None:
        """The upscaling that frames of this size [px] undergo to reach the network's input, else None.

        None also if the card lists this frame size among its training frames and the crop is the card's. Raises
        InputError if the crop exceeds the frame.
        """
        enlarged, training = self.preprocess.enlarged(width, height), self.card.images
        as_trained = training is not None and not self.cut_anew and (width, height) in training.frames
        return None if as_trained else enlarged

    @functools.cached_property
    def negated(self) -> SteeringModel:
        """The same model with the score negated, for methods that are not antisymmetric in it."""
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
        """The cached result of `make` under this name, so that functions are compiled once per model."""
        if name not in self._functions:
            self._functions[name] = make()
        return self._functions[name]

    def score(self, images: Any, auxiliary: Any = None) -> Any:
        """The explained score as a differentiable TensorFlow expression, for use inside a compiled function.

        `images` is a (N, h, w, 3) float tensor, RGB 0..255. Returns (N,), an angle in drivesal's convention
        (`kind`, left positive), so that a gradient is in degrees (or norm) per 1/255 of brightness. Equal to
        `score_of(inputs(images), auxiliary)`.
        """
        return self.score_of(self.inputs(images), auxiliary)

    def inputs(self, images: Any) -> Any:
        """(N, h, w, 3) float tensor, RGB 0..255, to the tensor at which attributions are computed.

        That is the network's image input (N, h, w, C), or the RGB image itself for a nonlinear colour space.
        """
        return mapped(images, self.preprocess) if self.preprocess.linear else images

    def to_network_input(self, values: Any) -> Any:
        """The result of `inputs` to the network's image input (N, h, w, C)."""
        if self.preprocess.linear:
            return values
        return mapped(converted(values, self.preprocess.colour), self.preprocess)

    @property
    def converts(self) -> bool:
        """Whether `to_network_input` converts the colour space: HSV, HLS and Lab."""
        return not self.preprocess.linear

    @property
    def input_limits(self) -> tuple[Floats, Floats]:
        """Lower and upper bound of each channel of the network's image input, (C,) each."""
        return self.preprocess.input_limits()

    def score_of(self, values: Any, auxiliary: Any = None) -> Any:
        """The explained score (N,) of `inputs`' result (N, h, w, C) and the auxiliary inputs (N, K)."""
        return self.score_and_calls(self.to_network_input(values), auxiliary, ())[0]

    def score_and_calls(self, values: Any, auxiliary: Any, layers: Iterable[Any]) -> tuple[Any, list[Call]]:
        """The explained score (N,) of the network's image input, and the calls of these layers, in order."""
        observed = list(layers)
        outputs, calls = forward(
            self.network,
            self.arguments(values, auxiliary),
            [*observed, *required_layers(self.target, self.network)],
        )
        score = express(self.target, self.signature, outputs, calls, self.network)
        recorded = [call for call in calls if any(call.layer is layer for layer in observed)]
        return (score if self._sign > 0 else -score), recorded

    def arguments(self, values: Any, auxiliary: Any) -> list[Any]:
        """All inputs in the network's order: the image's (N, h, w, C), the auxiliary ones (N, length)."""
        if not self.signature.auxiliary:
            return [values]
        tf = tensorflow()
        arguments = list(tf.split(auxiliary, [size for _, size in self.signature.auxiliary], axis=1))
        arguments.insert(self.signature.image_index, values)
        return arguments

    def auxiliary_inputs_of(self, frames: Sequence[Frame]) -> Floats:
        """The auxiliary inputs of these frames, (N, K) float32; (N, 0) for most networks.

        Raises InputError if a frame lacks a value that an input needs.
        """
        return auxiliary_values(frames, self.signature, self.feed)

    @property
    def to_rgb(self) -> Floats:
        """(C, 3) float32 matrix that maps a gradient at `inputs` to one at RGB 0..255, by the chain rule."""
        import numpy as np

        return np.eye(3, dtype=np.float32) if self.converts else self.preprocess.colour_map()[0].T

    def _angles(self, images: Any, auxiliary: Any) -> Any:
        """(N, h, w, 3) uint8 images to the predicted angle, whatever the target."""
        tf = tensorflow()
        values = self.to_network_input(self.inputs(tf.cast(images, tf.float32)))
        if self.steering is None:
            return self.score_and_calls(values, auxiliary, ())[0]
        plain = Target(self.steering.angle, self.steering.output, self.steering.bins)
        outputs, _ = forward(self.network, self.arguments(values, auxiliary))
        return express(plain, self.signature, outputs, (), self.network)

    def predict(self, images: ImageSource, auxiliary: Floats | None = None) -> Floats:
        """Predicted angles (N,) float32, left positive, in the unit of `kind`.

        `images` are (N, h, w, 3) uint8 RGB of the model's size, as returned by `prepare`; or a recording, a
        `Frame` or several, or (H, W, 3) or (N, H, W, 3) uint8 RGB of any size, which are cropped and resized
        first (see `batching.batches_of`). `attribute` and `explain`, in contrast, crop and resize every image,
        even one of the model's size. `auxiliary` (N, K) are the auxiliary inputs in the order of
        `auxiliary_inputs_of`, by default the values that the frames carry. Raises InputError.
        """
        import numpy as np

        shape = (*self.preprocess.size, 3)
        array = images if isinstance(images, np.ndarray) and images.dtype == np.uint8 else None
        if array is not None and array.shape[1:] == shape and len(array):
            if auxiliary is None:
                auxiliary = self.auxiliary_inputs_of([Frame(i, 0.0, image) for i, image in enumerate(array)])
            return self._predict_batch(array, auxiliary)
        from drivesal.model.batching import batches_of

        return np.concatenate([self._predict_batch(*batch) for batch in batches_of(self, images, auxiliary)])

    def _predict_batch(self, images: Image, auxiliary: Floats) -> Floats:
        """(N, h, w, 3) uint8 images of the model's size and (N, K) float32 to (N,) float32 angles."""
        tf = tensorflow()
        height, width = self.preprocess.size
        signature = [
            tf.TensorSpec([None, height, width, 3], tf.uint8),
            tf.TensorSpec([None, sum(size for _, size in self.signature.auxiliary)], tf.float32),
        ]
        function = self.compiled(
            "predict", lambda: tf.function(self._angles, input_signature=signature, autograph=False)
        )
        angles: Floats = function(images, auxiliary).numpy()
        return angles

    def predict_as(self, images: Image, auxiliary: Floats, preprocess: Preprocess) -> tuple[Floats, Floats]:
        """Predict with another preprocess's colour space and scaling; the model itself is unchanged.

        One compiled function serves all of them; HSV, HLS and Lab are OpenCV's integer values. `images` have
        the model's size, and `preprocess` as many channels as the model. Returns the angles (N,) and the values
        before a tanh or atan head (N,), equal to the angles if the network does not end in one. Requires a
        model that steers.
        """
        from drivesal.model.preprocess_override import predict_with_preprocess

        return predict_with_preprocess(self, images, auxiliary, preprocess)

    def prepare(self, image: Image) -> Image:
        """Crop and resize a frame (H, W, 3) uint8 RGB to the model's image (h, w, 3)."""
        return self.preprocess.prepare(image)

    def save(self, path: Path) -> None:
        """Write the network as a `.keras` file, and its card next to it."""
        self.network.save(path)
        card_path(path).write_text(card_text(self.card), encoding="utf-8")
