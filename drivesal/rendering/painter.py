"""Drawing of one clip: explained frames to canvases. Joins cases, scale and overlay."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from drivesal.explanation.registry import Case
from drivesal.explanation.scale import Scale, fit, smooth
from drivesal.explanation.study import Study
from drivesal.explanation.uninformative import Emptiness, emptiness, warnings_of
from drivesal.model.target import describe
from drivesal.overlay.content import Legend, Scene, Shown
from drivesal.overlay.renderer import Renderer
from drivesal.recordings.labels.comparing import apart
from drivesal.rendering.render_request import Request
from drivesal.types import Explained, Recording

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.attribution.registry import Method
    from drivesal.model.steering_model import SteeringModel
    from drivesal.settings import LookSettings
    from drivesal.types import Floats, Image


CURVE = 0.5
"""Exponent of heat with a unit: a clip's strongest frames often have ten times the heat of typical ones."""


class Painter:
    """Draws explained frames of one clip, in order, on one scale.

    `warnings` are short sentences shown on every canvas; `trace` False omits the plot of past angles, for a
    single image.
    """

    def __init__(
        self,
        recording: Recording,
        model: SteeringModel,
        studied: Study,
        request: Request,
        *,
        warnings: Sequence[str] = (),
        trace: bool = True,
    ) -> None:
        self.request = request
        self.clip = studied.clip
        self._timed = recording.info.format != "picture"
        self._emptiness = emptiness(model, studied)
        self.scale = _scale(model, studied, request, self._emptiness)
        info = recording.info
        enlarged = model.enlarged(info.width, info.height)
        cases = ", ".join(case.name for case in request.cases if self.scale.full[case.name] <= 0)
        no_heat = [f"no heat at all for {cases}: the prediction did not react to any pixel"] if cases else []
        self.uninformative = (*warnings_of(studied, self._emptiness), *no_heat)
        """Warnings about maps that say nothing about a frame, to know before reading the image."""
        self.notes = [*([enlarged.sentence] if enlarged else []), *self.uninformative]
        shown_warnings = [*warnings, *([enlarged.short] if enlarged else []), *self.uninformative]
        self.scene = _scene(recording, model, studied, request, self.scale, shown_warnings, trace)

    @functools.cached_property
    def renderer(self) -> Renderer:
        """The renderer of the canvases, created on first use."""
        return Renderer(self.scene)

    def heats(self, explained: Explained) -> dict[str, Floats]:
        """Each case's heat (h, w), unsmoothed and unscaled."""
        return {case.name: case.heat(explained, self.clip) for case in self.request.cases}

    def paint(self, explained: Explained, heats: Mapping[str, Floats]) -> Image:
        """The canvas of one frame, (height, width, 3) uint8 RGB, valid until the next call."""
        return self.renderer.draw(self.shown(explained, heats))

    def shown(self, explained: Explained, heats: Mapping[str, Floats]) -> Shown:
        """Input of the overlay for one frame: heats smoothed and scaled."""
        look = self.request.look
        empty = self._emptiness
        smoothed = {name: smooth(empty.cleared(name, heat), look.smooth) for name, heat in heats.items()}
        scale = self.scale
        if look.scale == "frame":
            groups = {case.name: (case.scale, [smoothed[case.name]]) for case in self.request.cases}
            scale = fit(groups, scale.unit)
        scaled = {name: scale.apply(name, heat) for name, heat in smoothed.items()}
        reasons = {name: empty.words(name, heat, scaled[name], explained) for name, heat in heats.items()}
        silent = {name: text for name, text in reasons.items() if text is not None}
        frame = explained.frame
        time_s = frame.time_s if self._timed else math.nan
        return Shown(
            frame.index, time_s, frame.image, explained.angle, frame.steering, scaled, frame.extras, silent
        )


def _units(cases: tuple[Case, ...], method: Method, unit: str) -> dict[str, str]:
    """Each case's unit of heat, or a description if it has none."""
    units = {"sensitivity": f"{unit} per 1/255", "contribution": unit, "relative": f"relative ({method.name})"}
    return {case.name: case.relative or units[case.kind(method.kind)] for case in cases}


def _scale(model: SteeringModel, studied: Study, request: Request, empty: Emptiness) -> Scale:
    """The clip's scale from the probe, or the one that was given."""
    unit = model.unit if model.target.kind.sided else f"score of {describe(model.target)}"
    units = _units(request.cases, studied.explainer.method, unit)
    if request.scale is not None:
        return Scale.from_json(request.scale.facts, units)
    groups = {
        case.name: (
            case.scale,
            [
                smooth(empty.cleared(case.name, case.heat(one, studied.clip)), request.look.smooth)
                for one in studied.probe
            ],
        )
        for case in request.cases
    }
    return fit(groups, units)


def _legend(case: Case, method: Method, scale: Scale, kind: AngleKind, look: LookSettings) -> Legend:
    unit = case.kind(method.kind)
    number = f"{scale.full[case.name]:.2g}{kind.symbol}"
    full = {"sensitivity": f"{number} per 1/255", "contribution": number, "relative": "relative"}[unit]
    return Legend(
        case.name,
        case.title(kind.sided),
        case.means(method.kind, kind.sided),
        "this frame" if look.scale == "frame" else full,
        case.colour,
        1.0 if unit == "relative" else CURVE,
    )


def _shared(scale_of: Mapping[str, str]) -> str:
    """The origin of a shared scale: "one scale for both models: A's for increase, B's for maintain"."""
    cases: dict[str, list[str]] = {}
    for case, model in scale_of.items():
        cases.setdefault(model, []).append(case)
    if len(cases) == 1:
        return f"one scale for both models: {next(iter(cases))}'s"
    origins = [f"{model}'s for {_and(names)}" for model, names in cases.items()]
    return f"one scale for both models: {', '.join(origins)}"


def _and(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _scene(
    recording: Recording,
    model: SteeringModel,
    studied: Study,
    request: Request,
    scale: Scale,
    notes: list[str],
    trace: bool,
) -> Scene:
    look, info, method = request.look, recording.info, studied.explainer.method
    angles = [one.angle for one in studied.probe]
    labels = [one.frame.steering for one in studied.probe if one.frame.steering is not None]
    label_kind = apart(recording, model.kind)
    if label_kind is None:
        angles += labels
    scaling = "one scale for the clip" if info.format != "picture" else "scale of this image only"
    if look.scale == "frame":
        scaling = "each frame on its own scale"
    elif request.scale is not None:
        scaling = "scale of another run" if request.scale.of is None else _shared(request.scale.of)
    elif method.kind == "sensitivity" and info.format != "picture":
        scaling += " (brighter frames: the model is more sensitive)"
    explained = [] if model.explains_prediction else [describe(model.target)]
    against = dict.fromkeys((studied.explainer.reference, studied.explainer.contribution_reference))
    references = [f"against {reference}" for reference in against if reference is not None]
    proper_name = any(letter.isupper() for letter in method.title[1:])  # Grad-CAM, not vanilla saliency
    title = method.title if proper_name else method.title.lower()
    return Scene(
        frame_size=(info.width, info.height),
        box=model.preprocess.crop.box(info.width, info.height),
        kind=model.kind,
        legends=tuple(_legend(case, method, scale, model.target.kind, look) for case in request.cases),
        angle_range=max(abs(angle) for angle in angles),
        has_truth=info.angle is not None and model.kind.sided,
        truth_kind=label_kind,
        truth_range=max((abs(label) for label in labels), default=0.0),
        layout=look.layout,
        width=look.width,
        opacity=look.opacity,
        colormap=look.colormap,
        caption=" · ".join([model.name, *explained, title, *references, scaling]),
        warnings=(
            *((f"assumed: {', '.join(model.assumed)}",) if model.assumed else ()),
            *((f"{method.title}: {method.caution}",) if method.caution else ()),
            *((f"labels: {label_kind.phrase}, on a scale of their own",) if label_kind else ()),
            *notes,
        ),
        trace=trace,
        answer="predicted" if model.kind.sided else describe(model.target),
    )
