"""The progress bar that commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivesal.types import Recording, Span


@contextmanager
def progress(
    total: int | None, name: str, quiet: bool, unit: str = " frames"
) -> Iterator[Callable[[int], object]]:
    """Show a bar with rate and remaining time on stderr, from the first frame on; only in a terminal."""
    from tqdm import tqdm

    hidden = quiet or not sys.stderr.isatty()
    bars: list[Any] = []

    def update(frames: int) -> None:
        if not bars:
            bars.append(tqdm(total=total, desc=name, unit=unit, disable=hidden, file=sys.stderr))
        bars[0].update(frames)

    try:
        yield update
    finally:
        for bar in bars:
            bar.close()


def expected(recordings: Sequence[Recording], span: Span) -> int | None:
    """The approximate number of frames in the span of all recordings; None if a length is unknown."""
    counts = [recording.info.frames_of(span) for recording in recordings]
    return None if None in counts else sum(count or 0 for count in counts)


def say(text: str) -> None:
    """Print a line on stderr without breaking a progress bar."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)
