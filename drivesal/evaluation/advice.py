"""What to say in place of what was declared, as options: a preset where one says it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from drivesal.evaluation.candidates import Setting, declared
from drivesal.evaluation.families import Family, family_of, likely
from drivesal.evaluation.ranking import FURTHER

if TYPE_CHECKING:
    from drivesal.evaluation.blind import Blind
    from drivesal.evaluation.quick import Better
    from drivesal.evaluation.sizing import Size
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles

ASSUMED = ("input scaling", "colour")
"""How one of `SteeringModel.assumed` begins where neither a card nor a preset says how the network is fed."""


def undescribed(model: SteeringModel) -> bool:
    """Whether nothing says how the network is fed: no card, no preset, no option."""
    return any(one.startswith(ASSUMED) for one in model.assumed)


def preset_rmse(model: SteeringModel, setting: Setting, angles: Doubles, labels: Doubles) -> float | None:
    """The RMSE of (n,) angles under the setting, once the preset that says it gives their unit.

    None where no preset does, or where its angles are not in the unit of the declared ones.
    """
    family = family_of(model, setting) if undescribed(model) else None
    if family is None:
        return None
    then, now = family.preset.angle, model.card.target.angle
    if then.kind.unit != now.kind.unit:
        return None
    angles = angles * abs(then.factor / now.factor)
    return float(np.sqrt(((angles - labels) ** 2).mean()))


def preset_for(
    model: SteeringModel, setting: Setting, rmse: float | None = None, as_preset: float | None = None
) -> Family | None:
    """The preset that says a setting of the model; None where its unit makes the errors much larger.

    `rmse` is that under the declared unit, `as_preset` that under the preset's.
    """
    family = family_of(model, setting) if undescribed(model) else None
    worse = rmse is not None and as_preset is not None and as_preset > FURTHER * rmse
    return None if worse else family


def words_for(
    model: SteeringModel,
    setting: Setting,
    size: Size | None = None,
    rmse: float | None = None,
    as_preset: float | None = None,
) -> tuple[str, ...]:
    """The options that say a setting of the model, an option and its value in turn.

    `size` is what is wrong with the size of the answers under it; for the others see `preset_for`.
    """
    family = preset_for(model, setting, rmse, as_preset)
    if family is not None:
        return "--preset", family.name
    said = setting.words(declared(model))
    if undescribed(model):  # a card that is written of it needs both
        known = {kind: setting.said(kind) for kind in ("colour", "scaling")}
        said += tuple(word for words in known.values() for word in words if words[0] not in said)
    return said if size is None else said + size.words


def without_labels(model: SteeringModel, formats: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Which preset a network that nobody described is likely of, and why, in words and as options.

    `formats` are those of the recordings. None where the network's input and the recordings say nothing.
    """
    if not undescribed(model) or len(set(formats)) != 1:
        return None
    found = likely(model, formats[0])
    if not found:
        return None
    height, width = model.preprocess.size
    why = f"a network of {height}x{width}x{model.preprocess.channels} and a recording of {formats[0]}"
    others = " or ".join(f"--preset {one.name}" for one in found[1:])
    more = f" (or {others}: labels tell which)" if others else ""
    text = (
        f"nothing says how the network is fed, and {model.preprocess.colour} "
        f"{model.preprocess.scaling.text} of whole frames is assumed: {why} usually go with "
        f"--preset {found[0].name}{more}"
    )
    return text, ("--preset", found[0].name)


def going_on(
    model: SteeringModel,
    formats: Sequence[str],
    better: Better | Blind | Size | None,
    advise: Callable[[Sequence[str]], str | None],
) -> str | None:
    """The command to go on with, in one line: of a setting that fits, or of a network that nobody described.

    `advise` makes it of the options that should have been given, None where there is no command line. None
    where there is nothing to say.
    """
    why, words = "go on with", () if better is None else better.words
    if not words:
        likely = without_labels(model, formats)
        if likely is None:
            return None
        why, words = f"{likely[0]}; try", likely[1]
    command = advise(words)
    if command is not None:
        return f"{why}: {command}"
    return why.removesuffix("; try") if better is None else None
