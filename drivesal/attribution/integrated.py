"""Integrated gradients: what each pixel adds to the angle on the way from a baseline to the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Attributed, Attributor, Option, Scorable, register

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

MOST = 4096
"""Steps beyond which a person has mistyped."""
CHUNK = 32
"""Pictures in one gradient call: frames × steps are flattened into batches of this size."""


@register(
    name="integrated-gradients",
    title="Integrated gradients",
    paper="Sundararajan, Taly and Yan 2017, arXiv:1703.01365",
    equation="A = (x − x0) · 1/K Σ_k ∂S/∂x at x0 + (k − ½)/K · (x − x0)",
    kind="contribution",
    signed=True,
    odd=True,
    uses_head=True,
    samples="steps",
    options=(
        Option("steps", int, 32, "points of the midpoint rule on the path from the baseline"),
        Option("baseline", str, "mean", "black, mean (of the clip), blur, or a picture's path"),
    ),
)
def integrated_gradients(model: Scorable, mean: Floats, *, steps: int, baseline: str) -> Attributor:
    """Contributions in the angle's unit; their sum over a frame misses S(x) − S(x0) by the completeness error.

    Raises OptionError for fewer than one step or an unknown baseline.
    """
    import numpy as np

    from drivesal.attribution import baselines
    from drivesal.errors import OptionError

    if not 1 <= steps <= MOST:
        raise OptionError(f"1 to {MOST} steps", f"--steps is {steps}", "32 is the default, 200 is a lot")
    start_of = baselines.baseline(baseline, model, mean)
    path_gradients, score = _compile(model, (mean.shape[0], mean.shape[1]))

    def attribute(pictures: Image) -> Attributed:
        start = start_of(pictures)
        count = len(pictures)
        which = np.repeat(np.arange(count, dtype=np.int32), steps)
        share = np.tile((np.arange(steps, dtype=np.float32) + np.float32(0.5)) / steps, count)
        total = np.zeros(pictures.shape, np.float32)
        for at in range(0, len(which), CHUNK):
            chunk = which[at : at + CHUNK]
            rows = slice(chunk[0], chunk[-1] + 1)
            total[rows] += path_gradients(pictures[rows], start[rows], chunk - chunk[0], share[at : at + CHUNK])
        signed = (pictures - start) * (total / np.float32(steps))
        angles, from_angles = score(pictures.astype(np.float32)).numpy(), score(start).numpy()
        error = np.abs(signed.sum(axis=(1, 2, 3), dtype=np.float64) - (angles - from_angles))
        return Attributed(angles, signed, None, from_angles, error.astype(np.float32))

    return attribute


def _compile(model: Scorable, size: tuple[int, int]) -> tuple[Any, Any]:
    """Two compiled functions: summed gradients at points of the paths, and the plain score."""
    from drivesal.backend import tensorflow

    tf = tensorflow()
    floats = tf.TensorSpec([None, *size, 3], tf.float32)
    signature = [
        tf.TensorSpec([None, *size, 3], tf.uint8),
        floats,
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None], tf.float32),
    ]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def path_gradients(pictures: Any, start: Any, which: Any, share: Any) -> Any:
        origin = tf.gather(start, which)
        end = tf.gather(tf.cast(pictures, tf.float32), which)
        x = origin + share[:, None, None, None] * (end - origin)
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = model.score(x)
        slope = tape.gradient(score, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return tf.math.unsorted_segment_sum(slope, which, tf.shape(pictures)[0])

    return path_gradients, tf.function(model.score, input_signature=[floats])
