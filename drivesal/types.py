"""Data types passed between the packages. This module imports neither heavy libraries nor other packages."""

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
    """Values computed by networks: maps, heat, predictions."""
    Doubles = NDArray[np.float64]
    """Values that need full precision: times, the angles of a whole drive, geometry."""
    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a recording.

    `index` counts from 0 in presentation order and includes frames that could not be decoded; `time_s` is the
    container timestamp in seconds; `image` is (H, W, 3) uint8 RGB, contiguous; `steering` is the label in
    drivesal's convention (`angle.py`), None if unknown; `extras` holds other signals such as speed.
    """

    index: int
    time_s: float
    image: Image
    steering: float | None = None
    extras: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of frames: from `start` inclusive to `end` exclusive, every `every`th of them.

    A bound is a time in seconds (float), a frame index (int), or None for the start or end of the recording.
    Times refer to the container timestamps.
    """

    start: float | int | None = None
    end: float | int | None = None
    every: int = 1


WHOLE = Span()
"""Every frame of a recording."""


@dataclass(frozen=True, slots=True, repr=False)
class RecordingInfo:
    """Properties of a recording that are known before its frames are read.

    `rate` is an exact fraction (30000/1001), the nominal one if the rate varies; `time_base` is the unit of the
    timestamps; `length` counts frames, None if it is only known after reading; `notes` are messages for the
    user (a guessed rate, an applied rotation); `files` are the files other than `path` that are read (a log,
    images); `keyframe_gap` is the largest number of frames decoded to reach one: the largest distance between
    keyframes, 1 if every frame can be decoded alone, all frames if the recording is not `seekable`; `clock_s`
    is the clock time at time 0 [s since 1970], None if unknown; `camera` is the selected one of `cameras`, the
    cameras that have images.

    Labels: `angle` is their kind, None without labels; `own_labels`: they are part of the recording;
    `labels_by`: whether a label table is keyed by "time" or "frame", None without a table; `named_labels`: the
    user named the table; `full_lock_deg`: degrees at norm 1.0 as given by the user; `norm_deg`: degrees at norm
    1.0 as defined by the format; `smoothed_s`: the window [s] that the labels were averaged over.
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
        """Approximate number of frames in the span, from the nominal rate; None if the length is not known."""
        reach = self.reach_of(span)
        return None if reach is None else max(-(-(reach[1] - reach[0]) // span.every), 0)

    def reach_of(self, span: Span) -> tuple[int, int] | None:
        """Approximate first and one-past-last frame of the span; None if the length is not known."""
        if self.length is None:
            return None
        length, rate = self.length, self.rate

        def index(bound: float | int | None, default: int) -> int:
            if bound is None:
                return default
            return min(bound if isinstance(bound, int) else round(bound * rate), length)

        return index(span.start, 0), index(span.end, length)

    def __repr__(self) -> str:
        """All fields that differ from their default; `files` as a count."""
        changed = [item for item in fields(self) if getattr(self, item.name) != item.default]
        shown = [f"{item.name}={getattr(self, item.name)!r}" for item in changed if item.name != "files"]
        count = len(self.files)
        files = [f"files=<{count} path{'s'[: count != 1]}>"] if count else []
        return f"RecordingInfo({', '.join([*shown, *files])})"


class Recording(ABC):
    """A drive that can be read frame by frame. Use it in a `with` statement."""

    info: RecordingInfo
    losses: list[str]
    """Messages about data that could not be read so far; empty if there were no losses."""

    def __repr__(self) -> str:
        info = self.info
        frames = "frames not counted" if info.length is None else f"{info.length} frames"
        return f"<{type(self).__name__} {info.path}: {frames}, {info.width}x{info.height}>"

    @abstractmethod
    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The frames of the span in order, decoded lazily; may be called several times."""

    @abstractmethod
    def at(self, where: float | int) -> Frame:
        """The frame with this index (int), or the frame displayed at this time in seconds (float)."""

    @abstractmethod
    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames for a probe, spread over the span; where it is cheaper, keyframes."""

    @abstractmethod
    def close(self) -> None:
        """Release the file. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Audio for an output video: the first audio stream of the file from `start_s` to `end_s` [s]."""

    path: Path
    start_s: float
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One frame with its prediction and its attribution maps, at the model's input size (h, w).

    `model_input` (h, w, 3) uint8 RGB is the model input; `angle` is the prediction in drivesal's convention;
    `score` is the explained number, the angle itself unless another target was chosen. Per-pixel maps are (h,
    w) float32, positive where they raise the score (turn an angle left): `attribution` is reduced from the
    method's map; `negated_attribution` is the map of the negated score, None for antisymmetric methods, where
    it is −attribution; `gradient` and `contribution` are set only if a case needs them. `raw` (h, w, C) float32
    is the method's map over the network's input channels; `to_rgb` (C, 3) maps these channels to RGB, None if
    no conversion is needed. `baseline_score` is f(x0) and `completeness_error` |Σ contribution − (f(x) −
    f(x0))|, in the unit of the score; both are set if contributions were computed.
    """

    frame: Frame
    model_input: Image
    angle: float
    score: float
    raw: Floats
    to_rgb: Floats | None
    attribution: Floats
    negated_attribution: Floats | None = None
    gradient: Floats | None = None
    contribution: Floats | None = None
    baseline_score: float | None = None
    completeness_error: float | None = None

    @property
    def signed(self) -> Floats:
        """The method's signed map over RGB, (h, w, 3) float32; (h, w, 1) if the method has no channels."""
        return self.raw if self.to_rgb is None else self.raw @ self.to_rgb


@dataclass(frozen=True, slots=True)
class ClipStatistics:
    """Statistics of the whole clip that cases and baselines need.

    `mean_image` (h, w, 3) float32 RGB 0..255; `sensitivity` is the median over the clip of the nonzero
    patch-mean |gradient|, in the unit of the angle per 1/255, 0.0 if no case needs a gradient; `reach` (h, w)
    bool is False for pixels with zero gradient in all probe frames (outside the receptive field).
    """

    mean_image: Floats
    sensitivity: float = 0.0
    reach: NDArray[np.bool_] | None = None
