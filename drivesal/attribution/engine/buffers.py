"""Batches of the network's inputs that are written to again and again, for methods of very many passes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Option
from drivesal.model.backend import tensorflow

if TYPE_CHECKING:
    from drivesal.attribution.registry import Context, Scorable
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


class Buffer:
    """`inputs` (n, h, w, C) float32, to be written to between calls of a function that reads this memory.

    A new array for every pass, or pictures made inside the compiled function, would cost an eighth of the pass.
    What reads the tensor must be done before the array is written to again: take its result with numpy().
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        import numpy as np

        memory = np.empty(4 * math.prod(shape) + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        aligned = memory[start : start + 4 * math.prod(shape)]
        self.inputs: Floats = aligned.view(np.float32).reshape(shape)
        self._tensors: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.inputs)

    def tensor(self, count: int) -> Any:
        """The first pictures as a tensor, without a copy."""
        if count not in self._tensors:
            first = self.inputs[:count].__dlpack__()
            self._tensors[count] = tensorflow().experimental.dlpack.from_dlpack(first)
        return self._tensors[count]


class Reused(Buffer):
    """A buffer whose pictures are scored; the context is told of each batch before."""

    def __init__(self, model: Scorable, shape: tuple[int, ...], context: Context) -> None:
        from drivesal.attribution.engine import kernels

        super().__init__(shape)
        self._tick = context.tick
        # its one signature, chosen once: finding it again costs a twentieth of the pass
        self._score = kernels.score(model).get_concrete_function()

    def scores(self, count: int, others: Floats) -> Floats:
        """(count,) float32: scores of the first pictures, with the same numbers (E,) beside each of them."""
        import numpy as np

        self._tick(count)
        first = self.tensor(count)
        # numpy() waits until the network is done with the pictures, which are written to next
        beside = tensorflow().constant(np.broadcast_to(others, (count, len(others))))
        found: Floats = self._score(first, beside).numpy()
        return found
