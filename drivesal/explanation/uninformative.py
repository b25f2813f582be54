"""Detects maps without information on a frame: the same on every frame, empty, or faded by a saturated head."""

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
"""Minimum correlation at which the signed maps of two frames count as the same."""
DIFFERENT = 4.0
"""Minimum mean difference [0..255] at which two images count as different; frames of a standing car do not."""
ROUNDING = 1e-6
"""Share of the score below which the effect of a whole map is float32 rounding error."""
SATURATED = 0.374
"""tanh(z) / z where tanh(z) = 0.99; a fiftieth of the slope is left there."""
OFTEN = 0.1
"""Minimum share of the probe's frames for a warning about a saturated head."""

_SAME = f"the map is the same on every frame (r ≥ {SAME})"
LINEAR = f"{_SAME}: this network is almost linear here, so the map says nothing about this frame"
CONSTANT = f"{_SAME}, so it says nothing about this frame"
REACTS_TO_NOTHING = "no heat in this frame: no pixel affects the prediction"
FADED = "no heat in this frame: the head's tanh is saturated"
NONE = "no heat in this frame"
WEAK = "below 1 % of full heat in this frame"
_WEAK = 0.01


@dataclass(frozen=True, slots=True)
class Emptiness:
    """Thresholds for frames without heat.

    `least` is, by case, the largest sum of heat over the model's pixels that is only rounding error, in the
    case's unit; 0 for a case without a unit. `limit` is the |angle| above which the head's tanh is saturated;
    None if it hardly ever is or the head has no tanh.
    """

    least: Mapping[str, float]
    limit: float | None = None

    def empty(self, case: str, heat: Floats) -> bool:
        """Whether the heat (h, w) ≥ 0 of a case is only rounding error."""
        return float(heat.sum()) <= self.least[case]

    def saturated(self, one: Explained) -> bool:
        """Whether the head's tanh is saturated on a frame."""
        return self.limit is not None and abs(one.angle) >= self.limit

    def cleared(self, case: str, heat: Floats) -> Floats:
        """The heat (h, w), or zeros if it is empty."""
        return heat * 0 if self.empty(case, heat) else heat

    def words(self, case: str, heat: Floats, shown: Floats, one: Explained) -> str | None:
        """The panel's message if a case's heat (h, w) is not visible on a frame, else None.

        `shown` is the scaled heat, 0..1.
        """
        if not self.empty(case, heat):
            return WEAK if float(shown.max()) < _WEAK else None
        if self.saturated(one):
            return FADED
        return REACTS_TO_NOTHING if not one.attribution.any() else NONE


def emptiness(model: SteeringModel, studied: Study) -> Emptiness:
    """The thresholds of a study for frames without heat."""
    explainer = studied.explainer
    largest = max(abs(one.score) for one in studied.probe)
    # the whole effect of a sensitivity map is that of a change of all pixels from black to white
    shares = {"sensitivity": ROUNDING / 255, "contribution": ROUNDING, "relative": 0.0}
    least = {case.name: largest * shares[case.kind(explainer.method.kind)] for case in explainer.cases}
    return Emptiness(least, _limit(model, studied.probe))


def warnings_of(studied: Study, found: Emptiness) -> list[str]:
    """Warnings that the user needs before interpreting a clip's maps."""
    warnings = []
    if constant(studied.probe):
        warnings.append(LINEAR if studied.explainer.method.kind == "sensitivity" else CONSTANT)
    saturated = sum(found.saturated(one) for one in studied.probe)
    if saturated:
        warnings.append(
            f"the head's tanh is saturated in {saturated} of {len(studied.probe)} probed frames, and maps "
            "fade there: --pre-activation explains its input instead"
        )
    return warnings


def constant(probe: Sequence[Explained]) -> bool:
    """Whether all frames with different images have the same signed map, up to its strength."""
    import numpy as np

    maps = np.stack([one.attribution.ravel() for one in probe]).astype(np.float64)
    maps -= maps.mean(axis=1, keepdims=True)
    sizes = np.sqrt((maps**2).sum(axis=1))
    kept = np.flatnonzero(sizes > 0)
    if len(kept) < 2:
        return False
    units = maps[kept] / sizes[kept, None]
    correlation = units @ units.T
    if np.median(correlation) < SAME:
        return False  # the common case, decided without comparing the images
    images = np.stack([probe[int(n)].model_input.mean(axis=2, dtype=np.float32).ravel() for n in kept])
    different = np.stack([np.abs(images - image).mean(axis=1) for image in images]) >= DIFFERENT
    return bool(different.any() and correlation[different].min() >= SAME)


def _limit(model: SteeringModel, probe: Sequence[Explained]) -> float | None:
    """The smallest |angle| of the probe at which the head's tanh is saturated; None if it hardly ever is."""
    import numpy as np

    target = model.target
    if not isinstance(target, Target) or target.bins is not None or target.pre_activation:
        return None
    if not any(_name(getattr(layer, "activation", None)) == "tanh" for layer in layers(model.network).values()):
        return None
    frames = [one.frame for one in probe]
    images = np.stack([one.model_input for one in probe])
    angles, before_tanh = np.abs(model.predict_as(images, model.auxiliary_inputs_of(frames), model.preprocess))
    saturated = angles < SATURATED * before_tanh
    return float(angles[saturated].min()) if saturated.mean() >= OFTEN else None


def _name(activation: object) -> str:
    return str(getattr(activation, "__name__", ""))
