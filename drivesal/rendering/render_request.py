"""What to explain and how to draw it, validated as far as possible without a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesal.errors import OptionError
from drivesal.explanation.explainer import with_cases
from drivesal.explanation.registry import Case, chosen
from drivesal.io.schema import FACTS, migrated
from drivesal.settings import ExplainSettings, LookSettings
from drivesal.types import WHOLE, Span

USUAL_LOOK = LookSettings()


@dataclass(frozen=True, slots=True)
class GivenScale:
    """A scale that replaces the clip's own: `facts` as `Scale.from_json` reads them.

    If several models share the scale, `of` names for each case the model that its scale comes from; None for
    the scale of another run.
    """

    facts: Mapping[str, Any]
    of: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What to explain and how to draw it.

    `steering_ratio` is the degrees at the steering wheel per degree at the road wheels, None if not given.
    """

    explain: ExplainSettings
    look: LookSettings = USUAL_LOOK
    span: Span = WHOLE
    steering_ratio: float | None = None
    scale: GivenScale | None = None

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases that are drawn."""
        return chosen(self.explain)


def request_of(
    explain: ExplainSettings, look: LookSettings, span: Span = WHOLE, steering_ratio: float | None = None
) -> Request:
    """A request, with default cases if none are named, and with the scale of another run if one is given.

    Raises OptionError for an unknown method, option or case, and for facts that cannot be read.
    """
    if look.scale_from is not None and look.scale == "frame":
        raise OptionError("one scale", "--scale frame and --scale-from were both given", "leave one out")
    scale = None if look.scale_from is None else GivenScale(_facts(look.scale_from))
    return Request(with_cases(explain, look.layout), look, span, steering_ratio, scale)


def _facts(path: Path) -> Mapping[str, Any]:
    try:
        facts: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(
            "the facts (.json) of another run", f"{path} cannot be read ({error})", "check the path"
        ) from None
    return migrated(facts, FACTS, path, OptionError) if isinstance(facts, dict) else facts
