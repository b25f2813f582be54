"""Compiled functions that several methods share: a gradient, a score, and summed gradients of samples.

Each is compiled once a model (`Scorable.compiled`) for any number of pictures. Samples of frames are flattened
into full batches, so that memory is bounded by the batch whatever the number of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from drivesal.model.backend import tensorflow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.attribution.registry import Context, Scorable, Seen
    from drivesal.types import Floats


def slope(score: Any, x: Any) -> Any:
    """∂score/∂x, 0 where the score does not depend on x; inside a compiled function."""
    tf = tensorflow()
    found = tf.gradients(score, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)[0]
    return tf.convert_to_tensor(found)


def shared(tensor: Any) -> Floats:
    """The tensor's own memory as an array: numpy() would copy, and it is nobody else's."""
    import numpy as np

    return np.asarray(memoryview(tensor))


def specs(*shapes: tuple[int | None, ...]) -> list[Any]:
    """float32 inputs of a compiled function, the batch open in front of each shape."""
    tf = tensorflow()
    return [tf.TensorSpec([None, *shape], tf.float32) for shape in shapes]


def of_pictures(
    model: Scorable, name: str, function: Callable[[Any, Any], Any], context: Context
) -> Callable[[Seen], tuple[Floats, Floats]]:
    """(uint8 pictures (N, h, w, 3), others) → scores (N,), map (N, h, w, C), compiled under `name`.

    It is built at once, so that a network that it cannot be used on is refused before any frame.
    """
    tf = tensorflow()
    height, width, _ = context.mean.shape
    signature = [tf.TensorSpec([None, height, width, 3], tf.uint8), tf.TensorSpec([None, None], tf.float32)]
    compute = model.compiled(name, lambda: tf.function(function, input_signature=signature, autograph=False))
    compute.get_concrete_function()

    def run(seen: Seen) -> tuple[Floats, Floats]:
        scores, raw = compute(seen.pictures, seen.others)
        return scores.numpy(), shared(raw)

    return run


def gradient(model: Scorable) -> Any:
    """(network inputs (N, h, w, C), others) → scores (N,), gradients (N, h, w, C), compiled."""
    tf = tensorflow()

    def make() -> Any:
        def differentiate(x: Any, others: Any) -> Any:
            score = model.answer(x, others)
            return score, slope(score, x)

        return tf.function(
            differentiate, input_signature=specs((None, None, len(model.to_rgb)), (None,)), autograph=False
        )

    return model.compiled("gradient", make)


def summed_gradient(model: Scorable) -> Any:
    """(inputs (N, h, w, C), others, belongs (F, N) of 0 and 1) → gradients summed by frame (F, h, w, C).

    A concrete function of tensors: finding it by its arguments would cost a hundredth of the pass.
    """
    tf = tensorflow()

    def make() -> Any:
        def differentiate(x: Any, others: Any, belongs: Any) -> Any:
            return summed(slope(model.answer(x, others), x), belongs)

        signature = specs((None, None, len(model.to_rgb)), (None,), (None,))
        return tf.function(differentiate, input_signature=signature, autograph=False).get_concrete_function()

    return model.compiled("summed gradient", make)


def summed(values: Any, belongs: Any) -> Any:
    """(N, h, w, C) summed by frame, `belongs` (F, N): a product, which is quicker than sums of segments."""
    tf = tensorflow()
    shape = tf.shape(values)
    total = tf.matmul(belongs, tf.reshape(values, [shape[0], -1]))
    return tf.reshape(total, tf.concat([tf.shape(belongs)[:1], shape[1:]], 0))


def belonging(frames: NDArray[np.int32]) -> Any:
    """Frame numbers (N,), ascending without gaps, to what says which sample belongs to which, (F, N) tensor."""
    import numpy as np

    counted = np.arange(frames[0], frames[-1] + 1)
    return tensorflow().constant(counted[:, None] == frames[None], tensorflow().float32)


def score(model: Scorable) -> Any:
    """(network inputs (N, h, w, C), others) → scores (N,), compiled: a forward pass."""
    tf = tensorflow()

    def make() -> Any:
        return tf.function(
            model.answer, input_signature=specs((None, None, len(model.to_rgb)), (None,)), autograph=False
        )

    return model.compiled("score", make)


def network_inputs(model: Scorable, pictures: NDArray[Any]) -> Floats:
    """(N, h, w, 3) pictures, uint8 or float32, to the network's input (N, h, w, C) float32."""
    import numpy as np

    tf = tensorflow()

    def make() -> Any:
        return tf.function(model.inputs, input_signature=specs((None, None, 3)), autograph=False)

    found: Floats = model.compiled("inputs", make)(pictures.astype(np.float32)).numpy()
    return found


def distinct(pictures: NDArray[Any]) -> NDArray[Any]:
    """The one picture of an array (N, …) that repeats it without copies (np.broadcast_to), else all of them."""
    return pictures[:1] if pictures.strides[0] == 0 else pictures


def chunks(
    frames: int, samples: int, context: Context
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Frames × samples in full batches: (frame, sample) numbers, each (≤ batch,) int32, frames ascending.

    The context is told of each batch before it comes.
    """
    import numpy as np

    total = frames * samples
    for start in range(0, total, context.batch):
        flat = np.arange(start, min(start + context.batch, total), dtype=np.int32)
        context.tick(len(flat))
        yield flat // np.int32(samples), flat % np.int32(samples)


def scores_of(model: Scorable, values: Floats, others: Floats, batch: int) -> Floats:
    """Scores (N,) of the network's inputs (N, h, w, C), `batch` at a time."""
    import numpy as np

    compute = score(model)
    parts = [
        compute(values[i : i + batch], others[i : i + batch]).numpy() for i in range(0, len(values), batch)
    ]
    return np.concatenate(parts)
