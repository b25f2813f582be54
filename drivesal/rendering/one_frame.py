"""One frame as a figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.explanation.reference import with_available_baseline
from drivesal.explanation.study import ProbeBudget, Study, study
from drivesal.recordings.labels.comparing import apart, beside, fitted
from drivesal.rendering.found_doubts import doubts_of
from drivesal.rendering.painter import Painter
from drivesal.rendering.request import Request
from drivesal.types import Explained, Recording

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Image


@dataclass(frozen=True, slots=True)
class Figure:
    """One frame as a figure: canvas (height, width, 3) uint8 RGB, its numbers, what a person should know.

    `labels` is the kind of the truth where it cannot be compared with the angle, else None; `against` what the
    method and the contributions that cases read were measured against, in words, None where not;
    `uninformative` are those of the notes that say why a map says nothing about the frame.
    """

    canvas: Image
    explained: Explained
    totals: Mapping[str, float]
    notes: tuple[str, ...]
    labels: AngleKind | None = None
    against: tuple[str | None, str | None] = (None, None)
    uninformative: tuple[str, ...] = ()


IMAGE_SPEND = ProbeBudget(passes=512, least=3)
"""For one frame of a costly method the clip's scale comes from few frames, and a note says so."""


def render_image(
    recording: Recording,
    model: SteeringModel,
    request: Request,
    where: float | int,
    tick: Callable[[float, int], object] = lambda share, frames: None,
) -> Figure:
    """One frame of a recording, or a picture, drawn like a frame of the video.

    `where` is a frame's index (int) or a time [s] (float). Scale and statistics are the whole recording's, of a
    costly method from few frames of it (IMAGE_SPEND). `tick` is told the share done of how many frames.
    """
    recording = fitted(recording, model.kind, request.steering_ratio)
    labels = apart(recording, model.kind)
    frame = recording.at(where)
    blurred = None
    if recording.info.length == 1:
        explain, blurred = with_available_baseline(model, request.explain)
        request = dataclasses.replace(request, explain=explain)
    studied = study(recording, model, request.explain, request.span, tick, IMAGE_SPEND)
    doubts = doubts_of(recording, model, studied, request)
    painter = Painter(recording, model, studied, request, warnings=doubts.shorts, trace=False)
    explained = next(studied.explainer.explain([frame]))
    heats = painter.heats(explained)
    totals = {name: float(heat.sum()) for name, heat in heats.items()}
    own_scale = request.scale is None and request.look.scale == "clip"
    probed = [*([blurred] if blurred else []), *(_probed(studied) if own_scale else [])]
    shown = painter.shown(explained, heats)
    empty = [f"{case}: {text}" for case, text in shown.silent.items()]
    beside_it = [beside(labels, model.kind)] if labels else []
    notes = (*beside_it, *doubts.sentences, *painter.notes, *empty, *probed)
    against = (studied.explainer.reference, studied.explainer.contribution_reference)
    return Figure(
        painter.renderer.draw(shown), explained, totals, notes, labels, against, painter.uninformative
    )


def _probed(studied: Study) -> list[str]:
    """What to say of a scale that comes from fewer frames than the video's would."""
    if len(studied.probe) == len(studied.frames):
        return []
    count = len(studied.probe)
    return [f"the scale comes from {count} frames spread over the clip; --scale-from takes that of a video"]
