"""The networks that maps are compared on, and what the other packages need to be imported."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from drivesal.model.backend import keras
from drivesal.model.readers import load_model
from drivesal.model.shipped import asset, default_model
from drivesal.recordings import open_recording
from tests.models import context, pictures, steering
from tests.parity.peers import FOLDER, Case

FIRST = 7
"""Index of the first frame: noise is keyed on it."""

# behind everything else, so that no package of the project's own is ever taken from there: tf-keras-vis
# brings a package called "tests"
sys.path.append(str(FOLDER))

if importlib.util.find_spec("xplique") and not importlib.util.find_spec("tensorflow_probability"):
    # Xplique imports it with everything else, and uses it for a median in a method that is not compared;
    # the package itself asks for Keras 2
    _name = "tensorflow_probability"
    sys.modules[_name] = importlib.util.module_from_spec(importlib.machinery.ModuleSpec(_name, None))


@pytest.fixture(scope="session", params=["relu", "elu"])
def small(request: pytest.FixtureRequest) -> Case:
    """A small network whose input is the picture."""
    return small_case(request.param)


@pytest.fixture(scope="session")
def relu() -> Case:
    """The small network with ReLU, for rules that the other packages have for nothing else."""
    return small_case("relu")


@pytest.fixture(scope="session", params=["relu", "elu", "pilotnet"])
def case(request: pytest.FixtureRequest) -> Case:
    """The small networks, and the shipped one, which sees YUV in -1..1."""
    return pilotnet_case() if request.param == "pilotnet" else small_case(request.param)


def small_case(activation: str) -> Case:
    """Two convolutions, the first as large as the picture, and a linear head; pictures of noise."""
    keras().utils.set_random_seed(3)
    layers, bias = keras().layers, keras().initializers.RandomNormal(stddev=0.3)
    network = keras().Sequential(
        [
            layers.Input((24, 32, 3)),
            layers.Rescaling(1 / 64, offset=-2),  # where an ELU's bend is felt
            layers.Conv2D(6, 3, padding="same", activation=activation, bias_initializer=bias),
            layers.Conv2D(8, 5, strides=2, activation=activation, bias_initializer=bias),
            layers.Flatten(),
            layers.Dense(10, activation=activation, bias_initializer=bias),
            layers.Dense(1, name="steering", bias_initializer=bias),
        ]
    )
    images = pictures(2, (24, 32))
    mean = np.random.default_rng(5).uniform(60, 200, (24, 32, 3)).astype(np.float32)
    return Case(steering(network), images, context(mean), FIRST)


def pilotnet_case() -> Case:
    """The default model and two frames of the sample drive."""
    model = load_model(default_model())
    with open_recording(asset("data", "run.mp4")) as recording:
        images = np.stack([model.prepare(recording.at(index).image) for index in (40, 300)])
    return Case(model, images, context(images[::-1].mean(axis=0) * 0.7), FIRST)


@pytest.fixture
def same_noise(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Has NumPy's normal noise, which the others add to the network's input, come from the arrays given."""

    def give(arrays: Any) -> None:
        ready = iter(arrays)

        def normal(mean: float, deviation: Any, shape: Any) -> Any:
            noise = next(ready)
            assert noise.shape == tuple(shape)
            return noise

        monkeypatch.setattr(np.random, "normal", normal)

    return give
