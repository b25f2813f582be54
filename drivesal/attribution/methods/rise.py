"""RISE: the mean score over random masks, given that a pixel is visible."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from drivesal.attribution.engine.buffers import FILL
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

MAX_MASKS = 100_000
"""More masks than this can only be a typing error."""
MAX_CACHED_BYTES = 64 * 2**20
"""Masks of up to this size are kept from frame to frame; larger ones are drawn again from the seed."""


@register(
    name="rise",
    title="RISE",
    paper="Petsiuk, Das and Saenko 2018, arXiv:1806.07421",
    equation="A = Σ_i (S_i − S̄) M_i / Σ_i M_i, S_i = S(x0 + M_i · (x − x0)), S̄ = mean of S_i",
    kind="contribution",
    signed=True,
    antisymmetric=True,
    uses_head=True,
    passes=lambda options, size: options["masks"],
    options=(
        Option("masks", int, 1000, "number of random masks; more masks, less noise", low=2, high=MAX_MASKS),
        Option("cells", int, 8, "cells of a mask along the image's shorter side", low=1, high=256),
        Option("keep", float, 0.5, "probability that a cell stays visible", low=0.01, high=0.99),
        FILL,
    ),
    caution="the random masks leave noise in the map; four times the masks halve it",
)
def rise(model: Scorable, context: Context, *, masks: int, cells: int, keep: float, fill: str) -> Attributor:
    """A(p) = Σ_i (S_i − S̄) M_i(p) / Σ_i M_i(p) = E[S | p is visible] − E[S], in the score's unit.

    S_i is the score of x0 + M_i · (x − x0), and S̄ their mean. The paper (section 3.1) has no S̄ and divides by
    E[M]. That suits a class probability, which is near 0 under most masks; a regression has an offset, which
    would be added to every pixel and drown the map, because chance shows some pixels more often than others.
    With S̄ the map of a constant network is 0, and the method is antisymmetric. The paper fills with black; here
    the default is the clip's mean image, because a black image steers by itself.

    The masks depend only on `context.seed` and are the same for every frame, so a frame's map does not depend
    on its neighbours and the noise does not flicker. A pixel that no mask shows gets 0.
    """
    import numpy as np

    from drivesal.attribution.engine import baselines, kernels
    from drivesal.attribution.engine.buffers import ScoredBuffer

    fill_of = baselines.baseline(fill, model, context.mean)
    height, width, _ = context.mean.shape

    def draw() -> Iterator[Floats]:
        return _draw_masks((height, width), masks, cells, keep, context.batch, context.seed)

    cached = list(draw()) if masks * height * width * 4 <= MAX_CACHED_BYTES else None

    def attribute(inputs: ModelInputs) -> Attributed:
        x = kernels.network_inputs(model, inputs.images)
        x0 = kernels.network_inputs(model, fill_of(inputs.images))
        difference = x - x0
        scores = kernels.batched_scores(model, x, inputs.auxiliary, context.batch)
        buffer = ScoredBuffer(model, (min(context.batch, masks), *x.shape[1:]), inputs.tick)
        sums = np.zeros(len(inputs))
        total = np.zeros((len(inputs) + 1, height * width))
        for batch in cached or draw():
            # the last row sums the visibility; subtracting S(x) here, and S̄ only at the end, costs no precision
            weights = np.ones((len(inputs) + 1, len(batch)), np.float32)
            for i in range(len(inputs)):
                _blend(buffer.inputs, batch, x0[i], difference[i])
                weights[i] = buffer.scores(len(batch), inputs.auxiliary[i]) - scores[i]
            sums += weights[:-1].sum(axis=1, dtype=np.float64)
            total += weights @ batch.reshape(len(batch), -1)
        visible = total[-1]
        maps = total[:-1] / np.where(visible > 0, visible, 1) - sums[:, None] / masks
        maps[:, visible == 0] = 0
        return Attributed(scores, maps.astype(np.float32).reshape(len(inputs), height, width, 1))

    return attribute


def _draw_masks(
    size: tuple[int, int], masks: int, cells: int, keep: float, batch: int, seed: int
) -> Iterator[Floats]:
    """Yield batches of masks (≤ batch, h, w), float32 in 0..1; the masks depend on the seed, not on `batch`.

    As in section 3.2 of the paper: each cell of a grid is kept with probability `keep`; the grid, with one
    spare row and column, is enlarged bilinearly and cropped at a random shift of less than a cell.
    """
    import cv2
    import numpy as np

    rows, columns = (round(min(cells, min(size)) * length / min(size)) for length in size)
    high, wide = math.ceil(size[0] / rows), math.ceil(size[1] / columns)
    # separate streams, so that the draws do not depend on where a batch ends
    keep_rng, shift_rng = np.random.default_rng(seed % 2**32).spawn(2)
    for start in range(0, masks, batch):
        count = min(batch, masks - start)
        grids = (keep_rng.random((count, rows + 1, columns + 1)) < keep).astype(np.float32)
        shifts = (shift_rng.random((count, 2)) * (high, wide)).astype(np.int64)
        result = np.empty((count, *size), np.float32)
        for mask, grid, (down, right) in zip(result, grids, shifts, strict=True):
            large = cv2.resize(grid, ((columns + 1) * wide, (rows + 1) * high), interpolation=cv2.INTER_LINEAR)
            mask[:] = large[down : down + size[0], right : right + size[1]]
        yield result


def _blend(inputs: Floats, masks: Floats, x0: Floats, difference: Floats) -> None:
    """Write x0 + M · difference (h, w, C) for each mask of (n, h, w) into the first n inputs."""
    import cv2

    for slot, mask in zip(inputs, masks, strict=False):
        # one image at a time stays in the processor's cache
        cv2.merge([mask] * slot.shape[2], slot)
        slot *= difference
        slot += x0
