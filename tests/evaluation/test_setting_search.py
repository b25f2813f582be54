"""The settings search on a network whose right settings are known, and on untrained networks."""

import dataclasses
import json

import numpy as np
import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.evaluation import diagnosis, setting_search
from drivesal.evaluation.candidates import Setting, crops_for, declared, settings
from drivesal.evaluation.run import drives_for, evaluate
from drivesal.evaluation.setting_search import fit_settings
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
    """(count,) angles of about ±15° that change within a few seconds."""
    steps = rng.normal(size=count + 40)
    return 15 * np.convolve(steps, np.hanning(21), "valid")[:count] / np.sqrt((np.hanning(21) ** 2).sum())


def road(count=240, seed=0, every_s=0.5, step=2):
    """Frames with a red bar at the labelled steering direction in RIGHT's rows, and bars that move
    independently."""
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


def red_follower(crop=RIGHT, colour="RGB", positive="left", gain=20.0):
    """A network that predicts the position of red, right with RIGHT, RGB, 0..1 and left, declared like this."""
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


def test_candidate_settings():
    model = red_follower(Crop("pixel", (60, -25)))
    crops = crops_for(model, [(320, 160)])
    assert [crop.text for crop in crops[:3]] == ["60:-25", ":", "-150:0"]  # 0.375:0.844 is 60:-25 there
    assert len({crop.box(320, 160) for crop in crops}) == len(crops)
    assert Crop("pixel", (-150, 0)) not in crops_for(model, [(200, 100), (320, 160)])
    assert Crop("pixel", (60, -25)) not in crops_for(red_follower(), [(100, 80)])
    every = list(settings(model, crops[:2]))
    assert every[0] == declared(model)
    # eight colour formats and three scalings, and two per-channel scalings for RGB and BGR
    assert len(set(every)) == len(every) == 2 * (8 * 3 + 2 * 2)
    other = Setting(Crop("pixel", (-150, 0)), "YUV", Scaling.to_range(-1, 1), "right")
    options = ("--crop -150:0", "--color YUV", "--input-scale -1..1", "--model-positive right")
    assert other.options(declared(model)) == options
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
def test_the_setting_that_fits_is_found_and_the_right_one_is_kept(wrong, options):
    read = []

    def recorded():
        for frame in road():
            read.append(frame.index)
            yield frame

    ranking = fit_settings(red_follower(**wrong), recorded())
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
    assert ranking.chance <= setting_search.BY_CHANCE
    # a model with these options reaches the reported figures
    right = red_follower(**{**wrong, "crop": best.setting.crop, "colour": best.setting.colour})
    angle = dataclasses.replace(right.card.target.angle, positive=best.setting.positive)
    model = SteeringModel(right.network, dataclasses.replace(right.card, target=Target(angle)), path=None)
    frames = road()
    predictions = model.predict(np.stack([model.prepare(frame.image) for frame in frames]))
    truth = np.array([frame.steering for frame in frames])
    assert best.r == pytest.approx(np.corrcoef(predictions, truth)[0, 1], abs=0.02)
    assert best.rmse == pytest.approx(np.sqrt(((predictions - truth) ** 2).mean()), rel=0.1)
    json.dumps(ranking.as_json())


@pytest.mark.parametrize("seed", range(4))
def test_nothing_fits_untrained_networks_or_labels_of_another_drive(seed):
    card = red_follower().card
    model = SteeringModel(convolutional(seed, SIZE), card)
    ranking = fit_settings(model, road(120, seed))
    assert ranking.best is None
    other = smooth(np.random.default_rng(100 + seed), 120)
    frames = [
        dataclasses.replace(frame, steering=float(label))
        for frame, label in zip(road(120, seed), other, strict=True)
    ]
    assert fit_settings(red_follower(colour="BGR"), frames).best is None


def test_predictions_of_another_magnitude_fit_only_if_they_follow_closely():
    """An untrained network may follow a simple road by chance, with predictions that hardly vary."""
    close = fit_settings(red_follower(colour="BGR", gain=0.002), road())
    assert close.best is not None
    assert close.best.rmse > 0.9 * close.constant
    blurred = [
        dataclasses.replace(one, steering=one.steering + 14 * float(noise))
        for one, noise in zip(road(), smooth(np.random.default_rng(8), 240) / 15, strict=True)
    ]
    loose = fit_settings(red_follower(colour="BGR", gain=0.002), blurred)
    assert 0.5 < loose.rows[0].r < 0.85
    assert loose.best is None
    assert fit_settings(red_follower(colour="BGR", gain=20.0), blurred).best is not None


def test_too_little_data():
    assert fit_settings(red_follower(), []) is None
    assert fit_settings(red_follower(), [dataclasses.replace(one, steering=1.0) for one in road(30)]) is None
    short = fit_settings(red_follower(colour="BGR"), road(100, every_s=0.05))  # five seconds
    assert short.chance is None
    assert short.best is None


def test_predictions_that_are_not_finite_do_not_fit():
    model = red_follower(colour="BGR")
    dense = model.network.layers[-1]
    dense.set_weights([weight * np.float32(1e37) for weight in dense.get_weights()])
    ranking = fit_settings(model, road(100))
    assert all(np.isfinite(row.r) for row in ranking.rows)


def evaluated(model, frames):
    recording = MemoryRecording(frames)
    recording.info = dataclasses.replace(recording.info, angle=WHEEL)
    evaluation = evaluate(model, drives_for([recording], model), ["run"])
    return evaluation, diagnosis.diagnose(evaluation)


def test_the_diagnosis_of_a_model_that_does_not_follow_the_labels():
    evaluation, result = evaluated(red_follower(colour="BGR"), road())
    assert abs(diagnosis.low_correlation(evaluation)) < 0.2
    assert result.sentence.startswith("the model does not follow the labels: r ")
    assert "240 labels (too little image motion to check the labels); with --color RGB r is " in result.sentence
    assert "\n" not in result.sentence
    _, result = evaluated(red_follower(positive="right"), road())
    assert "steers opposite to the labels: r -1.00" in result.sentence
    assert "with --model-positive left r is 1.00" in result.sentence
    _, result = evaluated(SteeringModel(convolutional(1, SIZE), red_follower().card), road(120))
    assert "; none of " in result.sentence
    assert "combinations of crop, colour format and input scale fits" in result.sentence
    json.dumps(result.as_json())


def test_a_model_that_follows_the_labels_and_a_straight_road_get_no_diagnosis():
    evaluation, result = evaluated(red_follower(), road())
    assert diagnosis.low_correlation(evaluation) is None
    assert result is None
    straight = [dataclasses.replace(one, steering=one.steering / 50) for one in road()]
    assert evaluated(red_follower(colour="BGR"), straight)[1] is None


def test_labels_that_do_not_fit_are_reported_and_not_searched_with():
    rng = np.random.default_rng(3)
    moved = np.concatenate([[0], np.cumsum(rng.integers(-3, 4, 239))])
    texture = rng.uniform(0, 255, (*FRAME, 3)).astype(np.uint8)
    frames = [
        dataclasses.replace(one, image=np.roll(texture, int(shift), axis=1))
        for one, shift in zip(road(step=1), moved, strict=True)
    ]
    _, result = evaluated(red_follower(), frames)
    assert result.ranking is None
    assert abs(result.fit.correlation) < 0.2
    assert "the labels hardly match the images" in result.sentence
    assert "see `drivesal info`" in result.sentence
    assert result.as_json()["search"] is None


def test_of_a_long_drive_segments_are_read_again(monkeypatch):
    monkeypatch.setattr(diagnosis, "READ", 100)
    evaluation, result = evaluated(red_follower(colour="BGR", gain=27.0), road(400))
    assert result.ranking.frames == 50  # every second index has a frame
    assert result.ranking.best.options == ("--color RGB",)
    assert diagnosis.effort(evaluation) > 100
