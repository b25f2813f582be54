"""Compiled functions that several methods share: a gradient, a score, and gradients summed over samples.

Each is compiled once per model (`Scorable.compiled`) for any batch size. The samples of several frames are
packed into full batches, so the batch size alone bounds the memory, whatever the number of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from drivesal.model.backend import tensorflow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.attribution.registry import Context, ModelInputs, Scorable
    from drivesal.types import Floats


def score_gradient(score: Any, x: Any) -> Any:
    """∂score/∂x, 0 where the score does not depend on x; for use inside a compiled function."""
    tf = tensorflow()
    gradient = tf.gradients(score, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)[0]
    return tf.convert_to_tensor(gradient)


def as_array(tensor: Any) -> Floats:
    """An array that shares the tensor's memory. numpy() would copy, although nothing else uses the tensor."""
    import numpy as np

    return np.asarray(memoryview(tensor))


def float_specs(*shapes: tuple[int | None, ...]) -> list[Any]:
    """float32 inputs of a compiled function: each shape with a batch axis of any length in front."""
    tf = tensorflow()
    return [tf.TensorSpec([None, *shape], tf.float32) for shape in shapes]


def compiled_for_images(
    model: Scorable, name: str, function: Callable[[Any, Any], Any], context: Context
) -> Callable[[ModelInputs], tuple[Floats, Floats]]:
    """Compile (images (N, h, w, 3) uint8, auxiliary inputs) → scores (N,), map (N, h, w, C) under `name`.

    Traced at once, so that an unsuitable network is refused before the first frame.
    """
    tf = tensorflow()
    height, width, _ = context.mean.shape
    signature = [tf.TensorSpec([None, height, width, 3], tf.uint8), tf.TensorSpec([None, None], tf.float32)]
    compute = model.compiled(name, lambda: tf.function(function, input_signature=signature, autograph=False))
    compute.get_concrete_function()

    def run(inputs: ModelInputs) -> tuple[Floats, Floats]:
        scores, raw = compute(inputs.images, inputs.auxiliary)
        return scores.numpy(), as_array(raw)

    return run


def gradient(model: Scorable) -> Any:
    """Compiled (network inputs (N, h, w, C), auxiliary inputs) → scores (N,), gradients (N, h, w, C)."""
    tf = tensorflow()

    def make() -> Any:
        def differentiate(x: Any, auxiliary: Any) -> Any:
            score = model.score_of(x, auxiliary)
            return score, score_gradient(score, x)

        signature = float_specs((None, None, len(model.to_rgb)), (None,))
        return tf.function(differentiate, input_signature=signature, autograph=False)

    return model.compiled("gradient", make)


def summed_gradient(model: Scorable) -> Any:
    """Compiled (network inputs (N, h, w, C), auxiliary inputs, membership (F, N)) → gradients (F, h, w, C).

    The gradients of all samples of a frame are summed; `membership` comes from `frame_membership`. A concrete
    function, called with tensors: resolving the signature on every call would cost a hundredth of the pass.
    """
    tf = tensorflow()

    def make() -> Any:
        def differentiate(x: Any, auxiliary: Any, membership: Any) -> Any:
            return sum_by_frame(score_gradient(model.score_of(x, auxiliary), x), membership)

        signature = float_specs((None, None, len(model.to_rgb)), (None,), (None,))
        return tf.function(differentiate, input_signature=signature, autograph=False).get_concrete_function()

    return model.compiled("summed gradient", make)


def sum_by_frame(values: Any, membership: Any) -> Any:
    """(N, h, w, C) summed by frame to (F, h, w, C), `membership` (F, N).

    A matrix product, which is faster than segment sums.
    """
    tf = tensorflow()
    shape = tf.shape(values)
    total = tf.matmul(membership, tf.reshape(values, [shape[0], -1]))
    return tf.reshape(total, tf.concat([tf.shape(membership)[:1], shape[1:]], 0))


def frame_membership(frames: NDArray[np.int32]) -> Any:
    """(F, N) tensor, 1 where sample n belongs to frame f, else 0.

    `frames` (N,) is each sample's frame number, ascending without gaps.
    """
    import numpy as np

    numbers = np.arange(frames[0], frames[-1] + 1)
    return tensorflow().constant(numbers[:, None] == frames[None], tensorflow().float32)


def score(model: Scorable) -> Any:
    """Compiled forward pass: (network inputs (N, h, w, C), auxiliary inputs) → scores (N,)."""
    tf = tensorflow()

    def make() -> Any:
        signature = float_specs((None, None, len(model.to_rgb)), (None,))
        return tf.function(model.score_of, input_signature=signature, autograph=False)

    return model.compiled("score", make)


def network_inputs(model: Scorable, images: NDArray[Any]) -> Floats:
    """Convert images (N, h, w, 3), uint8 or float32, to network inputs (N, h, w, C) float32."""
    import numpy as np

    tf = tensorflow()

    def make() -> Any:
        return tf.function(model.inputs, input_signature=float_specs((None, None, 3)), autograph=False)

    inputs: Floats = model.compiled("inputs", make)(images.astype(np.float32)).numpy()
    return inputs


def without_repeats(images: NDArray[Any]) -> NDArray[Any]:
    """The first image of (N, …) where np.broadcast_to repeats a single one, otherwise all of them."""
    return images[:1] if images.strides[0] == 0 else images


def sample_batches(
    inputs: ModelInputs, samples: int, batch: int
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Frames × samples in full batches: frame and sample numbers, each (≤ batch,) int32, frames ascending.

    Calls the inputs' `tick` before each batch.
    """
    import numpy as np

    total = len(inputs) * samples
    for start in range(0, total, batch):
        flat = np.arange(start, min(start + batch, total), dtype=np.int32)
        inputs.tick(len(flat))
        yield flat // np.int32(samples), flat % np.int32(samples)


def batched_scores(model: Scorable, values: Floats, auxiliary: Floats, batch: int) -> Floats:
    """Scores (N,) of network inputs (N, h, w, C), `batch` at a time."""
    import numpy as np

    compute = score(model)
    scores = [
        compute(values[i : i + batch], auxiliary[i : i + batch]).numpy() for i in range(0, len(values), batch)
    ]
    return np.concatenate(scores)
