"""Noise for methods that sample, quick to draw and keyed on a frame's index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.attribution.registry import Context
    from drivesal.types import Floats

BANK = 1 << 19
"""Pixels of noise that are drawn once. A sample is a stretch of them from a random place, with a random sign:
each by itself is independent normal noise, and costs a hundredth of drawing it anew."""


class Noise:
    """Normal noise of pictures (h, w), standard deviation `sigma` of each RGB channel [0..255].

    It comes at the network's input: `to_input` (3, C) is the linear map from RGB to there. A frame's samples
    depend on the seed and on its index alone.
    """

    def __init__(self, seed: int, size: tuple[int, int], to_input: Floats, sigma: float) -> None:
        import numpy as np

        self._seed, self._size, self._pixels = seed, size, size[0] * size[1]
        draw = np.random.default_rng(seed % 2**32)
        bank = draw.standard_normal((max(BANK, 4 * self._pixels), 3), dtype=np.float32)
        self._bank = bank @ (to_input * np.float32(sigma))

    def samples(self, index: int, count: int) -> Iterator[tuple[Floats, bool]]:
        """`count` times noise (h, w, C) of the frame, a view, and whether it is to be subtracted."""
        import numpy as np

        draw = np.random.default_rng([self._seed % 2**32, index % 2**32])
        starts = draw.integers(0, len(self._bank) - self._pixels, count)
        for start, less in zip(starts, draw.random(count) < 0.5, strict=True):
            yield self._bank[start : start + self._pixels].reshape(*self._size, -1), bool(less)


def copies(
    noise: Noise, x: Floats, indices: NDArray[np.int64], count: int, context: Context
) -> Iterator[tuple[Any, NDArray[np.int32]]]:
    """`count` noisy copies of each frame's input x (N, h, w, C) as tensors, full batches, with frame numbers.

    The memory is the same in every batch, overwritten when the next is asked for.
    """
    import numpy as np

    from drivesal.attribution.engine.buffers import Buffer
    from drivesal.attribution.engine.kernels import chunks

    drawn = (one for index in indices for one in noise.samples(int(index), count))
    noisy = Buffer((min(context.batch, len(x) * count), *x.shape[1:]))
    for frames, _ in chunks(len(x), count, context):
        for slot, frame in enumerate(frames):
            step, less = next(drawn)
            (np.subtract if less else np.add)(x[frame], step, out=noisy.inputs[slot])
        yield noisy.tensor(len(frames)), frames
