"""Predictions that follow the labels at the wrong magnitude: a wrong unit or full lock."""

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
"""Predictions with a lower correlation are not checked."""
TIMES = 2.0
"""The magnitude is wrong if the factor that fits the labels best is at least this, or at most its inverse,
..."""
GAIN = 0.75
"""... and if it reduces the RMSE to at most this share."""
NEAR = 1.35
"""A known unit or full lock is suggested if it is within this factor of the best fit."""
KNOWN = {"rad": 180 / math.pi, "deg": 1.0}
LOCKS_DEG = (25.0, 0.1)
"""Full locks [deg] of the presets: the simulator's, and comma's tenths of a degree."""
POSSIBLE_DEG = (1.0, 900.0)
"""The range [deg] of other full locks that may be suggested."""


@dataclass(frozen=True, slots=True)
class LabelMetadata:
    """What is declared about labels: `lock`, their full lock [deg] from --full-lock, None without; `own`,
    whether their unit is the recording's own and not a user's. `stated` is whether a card or preset declares
    the model's unit.
    """

    lock: float | None = None
    own: bool = True
    stated: bool = False


UNKNOWN_METADATA = LabelMetadata()
"""The metadata of labels about which nothing is declared."""


def label_metadata(infos: Sequence[RecordingInfo], model: SteeringModel) -> LabelMetadata:
    """What is declared about the recordings' labels and the model's unit."""
    lock = next((info.full_lock_deg for info in infos if info.full_lock_deg is not None), None)
    return LabelMetadata(lock, all(info.own_labels for info in infos), _unit_declared(model))


def _unit_declared(model: SteeringModel) -> bool:
    """Whether the model's unit is that of its card, or of the preset that declares its input."""
    from drivesal.evaluation.advice import input_undeclared
    from drivesal.evaluation.candidates import declared
    from drivesal.evaluation.preset_matching import preset_declaring
    from drivesal.model.card import card_path, read_card

    angle = model.card.target.angle
    if model.path is not None and card_path(model.path).is_file():
        known = read_card(card_path(model.path)).target.angle
        return (known.unit, known.full_lock_deg) == (angle.unit, angle.full_lock_deg)
    if model.steering is None or input_undeclared(model):
        return False
    match = preset_declaring(model, declared(model))
    preset = None if match is None else match.preset.angle
    return preset is not None and (preset.unit, preset.full_lock_deg) == (angle.unit, angle.full_lock_deg)


@dataclass(frozen=True, slots=True)
class MagnitudeMismatch:
    """Predictions that fit the labels best when multiplied by `times`; the options `words` correct them.

    `degrees` is the angle that an output of 1.0 then means; `known` is whether an angle was declared for it.
    `spec` are the model's options that declare it, () if no usual unit and no plausible full lock does.
    `of_labels` are the labels' options if their unit looks wrong instead, else None. `lock` is the labels' full
    lock [deg]; a different one cannot be declared for the model.
    """

    times: float
    degrees: float
    spec: tuple[str, ...]
    known: bool
    lock: float | None = None
    of_labels: tuple[str, ...] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The options to use, alternating with their values; () if none help."""
        if self.of_labels is not None:
            return self.of_labels
        return () if self._two_locks else self.spec

    @property
    def _two_locks(self) -> bool:
        return self.lock is not None and "--full-lock" in self.spec and float(self.spec[-1]) != self.lock

    @property
    def sentence(self) -> str:
        """What is wrong and which options to use, in one line."""
        small = self.times > 1
        factor = f"{self.times if small else 1 / self.times:.3g} times too {'small' if small else 'large'}"
        if not self.known:
            return f"a network output of 1.0 means about {self.degrees:.3g}° of the labels: {self._remedy}"
        return f"the predictions follow the labels but are {factor}: {self._remedy}"

    @property
    def _remedy(self) -> str:
        if self.of_labels is not None:
            what = "the model's unit is declared, and that of the labels looks wrong"
            remedy = f"use {' '.join(self.of_labels)}" if self.of_labels else "check their unit and full lock"
            return f"{what}: {remedy}"
        if not self.spec:
            return "no usual unit explains it: check the units of labels and model"
        if self._two_locks:
            return (
                f"1.0 of the model is about {self.spec[-1]}°, but --full-lock {self.lock:g} is the labels': "
                f"convert the labels to degrees, then use {' '.join(self.spec)}"
            )
        return f"use {' '.join(self.spec)}"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"times": self.times, "degrees": self.degrees, "options": list(self.words)}


def check_magnitude(
    angles: Doubles,
    labels: Doubles,
    angle: AngleSpec,
    labels_unit: str,
    metadata: LabelMetadata = UNKNOWN_METADATA,
) -> MagnitudeMismatch | None:
    """Check the magnitude of (n,) predicted angles that follow the labels (n,); None if it fits or is unclear.

    Both are left positive; the angles were converted by `angle`, the labels are in "deg" or "norm"; `metadata`
    describes the labels.
    """
    if labels_unit != "deg" or len(labels) < 2 or angles.std() == 0 or labels.std() == 0:
        return None
    if np.corrcoef(angles, labels)[0, 1] < LEAST_R:
        return None
    times = fitting_times(angles, labels)
    if not times > 0 or (1 / TIMES < times < TIMES and angle.kind.unit == "deg"):
        return None
    if angle.kind.unit == "deg":
        before, after = (float(((values - labels) ** 2).mean()) for values in (angles, times * angles))
        if after > GAIN**2 * before:
            return None
    degrees = times * abs(angle.factor)
    of_labels = None
    if metadata.stated and not metadata.own:
        of_labels = _label_options(1 / times) if metadata.lock is None else ()
    known = angle.kind.unit == "deg"
    return MagnitudeMismatch(times, degrees, _model_options(degrees), known, metadata.lock, of_labels)


def fitting_times(angles: Doubles, labels: Doubles) -> float:
    """The factor that brings the angles closest to the labels: the slope of the regression of labels on
    angles."""
    centred = angles - angles.mean()
    return float((centred * (labels - labels.mean())).mean() / (centred**2).mean())


def _model_options(degrees: float) -> tuple[str, ...]:
    """The options that declare 1.0 of the network as this many degrees, alternating with their values."""
    unit = next((unit for unit, factor in KNOWN.items() if 1 / NEAR < degrees / factor < NEAR), None)
    if unit is not None:
        return "--model-angle-unit", unit
    lock = next((lock for lock in LOCKS_DEG if 1 / NEAR < degrees / lock < NEAR), None)
    if lock is None and not POSSIBLE_DEG[0] <= degrees <= POSSIBLE_DEG[1]:
        return ()
    return "--model-angle-unit", "norm", "--full-lock", f"{degrees if lock is None else lock:.3g}"


def _label_options(degrees: float) -> tuple[str, ...]:
    """The options that declare 1.0 in a table of labels as this many degrees; () if none fits.

    For a table that was in radians, `degrees` is 180/pi times too small.
    """
    if 1 / NEAR < degrees * math.pi / 180 < NEAR:
        return "--angle-unit", "rad"
    if 1 / NEAR < degrees * 180 / math.pi < NEAR:
        return "--angle-unit", "deg"
    return ()
