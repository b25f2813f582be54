"""Drives stored as image files with times and labels: the base of most formats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drivesal.angle import AngleSpec
from drivesal.errors import DamagedInputError, InputError, LabelError, OptionError
from drivesal.recordings.decoding.still_images import is_complete, read_image
from drivesal.recordings.ranges import TOLERANCE_S, bound_index, index_range, out_of_range
from drivesal.recordings.registry import Camera, OpenOptions
from drivesal.series.smoothing import note, smoothed
from drivesal.types import WHOLE, Frame, Recording, RecordingInfo, Span

if TYPE_CHECKING:
    from drivesal.types import Image

DEFAULT_RATE = Fraction(20)
"""Frames per second for images without times."""
_TICK = Fraction(1, 16_000)
"""Time base: represents whole milliseconds; one day fits the 31 bits of a frame duration in MP4."""
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Still:
    """One image file of a drive.

    `time_s` counts from an arbitrary start, None if the image has no time; `steering` is the value in the file,
    in the convention of the format's `AngleSpec`, None or NaN if unknown; `extras` as in `Frame`.
    """

    path: Path
    time_s: float | None = None
    steering: float | None = None
    extras: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """The parsed contents of a recording: its images in order, its angle convention and its losses.

    `lost` are messages about rows that could not be read; `notes` are messages for the user; `files` were read
    in addition to the images; `clock_s` is the clock time at `time_s` 0 [s since 1970], None if unknown;
    `camera` is the selected one of `cameras`, the cameras that have images, in a format with several.
    """

    format: str
    stills: Sequence[Still]
    spec: AngleSpec | None = None
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    clock_s: float | None = None
    camera: Camera | None = None
    cameras: tuple[Camera, ...] = ()


class StillsRecording(Recording):
    """Image files, read lazily; the first one has index 0 and time 0.

    An image that is missing, unreadable or of another size than the first readable one keeps its index and is
    reported as a loss. If every image has a time, gaps are preserved; `options.rate` overrides the times.
    Raises `InputError` if no image can be read, `LabelError` if no angle is a number, `DamagedInputError` for
    damage with `options.strict`.
    """

    def __init__(self, path: Path, listing: Listing, options: OpenOptions) -> None:
        if not listing.stills:
            raise InputError("a recording with images", f"{path} lists none", "check the files")
        self._path, self._strict = path, options.strict
        self._listing_losses = listing.lost
        self.losses = []
        self._unusable: dict[str, set[int]] = {}
        self._notes = list(listing.notes)
        self._set_times(listing, options)
        self._set_labels(listing, options)
        self._report()
        self._size: tuple[int, int] | None = None
        first = self._first_image()
        height, width = first.shape[:2]
        self._size = (height, width)
        self.info = RecordingInfo(
            path=path,
            format=listing.format,
            width=width,
            height=height,
            rate=self._rate,
            time_base=self._time_base,
            length=len(self._stills),
            duration_s=float(self._times[-1] + 1 / self._rate),
            seekable=True,
            codec=self._stills[0].path.suffix.lower().lstrip("."),
            notes=tuple(self._notes),
            angle=None if self._angle_factor is None or listing.spec is None else listing.spec.kind,
            own_labels=self._angle_factor is not None,
            norm_deg=None if self._angle_factor is None or listing.spec is None else listing.spec.full_lock_deg,
            smoothed_s=None if self._angle_factor is None else options.smooth_s,
            camera=listing.camera,
            cameras=listing.cameras,
            files=(*listing.files, *(still.path for still in self._stills)),
            clock_s=self._clock_s,
        )

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Frames of the span. Raises `InputError` if it is empty, `OptionError` for an invalid `every`."""
        indices = self._indices(span)
        self._report()
        return self._read(indices)

    def at(self, where: float | int) -> Frame:
        """The frame at this index or time. Raises `InputError` if there is none or its image is unreadable."""
        index = where if isinstance(where, int) else self._index_at(where)
        if not 0 <= index < len(self._stills):
            raise self._out_of_range(f"frame #{index}")
        frame = next(self._read(range(index, index + 1)), None)
        if frame is None:
            raise InputError(
                "a readable image", f"{self._stills[index].path} is not one", "choose another frame"
            )
        return frame

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames spread evenly over the span, without those that cannot be read."""
        indices = self._indices(span)
        if count < len(indices):
            chosen = np.linspace(0, len(indices) - 1, count).round().astype(int)
            return self._read([indices[number] for number in chosen])
        return self._read(indices)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    # Opening

    def _set_times(self, listing: Listing, options: OpenOptions) -> None:
        """Sort the images by time, starting at 0, and set the times and the nominal rate."""
        self._stills = list(listing.stills)
        self._clock_s: float | None = None
        times = [still.time_s for still in self._stills]
        timed = all(time is not None and math.isfinite(time) for time in times)
        if options.rate is not None and options.rate <= 0:
            raise OptionError("a positive rate", f"it is {options.rate}", "give frames per second")
        if options.rate is not None or not timed:
            self._rate = options.rate or DEFAULT_RATE
            self._time_base = 1 / self._rate
            self._times = np.arange(len(self._stills)) * float(self._time_base)
            rate = f"{float(self._rate):.5g} frames per second"
            if options.rate is not None and timed and len(times) > 1:
                self._notes.append(f"{rate} as given: the recording's own times are ignored")
            elif options.rate is None and len(times) > 1:
                self._notes.append(f"no times: {rate} assumed; change it with --rate")
            return
        self._time_base = _TICK
        if listing.clock_s is not None:
            self._clock_s = listing.clock_s + min(time for time in times if time is not None)
        stamps = np.array(times, dtype=np.float64)
        order = np.argsort(stamps, kind="stable")
        if (order != np.arange(len(order))).any():
            self._notes.append("images sorted by time")
        self._stills = [self._stills[number] for number in order]
        stamps = stamps[order] - stamps[order[0]]
        steps = np.diff(stamps)
        if far := int((steps > _DAY_S).sum()):
            self._notes.append(f"{far} gaps of more than a day shortened to one day, the limit of a video file")
            steps = np.minimum(steps, _DAY_S)
            stamps = np.concatenate([[0.0], np.cumsum(steps)])
        median_step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1 / float(DEFAULT_RATE)
        self._rate = Fraction(min(max(1 / median_step, 0.01), 1000)).limit_denominator(1001)
        # frames with equal times would collapse in a video: keep them at least a millisecond apart
        ticks = np.arange(len(stamps)) / 1000
        self._times = np.maximum.accumulate(stamps - ticks) + ticks
        if moved := int((self._times - stamps > 1e-9).sum()):
            self._notes.append(f"{moved} images less than 1 ms after the previous one: moved to 1 ms after it")

    def _set_labels(self, listing: Listing, options: OpenOptions) -> None:
        """Set the conversion factor of the angles, None without angles or with `options.labels` False."""
        self._angle_factor = None
        if listing.spec is None or not options.labels:
            return
        bad = sum(_angle(still) is None for still in self._stills)
        if bad == len(self._stills):
            raise LabelError(
                f"steering angles in {listing.files[0] if listing.files else self._path}",
                f"none of its {bad} rows has a finite number",
                "check the file, or ignore them with --no-labels",
            )
        if bad:
            self._notes.append(f"{bad} of {len(self._stills)} images have no finite angle: they have no label")
        self._angle_factor = listing.spec.factor
        if options.smooth_s is not None:
            self._smooth_labels(options.smooth_s)

    def _smooth_labels(self, width_s: float) -> None:
        """Average the angles over time, in the convention of the file."""
        angles = [math.nan if (angle := _angle(still)) is None else angle for still in self._stills]
        means = smoothed(self._times.astype(np.float64), np.array(angles, np.float64), width_s).tolist()
        self._stills = [replace(still, steering=mean) for still, mean in zip(self._stills, means, strict=True)]
        self._notes.append(note(width_s))

    def _first_image(self) -> Image:
        """The first image that can be read."""
        for index in range(len(self._stills)):
            image = self._image(index)
            if image is not None:
                return image
        first = self._stills[0].path
        missing = len(self._unusable.get(_MISSING, ()))
        total = len(self._stills)
        state = "exists" if missing == total else "can be read"
        raise InputError(
            f"the images of {self._path}", f"none of {total} {state} (the first is {first})", "check the folder"
        )

    # Ranges

    def _indices(self, span: Span) -> range:
        return index_range(span, len(self._stills), self._bound, self._out_of_range)

    def _bound(self, bound: float | int) -> int:
        """Index of the first frame at or after a bound."""

        def first_from(time_s: float) -> int:
            return int(np.searchsorted(self._times, time_s - TOLERANCE_S))

        return bound_index(bound, len(self._stills), first_from)

    def _index_at(self, time_s: float) -> int:
        """Index of the last frame that starts at or before a time. Raises `InputError` outside the drive."""
        if not -TOLERANCE_S <= time_s < self._times[-1] + 1 / float(self._rate):
            raise self._out_of_range(f"{time_s:g} s")
        return max(int(np.searchsorted(self._times, time_s + TOLERANCE_S, side="right")) - 1, 0)

    def _out_of_range(self, request: str) -> InputError:
        return out_of_range(self._path, len(self._stills), 0.0, self._times[-1], request)

    # Reading

    def _read(self, indices: Sequence[int]) -> Iterator[Frame]:
        for index in indices:
            image = self._image(index)
            if image is None:
                continue
            still, angle = self._stills[index], None
            if self._angle_factor is not None and (raw_angle := _angle(still)) is not None:
                angle = raw_angle * self._angle_factor + 0.0  # no -0.0
            yield Frame(index, float(self._times[index]), image, angle, still.extras)

    def _image(self, index: int) -> Image | None:
        """The image as (H, W, 3) uint8 RGB; None if it cannot be used, which is recorded as a loss."""
        path = self._stills[index].path
        try:
            image = read_image(path) if is_complete(path) else None
        except InputError:
            image = None
        if image is not None and self._size in (None, image.shape[:2]):
            return image
        why = "cannot be read" if path.is_file() else _MISSING
        if image is not None and self._size is not None:
            why = f"of another size than {self._size[1]}x{self._size[0]}"
        self._add_loss(why, index)
        return None

    def _add_loss(self, why: str, index: int) -> None:
        self._unusable.setdefault(why, set()).add(index)
        self._report()

    def _report(self) -> None:
        """Update `losses`. Raises `DamagedInputError` for any loss with `options.strict`."""
        messages = list(self._listing_losses)
        for why, bad in list(self._unusable.items()):  # a copy: another thread may add to it
            first = self._stills[min(bad)].path.name
            images = "image is" if len(bad) == 1 else "images are"
            if why.startswith("cannot"):
                images = images.split()[0]
            messages.append(f"{len(bad)} {images} {why} (first #{min(bad)}, {first})")
        self.losses[:] = messages
        if messages and self._strict:
            raise DamagedInputError(
                "an undamaged recording",
                f"{self._path}: {messages[0]}",
                "leave --strict out to use the readable frames",
            )


_MISSING = "missing"


def _angle(still: Still) -> float | None:
    """The angle in the convention of the file, None if it is not a finite number."""
    angle = still.steering
    return angle if angle is not None and math.isfinite(angle) else None
