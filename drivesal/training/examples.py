"""Labelled pictures at the model's size, on disk where a recording is larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivesal.errors import LabelError
from drivesal.io.outputs import writing
from drivesal.model.preprocess import Preprocess
from drivesal.recordings.labels.labelled_drives import Drive
from drivesal.types import WHOLE, Span

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

LONGEST_GAP_S = 5.0
"""What is left out between training and validation: neighbouring frames are all but the same picture."""


@dataclass(frozen=True, slots=True)
class Examples:
    """N labelled pictures.

    `pictures` (M, h, w, 3) uint8 RGB, in memory or the map of a file, of which `rows` (N,) are these; `angles`
    (N,) float32, left positive; `times` (N,) float64 [s] and `drives` (N,), the number of the recording;
    `aside` (N,) tells pictures of cameras at the side, which are learnt from and never measured on.
    """

    pictures: Image
    rows: NDArray[np.intp]
    angles: Floats
    times: NDArray[np.float64]
    drives: NDArray[np.intp]
    aside: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[np.intp] | slice) -> Image:
        """(n, h, w, 3) uint8: a copy of some of the pictures."""
        return np.asarray(self.pictures[self.rows[which]])

    def where(self, mask: NDArray[np.bool_]) -> Examples:
        """Those for which `mask` (N,) is True; their pictures stay where they are."""
        times, drives, aside = self.times[mask], self.drives[mask], self.aside[mask]
        return Examples(self.pictures, self.rows[mask], self.angles[mask], times, drives, aside)

    def mean_picture(self) -> Image:
        """(h, w, 3) uint8: the mean of the pictures."""
        total = np.zeros(self.pictures.shape[1:], np.float64)
        for start in range(0, len(self), 256):
            total += self.take(slice(start, start + 256)).sum(axis=0, dtype=np.float64)
        mean: Image = (total / len(self)).round().astype(np.uint8)
        return mean


def read_examples(
    drives: Sequence[Drive],
    preprocess: Preprocess,
    folder: Path,
    span: Span = WHOLE,
    progress: Callable[[int], object] = lambda _: None,
    sides: Sequence[tuple[int, Drive]] = (),
) -> Examples:
    """Reads every labelled frame of the drives' spans; the pictures go to a file in `folder`, (66, 200) ones
    40 kB each, which must stay as long as the examples are used. `sides` are what cameras at the side saw of
    the drives of these numbers.

    Raises `LabelError` where a drive has no labelled frame there, `OutputError` where the disk is full.
    """
    height, width = preprocess.size
    path = folder / "pictures.uint8"
    angles: list[float] = []
    times: list[float] = []
    numbers: list[int] = []
    aside: list[bool] = []
    with writing(path), path.open("wb") as file:
        for place, (number, drive) in enumerate([*enumerate(drives), *sides]):
            before = len(angles)
            for frame in drive.frames(span, progress):
                assert frame.steering is not None  # a drive gives labelled frames alone
                file.write(preprocess.prepare(frame.image).tobytes())
                angles.append(frame.steering)
                times.append(frame.time_s)
                numbers.append(number)
                aside.append(place >= len(drives))
            if len(angles) == before:
                came = f"{drive.recording.info.path} has none there"
                raise LabelError("a labelled frame or more", came, "choose another --start and --end")
    pictures: Image = np.memmap(path, np.uint8, "r", shape=(len(angles), height, width, 3))
    rows, truth = np.arange(len(angles)), np.array(angles, np.float32)
    return Examples(pictures, rows, truth, np.array(times), np.array(numbers, np.intp), np.array(aside))


@dataclass(frozen=True, slots=True)
class Split:
    """Examples to learn from, and later ones of the same drives to measure on."""

    training: Examples
    validation: Examples
    starts_s: tuple[float, ...]
    """Where each drive's validation starts [s]."""
    gaps_s: tuple[float, ...]
    """What lies between, left out, of each drive [s]."""


def split_by_time(examples: Examples, share: float) -> Split:
    """The last `share` of each drive's time is for validation, and what comes up to LONGEST_GAP_S before it is
    left out.

    Raises `LabelError` where nothing is left to learn from or to measure on.
    """
    training = np.zeros(len(examples), np.bool_)
    validation = np.zeros(len(examples), np.bool_)
    starts, gaps = [], []
    for number in np.unique(examples.drives):
        its = examples.drives == number
        measured = its & ~examples.aside
        first, last = examples.times[measured].min(), examples.times[measured].max()
        start = last - share * (last - first)
        gap = min(LONGEST_GAP_S, (last - start) / 4)
        training |= its & (examples.times < start - gap)
        validation |= measured & (examples.times >= start)
        starts.append(float(start))
        gaps.append(float(gap))
    if not training.any() or not validation.any():
        came = (
            f"{'there is 1' if len(examples) == 1 else f'there are {len(examples)}'}, too few to divide by time"
        )
        raise LabelError("labelled frames to learn from and later ones to measure on", came, "give more")
    return Split(examples.where(training), examples.where(validation), tuple(starts), tuple(gaps))
