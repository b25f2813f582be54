"""The search for settings: a network whose right ones are known, and networks that see nothing."""

import dataclasses
import json

import numpy as np
import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.evaluation import blind, fitting
from drivesal.evaluation.candidates import Setting, crops_for, declared, settings
from drivesal.evaluation.fitting import fit_settings
from drivesal.evaluation.run import drives_for, evaluate
from drivesal.model.backend import keras
from drivesal.model.card import Card
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.model.scaling import Scaling
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Target
from drivesal.recordings.in_memory import MemoryRecording
from drivesal.types import Frame
from tests.models import convolutional

SIZE = (12, 24)
FRAME = (48, 64)
RIGHT = Crop.parse("0.42:0.92")
WHEEL = AngleKind("deg", "steering-wheel")


def smooth(rng, count):
    """(count,) an angle in about ±15 that changes within a few seconds."""
    steps = rng.normal(size=count + 40)
    return 15 * np.convolve(steps, np.hanning(21), "valid")[:count] / np.sqrt((np.hanning(21) ** 2).sum())


def road(count=240, seed=0, every_s=0.5, step=2):
    """Frames with a red bar where the label steers to, in RIGHT's rows; other bars go their own way."""
    rng = np.random.default_rng(seed)
    truth, blue, above = (smooth(rng, count) for _ in range(3))
    x = np.linspace(-1, 1, FRAME[1])
    frames = []
    for i in range(count):
        image = rng.uniform(40, 70, (*FRAME, 3))
        low, high = round(0.42 * FRAME[0]), round(0.92 * FRAME[0])
        image[low:high, :, 0] += 150 * np.exp(-(((x + truth[i] / 60) / 0.15) ** 2))  # left positive
        image[low:high, :, 2] += 150 * np.exp(-(((x + blue[i] / 60) / 0.15) ** 2))
        image[:low] += 60 * np.exp(-(((x + above[i] / 60) / 0.15) ** 2))[None, :, None]
        frames.append(Frame(i * step, i * every_s, image.clip(0, 255).astype(np.uint8), float(truth[i])))
    return frames


def seeing(crop=RIGHT, colour="RGB", positive="left", gain=20.0):
    """A network that answers where red is, right under RIGHT, RGB, 0..1 and left, declared like this."""
    layers = keras().layers
    weights = np.zeros((*SIZE, 3), np.float32)
    weights[..., 0] = -np.linspace(-1, 1, SIZE[1]) / SIZE[0]
    inputs = layers.Input((*SIZE, 3))
    dense = layers.Dense(1, name="steering")
    network = keras().Model(inputs, dense(layers.Flatten()(inputs)))
    dense.set_weights([gain * weights.reshape(-1, 1), np.zeros(1, np.float32)])
    preprocess = Preprocess(SIZE, crop, colour=colour, scale=1 / 255)
    card = Card(preprocess, Target(AngleSpec("deg", "steering-wheel", positive)))
    return SteeringModel(network, card)


def test_what_can_be_declared():
    model = seeing(Crop("pixel", (60, -25)))
    found = crops_for(model, [(320, 160)])
    assert [crop.text for crop in found[:3]] == ["60:-25", ":", "-150:0"]  # 0.375:0.844 is 60:-25 there
    assert len({crop.box(320, 160) for crop in found}) == len(found)
    assert Crop("pixel", (-150, 0)) not in crops_for(model, [(200, 100), (320, 160)])
    assert Crop("pixel", (60, -25)) not in crops_for(seeing(), [(100, 80)])
    every = list(settings(model, found[:2]))
    assert every[0] == declared(model)
    # eight colours and three scalings, two more by channel for RGB and BGR
    assert len(set(every)) == len(every) == 2 * (8 * 3 + 2 * 2)
    other = Setting(Crop("pixel", (-150, 0)), "YUV", Scaling.to_range(-1, 1), "right")
    said = ("--crop -150:0", "--color YUV", "--input-scale -1..1", "--model-positive right")
    assert other.options(declared(model)) == said
    assert declared(model).options(declared(model)) == ()


@pytest.mark.parametrize(
    ("wrong", "options"),
    [
        ({"positive": "right"}, ("--model-positive left",)),
        ({"colour": "BGR"}, ("--color RGB",)),
        ({"crop": Crop("pixel", (0, 16))}, ("--crop 0.42:0.92",)),
        (
            {"crop": Crop("pixel", (0, 16)), "colour": "BGR", "positive": "right"},
            ("--crop 0.42:0.92", "--color RGB", "--model-positive left"),
        ),
        ({}, None),
    ],
)
def test_the_setting_that_fits_is_found_and_the_right_one_is_left(wrong, options):
    read = []

    def once():
        for frame in road():
            read.append(frame.index)
            yield frame

    ranking = fit_settings(seeing(**wrong), once())
    assert read == [frame.index for frame in road()]  # once, in order
    if options is None:
        assert ranking.best is None
        assert ranking.declared.r > 0.9
        return
    best = ranking.best
    assert best.options == options
    assert ranking.declared.r < 0.3
    assert best.low < best.r < best.high
    assert best.low > 0.8
    assert ranking.rows[0].r == pytest.approx(max(row.r for row in ranking.rows), abs=1e-3)
    assert ranking.chance <= fitting.BY_CHANCE
    # what is named gives what it promises
    right = seeing(**{**wrong, "crop": best.setting.crop, "colour": best.setting.colour})
    right = dataclasses.replace(right.card.target.angle, positive=best.setting.positive), right
    model = SteeringModel(
        right[1].network, dataclasses.replace(right[1].card, target=Target(right[0])), path=None
    )
    frames = road()
    said = model.predict(np.stack([model.prepare(frame.image) for frame in frames]))
    truth = np.array([frame.steering for frame in frames])
    assert best.r == pytest.approx(np.corrcoef(said, truth)[0, 1], abs=0.02)
    assert best.rmse == pytest.approx(np.sqrt(((said - truth) ** 2).mean()), rel=0.1)
    json.dumps(ranking.as_json())


@pytest.mark.parametrize("seed", range(4))
def test_untrained_networks_and_labels_of_another_drive_fit_nothing(seed):
    card = seeing().card
    model = SteeringModel(convolutional(seed, SIZE), card)
    ranking = fit_settings(model, road(120, seed))
    assert ranking.best is None
    other = smooth(np.random.default_rng(100 + seed), 120)
    frames = [
        dataclasses.replace(frame, steering=float(label))
        for frame, label in zip(road(120, seed), other, strict=True)
    ]
    assert fit_settings(seeing(colour="BGR"), frames).best is None


def test_answers_of_another_size_fit_only_where_they_follow_closely():
    """An untrained network may follow a simple road by chance, with answers that hardly move."""
    close = fit_settings(seeing(colour="BGR", gain=0.002), road())
    assert close.best is not None
    assert close.best.rmse > 0.9 * close.constant
    blurred = [
        dataclasses.replace(one, steering=one.steering + 14 * float(noise))
        for one, noise in zip(road(), smooth(np.random.default_rng(8), 240) / 15, strict=True)
    ]
    loose = fit_settings(seeing(colour="BGR", gain=0.002), blurred)
    assert 0.5 < loose.rows[0].r < 0.85
    assert loose.best is None
    assert fit_settings(seeing(colour="BGR", gain=20.0), blurred).best is not None


def test_too_little_to_tell():
    assert fit_settings(seeing(), []) is None
    assert fit_settings(seeing(), [dataclasses.replace(one, steering=1.0) for one in road(30)]) is None
    short = fit_settings(seeing(colour="BGR"), road(100, every_s=0.05))  # five seconds
    assert short.chance is None
    assert short.best is None


def test_answers_that_are_not_finite_are_no_fit():
    model = seeing(colour="BGR")
    dense = model.network.layers[-1]
    dense.set_weights([weight * np.float32(1e37) for weight in dense.get_weights()])
    ranking = fit_settings(model, road(100))
    assert all(np.isfinite(row.r) for row in ranking.rows)


def evaluated(model, frames):
    recording = MemoryRecording(frames)
    recording.info = dataclasses.replace(recording.info, angle=WHEEL)
    found = evaluate(model, drives_for([recording], model), ["run"])
    return found, blind.looked_into(found)


def test_what_is_said_of_a_blind_model():
    found, said = evaluated(seeing(colour="BGR"), road())
    assert abs(blind.suspected(found)) < 0.2
    assert said.sentence.startswith("the model answers as if it did not see the road: r ")
    assert (
        "240 labels (if they fit: too little moves in the picture to tell); with --color RGB r" in said.sentence
    )
    assert "\n" not in said.sentence
    _, said = evaluated(seeing(positive="right"), road())
    assert "steers against the labels: r -1.00" in said.sentence
    assert "with --model-positive left r is 1.00" in said.sentence
    _, said = evaluated(SteeringModel(convolutional(1, SIZE), seeing().card), road(120))
    assert "nothing fits of " in said.sentence
    json.dumps(said.as_json())


def test_nothing_is_said_of_a_model_that_follows_or_of_a_straight_road():
    found, said = evaluated(seeing(), road())
    assert blind.suspected(found) is None
    assert said is None
    straight = [dataclasses.replace(one, steering=one.steering / 50) for one in road()]
    assert evaluated(seeing(colour="BGR"), straight)[1] is None


def test_labels_that_do_not_fit_are_said_and_not_searched_with(monkeypatch):
    rng = np.random.default_rng(3)
    moved = np.concatenate([[0], np.cumsum(rng.integers(-3, 4, 239))])
    texture = rng.uniform(0, 255, (*FRAME, 3)).astype(np.uint8)
    frames = [
        dataclasses.replace(one, image=np.roll(texture, int(shift), axis=1))
        for one, shift in zip(road(step=1), moved, strict=True)
    ]
    _, said = evaluated(seeing(), frames)
    assert said.ranking is None
    assert abs(said.fit.correlation) < 0.2
    assert "the labels hardly match the images" in said.sentence
    assert "see `drivesal info`" in said.sentence
    assert said.as_json()["search"] is None


def test_of_a_long_drive_stretches_are_read_again(monkeypatch):
    monkeypatch.setattr(blind, "READ", 100)
    found, said = evaluated(seeing(colour="BGR", gain=27.0), road(400))
    assert said.ranking.frames == 50  # every second index has a frame
    assert said.ranking.best.options == ("--color RGB",)
    assert blind.effort(found) > 100
