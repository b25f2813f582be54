"""The data that flows between the parts. These types import nothing heavy and nothing of drivesal's parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.angle import AngleKind

    Image = NDArray[np.uint8]
    """(H, W, 3) uint8 RGB."""
    Floats = NDArray[np.float32]
    """What networks compute in: maps, heat, predictions."""
    Doubles = NDArray[np.float64]
    """What must not lose digits: times, angles of a whole drive, geometry."""
    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a recording.

    `index` counts from 0 in presentation order, also across frames that could not be decoded; `time_s` is the
    container's own timestamp in seconds; `image` is (H, W, 3) uint8 RGB, contiguous; `steering` is the label
    inside drivesal's convention (`angle.py`), None where unknown; `extras` holds speed and the like.
    """

    index: int
    time_s: float
    image: Image
    steering: float | None = None
    extras: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """Which frames of a recording: from `start` inclusive to `end` exclusive, every `every`th of them.

    A bound is a time in seconds (float), a frame index (int) or None for the recording's own end. Seconds are
    the container's own timestamps.
    """

    start: float | int | None = None
    end: float | int | None = None
    every: int = 1


WHOLE = Span()
"""Every frame of a recording."""


@dataclass(frozen=True, slots=True, repr=False)
class RecordingInfo:
    """What is known of a recording before its frames are read.

    `rate` is exact (30000/1001), the nominal one where it varies; `time_base` is the unit of the timestamps;
    `length` counts frames, None where only reading tells; `notes` are sentences for the person (a guessed
    rate, a rotation applied); `angle` is the kind of the labels, None without labels, and `own_labels` tells
    that they are part of the recording, `labels_by` whether a table of them is keyed by "time" or "frame" (None
    where there is no table), `named_labels` that the user named their table, `full_lock_deg` what
    their norm 1.0 was said to be, `norm_deg` what it is in the format's own labels, `smoothed_s` the time [s]
    that they were averaged over; `camera` is which of the recording's `cameras`, those with images, this is;
    `files` are those beside `path` that it is read from (a log, its images); `keyframe_gap` is the most frames
    that are decoded to reach one: those from a keyframe up to the next, 1 where each stands alone, all of them
    where the recording is not `seekable`; `clock_s` is what the clock showed at time 0 [s since 1970], None
    where that is not known.
    """

    path: Path
    format: str
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    length: int | None
    duration_s: float | None
    seekable: bool
    codec: str
    has_audio: bool = False
    notes: tuple[str, ...] = ()
    angle: AngleKind | None = None
    own_labels: bool = False
    labels_by: Literal["time", "frame"] | None = None
    named_labels: bool = False
    full_lock_deg: float | None = None
    norm_deg: float | None = None
    smoothed_s: float | None = None
    camera: str | None = None
    cameras: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    keyframe_gap: int = 1
    clock_s: float | None = None

    def frames_of(self, span: Span) -> int | None:
        """About how many frames the span has, by the nominal rate; None where the length is not known."""
        reach = self.reach_of(span)
        return None if reach is None else max(-(-(reach[1] - reach[0]) // span.every), 0)

    def reach_of(self, span: Span) -> tuple[int, int] | None:
        """About the first frame of the span and the one after its last; None where the length is not known."""
        if self.length is None:
            return None
        length, rate = self.length, self.rate

        def index(bound: float | int | None, default: int) -> int:
            if bound is None:
                return default
            return min(bound if isinstance(bound, int) else round(bound * rate), length)

        return index(span.start, 0), index(span.end, length)

    def __repr__(self) -> str:
        """Every field that is not as usual, of the files how many."""
        told = [one for one in fields(self) if one.name != "files" and getattr(self, one.name) != one.default]
        shown = [f"{one.name}={getattr(self, one.name)!r}" for one in told]
        count = len(self.files)
        more = [f"files=<{count} path{'s'[: count != 1]}>"] if count else []
        return f"RecordingInfo({', '.join([*shown, *more])})"


class Recording(ABC):
    """A drive that can be read frame by frame. Opened with `with`; one file a format in `recordings/`."""

    info: RecordingInfo
    losses: list[str]
    """What could not be read so far, a sentence each; empty when everything was."""

    def __repr__(self) -> str:
        info = self.info
        frames = "frames not counted" if info.length is None else f"{info.length} frames"
        return f"<{type(self).__name__} {info.path}: {frames}, {info.width}x{info.height}>"

    @abstractmethod
    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The frames of the span in order, decoded as they are asked for; may be called again."""

    @abstractmethod
    def at(self, where: float | int) -> Frame:
        """The frame with this index (int), or the one on screen at this time in seconds (float)."""

    @abstractmethod
    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames for a probe: keyframes spread over the span, then its first ones."""

    @abstractmethod
    def close(self) -> None:
        """Releases the file. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class AudioSource:
    """The sound to put under an output video: the file's first audio stream from `start_s` to `end_s` [s]."""

    path: Path
    start_s: float
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One frame with its answer and its attributions, all at the model's size (h, w).

    `picture` (h, w, 3) uint8 RGB; `angle` the prediction in drivesal's convention, `score` what is explained,
    the angle itself unless another target was asked for. Maps with one number a pixel are (h, w) float32,
    positive pushes the score up (an angle left): `push` of the method's own map, `pull` of the negated score's
    where that is not −push, `gradient` and `contribution` only where a case needs them. `raw` (h, w, C) float32
    is the method's map over the network's channels, and `signed` the same at the RGB picture. `baseline_score`
    f(x0) and `completeness_error` |Σ contribution − (f(x) − f(x0))|, in the score's unit, where contributions
    were computed.
    """

    frame: Frame
    picture: Image
    angle: float
    score: float
    raw: Floats
    to_rgb: Floats | None
    push: Floats
    pull: Floats | None = None
    gradient: Floats | None = None
    contribution: Floats | None = None
    baseline_score: float | None = None
    completeness_error: float | None = None

    @property
    def signed(self) -> Floats:
        """(h, w, 3) float32: the method's signed map at the RGB picture; (h, w, 1) where it has no channels."""
        return self.raw if self.to_rgb is None else self.raw @ self.to_rgb


@dataclass(frozen=True, slots=True)
class ClipStatistics:
    """What cases and baselines need to know of the whole clip.

    `mean_picture` (h, w, 3) float32 RGB 0..255; `sensitivity` the median over the clip of the patch-mean
    |gradient| where it is not 0, in the angle's unit per 1/255, 0.0 where no case asked for a gradient;
    `reach` (h, w) bool, False where no picture of the probe had any gradient (outside the receptive field).
    """

    mean_picture: Floats
    sensitivity: float = 0.0
    reach: NDArray[np.bool_] | None = None
