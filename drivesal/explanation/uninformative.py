"""Maps that say nothing about a frame: the same on every frame, empty, or faded behind a saturated head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.model.network import layers
from drivesal.model.target import Target

if TYPE_CHECKING:
    from drivesal.explanation.study import Study
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Explained, Floats

SAME = 0.999
"""Correlation from which on the signed maps of two frames are one map."""
DIFFERENT = 4.0
"""Mean difference [0..255] from which on two pictures show something else; while a car stands, none does."""
ROUNDING = 1e-6
"""The share of the score below which the effect of a whole map is rounding to float32."""
SATURATED = 0.374
"""tanh(z) / z at 0.99: a fiftieth of the slope is left there."""
OFTEN = 0.1
"""The share of the probe's frames from which on a saturated head is stated."""

_SAME = f"the map is the same on every frame (r ≥ {SAME})"
LINEAR = f"{_SAME}: this network answers almost linearly here, so the map says nothing about this frame"
CONSTANT = f"{_SAME}, so it says nothing about this frame"
REACTS_TO_NOTHING = "no heat in this frame: the answer reacts to none of its pixels"
FADED = "no heat in this frame: the head's tanh is saturated"
NONE = "no heat in this frame"
WEAK = "below 1 % of full heat in this frame"
_WEAK = 0.01


@dataclass(frozen=True, slots=True)
class Emptiness:
    """When a frame has no heat.

    `least` is, by case, the sum of heat over the model's pixels that is nothing but rounding, in the case's
    unit; 0 of a case without one. `limit` is the |angle| from which on the head's tanh is saturated, None where
    it nowhere is, or there is none.
    """

    least: Mapping[str, float]
    limit: float | None = None

    def empty(self, case: str, heat: Floats) -> bool:
        """Whether heat (h, w) ≥ 0 of a case is none."""
        return float(heat.sum()) <= self.least[case]

    def saturated(self, one: Explained) -> bool:
        """Whether the head's tanh is saturated in a frame."""
        return self.limit is not None and abs(one.angle) >= self.limit

    def cleared(self, case: str, heat: Floats) -> Floats:
        """The heat (h, w), 0 all over where it is none."""
        return heat * 0 if self.empty(case, heat) else heat

    def words(self, case: str, heat: Floats, shown: Floats, one: Explained) -> str | None:
        """What a panel says of a case's heat (h, w) in a frame where nothing can be seen of it; else None.

        `shown` is the heat on its scale, 0..1.
        """
        if not self.empty(case, heat):
            return WEAK if float(shown.max()) < _WEAK else None
        if self.saturated(one):
            return FADED
        return REACTS_TO_NOTHING if not one.push.any() else NONE


def emptiness(model: SteeringModel, studied: Study) -> Emptiness:
    """What is no heat under what a study asked."""
    explainer = studied.explainer
    largest = max(abs(one.score) for one in studied.probe)
    # a sensitivity's whole effect is that of a change from black to white all over
    shares = {"sensitivity": ROUNDING / 255, "contribution": ROUNDING, "relative": 0.0}
    least = {case.name: largest * shares[case.kind(explainer.method.kind)] for case in explainer.cases}
    return Emptiness(least, _limit(model, studied.probe))


def warnings_of(studied: Study, found: Emptiness) -> list[str]:
    """Sentences on a clip's maps that a person must know before reading the picture."""
    told = []
    if constant(studied.probe):
        told.append(LINEAR if studied.explainer.method.kind == "sensitivity" else CONSTANT)
    saturated = sum(found.saturated(one) for one in studied.probe)
    if saturated:
        told.append(
            f"the head's tanh is saturated in {saturated} of {len(studied.probe)} frames looked at, and maps "
            "fade there: --pre-activation explains what goes into it"
        )
    return told


def constant(probe: Sequence[Explained]) -> bool:
    """Whether all frames that show something else have one signed map, but for its strength."""
    import numpy as np

    maps = np.stack([one.push.ravel() for one in probe]).astype(np.float64)
    maps -= maps.mean(axis=1, keepdims=True)
    sizes = np.sqrt((maps**2).sum(axis=1))
    kept = np.flatnonzero(sizes > 0)
    if len(kept) < 2:
        return False
    units = maps[kept] / sizes[kept, None]
    alike = units @ units.T
    if np.median(alike) < SAME:
        return False  # the usual case, without a look at the pictures
    pictures = np.stack([probe[int(n)].picture.mean(axis=2, dtype=np.float32).ravel() for n in kept])
    apart = np.stack([np.abs(pictures - one).mean(axis=1) for one in pictures]) >= DIFFERENT
    return bool(apart.any() and alike[apart].min() >= SAME)


def _limit(model: SteeringModel, probe: Sequence[Explained]) -> float | None:
    """The least |angle| of the probe at which the head's tanh is saturated; None where it hardly ever is."""
    import numpy as np

    target = model.target
    if not isinstance(target, Target) or target.bins is not None or target.pre_activation:
        return None
    if not any(_name(getattr(layer, "activation", None)) == "tanh" for layer in layers(model.network).values()):
        return None
    frames = [one.frame for one in probe]
    pictures = np.stack([one.picture for one in probe])
    angles, headless = np.abs(model.predict_as(pictures, model.others_of(frames), model.preprocess))
    saturated = angles < SATURATED * headless
    return float(angles[saturated].min()) if saturated.mean() >= OFTEN else None


def _name(activation: object) -> str:
    return str(getattr(activation, "__name__", ""))
