"""The baseline of contributions, and the fill of methods that occlude: choosing, checking and describing it."""

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


def mean_image(model: SteeringModel, images: Image, settings: ExplainSettings) -> tuple[Floats, str]:
    """Mean (h, w, 3) float32 of a clip's model inputs (N, h, w, 3), and a description of its source.

    A single image takes the mean from the model's card or, if the settings need no mean, the image itself.
    Raises OptionError if they need one and the card has none.
    """
    import numpy as np

    if len(images) > 1:
        mean = np.asarray(images.mean(axis=0, dtype=np.float64), np.float32)
        return mean, f"the mean of {len(images)} frames of the clip"
    card_mean = model.card.mean()
    if card_mean is not None:
        return np.asarray(card_mean, np.float32), "the mean image in the model's card"
    if _needs_mean(settings):
        raise OptionError(
            "a mean image for the baseline, from a clip or from the model's card",
            f"there is only one image, and {model.name} has no card with a mean image",
            _alternatives_to_mean(settings),
        )
    return np.asarray(images[0], np.float32), "the image itself"


def with_available_baseline(
    model: SteeringModel, settings: ExplainSettings
) -> tuple[ExplainSettings, str | None]:
    """Settings for a single image, with the blurred image as baseline or fill if no mean image is available.

    Only a default is replaced, never an option that the user set. The second value is a sentence that states
    the replacement, None if nothing was replaced.
    """
    if model.card.mean() is not None:
        return settings, None
    options = method(settings.method).settings(settings.options)
    names = [
        name for name in ("baseline", "fill") if options.get(name) == "mean" and name not in settings.options
    ]
    if not names:
        return settings, None
    flag = Option.flag_of(names[0])
    changed = settings.but(options={**settings.options, names[0]: "blur"})
    return changed, (
        f"there is only one image, and {model.name} has no card with a mean image: "
        f"{settings.method} uses the blurred image; {flag} changes that"
    )


def describe_reference(
    method: Method, options: Mapping[str, Any], mean_source: str, image_count: int
) -> str | None:
    """Description of the method's baseline or fill, None if it has neither.

    `image_count` is the number of the clip's images that the method can draw baselines from.
    """
    if method.draws:
        return f"{image_count} frames of the clip" if image_count > 1 else mean_source
    chosen = options.get("baseline", options.get("fill"))
    descriptions = {"mean": mean_source, "black": "black", "blur": "the blurred image"}
    return None if chosen is None else descriptions.get(chosen, f"the image {Path(str(chosen)).name}")


def _needs_mean(settings: ExplainSettings) -> bool:
    selected = method(settings.method)
    options = selected.settings(settings.options)
    needs = selected.draws or "mean" in (options.get("baseline"), options.get("fill"))
    return needs or any(contributors(chosen(settings)))


def _alternatives_to_mean(settings: ExplainSettings) -> str:
    """The changes that make a mean image unnecessary, as an instruction to the user."""
    selected = method(settings.method)
    changes = []
    if selected.draws:
        changes.append("use --method integrated-gradients --baseline blur")
    for option in selected.options:
        if option.name in ("baseline", "fill") and selected.settings(settings.options)[option.name] == "mean":
            changes.append(f"choose {option.flag_of(option.name)} blur or {option.flag_of(option.name)} black")
    if names := contributors(chosen(settings)):
        changes.append(f"leave the {'case' if len(names) == 1 else 'cases'} {' and '.join(names)} out")
    return f"pass the whole drive, as in `drivesal image run.mp4 --at 1:13`, or {' and '.join(changes)}"
