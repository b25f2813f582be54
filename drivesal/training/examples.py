"""Labelled model inputs, stored on disk because a recording may be larger than memory."""

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
"""The longest gap [s] between training and validation: neighbouring frames are almost the same image."""


@dataclass(frozen=True, slots=True)
class Examples:
    """N labelled images.

    `pictures` (M, h, w, 3) uint8 RGB, in memory or memory-mapped; `rows` (N,) are the indices of the N images
    in it; `angles` (N,) float32, left positive; `times` (N,) float64 [s]; `drives` (N,) the number of the
    recording; `from_side_camera` (N,) bool: these are used for training and never for validation.
    """

    pictures: Image
    rows: NDArray[np.intp]
    angles: Floats
    times: NDArray[np.float64]
    drives: NDArray[np.intp]
    from_side_camera: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[np.intp] | slice) -> Image:
        """(n, h, w, 3) uint8: a copy of some of the images."""
        return np.asarray(self.pictures[self.rows[which]])

    def where(self, mask: NDArray[np.bool_]) -> Examples:
        """The examples for which `mask` (N,) is True; they share the stored images."""
        times, drives, side = self.times[mask], self.drives[mask], self.from_side_camera[mask]
        return Examples(self.pictures, self.rows[mask], self.angles[mask], times, drives, side)

    def mean_image(self) -> Image:
        """(h, w, 3) uint8: the mean of the images."""
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
    """Read every labelled frame of the drives' spans. The images go to a file in `folder`, 40 kB per image of
    (66, 200), which must exist as long as the examples are used. `sides` are the side cameras' recordings, each
    with the number of its drive.

    Raises `LabelError` if a drive has no labelled frame there, `OutputError` if the disk is full.
    """
    height, width = preprocess.size
    path = folder / "pictures.uint8"
    angles: list[float] = []
    times: list[float] = []
    numbers: list[int] = []
    from_side_camera: list[bool] = []
    with writing(path), path.open("wb") as file:
        for position, (number, drive) in enumerate([*enumerate(drives), *sides]):
            before = len(angles)
            for frame in drive.frames(span, progress):
                assert frame.steering is not None  # a drive yields only labelled frames
                file.write(preprocess.prepare(frame.image).tobytes())
                angles.append(frame.steering)
                times.append(frame.time_s)
                numbers.append(number)
                from_side_camera.append(position >= len(drives))
            if len(angles) == before:
                came = f"{drive.recording.info.path} has none there"
                raise LabelError("a labelled frame or more", came, "choose another --start and --end")
    pictures: Image = np.memmap(path, np.uint8, "r", shape=(len(angles), height, width, 3))
    rows, truth = np.arange(len(angles)), np.array(angles, np.float32)
    return Examples(
        pictures, rows, truth, np.array(times), np.array(numbers, np.intp), np.array(from_side_camera)
    )


@dataclass(frozen=True, slots=True)
class Split:
    """Training examples, and later validation examples of the same drives."""

    training: Examples
    validation: Examples
    starts_s: tuple[float, ...]
    """The start [s] of each drive's validation."""
    gaps_s: tuple[float, ...]
    """The gap [s] before it in each drive, which is left out."""


def split_by_time(examples: Examples, share: float) -> Split:
    """Split off the last `share` of each drive's time for validation; up to LONGEST_GAP_S before it are left
    out.

    Raises `LabelError` if no training or no validation examples remain.
    """
    training = np.zeros(len(examples), np.bool_)
    validation = np.zeros(len(examples), np.bool_)
    starts, gaps = [], []
    for number in np.unique(examples.drives):
        of_drive = examples.drives == number
        centre = of_drive & ~examples.from_side_camera
        first, last = examples.times[centre].min(), examples.times[centre].max()
        start = last - share * (last - first)
        gap = min(LONGEST_GAP_S, (last - start) / 4)
        training |= of_drive & (examples.times < start - gap)
        validation |= centre & (examples.times >= start)
        starts.append(float(start))
        gaps.append(float(gap))
    if not training.any() or not validation.any():
        came = (
            f"{'there is 1' if len(examples) == 1 else f'there are {len(examples)}'}, too few to divide by time"
        )
        raise LabelError("labelled frames for training and later ones for validation", came, "give more")
    return Split(examples.where(training), examples.where(validation), tuple(starts), tuple(gaps))
