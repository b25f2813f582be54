"""Predictions and labels of recordings in memory."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.errors import LabelError, ModelError
from drivesal.evaluation.run import drives_for, evaluate, predict_drive
from drivesal.model.backend import keras
from drivesal.model.card import Card
from drivesal.model.preprocess import Preprocess
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Class, Target
from drivesal.recordings.in_memory import MemoryRecording
from drivesal.types import Frame, Span
from tests.models import DEGREES

SIZE = (6, 8)
WHEEL = AngleKind("deg", "steering-wheel")


def brightness_model(gain=1.0):
    """Predicts gain × the image's mean brightness, in degrees at the steering wheel."""
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    dense = layers.Dense(1, name="steering")
    network = keras().Model(inputs, dense(layers.Flatten()(inputs)))
    count = SIZE[0] * SIZE[1] * 3
    dense.set_weights([np.full((count, 1), gain / count, np.float32), np.zeros(1, np.float32)])
    return SteeringModel(network, Card(Preprocess(SIZE), Target(DEGREES)))


def recording(values, labels, kind=WHEEL):
    frames = [
        Frame(index, index / 10, np.full((*SIZE, 3), value, np.uint8), label)
        for index, (value, label) in enumerate(zip(values, labels, strict=True))
    ]
    drive = MemoryRecording(frames)
    drive.info = dataclasses.replace(drive.info, angle=kind, path=Path("drive"))
    return drive


def test_predictions_brightness_and_labels_of_the_labelled_frames():
    model = brightness_model()
    (drive,) = drives_for([recording([10, 20, 30, 40], [9, None, 33, 40])], model)
    read = []
    result = predict_drive(drive, model, "run", progress=read.append)
    assert result.index.tolist() == [0, 2, 3]
    assert result.time_s.tolist() == pytest.approx([0, 0.2, 0.3])
    assert result.predicted.tolist() == pytest.approx([10, 30, 40], rel=1e-5)
    assert result.truth.tolist() == [9, 33, 40]
    assert result.error.tolist() == pytest.approx([1, -3, 0], abs=1e-4)
    assert result.brightness.tolist() == [10, 30, 40]
    assert sum(read) == 4


def test_road_wheels_become_the_models_kind():
    model = brightness_model()
    road = recording([150], [10], AngleKind("deg", "road-wheels"))
    result = evaluate(model, drives_for([road], model, 15), ["road"])
    assert result.answers[0].truth.tolist() == [150]
    assert result.worst == [] or result.worst[0].rmse < 1e-3


def test_recordings_that_cannot_be_evaluated_are_refused():
    model = brightness_model()
    with pytest.raises(LabelError, match="drive has none"):
        drives_for([recording([1], [None], None)], model)
    (drive,) = drives_for([recording([1, 2, 3], [5, None, None])], model)
    with pytest.raises(LabelError, match="none of its 2 frames has a label"):
        predict_drive(drive, model, "run", Span(start=1))
    infinite = brightness_model(3e38)
    (drive,) = drives_for([recording([255], [5])], infinite)
    with pytest.raises(ModelError, match=r"finite predictions.*frame #0 of run"):
        predict_drive(drive, infinite, "run")


def test_a_classifier_cannot_be_evaluated():
    layers = keras().layers
    network = keras().Sequential([layers.Input((*SIZE, 3)), layers.Flatten(), layers.Dense(4)])
    card = Card(Preprocess(SIZE), Target(AngleSpec("norm")))
    with pytest.raises(ModelError, match="whose output is a steering angle"):
        drives_for([recording([1], [1])], SteeringModel(network, card, target=Class(2)))
