"""A model asked under any setting, without being built or compiled again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from drivesal.model.batching import BATCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.evaluation.candidates import Setting
    from drivesal.evaluation.gathered import Gathered
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles


class Asked:
    """Asks the model about gathered frames; `progress` is told how many pictures went through the network."""

    def __init__(
        self,
        model: SteeringModel,
        given: Gathered,
        progress: Callable[[int], object] = lambda _: None,
        batch: int = BATCH,
    ) -> None:
        self._given, self._progress, self._batch = given, progress, batch
        self._views = dict(zip(given.crops, given.views, strict=True))
        self._models: dict[str | None, SteeringModel] = {None: model}

    def __call__(self, setting: Setting, places: NDArray[np.int64]) -> Doubles:
        """(n,) the angles at these places, left positive; 0 where one is not finite."""
        model = self._of(setting.output)
        pictures, others = self._views[setting.crop], self._given.others
        preprocess = setting.over(model.preprocess)
        found = []
        for at in range(0, len(places), self._batch):
            some = places[at : at + self._batch]
            found.append(model.predict_as(pictures[some], others[some], preprocess)[0])
            self._progress(len(some))
        angles = np.concatenate(found).astype(np.float64)
        return angles if np.isfinite(angles).all() else np.zeros(len(places))

    def _of(self, output: str | None) -> SteeringModel:
        """The model that steers by this output."""
        if output not in self._models:
            self._models[output] = steering_by(self._models[None], output)
        return self._models[output]


def steering_by(model: SteeringModel, output: str | None) -> SteeringModel:
    """The same network steering by another of its numbers; by its own for None."""
    from drivesal.model.steering_model import SteeringModel

    if output is None:
        return model
    target = dataclasses.replace(model.card.target, output=output, bins=None)
    card = dataclasses.replace(model.card, target=target)
    return SteeringModel(
        model.network, card, path=model.path, assumed=model.assumed, feed=model.feed, cut_anew=model.cut_anew
    )
