"""Reusable batches of network inputs, for methods that need very many passes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Option
from drivesal.model.backend import tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivesal.attribution.registry import Scorable
    from drivesal.types import Floats

ALIGNMENT = 64
"""Alignment of TensorFlow's memory in bytes; TensorFlow aborts the process on memory that is not aligned."""
FILL = Option(
    "fill",
    str,
    "mean",
    "fill for hidden pixels: the clip's mean image, the blurred image, or black",
    choices=("mean", "blur", "black"),
)
"""Fill for hidden pixels. Not black by default, because a black image steers by itself."""


class Buffer:
    """`inputs` (n, h, w, C) float32: memory that NumPy writes and a compiled function reads without a copy.

    A new array for every pass, or images built inside the compiled function, would cost an eighth of the pass.
    The function must have finished before `inputs` is overwritten: call numpy() on its result first.
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
        """The first `count` inputs as a tensor that shares the buffer's memory."""
        if count not in self._tensors:
            first = self.inputs[:count].__dlpack__()
            self._tensors[count] = tensorflow().experimental.dlpack.from_dlpack(first)
        return self._tensors[count]


class ScoredBuffer(Buffer):
    """A buffer whose inputs can be scored; calls `tick` with the number of inputs before each batch."""

    def __init__(self, model: Scorable, shape: tuple[int, ...], tick: Callable[[int], object]) -> None:
        from drivesal.attribution.engine import kernels

        super().__init__(shape)
        self._tick = tick
        # the concrete function: resolving the signature on every call costs a twentieth of the pass
        self._score = kernels.score(model).get_concrete_function()

    def scores(self, count: int, auxiliary: Floats) -> Floats:
        """Scores (count,) float32 of the first `count` inputs, each with the same auxiliary inputs (E,)."""
        import numpy as np

        self._tick(count)
        first = self.tensor(count)
        repeated = tensorflow().constant(np.broadcast_to(auxiliary, (count, len(auxiliary))))
        # numpy() waits until the network has read the buffer, which is overwritten next
        scores: Floats = self._score(first, repeated).numpy()
        return scores
