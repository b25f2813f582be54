"""What contributions are measured against, and what hides a part of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.attribution.registry import Option, method
from drivesal.errors import OptionError
from drivesal.explanation.registry import chosen, contributors

if TYPE_CHECKING:
    from drivesal.attribution.registry import Method
    from drivesal.model.steering_model import SteeringModel
    from drivesal.settings import ExplainSettings
    from drivesal.types import Floats, Image


def mean_picture(model: SteeringModel, pictures: Image, settings: ExplainSettings) -> tuple[Floats, str]:
    """The mean (h, w, 3) float32 of a clip's pictures (N, h, w, 3), for one alone the card's; and whose it is.

    One picture that needs no mean is its own. Raises OptionError where one is needed and there is none.
    """
    import numpy as np

    if len(pictures) > 1:
        mean = np.asarray(pictures.mean(axis=0, dtype=np.float64), np.float32)
        return mean, f"the mean of {len(pictures)} frames of the clip"
    known = model.card.mean()
    if known is not None:
        return np.asarray(known, np.float32), "the mean picture in the model's card"
    if _needs_mean(settings):
        raise OptionError(
            "a mean picture to measure against: a clip's, or the one in a model's card",
            f"one picture came, and {model.name} has no card with one",
            _ways_without(settings),
        )
    return np.asarray(pictures[0], np.float32), "the picture itself"


def answerable(model: SteeringModel, settings: ExplainSettings) -> tuple[ExplainSettings, str | None]:
    """What can be asked of one picture alone: where the mean that a method measures against is nowhere, and was
    not asked for, the picture blurred takes its place; and the sentence that says so, None where it does not.
    """
    if model.card.mean() is not None:
        return settings, None
    own = method(settings.method).settings(settings.options)
    names = [name for name in ("baseline", "fill") if own.get(name) == "mean" and name not in settings.options]
    if not names:
        return settings, None
    flag = Option.flag_of(names[0])
    why = f"one picture alone, and {model.name} has no card with a mean picture"
    told = f"{why}: {settings.method} takes the picture blurred"
    changed = settings.but(options={**settings.options, names[0]: "blur"})
    return changed, f"{told}; {flag} says otherwise"


def in_words(method: Method, options: Mapping[str, Any], mean_of: str, pictures: int) -> str | None:
    """What the method measures against or hides with, None for neither; `pictures` counts those of the clip."""
    if method.draws:
        return f"{pictures} frames of the clip" if pictures > 1 else mean_of
    chosen = options.get("baseline", options.get("fill"))
    words = {"mean": mean_of, "black": "black", "blur": "the picture blurred"}
    return None if chosen is None else words.get(chosen, f"the picture {Path(str(chosen)).name}")


def _needs_mean(settings: ExplainSettings) -> bool:
    asked = method(settings.method)
    own = asked.settings(settings.options)
    needs = asked.draws or "mean" in (own.get("baseline"), own.get("fill"))
    return needs or any(contributors(chosen(settings)))


def _ways_without(settings: ExplainSettings) -> str:
    """What a person can do where there is no mean picture."""
    asked = method(settings.method)
    ways = []
    if asked.draws:
        ways.append("use --method integrated-gradients --baseline blur")
    for option in asked.options:
        if option.name in ("baseline", "fill") and asked.settings(settings.options)[option.name] == "mean":
            ways.append(f"choose {option.flag_of(option.name)} blur or {option.flag_of(option.name)} black")
    if names := contributors(chosen(settings)):
        ways.append(f"leave the {'case' if len(names) == 1 else 'cases'} {' and '.join(names)} out")
    return f"give its drive, as in `drivesal image run.mp4 --at 1:13`, or {' and '.join(ways)}"
