"""Short clips as animated GIF or WebP, for pages and messages that do not accept video."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import av

from drivesal.errors import OptionError
from drivesal.export.mp4 import VideoWriter
from drivesal.io.outputs import writing

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

    from drivesal.types import Image

MOST_S, MOST_FRAMES = 60, 1200


@dataclass(frozen=True, slots=True)
class Kind:
    """A format: FFmpeg's names, the time unit, the shortest step in it, the default width, passes, options."""

    muxer: str
    codec: str
    pix_fmt: str
    time_base: Fraction
    least_step: int
    width: int
    passes: int
    options: dict[str, str]


KINDS = {
    # viewers show GIF delays below 2/100 s as 10/100 s
    ".gif": Kind("gif", "gif", "pal8", Fraction(1, 100), 2, 640, 2, {}),
    ".webp": Kind("webp", "libwebp_anim", "yuv420p", Fraction(1, 1000), 1, 800, 1, {"quality": "80"}),
}
_PALETTE = "stats_mode=full"
_DITHER = "dither=bayer:bayer_scale=5:diff_mode=rectangle"


def kind_of(path: Path) -> Kind:
    """The format for a file name's suffix. Raises KeyError for other suffixes."""
    return KINDS[path.suffix.lower()]


def too_long(kind: Kind, came: str) -> OptionError:
    """The error for a clip that is too long for an animation."""
    expected = f"a clip of at most {MOST_S} s and {MOST_FRAMES} frames for a {kind.muxer.upper()}"
    return OptionError(expected, came, "shorten it with --start and --end, or take fewer frames with --every")


class AnimationWriter:
    """Like `VideoWriter`, for names that end in .gif or .webp; the animation loops forever.

    Frames are first kept in a lossless temporary video in the same folder, because one palette serves a whole
    GIF. Each later pass calls `tick` with 1 for every frame. Times are the source's, rounded to the format's
    unit, so that they do not drift. Raises `OptionError` for more than MOST_FRAMES frames.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        *,
        name: Path,
        tick: Callable[[int], object] = lambda _: None,
    ) -> None:
        kind = kind_of(name)
        self.notes: list[str] = []
        self._path, self._size, self._rate = path, size, rate
        self._kind, self._name, self._tick = kind, name, tick
        self._count = 0
        with ExitStack() as stack, writing(name):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".drivesal-", dir=path.parent))
            self._film = Path(folder) / "film.mp4"
            self._writer = VideoWriter(self._film, size, rate, time_base, crf=0, preset="ultrafast", name=name)
            self._folder = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        with self._folder:
            self._writer.__exit__(kind, *error)
            if kind is None:
                with writing(self._name):
                    self._convert()

    def write_planes(self, yuv: Image, time_s: float) -> None:
        """Add a frame, like `VideoWriter.write_planes`."""
        self._count += 1
        if self._count > MOST_FRAMES:
            raise too_long(self._kind, "there are more frames")
        self._writer.write_planes(yuv, time_s)

    def _convert(self) -> None:
        """Convert the temporary video to the animation."""
        kind = self._kind
        width, height = self._size
        with av.open(str(self._path), "w", format=kind.muxer, options={"loop": "0"}) as container:
            stream: Any = container.add_stream(kind.codec, rate=self._rate, options=kind.options)
            stream.width, stream.height, stream.pix_fmt = width, height, kind.pix_fmt
            stream.codec_context.time_base = kind.time_base
            last = -kind.least_step
            for frame in self._with_palette() if kind.pix_fmt == "pal8" else self._frames():
                assert frame.pts is not None
                assert frame.time_base is not None
                nearest_step = round(frame.pts * frame.time_base / kind.time_base)
                last = max(nearest_step, last + kind.least_step)
                frame.pts, frame.time_base = last, kind.time_base
                frame.duration = max(round(1 / self._rate / kind.time_base), kind.least_step)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        if kind.muxer == "webp":
            _end_webp(self._path, max(round(1000 / self._rate), 1))

    def _frames(self) -> Iterator[VideoFrame]:
        with av.open(str(self._film)) as film:
            for frame in film.decode(video=0):
                self._tick(1)
                yield frame

    def _with_palette(self) -> Iterator[VideoFrame]:
        """The frames, reduced to one palette of 256 colours for all of them."""
        palette = self._palette()
        graph = av.filter.Graph()
        with av.open(str(self._film)) as film:
            source = graph.add_buffer(template=film.streams.video[0])
        colours = graph.add_buffer(
            width=palette.width, height=palette.height, format=palette.format, time_base=Fraction(1, 100)
        )
        use, sink = graph.add("paletteuse", _DITHER), graph.add("buffersink")
        source.link_to(use, 0, 0)
        colours.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        palette.pts, palette.time_base = 0, Fraction(1, 100)
        colours.push(palette)
        colours.push(None)
        for frame in self._frames():
            source.push(frame)
            yield from _ready_frames(sink)
        source.push(None)
        yield from _ready_frames(sink)

    def _palette(self) -> VideoFrame:
        graph: Graph = av.filter.Graph()
        with av.open(str(self._film)) as film:
            source = graph.add_buffer(template=film.streams.video[0])
        generator, sink = graph.add("palettegen", _PALETTE), graph.add("buffersink")
        source.link_to(generator)
        generator.link_to(sink)
        graph.configure()
        for frame in self._frames():
            source.push(frame)
        source.push(None)
        return sink.pull()  # type: ignore[return-value]


def _end_webp(path: Path, milliseconds: int) -> None:
    """Set the last frame's duration: libwebp writes the mean of the others."""
    with path.open("r+b") as file:
        offset, last, size = 12, None, path.stat().st_size
        while offset + 8 <= size:
            file.seek(offset)
            name, length = file.read(4), int.from_bytes(file.read(4), "little")
            last = offset if name == b"ANMF" else last
            offset += 8 + length + length % 2
        if last is not None:  # a single frame is written as a still image
            file.seek(last + 20)  # after the chunk header and the frame's position and size
            file.write(milliseconds.to_bytes(3, "little"))


def _ready_frames(sink: Any) -> Iterator[VideoFrame]:
    """The frames that a filter graph has ready at its sink."""
    with suppress(av.BlockingIOError, av.EOFError):
        while True:
            yield sink.pull()
