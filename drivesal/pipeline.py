"""Where the parts are joined: a recording and a model in; an overlay video, a table and facts out."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeVar

import cv2
import numpy as np

from drivesal.comparing import apart, beside, fitted, told, truths
from drivesal.explainer import Batch, Explainer, batches, nothing_decoded, study
from drivesal.facts import result_facts, run_facts
from drivesal.maps import MapsWriter
from drivesal.outputs import Outputs, writing
from drivesal.painter import Painter, Request
from drivesal.plausible import Doubt, doubt_of_frames
from drivesal.stages import Ahead
from drivesal.table import Table, Units
from drivesal.types import AudioSource, Explained, Recording, Span
from drivesal.video import VideoWriter, planes

if TYPE_CHECKING:
    from drivesal.model import SteeringModel
    from drivesal.steering import AngleKind
    from drivesal.types import Floats, Image

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the video is written: libx264's preset and CRF."""

    preset: str = "veryfast"
    crf: int = 23


class Clock:
    """Seconds each stage took, by name. Stages run beside each other, so their sum exceeds the whole."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the time of the block to the stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

    def each(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """The items, adding the time that each took to come."""
        iterator = iter(items)
        while True:
            with self.measure(stage):
                item = next(iterator, None)
            if item is None:
                return
            yield item


@dataclass(frozen=True, slots=True)
class Drawn:
    """A frame ready to be written: `yuv` as `video.planes` gives it, valid until two more have been drawn."""

    explained: Explained
    yuv: Image


def draw(
    batches_of: Iterable[list[Explained]],
    painter: Painter,
    add_row: Callable[[Explained, Mapping[str, Floats]], None],
    clock: Clock,
) -> Iterator[Drawn]:
    """Each frame's row in the table and its canvas."""
    width, height = painter.renderer.size
    # one being drawn, one in the queue, one being written
    ring = itertools.cycle([np.empty((height * 3 // 2, width), np.uint8) for _ in range(3)])
    for explained in itertools.chain.from_iterable(batches_of):
        with clock.measure("draw"):
            heats = painter.heats(explained)
            add_row(explained, heats)
            drawn = Drawn(explained, planes(painter.paint(explained, heats), next(ring)))
        yield drawn


def render_video(
    recording: Recording,
    model: SteeringModel,
    request: Request,
    outputs: Outputs,
    paths: Mapping[str, Path],
    encoding: Encoding = Encoding(),
    progress: Callable[[int], object] = lambda _: None,
) -> dict[str, Any]:
    """Writes the overlay video and what goes with it, and returns its facts.

    `paths` holds the final names under "video", "table", "facts" and, where maps are kept, "maps"; all are of
    `outputs`. `progress` is called with 1 for every frame written.
    """
    recording = fitted(recording, model.kind, request.steering_ratio)
    labels = apart(recording, model.kind)
    clock = Clock()
    started = time.perf_counter()
    with clock.measure("probe"):
        studied = study(recording, model, request.question, request.span)
        seen = truths(studied.frames, recording, model.kind)
        doubt = doubt_of_frames(model, seen, request.question.batch)
        painter = Painter(recording, model, studied, request, warnings=[doubt.short] if doubt else ())
        explainer, contributions = studied.explainer, studied.probe[0].baseline_score is not None
        del studied, seen  # the probe's maps are not needed any more
    parts = {name: outputs.part(path) for name, path in paths.items()}
    recording.losses.clear()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_one_opencv_thread())
        file = stack.enter_context(_text(parts["table"], paths["table"]))
        names = [case.name for case in request.cases]
        units = Units(model.kind.unit, None if model.explains_its_answer else model.unit, labels)
        table = Table(file, units, names, model.preprocess, contributions)

        def add_row(one: Explained, heats: Mapping[str, Floats]) -> None:
            with writing(paths["table"]):
                table.add(one, heats)

        maps = (
            stack.enter_context(_maps(parts["maps"], paths["maps"], explainer.method.kind == "relative"))
            if "maps" in parts
            else None
        )
        explained = _explained(recording, model, explainer, request.span, stack, clock)
        drawn = stack.enter_context(Ahead(draw(explained, painter, add_row, clock)))
        film = Film(recording, request.span, parts["video"], paths["video"], painter.renderer.size, encoding)
        with film:
            for one in drawn:
                with clock.measure("write"):
                    film.add(one)
                    if maps is not None:
                        maps(one.explained)
                progress(1)
    if not table.rows:
        raise nothing_decoded()
    clock.seconds["total"] = time.perf_counter() - started
    notes = _said(doubt) if labels is None else [told(labels, model.kind, table.correlation()), *_said(doubt)]
    facts = {
        **run_facts(model, explainer, request, painter.scale),
        "encoding": dataclasses.asdict(encoding),
        "scaling_doubt": doubt.as_json() if doubt else None,
        **result_facts(recording, table, [*notes, *painter.notes, *film.notes], clock.seconds),
    }
    with writing(paths["facts"]):
        parts["facts"].write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts


def _said(doubt: Doubt | None) -> list[str]:
    return [doubt.sentence] if doubt else []


@contextlib.contextmanager
def _text(part: Path, final: Path) -> Iterator[TextIO]:
    """A text file to write; a full disk is told also where only closing it shows."""
    with writing(final):
        file = part.open("w", encoding="utf-8", newline="")
    try:
        yield file
        with writing(final):
            file.close()
    finally:
        with contextlib.suppress(OSError):
            file.close()


@contextlib.contextmanager
def _maps(part: Path, final: Path, wide: bool) -> Iterator[Callable[[Explained], None]]:
    """What adds a frame's map; the .npz is written when the block ends well."""
    with writing(final):
        maps = MapsWriter(part, wide)

    def add(explained: Explained) -> None:
        with writing(final):
            maps.add(explained)

    with contextlib.closing(maps):
        yield add
        with writing(final):
            maps.finish()


@contextlib.contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """OpenCV's own threads spin while they wait, which the encoder pays for; stages are parallel already."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _explained(
    recording: Recording,
    model: SteeringModel,
    explainer: Explainer,
    span: Span,
    stack: contextlib.ExitStack,
    clock: Clock,
) -> Ahead[list[Explained]]:
    """Reading and explaining, each in a thread of its own until the stack is left."""
    frames = clock.each("read", recording.frames(span))
    read = stack.enter_context(Ahead(batches(frames, model, explainer.limit)))

    def explain(batch: Batch) -> list[Explained]:
        with clock.measure("explain"):
            return explainer.explain_batch(batch)

    return stack.enter_context(Ahead(map(explain, read)))


class Film:
    """The overlay video, which starts with the first frame that comes: that is its time 0."""

    def __init__(
        self,
        recording: Recording,
        span: Span,
        part: Path,
        final: Path,
        size: tuple[int, int],
        encoding: Encoding,
    ) -> None:
        self._recording, self._span, self._part, self._final = recording, span, part, final
        self._size, self._encoding = size, encoding
        self._start_s = 0.0
        self._writer: VideoWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._writer is not None:
            self._writer.__exit__(*error)

    def add(self, drawn: Drawn) -> None:
        """Writes one frame."""
        time_s = drawn.explained.frame.time_s
        if self._writer is None:
            self._start_s = time_s
            self._writer = self._start()
        self._writer.write_planes(drawn.yuv, time_s - self._start_s)

    @property
    def notes(self) -> list[str]:
        """What the writer has to say: sound that was dropped."""
        return self._writer.notes if self._writer is not None else []

    def _start(self) -> VideoWriter:
        info, span = self._recording.info, self._span
        audio = AudioSource(info.path, self._start_s, span.end if isinstance(span.end, float) else None)
        return VideoWriter(
            self._part,
            self._size,
            info.rate / span.every,
            info.time_base,
            crf=self._encoding.crf,
            preset=self._encoding.preset,
            audio=audio if info.has_audio else None,
            name=self._final,
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """One frame as a figure: canvas (height, width, 3) uint8 RGB, its numbers, what a person should know.

    `labels` is the kind of the truth where it cannot be compared with the angle, else None; `against` what the
    method and the case support measured against, in words, None where they do not.
    """

    canvas: Image
    explained: Explained
    totals: Mapping[str, float]
    notes: tuple[str, ...]
    labels: AngleKind | None = None
    against: tuple[str | None, str | None] = (None, None)


def render_image(recording: Recording, model: SteeringModel, request: Request, where: float | int) -> Figure:
    """One frame of a recording, or a picture, drawn like a frame of the video.

    `where` is a frame's index (int) or a time [s] (float). Scale and statistics are the whole recording's.
    """
    recording = fitted(recording, model.kind, request.steering_ratio)
    labels = apart(recording, model.kind)
    frame = recording.at(where)
    studied = study(recording, model, request.question, request.span)
    doubt = doubt_of_frames(model, truths(studied.frames, recording, model.kind), request.question.batch)
    warnings = [doubt.short] if doubt else ()
    painter = Painter(recording, model, studied, request, warnings=warnings, trace=False)
    explained = next(studied.explainer.explain([frame]))
    heats = painter.heats(explained)
    totals = {name: float(heat.sum()) for name, heat in heats.items()}
    notes = (*([beside(labels, model.kind)] if labels else ()), *_said(doubt), *painter.notes)
    against = (studied.explainer.reference, studied.explainer.support_reference)
    return Figure(painter.paint(explained, heats), explained, totals, notes, labels, against)
