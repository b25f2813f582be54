"""Occlusion: how much the score drops when a patch of the image is hidden."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
from drivesal.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.attribution.engine.buffers import ScoredBuffer
    from drivesal.types import Floats

MAX_SIDE = 4096
"""A larger patch side [model px] can only be a typing error."""

Box = tuple[slice, slice]
"""Rows and columns of a patch."""
NO_BOX: Box = (slice(0), slice(0))


def _passes(options: Mapping[str, Any], size: tuple[int, int]) -> int:
    return len(_boxes(size, options["patch"], options["stride"])) + 1


@register(
    name="occlusion",
    title="Occlusion",
    paper="Zeiler and Fergus 2014, arXiv:1311.2901",
    equation="A = mean of S(x) − S(x with the patch filled) over the patches that cover the pixel",
    kind="contribution",
    signed=True,
    antisymmetric=True,
    uses_head=True,
    passes=_passes,
    options=(
        Option("patch", int, 10, "side of the square patch that is hidden [model px]", low=1, high=MAX_SIDE),
        Option(
            "stride",
            int,
            5,
            "distance from one patch to the next [model px], at most --patch",
            low=1,
            high=MAX_SIDE,
        ),
        FILL,
    ),
)
def occlusion(model: Scorable, context: Context, *, patch: int, stride: int, fill: str) -> Attributor:
    """A(p) = mean of S(x) − S(x with P filled) over the patches P that cover p, in the score's unit.

    The mean, not the sum, because fewer patches cover pixels at the border. The paper (section 4.2) shows the
    score itself at each patch position. Patches lie `stride` apart from the upper left corner, the last ones
    flush with the edges; a patch larger than the image is cut to it. Raises OptionError for a stride that
    leaves gaps.
    """
    import numpy as np

    from drivesal.attribution.engine import baselines, kernels
    from drivesal.attribution.engine.buffers import ScoredBuffer

    if stride > patch:
        raise OptionError(
            f"--stride of at most --patch ({patch}), so that every pixel is covered",
            f"it is {stride}",
            "lower --stride or raise --patch",
        )
    fill_of = baselines.baseline(fill, model, context.mean)
    height, width, _ = context.mean.shape
    boxes = _boxes((height, width), patch, stride)
    coverage = _sum_over_boxes(np.ones(len(boxes)), boxes, (height, width))

    def attribute(inputs: ModelInputs) -> Attributed:
        x = kernels.network_inputs(model, inputs.images)
        filled = kernels.network_inputs(model, fill_of(inputs.images))
        buffer = ScoredBuffer(model, (min(context.batch, len(boxes) + 1), *x.shape[1:]), inputs.tick)
        scores = np.empty(len(inputs), np.float32)
        maps = np.empty((len(inputs), height, width, 1), np.float32)
        for i in range(len(inputs)):
            occluded = _scores(buffer, x[i], filled[i], inputs.auxiliary[i], [NO_BOX, *boxes]).astype(
                np.float64
            )
            scores[i] = occluded[0]
            maps[i, ..., 0] = _sum_over_boxes(occluded[0] - occluded[1:], boxes, (height, width)) / coverage
        return Attributed(scores, maps)

    return attribute


def _boxes(size: tuple[int, int], patch: int, stride: int) -> list[Box]:
    """All patches of an image of `size` (h, w), row by row."""
    rows, columns = ([slice(at, at + patch) for at in _offsets(length, patch, stride)] for length in size)
    return list(itertools.product(rows, columns))


def _offsets(length: int, patch: int, stride: int) -> list[int]:
    """Where patches start along one side; the last one ends at the edge."""
    last = max(length - patch, 0)
    return [*range(0, last, stride), last]


def _scores(buffer: ScoredBuffer, x: Floats, filled: Floats, auxiliary: Floats, boxes: list[Box]) -> Floats:
    """Scores (boxes,) of the network input x (h, w, C) with one box at a time replaced by that of `filled`."""
    import numpy as np

    buffer.inputs[:] = x
    scores = []
    for start in range(0, len(boxes), len(buffer)):
        batch = boxes[start : start + len(buffer)]
        for slot, box in zip(buffer.inputs, batch, strict=False):
            slot[box] = filled[box]
        scores.append(buffer.scores(len(batch), auxiliary))
        for slot, box in zip(buffer.inputs, batch, strict=False):
            slot[box] = x[box]
    return np.concatenate(scores)


def _sum_over_boxes(
    values: NDArray[np.float64], boxes: list[Box], size: tuple[int, int]
) -> NDArray[np.float64]:
    """(h, w): at every pixel the sum of the values, one per box, of the boxes that cover it."""
    import numpy as np

    total = np.zeros(size)
    for value, box in zip(values, boxes, strict=True):
        total[box] += value
    return total
