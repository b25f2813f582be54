"""A drive as a list of image files with their times and labels, the base of most formats."""

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
"""Frames a second of images without times."""
_TICK = Fraction(1, 16_000)
"""Whole milliseconds fit, and an MP4, whose steps are counted in 31 bits, holds a step of a day."""
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Still:
    """One image file of a drive.

    `time_s` counts from any start, None where the image has no time; `steering` is as the format writes it
    (its `AngleSpec` says how), None or NaN where unknown; `extras` as a `Frame`'s.
    """

    path: Path
    time_s: float | None = None
    steering: float | None = None
    extras: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a format found: its images in order, how it writes angles, and what went wrong on the way.

    `lost` are sentences about rows that could not be read; `files` what was read beside the images; `clock_s`
    what the clock showed at `time_s` 0 [s since 1970], None where that is not known. `camera` is which of the
    `cameras` that have images there, where there are several.
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
    """Image files read as they are asked for, index 0 the first of them, time 0 its time.

    An image that is missing, cannot be read or is of another size than the first one keeps its index and is a
    loss. Where every image has a time the gaps between them stay; `asked.rate` goes before them. Raises
    `InputError` where no image can be read, `LabelError` where no angle is a number, `DamagedInputError`.
    """

    def __init__(self, path: Path, listing: Listing, asked: OpenOptions) -> None:
        if not listing.stills:
            raise InputError("a recording with images", f"{path} lists none", "check its files")
        self._path, self._strict = path, asked.strict
        self._listed = listing.lost
        self.losses = []
        self._bad: dict[str, set[int]] = {}
        self._notes = list(listing.notes)
        self._time(listing, asked)
        self._labels(listing, asked)
        self._report()
        self._size: tuple[int, int] | None = None
        first = self._first()
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
            angle=None if self._factor is None or listing.spec is None else listing.spec.kind,
            own_labels=self._factor is not None,
            norm_deg=None if self._factor is None or listing.spec is None else listing.spec.full_lock_deg,
            smoothed_s=None if self._factor is None else asked.smooth_s,
            camera=listing.camera,
            cameras=listing.cameras,
            files=(*listing.files, *(still.path for still in self._stills)),
            clock_s=self._clock_s,
        )

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The frames of the span. Raises `InputError` where it holds none, `OptionError` for a bad `every`."""
        wanted = self._places(span)
        self._report()
        return self._read(wanted)

    def at(self, where: float | int) -> Frame:
        """The frame there. Raises `InputError` where there is none or its image cannot be read."""
        index = where if isinstance(where, int) else self._on_screen(where)
        if not 0 <= index < len(self._stills):
            raise self._no_frame(f"frame #{index}")
        frame = next(self._read(range(index, index + 1)), None)
        if frame is None:
            raise InputError(
                "an image that can be read", f"{self._stills[index].path} is not one", "ask for another frame"
            )
        return frame

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames spread over the span; next to one that cannot be read, the one after it."""
        wanted = self._places(span)
        if count < len(wanted):
            chosen = np.linspace(0, len(wanted) - 1, count).round().astype(int)
            return self._read([wanted[place] for place in chosen])
        return self._read(wanted)

    def close(self) -> None:
        """Nothing is held open."""

    # Opening

    def _time(self, listing: Listing, asked: OpenOptions) -> None:
        """Puts the images in the order of their times, which begin at 0, and finds the nominal rate."""
        self._stills = list(listing.stills)
        self._clock_s: float | None = None
        times = [still.time_s for still in self._stills]
        timed = all(time is not None and math.isfinite(time) for time in times)
        if asked.rate is not None and asked.rate <= 0:
            raise OptionError("a positive rate", f"it is {asked.rate}", "give frames a second")
        if asked.rate is not None or not timed:
            self._rate = asked.rate or DEFAULT_RATE
            self._time_base = 1 / self._rate
            self._times = np.arange(len(self._stills)) * float(self._time_base)
            if asked.rate is not None and timed and len(times) > 1:
                self._notes.append(f"{float(self._rate):.5g} frames a second as asked: own times left out")
            elif asked.rate is None and len(times) > 1:
                self._notes.append(
                    f"no times: {float(self._rate):.5g} frames a second assumed; --rate says otherwise"
                )
            return
        self._time_base = _TICK
        if listing.clock_s is not None:
            self._clock_s = listing.clock_s + min(time for time in times if time is not None)
        stamps = np.array(times, dtype=np.float64)
        order = np.argsort(stamps, kind="stable")
        if (order != np.arange(len(order))).any():
            self._notes.append("images put in the order of their times")
        self._stills = [self._stills[place] for place in order]
        stamps = stamps[order] - stamps[order[0]]
        steps = np.diff(stamps)
        if far := int((steps > _DAY_S).sum()):
            self._notes.append(f"{far} gaps of more than a day count as a day each: a video holds none longer")
            steps = np.minimum(steps, _DAY_S)
            stamps = np.concatenate([[0.0], np.cumsum(steps)])
        usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1 / float(DEFAULT_RATE)
        self._rate = Fraction(min(max(1 / usual, 0.01), 1000)).limit_denominator(1001)
        # frames that share a time would be one in a video: each comes at least a millisecond after the last
        ticks = np.arange(len(stamps)) / 1000
        self._times = np.maximum.accumulate(stamps - ticks) + ticks
        if moved := int((self._times - stamps > 1e-9).sum()):
            self._notes.append(f"{moved} images less than 1 ms after the one before: shown 1 ms after it")

    def _labels(self, listing: Listing, asked: OpenOptions) -> None:
        """How angles are converted, None where there are none or they are not wanted."""
        self._factor = None
        if listing.spec is None or not asked.labels:
            return
        bad = sum(_angle(still) is None for still in self._stills)
        if bad == len(self._stills):
            raise LabelError(
                f"steering angles in {listing.files[0] if listing.files else self._path}",
                f"none of its {bad} rows has a finite number",
                "check the file, or leave them with --no-labels",
            )
        if bad:
            self._notes.append(f"{bad} of {len(self._stills)} images have no finite angle: they have no label")
        self._factor = listing.spec.factor
        if asked.smooth_s is not None:
            self._smooth(asked.smooth_s)

    def _smooth(self, width_s: float) -> None:
        """Averages the angles as they are written."""
        angles = [math.nan if (angle := _angle(still)) is None else angle for still in self._stills]
        means = smoothed(self._times.astype(np.float64), np.array(angles, np.float64), width_s).tolist()
        self._stills = [replace(one, steering=mean) for one, mean in zip(self._stills, means, strict=True)]
        self._notes.append(note(width_s))

    def _first(self) -> Image:
        """The first image that can be read."""
        for index in range(len(self._stills)):
            image = self._image(index)
            if image is not None:
                return image
        first = self._stills[0].path
        missing = len(self._bad.get(_MISSING, ()))
        total = len(self._stills)
        what = "is there" if missing == total else "can be read"
        raise InputError(
            f"the images of {self._path}", f"none of {total} {what} (the first is {first})", "check the folder"
        )

    # Ranges

    def _places(self, span: Span) -> range:
        return index_range(span, len(self._stills), self._bound, self._no_frame)

    def _bound(self, bound: float | int) -> int:
        """The index of the first frame at or after a bound."""

        def first_from(time_s: float) -> int:
            return int(np.searchsorted(self._times, time_s - TOLERANCE_S))

        return bound_index(bound, len(self._stills), first_from)

    def _on_screen(self, time_s: float) -> int:
        """The index of the last frame that began at or before a time. Raises `InputError` outside the drive."""
        if not -TOLERANCE_S <= time_s < self._times[-1] + 1 / float(self._rate):
            raise self._no_frame(f"{time_s:g} s")
        return max(int(np.searchsorted(self._times, time_s + TOLERANCE_S, side="right")) - 1, 0)

    def _no_frame(self, what: str) -> InputError:
        return out_of_range(self._path, len(self._stills), 0.0, self._times[-1], what)

    # Reading

    def _read(self, wanted: Sequence[int]) -> Iterator[Frame]:
        for index in wanted:
            image = self._image(index)
            if image is None:
                continue
            still, angle = self._stills[index], None
            if self._factor is not None and (written := _angle(still)) is not None:
                angle = written * self._factor + 0.0  # no -0.0
            yield Frame(index, float(self._times[index]), image, angle, still.extras)

    def _image(self, index: int) -> Image | None:
        """The image as (H, W, 3) uint8 RGB; None, and a loss, where it cannot be used."""
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
        self._lost(why, index)
        return None

    def _lost(self, why: str, index: int) -> None:
        self._bad.setdefault(why, set()).add(index)
        self._report()

    def _report(self) -> None:
        """Brings `losses` up to date. Raises `DamagedInputError` where nothing may be lost."""
        sentences = list(self._listed)
        for why, bad in list(self._bad.items()):  # another thread may add to it
            first = self._stills[min(bad)].path.name
            images = "image is" if len(bad) == 1 else "images are"
            if why.startswith("cannot"):
                images = images.split()[0]
            sentences.append(f"{len(bad)} {images} {why} (first #{min(bad)}, {first})")
        self.losses[:] = sentences
        if sentences and self._strict:
            raise DamagedInputError(
                "a whole recording",
                f"{self._path}: {sentences[0]}",
                "leave --strict out to keep what can be read",
            )


_MISSING = "missing"


def _angle(still: Still) -> float | None:
    """The angle as written, None where it is no finite number."""
    angle = still.steering
    return angle if angle is not None and math.isfinite(angle) else None
