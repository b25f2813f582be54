"""One clip's picture: explained frames in, canvases out. Joins cases, scale and overlay."""

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
from drivesal.rendering.request import Request
from drivesal.types import Explained, Recording

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.attribution.registry import Method
    from drivesal.model.steering_model import SteeringModel
    from drivesal.settings import LookSettings
    from drivesal.types import Floats, Image


CURVE = 0.5
"""Exponent of heat with a unit: a clip's strongest frames are often ten times as hot as its usual ones."""


class Painter:
    """Draws explained frames of one clip, in order, on one scale.

    `warnings` are short sentences that stay on the picture; `trace` False leaves the strip of past angles out,
    for a single picture.
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
        cold = [case.name for case in request.cases if self.scale.full[case.name] <= 0]
        heatless = (
            [f"no heat at all for {', '.join(cold)}: the answer did not react to any pixel"] if cold else []
        )
        self.uninformative = (*warnings_of(studied, self._emptiness), *heatless)
        """What a person must know before reading the picture: maps that say nothing about a frame."""
        self.notes = [*([enlarged.sentence] if enlarged else []), *self.uninformative]
        told = [*warnings, *([enlarged.short] if enlarged else []), *self.uninformative]
        self.scene = _scene(recording, model, studied, request, self.scale, told, trace)

    @functools.cached_property
    def renderer(self) -> Renderer:
        """What draws the canvas, made when it is first needed."""
        return Renderer(self.scene)

    def heats(self, explained: Explained) -> dict[str, Floats]:
        """Each case's heat (h, w), unsmoothed and unscaled."""
        return {case.name: case.heat(explained, self.clip) for case in self.request.cases}

    def paint(self, explained: Explained, heats: Mapping[str, Floats]) -> Image:
        """The canvas of one frame, (height, width, 3) uint8 RGB, valid until the next call."""
        return self.renderer.draw(self.shown(explained, heats))

    def shown(self, explained: Explained, heats: Mapping[str, Floats]) -> Shown:
        """What the overlay is told of one frame: heats smoothed and on the scale."""
        look = self.request.look
        empty = self._emptiness
        smoothed = {name: smooth(empty.cleared(name, heat), look.smooth) for name, heat in heats.items()}
        scale = self.scale
        if look.scale == "frame":
            one = {case.name: (case.scale, [smoothed[case.name]]) for case in self.request.cases}
            scale = fit(one, scale.unit)
        shown = {name: scale.apply(name, heat) for name, heat in smoothed.items()}
        words = {name: empty.words(name, heat, shown[name], explained) for name, heat in heats.items()}
        silent = {name: text for name, text in words.items() if text is not None}
        frame = explained.frame
        time_s = frame.time_s if self._timed else math.nan
        return Shown(
            frame.index, time_s, frame.image, explained.angle, frame.steering, shown, frame.extras, silent
        )


def _units(cases: tuple[Case, ...], method: Method, unit: str) -> dict[str, str]:
    """Each case's unit of heat, or in words what it is where it has none."""
    words = {"sensitivity": f"{unit} per 1/255", "contribution": unit, "relative": f"relative ({method.name})"}
    return {case.name: case.relative or words[case.kind(method.kind)] for case in cases}


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
    """Whose scale it is, in words: "one scale for both models: A's for increase, B's for maintain"."""
    cases: dict[str, list[str]] = {}
    for case, name in scale_of.items():
        cases.setdefault(name, []).append(case)
    if len(cases) == 1:
        return f"one scale for both models: {next(iter(cases))}'s"
    parts = [f"{name}'s for {_and(found)}" for name, found in cases.items()]
    return f"one scale for both models: {', '.join(parts)}"


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
    other = apart(recording, model.kind)
    if other is None:
        angles += labels
    whose = "one scale for the clip" if info.format != "picture" else "scale of this picture alone"
    if look.scale == "frame":
        whose = "each frame scaled by itself"
    elif request.scale is not None:
        whose = "scale of another run" if request.scale.of is None else _shared(request.scale.of)
    elif method.kind == "sensitivity" and info.format != "picture":
        whose += " (frames that glow are those it is more sensitive in)"
    explained = [] if model.explains_its_answer else [describe(model.target)]
    against = dict.fromkeys((studied.explainer.reference, studied.explainer.contribution_reference))
    measured = [f"against {one}" for one in against if one is not None]
    named = any(letter.isupper() for letter in method.title[1:])  # Grad-CAM, not vanilla saliency
    title = method.title if named else method.title.lower()
    return Scene(
        frame_size=(info.width, info.height),
        box=model.preprocess.crop.box(info.width, info.height),
        kind=model.kind,
        legends=tuple(_legend(case, method, scale, model.target.kind, look) for case in request.cases),
        angle_range=max(abs(angle) for angle in angles),
        has_truth=info.angle is not None and model.kind.sided,
        truth_kind=other,
        truth_range=max((abs(label) for label in labels), default=0.0),
        layout=look.layout,
        width=look.width,
        opacity=look.opacity,
        colormap=look.colormap,
        caption=" · ".join([model.name, *explained, title, *measured, whose]),
        warnings=(
            *((f"assumed: {', '.join(model.assumed)}",) if model.assumed else ()),
            *((f"{method.title}: {method.caution}",) if method.caution else ()),
            *((f"labels: {other.phrase}, on a scale of their own",) if other else ()),
            *notes,
        ),
        trace=trace,
        answer="predicted" if model.kind.sided else describe(model.target),
    )
