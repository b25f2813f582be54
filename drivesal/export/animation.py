"""Short clips as an animated GIF or WebP, for pages and messages that take no video."""

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
    """A format: FFmpeg's names, the unit of its times, the least step in it, a width, what it is made with."""

    muxer: str
    codec: str
    pix_fmt: str
    time_base: Fraction
    least_step: int
    width: int
    passes: int
    options: dict[str, str]


KINDS = {
    # viewers show a GIF's steps below 2/100 s as 10/100 s
    ".gif": Kind("gif", "gif", "pal8", Fraction(1, 100), 2, 640, 2, {}),
    ".webp": Kind("webp", "libwebp_anim", "yuv420p", Fraction(1, 1000), 1, 800, 1, {"quality": "80"}),
}
_PALETTE = "stats_mode=full"
_DITHER = "dither=bayer:bayer_scale=5:diff_mode=rectangle"


def kind_of(path: Path) -> Kind:
    """The format that the suffix of a file's name asks for. Raises KeyError for any other."""
    return KINDS[path.suffix.lower()]


def too_long(kind: Kind, came: str) -> OptionError:
    """What is said of a clip that is no short one."""
    expected = f"a clip of at most {MOST_S} s and {MOST_FRAMES} frames for a {kind.muxer.upper()}"
    return OptionError(expected, came, "choose a part with --start and --end, or fewer frames with --every")


class AnimationWriter:
    """Like `VideoWriter`, for a name that ends in .gif or .webp; it loops for ever.

    Frames are kept without loss in a temporary video beside it until all are there: one palette serves a whole
    GIF. `tick` is called with 1 for every frame of each pass then. Times are the source's, rounded to the
    format's unit, so that nothing drifts. Raises `OptionError` where more frames come than an animation has.
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
        """Adds a frame as `VideoWriter.write_planes` does."""
        self._count += 1
        if self._count > MOST_FRAMES:
            raise too_long(self._kind, "there are more")
        self._writer.write_planes(yuv, time_s)

    def _convert(self) -> None:
        """The temporary video to the animation."""
        kind = self._kind
        width, height = self._size
        with av.open(str(self._path), "w", format=kind.muxer, options={"loop": "0"}) as container:
            stream: Any = container.add_stream(kind.codec, rate=self._rate, options=kind.options)
            stream.width, stream.height, stream.pix_fmt = width, height, kind.pix_fmt
            stream.codec_context.time_base = kind.time_base
            last = -kind.least_step
            for picture in self._with_palette() if kind.pix_fmt == "pal8" else self._frames():
                assert picture.pts is not None
                assert picture.time_base is not None
                wanted = round(picture.pts * picture.time_base / kind.time_base)
                last = max(wanted, last + kind.least_step)
                picture.pts, picture.time_base = last, kind.time_base
                picture.duration = max(round(1 / self._rate / kind.time_base), kind.least_step)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        if kind.muxer == "webp":
            _end_webp(self._path, max(round(1000 / self._rate), 1))

    def _frames(self) -> Iterator[VideoFrame]:
        with av.open(str(self._film)) as film:
            for picture in film.decode(video=0):
                self._tick(1)
                yield picture

    def _with_palette(self) -> Iterator[VideoFrame]:
        """The frames in the 256 colours that suit all of them."""
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
        for picture in self._frames():
            source.push(picture)
            yield from _pulled(sink)
        source.push(None)
        yield from _pulled(sink)

    def _palette(self) -> VideoFrame:
        graph: Graph = av.filter.Graph()
        with av.open(str(self._film)) as film:
            source = graph.add_buffer(template=film.streams.video[0])
        made, sink = graph.add("palettegen", _PALETTE), graph.add("buffersink")
        source.link_to(made)
        made.link_to(sink)
        graph.configure()
        for picture in self._frames():
            source.push(picture)
        source.push(None)
        return sink.pull()  # type: ignore[return-value]


def _end_webp(path: Path, milliseconds: int) -> None:
    """Gives the last frame its own duration: libwebp gives it the mean of the others."""
    with path.open("r+b") as file:
        place, last, size = 12, None, path.stat().st_size
        while place + 8 <= size:
            file.seek(place)
            name, length = file.read(4), int.from_bytes(file.read(4), "little")
            last = place if name == b"ANMF" else last
            place += 8 + length + length % 2
        if last is not None:  # a single frame is a still picture
            file.seek(last + 20)  # behind the chunk's head and the frame's place and size
            file.write(milliseconds.to_bytes(3, "little"))


def _pulled(sink: Any) -> Iterator[VideoFrame]:
    """What is ready at the end of a graph."""
    with suppress(av.BlockingIOError, av.EOFError):
        while True:
            yield sink.pull()
