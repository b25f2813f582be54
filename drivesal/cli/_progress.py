"""The progress bar that commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress(total: int | None, name: str, quiet: bool) -> Iterator[Callable[[int], object]]:
    """A bar with rate and time left on stderr, from the first frame on; nothing where that is no terminal."""
    from tqdm import tqdm

    hidden = quiet or not sys.stderr.isatty()
    bars: list[Any] = []

    def update(frames: int) -> None:
        if not bars:
            bars.append(tqdm(total=total, desc=name, unit=" frames", disable=hidden, file=sys.stderr))
        bars[0].update(frames)

    try:
        yield update
    finally:
        for bar in bars:
            bar.close()
