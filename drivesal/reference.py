"""What contributions are measured against, and what hides a part of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.attribution import method
from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.attribution import Method
    from drivesal.explainer import Question
    from drivesal.model import SteeringModel
    from drivesal.types import Floats, Image


def mean_picture(model: SteeringModel, pictures: Image, question: Question) -> tuple[Floats, str]:
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
    if _needs_mean(question):
        raise OptionError(
            "a mean picture to measure against: a clip's, or the one in a model's card",
            f"one picture came, and {model.name} has no card with one",
            _ways_without(question),
        )
    return np.asarray(pictures[0], np.float32), "the picture itself"


def in_words(method: Method, options: Mapping[str, Any], mean_of: str, pictures: int) -> str | None:
    """What the method measures against or hides with, None for neither; `pictures` counts those of the clip."""
    if method.draws:
        return f"{pictures} frames of the clip" if pictures > 1 else mean_of
    chosen = options.get("baseline", options.get("fill"))
    words = {"mean": mean_of, "black": "black", "blur": "the picture blurred"}
    return None if chosen is None else words.get(chosen, f"the picture {Path(str(chosen)).name}")


def _needs_mean(question: Question) -> bool:
    chosen = method(question.method)
    settings = chosen.settings(question.options)
    return chosen.draws or "mean" in (settings.get("baseline"), settings.get("fill")) or _supports(question)


def _supports(question: Question) -> bool:
    return any(case.reads == "contribution" for case in question.cases)


def _ways_without(question: Question) -> str:
    """What a person can do where there is no mean picture."""
    chosen = method(question.method)
    ways = []
    if chosen.draws:
        ways.append("use --method integrated-gradients --baseline blur")
    for option in chosen.options:
        if option.name in ("baseline", "fill") and chosen.settings(question.options)[option.name] == "mean":
            ways.append(f"choose {option.flag_of(option.name)} blur or {option.flag_of(option.name)} black")
    if _supports(question):
        ways.append("leave the case support out")
    return f"give its drive, as in `drivesal image run.mp4 --at 1:13`, or {' and '.join(ways)}"
