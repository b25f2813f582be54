"""Expected gradients: integrated gradients averaged over baselines drawn from the clip."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Attributed, Attributor, Context, Option, Scorable, Seen, register

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
    odd=True,
    uses_head=True,
    draws=True,
    options=(Option("samples", int, 100, "baselines drawn for each frame", low=1, high=4096),),
    passes=lambda options, size: options["samples"],
)
def expected_gradients(model: Scorable, context: Context, *, samples: int) -> Attributor:
    """Contributions in the score's unit against the frames that a probe of the clip saw.

    Of one picture alone the mean picture is the only baseline: these are then its integrated gradients.

    α_k takes each K-th of 0..1 once, at a random place within it, which lessens the noise of drawing it freely.
    The baseline's score is the mean over the baselines drawn.
    """
    import numpy as np

    from drivesal.attribution.engine import kernels
    from drivesal.attribution.methods.integrated import missed

    baselines = context.pictures
    if len(baselines) < 2:
        baselines = np.rint(context.mean).astype(np.uint8)[None]
    step = _step(model)
    scores_of_baselines = _scores_of_baselines(model, baselines, context)

    def attribute(seen: Seen) -> Attributed:
        drawn = [_draw(context.seed, int(index), samples, len(baselines)) for index in seen.indices]
        picks, shares = np.concatenate([one for one, _ in drawn]), np.concatenate([one for _, one in drawn])
        total = np.zeros(seen.pictures.shape, np.float32)
        at = 0
        for frames, _ in kernels.chunks(len(seen), samples, context):
            rows, now = slice(frames[0], frames[-1] + 1), slice(at, at + len(frames))
            at += len(frames)
            which = frames - frames[0]
            total[rows] += step(
                baselines[picks[now]], seen.pictures[rows], seen.others[frames], which, shares[now]
            )
        signed = total / np.float32(samples)
        x = kernels.network_inputs(model, seen.pictures)
        scores = kernels.scores_of(model, x, seen.others, context.batch)
        from_scores = np.array(
            [
                scores_of_baselines(others)[one].mean()
                for (one, _), others in zip(drawn, seen.others, strict=True)
            ],
            np.float32,
        )
        return Attributed(scores, signed, None, from_scores, missed(signed, scores - from_scores))

    return attribute


def _scores_of_baselines(model: Scorable, baselines: Image, context: Context) -> Callable[[Floats], Floats]:
    """What gives the score of every baseline (M,) beside these other inputs, computed anew when they change."""
    import numpy as np

    from drivesal.attribution.engine import kernels

    x = kernels.network_inputs(model, baselines)

    @functools.lru_cache(maxsize=1)
    def scores(others: bytes) -> Floats:
        beside = np.repeat(np.frombuffer(others, np.float32)[None], len(x), axis=0)
        return kernels.scores_of(model, x, beside, context.batch)

    return lambda others: scores(others.tobytes())


def _draw(seed: int, index: int, samples: int, baselines: int) -> tuple[NDArray[np.int64], Floats]:
    """Which baselines (K,), and how far along the way from each (K,), for one frame."""
    import numpy as np

    draw = np.random.default_rng([seed % 2**32, index % 2**32])
    shares = (draw.permutation(samples) + draw.random(samples)) / samples
    return draw.integers(0, baselines, samples), shares.astype(np.float32)


def _step(model: Scorable) -> Any:
    """(baselines, frames, others, which, share) → (x − x0) · gradient, summed by frame; compiled. Pictures are
    uint8 RGB.
    """
    from drivesal.attribution.engine.kernels import slope
    from drivesal.model.backend import tensorflow

    tf = tensorflow()

    def make() -> Any:
        def step(baselines: Any, frames: Any, others: Any, which: Any, share: Any) -> Any:
            start = tf.cast(baselines, tf.float32)
            way = tf.gather(tf.cast(frames, tf.float32), which) - start
            x = start + share[:, None, None, None] * way
            found = slope(model.answer(model.inputs(x), others), x)
            return tf.math.unsorted_segment_sum(way * found, which, tf.shape(frames)[0])

        picture = tf.TensorSpec([None, None, None, 3], tf.uint8)
        places = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)]
        signature = [picture, picture, tf.TensorSpec([None, None], tf.float32), *places]
        return tf.function(step, input_signature=signature, autograph=False)

    return model.compiled("expected step", make)
