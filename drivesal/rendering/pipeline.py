"""The video pipeline: from a recording and a model to an overlay video, a table and facts."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from drivesal.evaluation.advice import next_command
from drivesal.evaluation.crop_views import collector_for
from drivesal.evaluation.prediction_scale import label_metadata
from drivesal.evaluation.quick_check import better_setting
from drivesal.explanation.explainer import Explainer
from drivesal.explanation.frame_batches import Batch, batches, no_decodable_frame
from drivesal.explanation.study import study
from drivesal.export.exporter import (
    USUAL_ENCODING,
    DrawnFrame,
    Encoding,
    ExportedRun,
    exporter,
    video_exporter,
)
from drivesal.export.mp4 import planes
from drivesal.export.table import Units
from drivesal.io.outputs import Outputs, writing
from drivesal.io.stages import Ahead
from drivesal.recordings.labels.comparing import apart, fitted, told
from drivesal.rendering.error_summary import ErrorSummary
from drivesal.rendering.facts import result_facts, run_facts
from drivesal.rendering.painter import Painter
from drivesal.rendering.probe_warnings import probe_warnings
from drivesal.rendering.render_request import Request
from drivesal.rendering.stage_times import StageTimes
from drivesal.types import Explained, Recording, Span

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel


def draw(batches_of: Iterable[list[Explained]], painter: Painter, clock: StageTimes) -> Iterator[DrawnFrame]:
    """Yield each frame with its heats and its canvas."""
    width, height = painter.renderer.size
    # one being drawn, one in the queue, one being written
    ring = itertools.cycle([np.empty((height * 3 // 2, width), np.uint8) for _ in range(3)])
    for explained in itertools.chain.from_iterable(batches_of):
        with clock.measure("draw"):
            heats = painter.heats(explained)
            drawn = DrawnFrame(explained, heats, planes(painter.paint(explained, heats), next(ring)))
        yield drawn


def render_video(
    recording: Recording,
    model: SteeringModel,
    request: Request,
    outputs: Outputs,
    paths: Mapping[str, Path],
    encoding: Encoding = USUAL_ENCODING,
    progress: Callable[[int], object] = lambda _: None,
    advise: Callable[[Sequence[str]], str | None] = lambda arguments: None,
) -> dict[str, Any]:
    """Write the overlay video and its accompanying files; return its facts.

    `paths` are the final paths by kind of result (`exporter.result_paths`), all registered in `outputs`; the
    request must already suit the video format (`VideoExporter.suited`). `progress` is called with 1 for every
    frame written, and for an animation again for every frame of each later pass. `advise` turns options that
    should have been given into a command to continue with.
    """
    video = video_exporter(paths["video"])
    assert video is not None
    recording = fitted(recording, model.kind, request.steering_ratio)
    labels = apart(recording, model.kind)
    clock = StageTimes()
    started = time.perf_counter()
    with clock.measure("probe"):
        collector = collector_for(model, recording)
        studied = study(recording, model, request.explain, request.span, watch=collector.add_suitable)
        metadata = label_metadata([recording.info], model)
        views = collector.views(unit=None if labels is None else labels.unit, metadata=metadata)
        warnings = probe_warnings(recording, model, studied, request, better_setting(model, views))
        painter = Painter(recording, model, studied, request, warnings=warnings.shorts)
        explainer, contributions = studied.explainer, studied.probe[0].baseline_score is not None
        del studied, collector, views  # frees the probe's maps
    temporary = {name: outputs.part(path) for name, path in paths.items()}
    recording.losses.clear()
    summary = ErrorSummary(labels is None, contributions)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_one_opencv_thread())
        run = ExportedRun(
            info=recording.info,
            span=request.span,
            size=painter.renderer.size,
            units=Units(model.kind.unit, None if model.explains_prediction else model.unit, labels),
            cases=tuple(case.name for case in request.cases),
            preprocess=model.preprocess,
            contributions=contributions,
            relative=explainer.method.kind == "relative",
            encoding=encoding,
            progress=progress,
        )
        exporters = [
            stack.enter_context(exporter(name, temporary[name], path, run))
            for name, path in paths.items()
            if name != "facts"
        ]
        explained = _explained(recording, model, explainer, request.span, stack, clock)
        for frame in stack.enter_context(Ahead(draw(explained, painter, clock))):
            with clock.measure("write"):
                summary.add(frame.explained)
                for result in exporters:
                    with writing(result.final):
                        result.add(frame)
            progress(1)
    if not summary.frames:
        raise no_decodable_frame()
    clock.seconds["total"] = time.perf_counter() - started
    notes = [] if labels is None else [told(labels, model.kind, summary.correlation())]
    exporter_notes = [note for result in exporters for note in result.notes]
    next_step = next_command(model, [recording.info.format], warnings.better, advise)
    notes += [*warnings.sentences, *([next_step] if next_step else [])]
    facts = {
        **run_facts(model, explainer, request, painter.scale),
        "encoding": video.facts(paths["video"], encoding),
        **warnings.as_json(),
        "uninformative": list(painter.uninformative),
        **result_facts(recording, summary, [*notes, *painter.notes, *exporter_notes], clock.seconds),
    }
    with writing(paths["facts"]):
        temporary["facts"].write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts


@contextlib.contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Limit OpenCV to one thread: its idle threads spin and slow the encoder; stages are parallel already."""
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
    clock: StageTimes,
) -> Ahead[list[Explained]]:
    """Read and explain frames, each in its own thread until the stack is closed."""
    frames = clock.each("read", recording.frames(span))
    decoded = stack.enter_context(Ahead(batches(frames, model, explainer.limit)))

    def explain(batch: Batch) -> list[Explained]:
        with clock.measure("explain"):
            return explainer.explain_batch(batch)

    return stack.enter_context(Ahead(map(explain, decoded)))
