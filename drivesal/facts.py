"""What a run used and found, as plain JSON values. Fields are documented in docs/outputs.md."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from drivesal import __version__
from drivesal.target import describe

if TYPE_CHECKING:
    from drivesal.explainer import Explainer
    from drivesal.model import SteeringModel
    from drivesal.painter import Look, Request
    from drivesal.scale import Scale
    from drivesal.table import Table
    from drivesal.types import Recording


def model_facts(model: SteeringModel) -> dict[str, Any]:
    """The model: file name, SHA-256, card (without its mean picture), what was assumed."""
    card = dataclasses.asdict(model.card)
    card.pop("mean_picture")
    return {
        "file": model.name,
        "sha256": model.sha256,
        "output": model.output_name,
        "explained": describe(model.target),
        "explained_unit": model.unit,
        "angle": dataclasses.asdict(model.kind) | {"positive": "left" if model.kind.sided else None},
        "assumed": list(model.assumed),
        "card": card,
    }


def method_facts(explainer: Explainer) -> dict[str, Any]:
    """The method with its options, paper and unit kind."""
    method = explainer.method
    return {
        "name": method.name,
        "options": dict(explainer.options),
        "against": explainer.reference,
        "support_against": explainer.support_reference,
        "kind": method.kind,
        "paper": method.paper,
        "equation": method.equation,
        "caution": method.caution or None,
        "reduce": explainer.question.reduce,
        "seed": explainer.question.seed,
    }


def look_facts(look: Look, scale: Scale) -> dict[str, Any]:
    """How the picture was drawn, and the scale, which `--scale-from` reads again."""
    drawn = dataclasses.asdict(dataclasses.replace(look, scale=None))
    drawn.pop("scale")
    return {"look": drawn | {"scale_given": look.scale is not None}, "scale": scale.as_json()}


def input_facts(recording: Recording) -> dict[str, Any]:
    """The recording as its container describes it; rates are fractions."""
    info = recording.info
    return {
        "file": info.path.name,
        "format": info.format,
        "codec": info.codec,
        "width": info.width,
        "height": info.height,
        "rate": str(info.rate),
        "time_base": str(info.time_base),
        "length": info.length,
        "duration_s": info.duration_s,
        "audio": info.has_audio,
        "labels": None if info.angle is None else dataclasses.asdict(info.angle),
    }


def run_facts(model: SteeringModel, explainer: Explainer, request: Request, scale: Scale) -> dict[str, Any]:
    """What a run was asked for and used."""
    return {
        "drivesal": __version__,
        "model": model_facts(model),
        "method": method_facts(explainer),
        "cases": [case.name for case in request.cases],
        "span": dataclasses.asdict(request.span),
        "steering_ratio": request.steering_ratio,
        **look_facts(request.look, scale),
    }


def result_facts(
    recording: Recording, table: Table, notes: list[str], seconds: dict[str, float]
) -> dict[str, Any]:
    """What a run found; `seconds` by stage."""
    return {
        "input": input_facts(recording),
        "frames": table.rows,
        "labelled_frames": table.labelled,
        "errors": table.errors(),
        "correlation": table.correlation(),
        "completeness_error": table.completeness(),
        "losses": list(recording.losses),
        "notes": [*recording.info.notes, *notes],
        "seconds": {stage: round(taken, 3) for stage, taken in seconds.items()},
    }
