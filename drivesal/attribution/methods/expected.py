"""Expected gradients: integrated gradients averaged over baselines drawn from the clip."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import (
    Attributed,
    Attributor,
    Context,
    ModelInputs,
    Option,
    Scorable,
    register,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.types import Floats, Image


@register(
    name="expected-gradients",
    title="Expected gradients",
    paper="Erion, Janizek, Sturmfels, Lundberg and Lee 2021, arXiv:1906.10670",
    equation="A = 1/K Σ_k (x − x0_k) · ∂S/∂x at x0_k + α_k · (x − x0_k), x0_k from the clip, α_k in 0..1",
    kind="contribution",
    signed=True,
    antisymmetric=True,
    uses_head=True,
    draws=True,
    options=(Option("samples", int, 100, "baselines drawn for each frame", low=1, high=4096),),
    passes=lambda options, size: options["samples"],
)
def expected_gradients(model: Scorable, context: Context, *, samples: int) -> Attributor:
    """A = 1/K Σ_k (x − x0_k) · ∂S/∂x at x0_k + α_k · (x − x0_k), in the score's unit.

    The baselines x0_k are drawn from a probe of the clip's frames. Without a clip the mean image is the only
    baseline, and the map is that of integrated gradients.

    The α_k are stratified: one random point in each K-th of 0..1, which is less noisy than independent draws.
    The baseline score is the mean over the baselines drawn.
    """
    import numpy as np

    from drivesal.attribution.engine import kernels
    from drivesal.attribution.methods.integrated import completeness_error

    baselines = context.images
    if len(baselines) < 2:
        baselines = np.rint(context.mean).astype(np.uint8)[None]
    step = _step(model)
    scores_of_baselines = _scores_of_baselines(model, baselines, context)

    def attribute(inputs: ModelInputs) -> Attributed:
        draws = [_draw(context.seed, int(index), samples, len(baselines)) for index in inputs.indices]
        choices = np.concatenate([choice for choice, _ in draws])
        alphas = np.concatenate([alpha for _, alpha in draws])
        total = np.zeros(inputs.images.shape, np.float32)
        at = 0
        for frames, _ in kernels.sample_batches(inputs, samples, context.batch):
            rows, batch = slice(frames[0], frames[-1] + 1), slice(at, at + len(frames))
            at += len(frames)
            total[rows] += step(
                baselines[choices[batch]],
                inputs.images[rows],
                inputs.auxiliary[frames],
                frames - frames[0],
                alphas[batch],
            )
        signed = total / np.float32(samples)
        x = kernels.network_inputs(model, inputs.images)
        scores = kernels.batched_scores(model, x, inputs.auxiliary, context.batch)
        baseline_scores = np.array(
            [
                scores_of_baselines(auxiliary)[choice].mean()
                for (choice, _), auxiliary in zip(draws, inputs.auxiliary, strict=True)
            ],
            np.float32,
        )
        error = completeness_error(signed, scores - baseline_scores)
        return Attributed(scores, signed, None, baseline_scores, error)

    return attribute


def _scores_of_baselines(model: Scorable, baselines: Image, context: Context) -> Callable[[Floats], Floats]:
    """Return a function from auxiliary inputs (E,) to all baselines' scores (M,); caches the last result."""
    import numpy as np

    from drivesal.attribution.engine import kernels

    x = kernels.network_inputs(model, baselines)

    @functools.lru_cache(maxsize=1)
    def scores(auxiliary: bytes) -> Floats:
        repeated = np.repeat(np.frombuffer(auxiliary, np.float32)[None], len(x), axis=0)
        return kernels.batched_scores(model, x, repeated, context.batch)

    return lambda auxiliary: scores(auxiliary.tobytes())


def _draw(seed: int, index: int, samples: int, baselines: int) -> tuple[NDArray[np.int64], Floats]:
    """Baseline numbers (K,) and positions α (K,) on the path from each baseline, for one frame."""
    import numpy as np

    rng = np.random.default_rng([seed % 2**32, index % 2**32])
    alphas = (rng.permutation(samples) + rng.random(samples)) / samples
    return rng.integers(0, baselines, samples), alphas.astype(np.float32)


def _step(model: Scorable) -> Any:
    """Compiled (baselines, images, auxiliary inputs, frame, α) → (x − x0) · gradient, summed by frame.

    Images and baselines are uint8 RGB; `frame` (N,) is the image that each baseline belongs to.
    """
    from drivesal.attribution.engine.kernels import score_gradient
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def make() -> Any:
        def step(baselines: Any, images: Any, auxiliary: Any, frame: Any, alpha: Any) -> Any:
            start = tf.cast(baselines, tf.float32)
            difference = tf.gather(tf.cast(images, tf.float32), frame) - start
            x = start + alpha[:, None, None, None] * difference
            gradient = score_gradient(model.score_of(model.inputs(x), auxiliary), x)
            return tf.math.unsorted_segment_sum(difference * gradient, frame, tf.shape(images)[0])

        image = tf.TensorSpec([None, None, None, 3], tf.uint8)
        samples = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)]
        signature = [image, image, tf.TensorSpec([None, None], tf.float32), *samples]
        return tf.function(step, input_signature=signature, autograph=False)

    return model.compiled("expected step", make)
