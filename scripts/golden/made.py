"""The inputs: a small drive of every format, and small models of several kinds."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))  # for the drives and networks that the tests make
FRAMES = 24
FEED = {"two": {"speed": 0.5}}
"""What the auxiliary inputs of the small models are given, by model."""


def drives(inputs: Path) -> list[Path]:
    """The small drives, one of every format."""
    return sorted(one for one in (inputs / "drives").iterdir() if one.suffix != ".csv")


def networks(inputs: Path) -> list[Path]:
    """The small models that have a card."""
    return sorted((inputs / "models").glob("*.keras"))


def make(folder: Path) -> None:
    """Makes the inputs in a new folder."""
    from drivesal.angle import AngleSpec
    from drivesal.model.backend import keras
    from drivesal.model.card import Card
    from drivesal.model.preprocess import Preprocess
    from drivesal.model.steering_model import SteeringModel
    from drivesal.model.target import Bins, Target

    clips, nets, made = map(import_module, ("tests.clips", "tests.models", "tests.recordings.drives"))
    place = folder / "drives"
    place.mkdir(parents=True)
    clips.make_clip(place / "run.mp4", FRAMES)
    rows = "\n".join(f"{i},{3.0 * np.sin(i / 5):.4f}" for i in range(FRAMES))
    (place / "run.csv").write_text(f"frame,steering_angle_deg\n{rows}\n")
    made.tub(place / "tub", 12)
    made.tub_v1(place / "tub-v1", 8)
    made.simulator(place / "simulator", [50 * i for i in range(12)], header=True)
    made.ch2(place / "ch2", 8)
    made.sully(place / "sully", 8)
    made.comma(place / "comma", 8)
    made.images(place / "images", 8)
    models = folder / "models"
    models.mkdir()
    norm = AngleSpec("norm", "steering-wheel", "right", 25.0)
    nets.steering(nets.convolutional(), scale=1 / 255).save(models / "small.keras")
    nets.steering(nets.nested(), colour="YUV", scale=2 / 255, offset=-1.0).save(models / "nested.keras")
    nets.steering(nets.convolutional(2, head="tanh"), norm, scale=1 / 255).save(models / "norm.keras")
    nets.steering(nets.two_inputs(), scale=1 / 255, feed=FEED["two"]).save(models / "two.keras")
    angles = Target(AngleSpec("deg", "steering-wheel"), "angle", Bins(-25.0, 25.0))
    bins = nets.categorical(size=(24, 32))
    SteeringModel(bins, Card(Preprocess((24, 32)), angles)).save(models / "bins.keras")
    nets.convolutional(3).save(models / "old.h5")
    keras().backend.clear_session()
