"""Description of a model as plain JSON values; docs/outputs.md documents the fields."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from drivesal.model.target import describe

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel


def model_facts(model: SteeringModel) -> dict[str, Any]:
    """File name, SHA-256, card (without its mean image), explained output, and assumptions."""
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
