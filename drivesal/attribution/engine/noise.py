"""Noise for sampling methods, fast to draw and seeded by the frame's index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.attribution.registry import ModelInputs
    from drivesal.types import Floats

BANK = 1 << 19
"""Pixels of noise that are drawn once. A sample is a run of them from a random offset, with a random sign: each
sample alone is independent normal noise, at a hundredth of the cost of drawing it anew."""


class Noise:
    """Normal noise for images of `size` (h, w), with standard deviation `sigma` [0..255] per RGB channel.

    The noise is returned at the network's input, where the linear map `to_input` (3, C) takes RGB. A frame's
    samples depend only on the seed and the frame's index.
    """

    def __init__(self, seed: int, size: tuple[int, int], to_input: Floats, sigma: float) -> None:
        import numpy as np

        self._seed, self._size, self._pixels = seed, size, size[0] * size[1]
        rng = np.random.default_rng(seed % 2**32)
        bank = rng.standard_normal((max(BANK, 4 * self._pixels), 3), dtype=np.float32)
        self._bank = bank @ (to_input * np.float32(sigma))

    def samples(self, index: int, count: int) -> Iterator[tuple[Floats, bool]]:
        """Yield `count` samples of a frame: a view (h, w, C) of the noise, and whether to subtract it."""
        import numpy as np

        rng = np.random.default_rng([self._seed % 2**32, index % 2**32])
        starts = rng.integers(0, len(self._bank) - self._pixels, count)
        for start, subtract in zip(starts, rng.random(count) < 0.5, strict=True):
            yield self._bank[start : start + self._pixels].reshape(*self._size, -1), bool(subtract)


def noisy_copies(
    noise: Noise, x: Floats, inputs: ModelInputs, count: int, batch: int
) -> Iterator[tuple[Any, NDArray[np.int32]]]:
    """Yield full batches of noisy copies as tensors, with the frame number of each copy.

    Each input in x (N, h, w, C) is copied `count` times. All batches use the same memory, which the next one
    overwrites.
    """
    import numpy as np

    from drivesal.attribution.engine.buffers import Buffer
    from drivesal.attribution.engine.kernels import sample_batches

    samples = (sample for index in inputs.indices for sample in noise.samples(int(index), count))
    noisy = Buffer((min(batch, len(x) * count), *x.shape[1:]))
    for frames, _ in sample_batches(inputs, count, batch):
        for slot, frame in enumerate(frames):
            sample, subtract = next(samples)
            (np.subtract if subtract else np.add)(x[frame], sample, out=noisy.inputs[slot])
        yield noisy.tensor(len(frames)), frames
