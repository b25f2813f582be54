"""What the comparisons share: importing a package that may be missing, a case, and how far two maps differ."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivesal.attribution.engine.kernels import network_inputs
from drivesal.attribution.engine.noise import Noise
from drivesal.attribution.registry import Attributed, Context, ModelInputs, method
from drivesal.model.backend import keras, tensorflow
from drivesal.model.steering_model import SteeringModel
from tests.models import seen

FOLDER = Path(__file__).resolve().parents[2] / ".parity"
"""Where scripts/parity puts the packages."""
TOLERANCE = 1e-4
"""The largest difference of two maps that are the same, as a share of the largest value."""


def peer(name: str) -> Any:
    """The module; skips the tests where its package is not installed.

    One that is installed and does not load is an error: pytest.importorskip would skip it where a module
    that it imports is missing.
    """
    package = name.split(".")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed; scripts/parity does it", allow_module_level=True)
    return importlib.import_module(name)


@dataclass(frozen=True)
class Case:
    """A model, what it sees, and the index of the first frame."""

    model: SteeringModel
    images: Any
    context: Context
    first: int

    @functools.cached_property
    def network(self) -> Any:
        """A copy for the other packages, which leave things on the layers."""
        copy = keras().models.clone_model(self.model.network)
        copy.set_weights(self.model.network.get_weights())
        return copy

    @functools.cached_property
    def inputs(self) -> Any:
        """(N, h, w, C) float32: what the network is given of the pictures."""
        return network_inputs(self.model, self.images)

    @property
    def seen(self) -> ModelInputs:
        """What drivesal's methods are given."""
        return seen(self.images, first=self.first)

    @property
    def convolutions(self) -> tuple[str, str]:
        """The first convolution and the third from the end or the last, by name."""
        names = [one.name for one in self.model.network.layers if isinstance(one, keras().layers.Conv2D)]
        return names[0], names[-3] if len(names) > 2 else names[-1]

    def attributed(self, name: str, **options: Any) -> Attributed:
        """What drivesal's method gives."""
        chosen = method(name)
        return chosen.build(self.model, self.context, **chosen.settings(options))(self.seen)

    def noise(self, samples: int, share: float) -> Any:
        """(N, samples, h, w, C): what drivesal adds to the network's input of each frame."""
        drawn = Noise(self.context.seed, self.images.shape[1:3], self.model.to_rgb.T, 255 * share)
        return np.stack(
            [
                [-step if less else step for step, less in drawn.samples(int(index), samples)]
                for index in self.seen.indices
            ]
        )

    @functools.cached_property
    def called(self) -> Any:
        """x (N, h, w, C) → scores (N,), gradients, by TensorFlow's tape: nothing of drivesal's."""
        tf, network = tensorflow(), self.network

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def call(x: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                score = network(x, training=False)[:, 0]
            return score, tape.gradient(score, x)

        return lambda x: [one.numpy() for one in call(tf.constant(x, tf.float32))]


def error(ours: Any, theirs: Any) -> float:
    """max |ours - theirs| / max |theirs|; theirs is not empty of anything."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    largest = float(np.abs(theirs).max())
    assert largest > 0
    return float(np.abs(ours - theirs).max()) / largest
