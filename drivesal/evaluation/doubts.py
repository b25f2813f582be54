"""What is doubtful about a model on a drive: its settings, its input scaling, the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivesal.evaluation.quick import Better
    from drivesal.evaluation.scaling_findings import Doubt
    from drivesal.model.domain_shift import DomainShift


@dataclass(frozen=True, slots=True)
class Doubts:
    """`better` is a setting that fits the labels much better, `scaling` says why the input scaling looks wrong,
    `unlike` that the images are unlike those of training; each None where nothing says so.
    """

    better: Better | None = None
    scaling: Doubt | None = None
    unlike: DomainShift | None = None

    @property
    def shorts(self) -> list[str]:
        """For the picture."""
        return [one.short for one in (self.better, self.scaling, self.unlike) if one is not None]

    @property
    def sentences(self) -> list[str]:
        """For the notes."""
        return [one.sentence for one in (self.better, self.scaling, self.unlike) if one is not None]

    def as_json(self) -> dict[str, Any]:
        """All figures as plain values, by their names in the facts."""
        named = {"scaling_doubt": self.scaling, "better_setting": self.better, "unlike_training": self.unlike}
        return {name: one.as_json() if one else None for name, one in named.items()}


def told_apart(better: Better | None, scaling: Doubt | None, unlike: DomainShift | None) -> Doubts:
    """Those that say more where several speak of the same mistake: a wrong crop makes images unlike too."""
    if better is None:
        return Doubts(None, scaling, unlike)
    scaling_alone = all(flag.startswith("--input-") for flag in better.words[::2])
    if scaling is not None and scaling_alone and scaling.reason == "labels":
        return Doubts(None, scaling, unlike)
    return Doubts(better, None, None if says_the_crop(better.words) else unlike)


def says_the_crop(words: Sequence[str]) -> bool:
    """Whether these options, each with its value behind it, say another crop."""
    return "--crop" in words or "--preset" in words
