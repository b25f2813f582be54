"""A batch of the network's inputs that is written to again and again, for methods of very many passes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drivesal.attribution.registry import Option
from drivesal.backend import tensorflow

if TYPE_CHECKING:
    from drivesal.attribution.registry import Scorable
    from drivesal.types import Floats

ALIGNMENT = 64
"""Bytes that TensorFlow's memory is aligned to; given memory that is not, it ends the process."""
FILL = Option(
    "fill",
    str,
    "mean",
    "what hides a part of the picture: the clip's mean, the picture blurred, or black",
    choices=("mean", "blur", "black"),
)
"""What stands where the picture is hidden. Not black by default: a black picture steers by itself."""


class Reused:
    """`inputs` (n, h, w, C) float32, to be written to between calls of `scores`, which reads this very memory.

    A new array for every pass, or pictures made inside the compiled function, would cost an eighth of the pass.
    """

    def __init__(self, model: Scorable, shape: tuple[int, ...]) -> None:
        import numpy as np

        from drivesal.attribution import kernels

        memory = np.empty(4 * math.prod(shape) + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        aligned = memory[start : start + 4 * math.prod(shape)]
        self.inputs: Floats = aligned.view(np.float32).reshape(shape)
        self._tensor = tensorflow().experimental.dlpack.from_dlpack(self.inputs.__dlpack__())
        self._score = kernels.score(model)

    def __len__(self) -> int:
        return len(self.inputs)

    def scores(self, count: int, others: Floats) -> Floats:
        """(count,) float32: scores of the first pictures, with the same numbers (E,) beside each of them."""
        import numpy as np

        first = self._tensor if count == len(self) else self._tensor[:count]
        # numpy() waits until the network is done with the pictures, which are written to next
        found: Floats = self._score(first, np.broadcast_to(others, (count, len(others)))).numpy()
        return found
