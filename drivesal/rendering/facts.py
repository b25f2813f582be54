"""Inputs and results of a run as plain JSON values. docs/outputs.md documents the fields."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from drivesal import __version__
from drivesal.io.schema import FACTS
from drivesal.model.facts import model_facts
from drivesal.recordings.inspection.facts import input_facts

if TYPE_CHECKING:
    from drivesal.explanation.explainer import Explainer
    from drivesal.explanation.scale import Scale
    from drivesal.model.steering_model import SteeringModel
    from drivesal.rendering.error_summary import ErrorSummary
    from drivesal.rendering.render_request import Request
    from drivesal.settings import LookSettings
    from drivesal.types import Recording


def method_facts(explainer: Explainer) -> dict[str, Any]:
    """The method with its options, references, paper and kind of unit."""
    method = explainer.method
    return {
        "name": method.name,
        "options": dict(explainer.options),
        "against": explainer.reference,
        "support_against": explainer.contribution_reference,
        "kind": method.kind,
        "paper": method.paper,
        "equation": method.equation,
        "caution": method.caution or None,
        "reduce": explainer.settings.reduce,
        "seed": explainer.settings.seed,
    }


def look_facts(look: LookSettings, scale: Scale) -> dict[str, Any]:
    """The drawing settings, and the scale, which `--scale-from` reads."""
    drawn = look.model_dump(mode="json", exclude={"scale_from"})
    return {"look": drawn | {"scale_given": look.scale_from is not None}, "scale": scale.as_json()}


def run_facts(model: SteeringModel, explainer: Explainer, request: Request, scale: Scale) -> dict[str, Any]:
    """The request of a run, the model and the method."""
    return {
        "schema": FACTS,
        "drivesal": __version__,
        "model": model_facts(model),
        "method": method_facts(explainer),
        "cases": [case.name for case in request.cases],
        "span": dataclasses.asdict(request.span),
        "steering_ratio": request.steering_ratio,
        **look_facts(request.look, scale),
    }


def result_facts(
    recording: Recording, summary: ErrorSummary, notes: list[str], seconds: dict[str, float]
) -> dict[str, Any]:
    """The results of a run; `seconds` by stage."""
    return {
        "input": input_facts(recording),
        "frames": summary.frames,
        "labelled_frames": summary.labelled,
        "errors": summary.errors(),
        "correlation": summary.correlation(),
        "completeness_error": summary.completeness(),
        "losses": list(recording.losses),
        "notes": [*recording.info.notes, *notes],
        "seconds": {stage: round(taken, 3) for stage, taken in seconds.items()},
    }
