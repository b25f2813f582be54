"""Predictions of a model under any setting, without rebuilding or recompiling it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from drivesal.model.batching import BATCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.evaluation.candidates import Setting
    from drivesal.evaluation.crop_views import CropViews
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Doubles


class SettingPredictor:
    """Runs the model on sampled frames; `progress` is called with the number of images per forward pass."""

    def __init__(
        self,
        model: SteeringModel,
        views: CropViews,
        progress: Callable[[int], object] = lambda _: None,
        batch: int = BATCH,
    ) -> None:
        self._auxiliary_inputs, self._progress, self._batch = views.auxiliary_inputs, progress, batch
        self._images = dict(zip(views.crops, views.images, strict=True))
        self._models: dict[str | None, SteeringModel] = {None: model}

    def __call__(self, setting: Setting, positions: NDArray[np.int64]) -> Doubles:
        """(n,) angles of the frames at these positions, left positive; all 0 if any is not finite."""
        model = self._model_with(setting.output)
        images, auxiliary_inputs = self._images[setting.crop], self._auxiliary_inputs
        preprocess = setting.applied_to(model.preprocess)
        batches = []
        for start in range(0, len(positions), self._batch):
            chosen = positions[start : start + self._batch]
            batches.append(model.predict_as(images[chosen], auxiliary_inputs[chosen], preprocess)[0])
            self._progress(len(chosen))
        angles = np.concatenate(batches).astype(np.float64)
        return angles if np.isfinite(angles).all() else np.zeros(len(positions))

    def _model_with(self, output: str | None) -> SteeringModel:
        """The model with this output as its steering angle."""
        if output not in self._models:
            self._models[output] = with_output(self._models[None], output)
        return self._models[output]


def with_output(model: SteeringModel, output: str | None) -> SteeringModel:
    """The same network with another output as its steering angle; the model itself for None."""
    from drivesal.model.steering_model import SteeringModel

    if output is None:
        return model
    target = dataclasses.replace(model.card.target, output=output, bins=None)
    card = dataclasses.replace(model.card, target=target)
    return SteeringModel(
        model.network, card, path=model.path, assumed=model.assumed, feed=model.feed, cut_anew=model.cut_anew
    )
