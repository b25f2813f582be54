"""Integrated gradients: the gradient summed along the straight path from a baseline to the image."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from drivesal.attribution.engine.baselines import BASELINE
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
    from drivesal.types import Floats

MAX_STEPS = 4096
"""More steps than this can only be a typing error."""
EXACT = 32
"""Steps where contributions are needed as numbers: the case support."""


@register(
    name="integrated-gradients",
    title="Integrated gradients",
    paper="Sundararajan, Taly and Yan 2017, arXiv:1703.01365",
    equation="A = (x − x0) · 1/K Σ_k ∂S/∂x at x0 + (k − ½)/K · (x − x0)",
    kind="contribution",
    signed=True,
    antisymmetric=True,
    uses_head=True,
    passes=lambda options, size: options["steps"],
    options=(
        Option(
            "steps",
            int,
            8,
            "points of the midpoint rule on the path from the baseline to the image",
            low=1,
            high=MAX_STEPS,
        ),
        dataclasses.replace(BASELINE, default="blur"),
    ),
)
def integrated_gradients(model: Scorable, context: Context, *, steps: int, baseline: str) -> Attributor:
    """A = (x − x0) · 1/K Σ_k ∂S/∂x at x0 + (k − ½)/K · (x − x0), in the score's unit.

    The sum of A over a frame differs from S(x) − S(x0) by the completeness error. The path runs at the
    network's input, which is linear in the image. Raises OptionError for an unknown baseline.
    """
    import numpy as np

    from drivesal.attribution.engine import baselines, kernels
    from drivesal.attribution.engine.buffers import Buffer
    from drivesal.model.backend import tensorflow

    baseline_of = baselines.baseline(baseline, model, context.mean)
    gradient = kernels.summed_gradient(model)
    fractions = ((np.arange(steps) + 0.5) / steps).astype(np.float32)

    def attribute(inputs: ModelInputs) -> Attributed:
        start = baseline_of(inputs.images)
        x = kernels.network_inputs(model, inputs.images)
        unique_x0 = kernels.network_inputs(model, kernels.without_repeats(start))
        x0 = np.broadcast_to(unique_x0, x.shape)
        difference = x - x0
        total = np.zeros_like(x)
        points = Buffer((min(context.batch, len(inputs) * steps), *x.shape[1:]))
        for frames, samples in kernels.sample_batches(inputs, steps, context.batch):
            rows = slice(frames[0], frames[-1] + 1)
            for point, frame, sample in zip(points.inputs, frames, samples, strict=False):
                np.multiply(difference[frame], fractions[sample], out=point)
                point += x0[frame]
            auxiliary = tensorflow().constant(inputs.auxiliary[frames])
            total[rows] += gradient(
                points.tensor(len(frames)), auxiliary, kernels.frame_membership(frames)
            ).numpy()
        signed = (inputs.images - start) * (total @ (model.to_rgb / np.float32(steps)))
        scores = kernels.batched_scores(model, x, inputs.auxiliary, context.batch)
        if len(unique_x0) < len(inputs) and not inputs.auxiliary.shape[1]:
            one_score = kernels.batched_scores(model, unique_x0, inputs.auxiliary[:1], context.batch)
            baseline_scores = np.repeat(one_score, len(inputs))
        else:
            baseline_scores = kernels.batched_scores(model, x0, inputs.auxiliary, context.batch)
        error = completeness_error(signed, scores - baseline_scores)
        return Attributed(scores, signed, None, baseline_scores, error)

    return attribute


def completeness_error(signed: Floats, expected: Floats) -> Floats:
    """|Σ A − expected| for each map of (N, h, w, C), (N,)."""
    import numpy as np

    error: Floats = np.abs(signed.sum(axis=(1, 2, 3), dtype=np.float64) - expected).astype(np.float32)
    return error
