"""RISE: the score that pictures have on average when a pixel is left visible, among random masks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from drivesal.attribution.engine.buffers import FILL
from drivesal.attribution.registry import Attributed, Attributor, Context, Option, Scorable, Seen, register

if TYPE_CHECKING:
    from drivesal.types import Floats

MOST = 100_000
"""Masks beyond which a person has mistyped."""
HELD = 64 * 2**20
"""Most bytes of masks that are kept from frame to frame; beyond, they are drawn again from the seed."""


@register(
    name="rise",
    title="RISE",
    paper="Petsiuk, Das and Saenko 2018, arXiv:1806.07421",
    equation="A = Σ_i (S_i − S̄) M_i / Σ_i M_i, S_i = S(x0 + M_i · (x − x0)), S̄ = mean of S_i",
    kind="contribution",
    signed=True,
    odd=True,
    uses_head=True,
    passes=lambda options, size: options["masks"],
    options=(
        Option("masks", int, 1000, "random masks; more leave less noise", low=2, high=MOST),
        Option("cells", int, 8, "cells of a mask along the picture's shorter side", low=1, high=256),
        Option("keep", float, 0.5, "probability that a cell stays visible", low=0.01, high=0.99),
        FILL,
    ),
    caution="chance leaves noise in the map, which halves with four times the masks",
)
def rise(model: Scorable, context: Context, *, masks: int, cells: int, keep: float, fill: str) -> Attributor:
    """A(p) = Σ_i (S_i − S̄) M_i(p) / Σ_i M_i(p) = E[S | p is visible] − E[S], in the score's unit.

    S_i is the score of x0 + M_i · (x − x0). The paper (section 3.1) has no S̄ and divides by E[M]: the
    probability of a class is near 0 under most masks, but a regression has an offset, which would be added to
    every pixel and, where chance shows one pixel more often than another, drown the map. With S̄ a constant
    network's map is 0, and that of −S is the negative. The paper fills with black; the clip's mean is the
    default here, because a black picture steers by itself.

    The masks come from `context.seed` and are the same for every frame: a frame's map does not depend on its
    neighbours, and the noise that chance leaves does not flicker from one to the next. A pixel that no mask
    shows gets 0.
    """
    import numpy as np

    from drivesal.attribution.engine import baselines, kernels
    from drivesal.attribution.engine.buffers import Reused

    fill_of = baselines.baseline(fill, model, context.mean)
    height, width, _ = context.mean.shape

    def drawn() -> Iterator[Floats]:
        return _draw((height, width), masks, cells, keep, context.batch, context.seed)

    held = list(drawn()) if masks * height * width * 4 <= HELD else None

    def attribute(seen: Seen) -> Attributed:
        x = kernels.network_inputs(model, seen.pictures)
        x0 = kernels.network_inputs(model, fill_of(seen.pictures))
        way = x - x0
        scores = kernels.scores_of(model, x, seen.others, context.batch)
        reused = Reused(model, (min(context.batch, masks), *x.shape[1:]), context)
        sums = np.zeros(len(seen))
        total = np.zeros((len(seen) + 1, height * width))
        for part in held or drawn():
            # the last row counts how often a pixel is visible; taking off S(x), not yet S̄, costs no precision
            weights = np.ones((len(seen) + 1, len(part)), np.float32)
            for i in range(len(seen)):
                _hide(reused.inputs, part, x0[i], way[i])
                weights[i] = reused.scores(len(part), seen.others[i]) - scores[i]
            sums += weights[:-1].sum(axis=1, dtype=np.float64)
            total += weights @ part.reshape(len(part), -1)
        visible = total[-1]
        maps = total[:-1] / np.where(visible > 0, visible, 1) - sums[:, None] / masks
        maps[:, visible == 0] = 0
        return Attributed(scores, maps.astype(np.float32).reshape(len(seen), height, width, 1))

    return attribute


def _draw(
    size: tuple[int, int], masks: int, cells: int, keep: float, batch: int, seed: int
) -> Iterator[Floats]:
    """Masks (≤ batch, h, w), float32 in 0..1, the same from the same seed whatever the batch.

    As in section 3.2 of the paper: cells are kept or not, each by itself, enlarged bilinearly with one row and
    column to spare, and cut out at a random shift of less than a cell.
    """
    import cv2
    import numpy as np

    rows, columns = (round(min(cells, min(size)) * length / min(size)) for length in size)
    high, wide = math.ceil(size[0] / rows), math.ceil(size[1] / columns)
    # a stream each, so that what is drawn does not depend on where a batch ends
    kept_from, shift_from = np.random.default_rng(seed % 2**32).spawn(2)
    for start in range(0, masks, batch):
        count = min(batch, masks - start)
        grids = (kept_from.random((count, rows + 1, columns + 1)) < keep).astype(np.float32)
        shifts = (shift_from.random((count, 2)) * (high, wide)).astype(np.int64)
        part = np.empty((count, *size), np.float32)
        for mask, grid, (down, right) in zip(part, grids, shifts, strict=True):
            large = cv2.resize(grid, ((columns + 1) * wide, (rows + 1) * high), interpolation=cv2.INTER_LINEAR)
            mask[:] = large[down : down + size[0], right : right + size[1]]
        yield part


def _hide(inputs: Floats, masks: Floats, x0: Floats, way: Floats) -> None:
    """x0 + M · way (h, w, C) for each of the masks (n, h, w) into the first inputs."""
    import cv2

    for one, mask in zip(inputs, masks, strict=False):
        # one picture at a time stays in the processor's cache
        cv2.merge([mask] * one.shape[2], one)
        one *= way
        one += x0
