"""One frame as a figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.explanation.reference import with_available_baseline
from drivesal.explanation.study import ProbeBudget, Study, study
from drivesal.recordings.labels.comparing import apart, beside, fitted
from drivesal.rendering.painter import Painter
from drivesal.rendering.probe_warnings import probe_warnings
from drivesal.rendering.render_request import Request
from drivesal.types import Explained, Recording

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Image


@dataclass(frozen=True, slots=True)
class Figure:
    """One frame as a figure: canvas (height, width, 3) uint8 RGB, its numbers and notes for the user.

    `labels` is the kind of the label if it cannot be compared with the angle, else None; `against` describes
    the references of the method and of the contributions that cases use, None where there is no reference;
    `uninformative` are the notes that explain why a map says nothing about the frame.
    """

    canvas: Image
    explained: Explained
    totals: Mapping[str, float]
    notes: tuple[str, ...]
    labels: AngleKind | None = None
    against: tuple[str | None, str | None] = (None, None)
    uninformative: tuple[str, ...] = ()


IMAGE_BUDGET = ProbeBudget(passes=512, least=3)
"""Budget for one frame: with a costly method the scale comes from few frames, which a note reports."""


def render_image(
    recording: Recording,
    model: SteeringModel,
    request: Request,
    at: float | int,
    tick: Callable[[float, int], object] = lambda share, frames: None,
) -> Figure:
    """Draw one frame of a recording, or a single image, like a frame of the video.

    `at` is a frame index (int) or a time [s] (float). Scale and statistics come from the whole recording; for a
    costly method from few of its frames (IMAGE_BUDGET). `tick` receives the fraction done and the number of
    frames.
    """
    recording = fitted(recording, model.kind, request.steering_ratio)
    labels = apart(recording, model.kind)
    frame = recording.at(at)
    blur_note = None
    if recording.info.length == 1:
        explain, blur_note = with_available_baseline(model, request.explain)
        request = dataclasses.replace(request, explain=explain)
    studied = study(recording, model, request.explain, request.span, tick, IMAGE_BUDGET)
    warnings = probe_warnings(recording, model, studied, request)
    painter = Painter(recording, model, studied, request, warnings=warnings.shorts, trace=False)
    explained = next(studied.explainer.explain([frame]))
    heats = painter.heats(explained)
    totals = {name: float(heat.sum()) for name, heat in heats.items()}
    own_scale = request.scale is None and request.look.scale == "clip"
    scale_notes = [*([blur_note] if blur_note else []), *(_scale_note(studied) if own_scale else [])]
    shown = painter.shown(explained, heats)
    empty = [f"{case}: {text}" for case, text in shown.silent.items()]
    label_notes = [beside(labels, model.kind)] if labels else []
    notes = (*label_notes, *warnings.sentences, *painter.notes, *empty, *scale_notes)
    against = (studied.explainer.reference, studied.explainer.contribution_reference)
    return Figure(
        painter.renderer.draw(shown), explained, totals, notes, labels, against, painter.uninformative
    )


def _scale_note(studied: Study) -> list[str]:
    """A note if the scale comes from fewer frames than that of a video would."""
    if len(studied.probe) == len(studied.frames):
        return []
    count = len(studied.probe)
    return [f"the scale comes from {count} frames spread over the clip; --scale-from uses the scale of a video"]
