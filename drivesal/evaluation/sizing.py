"""Answers that follow the labels and are many times too small or too large: a wrong unit or full lock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivesal.angle import AngleSpec
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles, RecordingInfo

LEAST_R = 0.5
"""Of answers that follow the labels less nothing is said."""
TIMES = 2.0
"""Answers are too small or too large where they would have to be multiplied, or divided, by this or more."""
GAIN = 0.75
"""And where their RMSE would then be at most this share of what it is."""
NEAR = 1.35
"""A known unit is named where what it multiplies with is within this many times of what fits."""
KNOWN = {"rad": 180 / math.pi, "deg": 1.0}
LOCKS_DEG = (25.0, 0.1)
"""Full locks of the presets: the simulator's, and comma's tenths of a degree."""
POSSIBLE_DEG = (1.0, 900.0)
"""Full locks that are advised besides these."""


@dataclass(frozen=True, slots=True)
class LabelsSaid:
    """What is known of labels: the full lock [deg] that --full-lock says of them, None where it does not, and
    whether their unit is their recording's `own`, which nobody had to say. `stated` tells that a card or a
    preset says the model's unit.
    """

    lock: float | None = None
    own: bool = True
    stated: bool = False


NOTHING_SAID = LabelsSaid()
"""Of labels that nobody said anything of."""


def labels_said(infos: Sequence[RecordingInfo], model: SteeringModel) -> LabelsSaid:
    """What is known of the labels of recordings, and of the model's unit."""
    lock = next((info.full_lock_deg for info in infos if info.full_lock_deg is not None), None)
    return LabelsSaid(lock, all(info.own_labels for info in infos), _stated(model))


def _stated(model: SteeringModel) -> bool:
    """Whether the model's unit is that of its card, or of the preset that says how it is fed."""
    from drivesal.evaluation.advice import undescribed
    from drivesal.evaluation.candidates import declared
    from drivesal.evaluation.families import family_of
    from drivesal.model.card import card_path, read_card

    angle = model.card.target.angle
    if model.path is not None and card_path(model.path).is_file():
        known = read_card(card_path(model.path)).target.angle
        return (known.unit, known.full_lock_deg) == (angle.unit, angle.full_lock_deg)
    if model.steering is None or undescribed(model):
        return False
    family = family_of(model, declared(model))
    said = None if family is None else family.preset.angle
    return said is not None and (said.unit, said.full_lock_deg) == (angle.unit, angle.full_lock_deg)


@dataclass(frozen=True, slots=True)
class Size:
    """Answers that have to be multiplied with `times` to be of the labels' size; the options `words` do it.

    `degrees` is what 1.0 of the network then stands for; `known` says that it was declared to stand for some.
    `spec` are the options that say so of the model, () where it is the labels that look wrong (`of_labels`), or
    where no usual unit and no possible full lock does. `lock` is the labels' full lock [deg], in whose place
    the model's cannot be said.
    """

    times: float
    degrees: float
    spec: tuple[str, ...]
    known: bool
    lock: float | None = None
    of_labels: tuple[str, ...] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The options to say, an option and its value in turn; () where none do."""
        if self.of_labels is not None:
            return self.of_labels
        return () if self._two_locks else self.spec

    @property
    def _two_locks(self) -> bool:
        return self.lock is not None and "--full-lock" in self.spec and float(self.spec[-1]) != self.lock

    @property
    def sentence(self) -> str:
        """What is wrong and what to say, in one line."""
        small = self.times > 1
        much = f"{self.times if small else 1 / self.times:.3g} times too {'small' if small else 'large'}"
        if not self.known:
            return f"1.0 of the network's answer goes with about {self.degrees:.3g}° of the labels: {self._say}"
        return f"the answers follow the labels and are {much}: {self._say}"

    @property
    def _say(self) -> str:
        if self.of_labels is not None:
            what = "the model's unit is declared, and that of the labels looks wrong"
            do = f"say {' '.join(self.of_labels)}" if self.of_labels else "check their unit and full lock"
            return f"{what}: {do}"
        if not self.spec:
            return "no usual unit makes them so: check the units of labels and model"
        if self._two_locks:
            return (
                f"1.0 of the model is about {self.spec[-1]}°, but --full-lock {self.lock:g} is the labels': "
                f"write the labels in degrees, then say {' '.join(self.spec)}"
            )
        return f"say {' '.join(self.spec)}"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"times": self.times, "degrees": self.degrees, "options": list(self.words)}


def size_doubt(
    angles: Doubles,
    labels: Doubles,
    angle: AngleSpec,
    labels_unit: str,
    said: LabelsSaid = NOTHING_SAID,
) -> Size | None:
    """What is wrong with the size of (n,) angles that follow the labels (n,); None where nothing is.

    Both are left positive, the angles made by `angle`, the labels in "deg" or "norm"; `said` is what is known
    of them.
    """
    if labels_unit != "deg" or len(labels) < 2 or angles.std() == 0 or labels.std() == 0:
        return None
    if np.corrcoef(angles, labels)[0, 1] < LEAST_R:
        return None
    times = fitting_times(angles, labels)
    if not times > 0 or (1 / TIMES < times < TIMES and angle.kind.unit == "deg"):
        return None
    if angle.kind.unit == "deg":
        now, then = (float(((one - labels) ** 2).mean()) for one in (angles, times * angles))
        if then > GAIN**2 * now:
            return None
    degrees = times * abs(angle.factor)
    of_labels = None
    if said.stated and not said.own:
        of_labels = _options_of_labels(1 / times) if said.lock is None else ()
    return Size(times, degrees, _options(degrees), angle.kind.unit == "deg", said.lock, of_labels)


def fitting_times(angles: Doubles, labels: Doubles) -> float:
    """What the angles are multiplied with to be closest to the labels: the slope of the labels on them."""
    moved = angles - angles.mean()
    return float((moved * (labels - labels.mean())).mean() / (moved**2).mean())


def _options(degrees: float) -> tuple[str, ...]:
    """The options that say that 1.0 of the network stands for so many degrees, and their values in turn."""
    unit = next((unit for unit, one in KNOWN.items() if 1 / NEAR < degrees / one < NEAR), None)
    if unit is not None:
        return "--model-angle-unit", unit
    lock = next((lock for lock in LOCKS_DEG if 1 / NEAR < degrees / lock < NEAR), None)
    if lock is None and not POSSIBLE_DEG[0] <= degrees <= POSSIBLE_DEG[1]:
        return ()
    return "--model-angle-unit", "norm", "--full-lock", f"{degrees if lock is None else lock:.3g}"


def _options_of_labels(degrees: float) -> tuple[str, ...]:
    """The options that say that 1.0 of a table of labels stands for so many degrees; () without any.

    Of one that was in radians, `degrees` is 180/pi times too small.
    """
    if 1 / NEAR < degrees * math.pi / 180 < NEAR:
        return "--angle-unit", "rad"
    if 1 / NEAR < degrees * 180 / math.pi < NEAR:
        return "--angle-unit", "deg"
    return ()
