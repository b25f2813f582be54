"""Occlusion: what the score loses when a patch of the picture is hidden."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.buffers import FILL
from drivesal.attribution.registry import Attributed, Attributor, Context, Option, Scorable, Seen, register
from drivesal.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.attribution.engine.buffers import Reused
    from drivesal.types import Floats

MOST = 4096
"""Side of a patch [model px] beyond which a person has mistyped."""

Box = tuple[slice, slice]
"""Rows and columns of a patch."""
NOWHERE: Box = (slice(0), slice(0))


def _passes(options: Mapping[str, Any], size: tuple[int, int]) -> int:
    return len(_boxes(size, options["patch"], options["stride"])) + 1


@register(
    name="occlusion",
    title="Occlusion",
    paper="Zeiler and Fergus 2014, arXiv:1311.2901",
    equation="A = mean of S(x) − S(x with the patch filled) over the patches that cover the pixel",
    kind="contribution",
    signed=True,
    odd=True,
    uses_head=True,
    passes=_passes,
    options=(
        Option("patch", int, 10, "side of the square that is hidden [model px]", low=1, high=MOST),
        Option("stride", int, 5, "from one patch to the next [model px], at most --patch", low=1, high=MOST),
        FILL,
    ),
)
def occlusion(model: Scorable, context: Context, *, patch: int, stride: int, fill: str) -> Attributor:
    """A(p) = mean over the patches P that cover p of S(x) − S(x with P filled), in the score's unit.

    It is divided by how many patches cover the pixel, so that borders, which fewer cover, are not pale. The
    paper (section 4.2) shows the score itself at each place of the patch. Patches lie `stride` apart from the
    upper left, the last ones flush with the edges; one larger than the picture is cut to it. Raises OptionError
    for a stride that leaves holes.
    """
    import numpy as np

    from drivesal.attribution.engine import baselines, kernels
    from drivesal.attribution.engine.buffers import Reused

    if stride > patch:
        raise OptionError(
            f"--stride of at most --patch ({patch}), so that every pixel is covered",
            f"it is {stride}",
            "lower --stride or raise --patch",
        )
    fill_of = baselines.baseline(fill, model, context.mean)
    height, width, _ = context.mean.shape
    boxes = _boxes((height, width), patch, stride)
    coverage = _spread(np.ones(len(boxes)), boxes, (height, width))

    def attribute(seen: Seen) -> Attributed:
        x = kernels.network_inputs(model, seen.pictures)
        filled = kernels.network_inputs(model, fill_of(seen.pictures))
        reused = Reused(model, (min(context.batch, len(boxes) + 1), *x.shape[1:]), context)
        scores = np.empty(len(seen), np.float32)
        maps = np.empty((len(seen), height, width, 1), np.float32)
        for i in range(len(seen)):
            found = _scores(reused, x[i], filled[i], seen.others[i], [NOWHERE, *boxes]).astype(np.float64)
            scores[i] = found[0]
            maps[i, ..., 0] = _spread(found[0] - found[1:], boxes, (height, width)) / coverage
        return Attributed(scores, maps)

    return attribute


def _boxes(size: tuple[int, int], patch: int, stride: int) -> list[Box]:
    """All patches on a picture (h, w), row by row."""
    rows, columns = ([slice(at, at + patch) for at in _places(length, patch, stride)] for length in size)
    return list(itertools.product(rows, columns))


def _places(length: int, patch: int, stride: int) -> list[int]:
    """Where patches begin along one side: the last one ends with it."""
    last = max(length - patch, 0)
    return [*range(0, last, stride), last]


def _scores(reused: Reused, x: Floats, filled: Floats, others: Floats, boxes: list[Box]) -> Floats:
    """(boxes,): scores of the network's input x (h, w, C) with each of the boxes taken from `filled`."""
    import numpy as np

    reused.inputs[:] = x
    found = []
    for start in range(0, len(boxes), len(reused)):
        part = boxes[start : start + len(reused)]
        for one, box in zip(reused.inputs, part, strict=False):
            one[box] = filled[box]
        found.append(reused.scores(len(part), others))
        for one, box in zip(reused.inputs, part, strict=False):
            one[box] = x[box]
    return np.concatenate(found)


def _spread(values: NDArray[np.float64], boxes: list[Box], size: tuple[int, int]) -> NDArray[np.float64]:
    """(h, w): at every pixel the sum of the values, one a box, of the boxes that cover it."""
    import numpy as np

    total = np.zeros(size)
    for value, box in zip(values, boxes, strict=True):
        total[box] += value
    return total
