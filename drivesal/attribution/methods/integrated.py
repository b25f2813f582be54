"""Integrated gradients: what each pixel adds to the score on the way from a baseline to the picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from drivesal.attribution.engine.baselines import BASELINE
from drivesal.attribution.registry import Attributed, Attributor, Context, Option, Scorable, Seen, register

if TYPE_CHECKING:
    from drivesal.types import Floats

MOST = 4096
"""Steps beyond which a person has mistyped."""
EXACT = 32
"""Steps where contributions are asked for as numbers: the case support."""


@register(
    name="integrated-gradients",
    title="Integrated gradients",
    paper="Sundararajan, Taly and Yan 2017, arXiv:1703.01365",
    equation="A = (x − x0) · 1/K Σ_k ∂S/∂x at x0 + (k − ½)/K · (x − x0)",
    kind="contribution",
    signed=True,
    odd=True,
    uses_head=True,
    passes=lambda options, size: options["steps"],
    options=(
        Option("steps", int, 8, "points of the midpoint rule on the path from the baseline", low=1, high=MOST),
        dataclasses.replace(BASELINE, default="blur"),
    ),
)
def integrated_gradients(model: Scorable, context: Context, *, steps: int, baseline: str) -> Attributor:
    """Contributions in the score's unit; their sum over a frame misses S(x) − S(x0) by the completeness error.

    The path runs at the network's input, which is linear in the picture. Raises OptionError for an unknown
    baseline.
    """
    import numpy as np

    from drivesal.attribution.engine import baselines, kernels
    from drivesal.attribution.engine.buffers import Buffer
    from drivesal.model.backend import tensorflow

    start_of = baselines.baseline(baseline, model, context.mean)
    gradient = kernels.summed_gradient(model)
    share = ((np.arange(steps) + 0.5) / steps).astype(np.float32)

    def attribute(seen: Seen) -> Attributed:
        start = start_of(seen.pictures)
        x = kernels.network_inputs(model, seen.pictures)
        once = kernels.network_inputs(model, kernels.distinct(start))
        x0 = np.broadcast_to(once, x.shape)
        way = x - x0
        total = np.zeros_like(x)
        points = Buffer((min(context.batch, len(seen) * steps), *x.shape[1:]))
        for frames, samples in kernels.chunks(len(seen), steps, context):
            rows = slice(frames[0], frames[-1] + 1)
            for point, frame, sample in zip(points.inputs, frames, samples, strict=False):
                np.multiply(way[frame], share[sample], out=point)
                point += x0[frame]
            beside = tensorflow().constant(seen.others[frames])
            found = gradient(points.tensor(len(frames)), beside, kernels.belonging(frames))
            total[rows] += found.numpy()
        signed = (seen.pictures - start) * (total @ (model.to_rgb / np.float32(steps)))
        scores = kernels.scores_of(model, x, seen.others, context.batch)
        if len(once) < len(seen) and not seen.others.shape[1]:
            from_scores = np.repeat(kernels.scores_of(model, once, seen.others[:1], context.batch), len(seen))
        else:
            from_scores = kernels.scores_of(model, x0, seen.others, context.batch)
        return Attributed(scores, signed, None, from_scores, missed(signed, scores - from_scores))

    return attribute


def missed(signed: Floats, expected: Floats) -> Floats:
    """The completeness error |Σ − expected| of maps (N, h, w, C), (N,)."""
    import numpy as np

    error: Floats = np.abs(signed.sum(axis=(1, 2, 3), dtype=np.float64) - expected).astype(np.float32)
    return error
