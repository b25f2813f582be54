"""What a recording is, as plain JSON values. Fields are documented in docs/outputs.md."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivesal.types import Recording


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
