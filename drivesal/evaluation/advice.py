"""The options that declare a better setting, as one preset where possible, and the next command to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from drivesal.evaluation.candidates import Setting, declared
from drivesal.evaluation.preset_matching import PresetMatch, preset_declaring, presets_for_format
from drivesal.evaluation.ranking import MUCH_LARGER

if TYPE_CHECKING:
    from drivesal.evaluation.diagnosis import Diagnosis
    from drivesal.evaluation.prediction_scale import MagnitudeMismatch
    from drivesal.evaluation.quick_check import BetterSetting
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles

ASSUMED = ("input scaling", "colour")
"""Prefixes of the `SteeringModel.assumed` entries for an input that no card, preset or option describes."""


def input_undeclared(model: SteeringModel) -> bool:
    """Whether the network's input is undeclared: no card, no preset, no option describes it."""
    return any(assumption.startswith(ASSUMED) for assumption in model.assumed)


def preset_rmse(model: SteeringModel, setting: Setting, angles: Doubles, labels: Doubles) -> float | None:
    """The RMSE of (n,) angles under the setting, in the unit of the preset that declares it.

    None if there is no such preset, or if its unit is not that of the declared angles.
    """
    match = preset_declaring(model, setting) if input_undeclared(model) else None
    if match is None:
        return None
    of_preset, of_model = match.preset.angle, model.card.target.angle
    if of_preset.kind.unit != of_model.kind.unit:
        return None
    angles = angles * abs(of_preset.factor / of_model.factor)
    return float(np.sqrt(((angles - labels) ** 2).mean()))


def preset_for(
    model: SteeringModel, setting: Setting, rmse: float | None = None, as_preset: float | None = None
) -> PresetMatch | None:
    """The preset that declares a setting of the model; None if its unit makes the errors much larger.

    `rmse` is the error in the declared unit, `as_preset` the error in the preset's.
    """
    match = preset_declaring(model, setting) if input_undeclared(model) else None
    worse = rmse is not None and as_preset is not None and as_preset > MUCH_LARGER * rmse
    return None if worse else match


def words_for(
    model: SteeringModel,
    setting: Setting,
    mismatch: MagnitudeMismatch | None = None,
    rmse: float | None = None,
    as_preset: float | None = None,
) -> tuple[str, ...]:
    """The options that declare a setting of the model, alternating with their values.

    `mismatch` is the wrong magnitude of the predictions under it; `rmse` and `as_preset` as in `preset_for`.
    """
    match = preset_for(model, setting, rmse, as_preset)
    if match is not None:
        return "--preset", match.name
    words = setting.words(declared(model))
    if input_undeclared(model):  # a card written from these options needs both
        required = {kind: setting.option(kind) for kind in ("colour", "scaling")}
        words += tuple(word for option in required.values() for word in option if option[0] not in words)
    return words if mismatch is None else words + mismatch.words


def suggest_preset(model: SteeringModel, formats: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """The likeliest preset of a network whose input is undeclared: the reason in words, and the options.

    `formats` are the recordings' formats. None if network and recordings give no indication.
    """
    if not input_undeclared(model) or len(set(formats)) != 1:
        return None
    matches = presets_for_format(model, formats[0])
    if not matches:
        return None
    height, width = model.preprocess.size
    pair = f"a network with {height}x{width}x{model.preprocess.channels} input and a {formats[0]} recording"
    alternatives = " or ".join(f"--preset {match.name}" for match in matches[1:])
    more = f" (or {alternatives}: labels can decide)" if alternatives else ""
    text = (
        f"the network's input is undeclared, and {model.preprocess.colour} "
        f"{model.preprocess.scaling.text} of whole frames is assumed: {pair} usually go with "
        f"--preset {matches[0].name}{more}"
    )
    return text, ("--preset", matches[0].name)


def next_command(
    model: SteeringModel,
    formats: Sequence[str],
    better: BetterSetting | Diagnosis | MagnitudeMismatch | None,
    advise: Callable[[Sequence[str]], str | None],
) -> str | None:
    """The command to run next, in one line: with a setting that fits, or with a likely preset.

    `advise` builds the command from the options to add; it gives None if there is no command line. None if
    there is nothing to suggest.
    """
    why, words = "run next", () if better is None else better.words
    if not words:
        suggestion = suggest_preset(model, formats)
        if suggestion is None:
            return None
        why, words = f"{suggestion[0]}; try", suggestion[1]
    command = advise(words)
    if command is not None:
        return f"{why}: {command}"
    return why.removesuffix("; try") if better is None else None
