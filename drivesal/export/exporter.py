"""The base classes of exporters, and the registry of the results that a run can write.

A new kind of result is one file in `drivesal/export/results/` with one registered class. The command line reads
the registry for its help, so these modules import heavy packages inside functions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

from drivesal.errors import OptionError
from drivesal.io.outputs import writing
from drivesal.registry import Registry

if TYPE_CHECKING:
    from drivesal.export.table import Units
    from drivesal.model.preprocess import Preprocess
    from drivesal.settings import LookSettings
    from drivesal.types import Explained, Floats, Image, RecordingInfo, Span


@dataclass(frozen=True, slots=True)
class Encoding:
    """How an H.264 video is encoded: libx264's preset and CRF."""

    preset: str = "veryfast"
    crf: int = 23


USUAL_ENCODING = Encoding()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRun:
    """Properties of a run that exporters receive before its first frame.

    `size` is (width, height) of the canvas; `cases` the names of the cases; `contributions` whether frames have
    a baseline score; `relative` whether maps have no unit and may be of any magnitude. `progress` is called
    with 1 for every frame of each extra pass that a video makes after the last frame was added.
    """

    info: RecordingInfo
    span: Span
    size: tuple[int, int]
    units: Units
    cases: tuple[str, ...]
    preprocess: Preprocess
    contributions: bool
    relative: bool
    encoding: Encoding = USUAL_ENCODING
    progress: Callable[[int], object] = lambda _: None


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """A frame ready to be written.

    `heats` are (h, w) float32 by case, unsmoothed and unscaled; `yuv` is the canvas as returned by
    `mp4.planes`, valid until two more frames have been drawn.
    """

    explained: Explained
    heats: Mapping[str, Floats]
    yuv: Image


class ResultExporter(ABC):
    """One result of a run: created before its first frame, fed every frame, closed after the last.

    `path` is the temporary file to write; it is renamed to `final` once all results of the run are complete
    (`Outputs`). An `OSError` in any method is reported as an `OutputError` about `final`.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    option: ClassVar[str | None] = None
    """The option that requests the result and names its file; None: written next to every video."""
    help: ClassVar[str] = ""

    def __init__(self, path: Path, final: Path, run: ExportedRun) -> None:
        self.path, self.final, self.run = path, final, run

    @abstractmethod
    def add(self, frame: DrawnFrame) -> None:
        """Add one frame; frames come in order."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file; called only if no stage of the run failed."""

    def release(self) -> None:  # noqa: B027 (many results hold no resources)
        """Release all open resources, also after a failure; must not raise."""

    @property
    def notes(self) -> Sequence[str]:
        """Notes for the user about the result, available after `close`."""
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        try:
            if kind is None:
                with writing(self.final):
                    self.close()
        finally:
            self.release()


class VideoFile(Protocol):
    """A video being written; leaving its `with` block finishes it."""

    notes: list[str]

    def write_planes(self, yuv: Image, time_s: float) -> None:
        """Add a frame, shown from `time_s` seconds after the start of the video."""

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None: ...


class VideoExporter(ResultExporter):
    """An overlay video, selected by the suffix of its file name; its time 0 is the first frame."""

    encoded: ClassVar[bool] = False
    """Whether `Encoding` applies."""
    _file: VideoFile | None = None
    _start_s = 0.0

    @classmethod
    def passes(cls, path: Path) -> int:
        """Number of extra passes over all frames after the last was added."""
        return 0

    @classmethod
    def suited(
        cls, path: Path, look: LookSettings, span: Span, info: RecordingInfo, every: int | None
    ) -> tuple[LookSettings, Span]:
        """The look and the span, adapted to the format; `every` None means that the user did not set it.

        Raises OptionError for a clip that is too long for the format.
        """
        return look, span

    @classmethod
    def facts(cls, path: Path, encoding: Encoding) -> dict[str, Any]:
        """The encoding of the video, as plain JSON values."""
        return {}

    @abstractmethod
    def open(self, start_s: float) -> VideoFile:
        """Open the video; its first frame is at `start_s` seconds of the recording."""

    def add(self, frame: DrawnFrame) -> None:
        """Write the frame's canvas."""
        time_s = frame.explained.frame.time_s
        if self._file is None:
            self._start_s = time_s
            self._file = self.open(time_s)
        self._file.write_planes(frame.yuv, time_s - self._start_s)

    def close(self) -> None:
        """Nothing to do: `__exit__` finishes the video."""

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        if self._file is not None:
            self._file.__exit__(kind, *error)

    @property
    def notes(self) -> Sequence[str]:
        """Notes of the writer: audio that was dropped."""
        return self._file.notes if self._file is not None else ()


E = TypeVar("E", bound=type[ResultExporter])
_registry: Registry[type[ResultExporter]] = Registry("drivesal.export.results")


def register(cls: E) -> E:
    """Class decorator: register a kind of result that runs can write."""
    _registry.add(cls, cls.__module__, cls.name)
    return cls


def videos() -> list[type[VideoExporter]]:
    """The kinds of overlay video, those with an `Encoding` first."""
    kinds = [one for one in _registry.items().values() if issubclass(one, VideoExporter)]
    return sorted(kinds, key=lambda one: not one.encoded)


def optional() -> list[type[ResultExporter]]:
    """The kinds of result that an option requests."""
    return [one for one in _registry.items().values() if one.option is not None]


def video_suffixes() -> list[str]:
    """Valid suffixes of an overlay video."""
    return [suffix for one in videos() for suffix in one.suffixes]


def video_exporter(path: Path) -> type[VideoExporter] | None:
    """The kind of overlay video for a path's suffix; None if the suffix is no video's."""
    return next((one for one in videos() if path.suffix.lower() in one.suffixes), None)


def result_paths(video: Path, asked: Mapping[str, Path | None]) -> dict[str, Path]:
    """Paths by kind of result: the video, the files written next to it, and those that `asked` names.

    `asked` maps `ResultExporter.option` to paths. Raises OptionError for a path with the wrong suffix.
    """
    paths = {"video": video}
    for one in _registry.items().values():
        if one.option is None and not issubclass(one, VideoExporter):
            paths[one.name] = video.with_suffix(one.suffixes[0])
    paths["facts"] = video.with_suffix(".json")
    for one in optional():
        path = asked.get(str(one.option))
        if path is None:
            continue
        if path.suffix.lower() not in one.suffixes:
            flag, endings = f"--{str(one.option).replace('_', '-')}", " or ".join(one.suffixes)
            raise OptionError(f"{flag} to end in {endings}", f"it is {path}", f"name it {one.suffixes[0]}")
        paths[one.name] = path
    return paths


def exporter(name: str, path: Path, final: Path, run: ExportedRun) -> ResultExporter:
    """An exporter for a kind of result in `result_paths`, ready to write to `path`. Raises OutputError."""
    kind = video_exporter(final) if name == "video" else _registry.items()[name]
    assert kind is not None
    with writing(final):
        return kind(path, final, run)
