"""The drive, its models and a frame's numbers as JSON values for the page."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import method, methods
from drivesal.errors import DrivesalError
from drivesal.explanation.registry import cases
from drivesal.review.compute.drive_explainer import View
from drivesal.settings import ExplainSettings, LookSettings, on_page, page_schema

if TYPE_CHECKING:
    from drivesal.attribution.registry import Method
    from drivesal.model.steering_model import SteeringModel
    from drivesal.overlay.palette import Colour
    from drivesal.rendering.painter import Painter
    from drivesal.review.compute.drive_explainer import ExplainedFrame
    from drivesal.review.compute.session import Session
    from drivesal.review.notes import Note


def with_valid_text(value: Any) -> Any:
    """The JSON value with text that is valid Unicode: undecodable bytes of file names become question marks."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [with_valid_text(item) for item in value]
    return {name: with_valid_text(item) for name, item in value.items()} if isinstance(value, dict) else value


def describe_drive(session: Session) -> dict[str, Any]:
    """The drive and, once loaded, the models: everything that the page needs to start."""
    info = session.recording.info
    labels = info.angle
    kind = session.explainer.models[0].kind if session.ready else None
    return {
        "name": session.name,
        "frames": session.count,
        "rate": float(info.rate),
        "width": info.width,
        "height": info.height,
        "duration_s": info.duration_s,
        "format": info.format,
        "notes": list(info.notes),
        "notes_file": session.notes.path.name,
        "has_truth": labels is not None and not (session.ready and session.explainer.labels is not None),
        "ready": session.ready,
        "models": _models(session) if session.ready else [],
        "kind": None if kind is None else dataclasses.asdict(kind) | {"symbol": kind.symbol},
        "cases": [
            {
                "name": case.name,
                "title": case.title(True),
                "colour": _hex(case.colour),
                "shown": case.shown,
                "key": case.key,
            }
            for case in cases().values()
        ],
        "lanes": _lanes(),
        "settings": {"explain": page_schema(ExplainSettings), "look": page_schema(LookSettings)},
        "methods": [_method(declared, session) for declared in methods().values()],
        "start": _start(session.start),
    }


def _start(view: View) -> dict[str, Any]:
    """The initial view, by the names of the settings."""
    all_settings = (view.explain, view.look)
    values = {name: getattr(settings, name) for settings in all_settings for name in on_page(type(settings))}
    return {"model": view.model, **values}


def _lanes() -> list[dict[str, Any]]:
    """The cases' lines on the timeline in drawing order."""
    lanes = [(case, case.lane) for case in cases().values() if case.lane is not None]
    return [
        {
            "case": case.name,
            "colours": [_hex(lane.light), _hex(lane.dark)],
            "scale": case.scale,
            "signed": case.shown == "signed",
            "usual": lane.usual,
        }
        for case, lane in sorted(lanes, key=lambda pair: pair[1].order)
    ]


def _hex(colour: Colour) -> str:
    """A colour (RGB 0..255) in CSS notation."""
    return f"#{bytes(colour).hex()}"


def _models(session: Session) -> list[dict[str, Any]]:
    info = session.recording.info

    def warnings(model: SteeringModel) -> list[str]:
        enlarged = model.enlarged(info.width, info.height)
        return [enlarged.sentence] if enlarged else []

    return [
        {
            "name": model.name,
            "unit": model.unit,
            "symbol": model.target.kind.symbol,
            "size": list(model.preprocess.size),
            "box": list(model.preprocess.crop.box(info.width, info.height)),
            "assumed": list(model.assumed),
            "warnings": warnings(model),
        }
        for model in session.explainer.models
    ]


def _method(declared: Method, session: Session) -> dict[str, Any]:
    """The method's declaration and cost.

    `passes` is the number of passes per frame with the default options, the largest of several models; None
    while no model is loaded, and if a model rejects the method for the reason in `refused`.
    """
    passes, refused = None, None
    if session.ready:
        try:
            passes = max(
                session.explainer.passes(View(ExplainSettings(method=declared.name)), n)
                for n in range(len(session.explainer.models))
            )
        except DrivesalError as error:
            refused = str(error)
    return {
        "name": declared.name,
        "title": declared.title,
        "paper": declared.paper,
        "equation": declared.equation,
        "kind": declared.kind,
        "signed": declared.signed,
        "caution": declared.caution,
        "passes": passes,
        "refused": refused,
        "options": [
            {
                "name": option.name,
                "type": option.type.__name__,
                "default": option.default,
                "help": option.help,
                "choices": list(option.choices or option.words),
                "low": option.low,
                "high": option.high,
            }
            for option in declared.options
        ],
    }


def describe_view(view: View) -> dict[str, Any]:
    """The settings of a view that the timeline's totals depend on: the method and its changed options."""
    selected = method(view.explain.method)
    defaults = selected.settings({})
    options = {name: value for name, value in view.explain.options.items() if value != defaults[name]}
    return {
        "method": selected.name,
        "title": selected.title,
        "kind": selected.kind,
        "signed": selected.signed,
        "options": options,
        "maintain": view.explain.maintain,
    }


def describe_note(note: Note) -> dict[str, Any]:
    """A note with its version, which a request to change it must contain."""
    return dataclasses.asdict(note) | {"version": note.version}


def describe_frame(result: ExplainedFrame, painter: Painter) -> dict[str, Any]:
    """A frame's numbers, angles left positive; a label that is not comparable becomes text in the extras."""
    explained, scene = result.explained, painter.scene
    truth, look, scale = explained.frame.steering, painter.request.look, painter.request.scale
    scale_of = (scale and scale.of) or {}
    extras: dict[str, Any] = dict(explained.frame.extras)
    if truth is not None and scene.truth_kind is not None:
        extras, truth = {"label": scene.truth_kind.text(truth)} | extras, None
    return {
        "index": explained.frame.index,
        "time_s": explained.frame.time_s,
        "angle": explained.angle,
        "truth": truth,
        "error": None if truth is None else explained.angle - truth,
        "score": explained.score,
        "before": result.before,
        "extras": extras,
        "baseline_score": explained.baseline_score,
        "completeness_error": explained.completeness_error,
        "caption": scene.caption,
        "warnings": list(scene.warnings),
        "cases": [
            {
                "name": legend.case,
                "title": legend.title,
                "meaning": legend.meaning,
                "full": None if look.scale == "frame" else painter.scale.full[legend.case],
                "full_text": legend.full,
                "scale_of": scale_of.get(legend.case),
                "unit": painter.scale.unit[legend.case],
                "total": float(result.heats[legend.case].sum()),
            }
            for legend in scene.legends
        ],
    }
