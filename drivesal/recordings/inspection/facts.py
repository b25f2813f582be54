"""Properties of a recording as JSON values. The fields are documented in docs/outputs.md."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivesal.types import Recording


def input_facts(recording: Recording) -> dict[str, Any]:
    """Properties of the container and the labels; rates are strings of fractions."""
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
