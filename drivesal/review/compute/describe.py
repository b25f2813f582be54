"""The drive, its models and a frame's numbers as the page reads them: plain JSON values."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import method, methods
from drivesal.errors import DrivesalError
from drivesal.explanation.registry import cases
from drivesal.review.compute.desk import View
from drivesal.settings import ExplainSettings, LookSettings, on_page, page_schema

if TYPE_CHECKING:
    from drivesal.attribution.registry import Method
    from drivesal.model.steering_model import SteeringModel
    from drivesal.overlay.palette import Colour
    from drivesal.rendering.painter import Painter
    from drivesal.review.compute.desk import Told
    from drivesal.review.compute.session import Session
    from drivesal.review.notes import Note


def valid(value: Any) -> Any:
    """A JSON value whose texts can be sent: what is no valid text in a file's name becomes question marks."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [valid(one) for one in value]
    return {name: valid(one) for name, one in value.items()} if isinstance(value, dict) else value


def described(session: Session) -> dict[str, Any]:
    """The drive and, once they are there, the models: what the page is built from."""
    info = session.recording.info
    labels = info.angle
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
        "has_truth": labels is not None and not (session.ready and session.desk.labels is not None),
        "ready": session.ready,
        "models": _models(session) if session.ready else [],
        "kind": dataclasses.asdict(session.desk.models[0].kind) | {"symbol": session.desk.models[0].kind.symbol}
        if session.ready
        else None,
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
        "methods": [_method(one, session) for one in methods().values()],
        "start": _start(session.start),
    }


def _start(view: View) -> dict[str, Any]:
    """The view to begin with, by the names of the settings."""
    asked = (view.explain, view.look)
    found = {name: getattr(one, name) for one in asked for name in on_page(type(one))}
    return {"model": view.model, **found}


def _lanes() -> list[dict[str, Any]]:
    """The cases' lines on the timeline, each drawn over those before it."""
    found = [(case, case.lane) for case in cases().values() if case.lane is not None]
    return [
        {
            "case": case.name,
            "colours": [_hex(lane.light), _hex(lane.dark)],
            "scale": case.scale,
            "signed": case.shown == "signed",
            "usual": lane.usual,
        }
        for case, lane in sorted(found, key=lambda one: one[1].order)
    ]


def _hex(colour: Colour) -> str:
    """A colour (RGB 0..255) as CSS has it."""
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
        for model in session.desk.models
    ]


def _method(one: Method, session: Session) -> dict[str, Any]:
    """`passes` is how many a frame takes with the usual options, of several models the most: None as long as no
    model is there, or where one refuses the method, which `refused` tells.
    """
    passes, refused = None, None
    if session.ready:
        try:
            passes = max(
                session.desk.passes(View(ExplainSettings(method=one.name)), n)
                for n in range(len(session.desk.models))
            )
        except DrivesalError as error:
            refused = str(error)
    return {
        "name": one.name,
        "title": one.title,
        "paper": one.paper,
        "equation": one.equation,
        "kind": one.kind,
        "signed": one.signed,
        "caution": one.caution,
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
            for option in one.options
        ],
    }


def view_of(view: View) -> dict[str, Any]:
    """What the timeline's totals depend on of a view: its method, with the options that were changed."""
    chosen = method(view.explain.method)
    usual = chosen.settings({})
    options = {name: value for name, value in view.explain.options.items() if value != usual[name]}
    return {
        "method": chosen.name,
        "title": chosen.title,
        "kind": chosen.kind,
        "signed": chosen.signed,
        "options": options,
        "maintain": view.explain.maintain,
    }


def noted(note: Note) -> dict[str, Any]:
    """A note with its version, which a change of it must name."""
    return dataclasses.asdict(note) | {"version": note.version}


def numbers(told: Told, painter: Painter) -> dict[str, Any]:
    """A frame's numbers, angles left positive; a label that cannot be compared is a text among the extras."""
    one, scene = told.explained, painter.scene
    truth, look, scale = one.frame.steering, painter.request.look, painter.request.scale
    scale_of = (scale and scale.of) or {}
    extras: dict[str, Any] = dict(one.frame.extras)
    if truth is not None and scene.truth_kind is not None:
        extras, truth = {"label": scene.truth_kind.text(truth)} | extras, None
    return {
        "index": one.frame.index,
        "time_s": one.frame.time_s,
        "angle": one.angle,
        "truth": truth,
        "error": None if truth is None else one.angle - truth,
        "score": one.score,
        "before": told.before,
        "extras": extras,
        "baseline_score": one.baseline_score,
        "completeness_error": one.completeness_error,
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
                "total": float(told.heats[legend.case].sum()),
            }
            for legend in scene.legends
        ],
    }
