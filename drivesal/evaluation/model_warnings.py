"""Warnings about a model on a drive: its settings, its input scaling, images unlike its training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivesal.evaluation.quick_check import BetterSetting
    from drivesal.evaluation.scaling_warning import ScalingWarning
    from drivesal.model.domain_shift import DomainShift


@dataclass(frozen=True, slots=True)
class ModelWarnings:
    """`better` is a setting that fits the labels much better, `scaling` explains why the input scaling looks
    wrong, `unlike` states that the images differ from the training images; each is None without evidence.
    """

    better: BetterSetting | None = None
    scaling: ScalingWarning | None = None
    unlike: DomainShift | None = None

    @property
    def shorts(self) -> list[str]:
        """Short texts for the overlay."""
        return [warning.short for warning in (self.better, self.scaling, self.unlike) if warning is not None]

    @property
    def sentences(self) -> list[str]:
        """Full sentences for the notes."""
        return [warning.sentence for warning in (self.better, self.scaling, self.unlike) if warning is not None]

    def as_json(self) -> dict[str, Any]:
        """All figures as plain values, by their names in the facts."""
        named = {
            "scaling_doubt": self.scaling,
            "better_setting": self.better,
            "unlike_training": self.unlike,
        }
        return {name: warning.as_json() if warning else None for name, warning in named.items()}


def without_duplicates(
    better: BetterSetting | None, scaling: ScalingWarning | None, unlike: DomainShift | None
) -> ModelWarnings:
    """The most informative warning where several have one cause: a wrong crop also makes images unlike."""
    if better is None:
        return ModelWarnings(None, scaling, unlike)
    scaling_alone = all(flag.startswith("--input-") for flag in better.words[::2])
    if scaling is not None and scaling_alone and scaling.reason == "labels":
        return ModelWarnings(None, scaling, unlike)
    return ModelWarnings(better, None, None if changes_crop(better.words) else unlike)


def changes_crop(words: Sequence[str]) -> bool:
    """Whether these options, alternating with their values, change the crop."""
    return "--crop" in words or "--preset" in words
