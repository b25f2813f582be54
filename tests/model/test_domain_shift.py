"""Whether a drive's images are like those that a model was trained on."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import drivesal
from drivesal.errors import ModelError
from drivesal.model.card import Card, card_text, read_card
from drivesal.model.domain_shift import (
    SEGMENT_S,
    TrainingImages,
    described,
    in_segments,
    training_images,
    unlike_training,
)
from drivesal.model.preprocess import Crop
from drivesal.synthetic.still_frames import scene_stills
from drivesal.types import Span

SIZE = (66, 200)
CROP = Crop.parse("0.42:0.92")


def info(width=640, height=480):
    with drivesal.Recording(Path(__file__).parents[2] / "data" / "run.mp4") as run:
        return dataclasses.replace(run.info, width=width, height=height)


def textures(rng, count, slope):
    """Images whose edges grow towards the bottom by `slope`, each with a strength and a shade of its own."""
    rows = np.linspace(0, slope, SIZE[0])[:, None]
    noise = rng.normal(size=(count, *SIZE)) * rng.uniform(3, 9, (count, 1, 1)) * np.exp(rows)
    grey = np.clip(128 + rng.uniform(-30, 30, (count, 1, 1)) + noise, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3)


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(0)
    return training_images(textures(rng, 240, 1.0), np.arange(240) // 20, [(640, 480), (640, 480)], CROP)


def unlike(card, images, info, seconds=60.0):
    """`unlike_training` of images spread over so many seconds."""
    return unlike_training(card, images, np.linspace(0, seconds, len(images)).tolist(), info)


def card_with(images):
    model = drivesal.load_model()
    return dataclasses.replace(model.card, images=images)


def test_images_of_the_same_kind_are_like_the_training(known):
    fresh = textures(np.random.default_rng(1), 60, 1.0)
    assert np.median(known.distances(fresh)) == pytest.approx(1.0, abs=0.35)
    assert unlike(card_with(known), fresh, info()) is None


def test_images_of_another_kind_are_not_and_it_is_said_in_figures(known):
    found = unlike(card_with(known), textures(np.random.default_rng(1), 60, -1.0), info(960, 540))
    assert found.distance > 2 * known.limit
    assert f"{found.distance:.2f}" in found.sentence
    assert "640x480, these are 960x540: what it sees is squeezed 1.3 times against training" in found.sentence
    assert found.as_json()["limit"] == known.limit


def test_a_size_of_the_same_shape_is_not_named(known):
    found = unlike(card_with(known), textures(np.random.default_rng(1), 60, -1.0), info(320, 240))
    assert "320x240" not in found.sentence


def test_few_images_and_cards_without_any_say_nothing(known):
    other = textures(np.random.default_rng(1), 60, -1.0)
    assert unlike(card_with(known), other[:7], info()) is None
    assert unlike(card_with(None), other, info()) is None


def test_a_moment_says_nothing_and_a_short_part_has_a_higher_limit(known):
    other = textures(np.random.default_rng(1), 60, -1.0)
    assert unlike(card_with(known), other, info(), seconds=5) is None
    assert unlike(card_with(known), other, info(), seconds=8).limit == pytest.approx(1.1 * known.limit)
    assert unlike(card_with(known), other, info(), seconds=12).limit == known.limit


def test_frames_of_another_shape_are_told_even_of_one_image(known):
    found = unlike(card_with(known), textures(np.random.default_rng(1), 1, 1.0), info(540, 960))
    assert found.distance is None
    assert found.squeezed == pytest.approx((640 / 480) / (540 / 960), rel=0.01)
    assert "squeezed 2.4 times" in found.sentence
    assert "540x960" in found.short


def test_a_crop_that_restores_the_shape_is_not_told(known):
    card = card_with(known)
    square = dataclasses.replace(card.preprocess, crop=Crop.parse("0.3:0.61"))
    restored = dataclasses.replace(card, preprocess=square)
    assert unlike(restored, textures(np.random.default_rng(1), 1, 1.0), info(540, 648)) is None


def test_too_little_training_gives_nothing():
    images = textures(np.random.default_rng(0), 120, 1.0)
    assert training_images(images[:90], np.arange(90) // 9, [(640, 480)], CROP) is None
    assert training_images(images, np.arange(120) // 40, [(640, 480)], CROP) is None


def test_brightness_alone_changes_little():
    image = textures(np.random.default_rng(0), 1, 1.0)[0]
    darker = (image // 2).astype(np.uint8) + 20
    difference = described(image[None]) - described(darker[None])
    assert np.abs(difference - difference.mean()).max() < 0.25  # a common step, no other shape


def test_segments_are_pieces_of_each_drive():
    times = np.array([0.0, 9.9, 10.0, 25.0, 3.0])
    assert in_segments(times, np.array([0, 0, 0, 0, 1])).tolist() == [0, 0, 1, 2, 3]
    assert SEGMENT_S == 10.0


def test_a_card_keeps_it(tmp_path, known):
    path = tmp_path / "m.keras.card.json"
    path.write_text(card_text(card_with(known)), encoding="utf-8")
    assert read_card(path).images == known


@pytest.mark.parametrize(
    ("field", "value"), [("model", "AAAA"), ("model", "!"), ("limit", 0.0), ("frames", [[0, 3]])]
)
def test_a_card_with_nonsense_is_refused(tmp_path, known, field, value):
    path = tmp_path / "m.keras.card.json"
    text = card_text(card_with(known))
    facts = json.loads(text)
    facts["images"][field] = value
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ModelError, match="images"):
        read_card(path)


def shipped_on(recording, every):
    model = drivesal.load_model()
    with drivesal.Recording(recording, labels=False) as run:
        images = np.stack([model.prepare(frame.image) for frame in run.frames(Span(every=every))])
        return model.card.images, unlike(model.card, images, run.info)


def test_the_shipped_model_knows_the_sample_drive():
    known, found = shipped_on(Path(__file__).parents[2] / "data" / "run.mp4", 10)
    assert isinstance(known, TrainingImages)
    assert found is None


def test_the_shipped_model_does_not_know_a_motorway_through_another_camera(shared):
    _, found = shipped_on(shared / "highway.mp4", 10)
    assert found is not None
    assert "960x540" in found.sentence


@pytest.mark.slow
def test_unseen_scenes_of_the_drawn_road_are_known():
    model = drivesal.load_model()
    images = [
        model.prepare(world.image(moment))
        for scene in range(4)
        for world, moment in list(scene_stills(977, scene, (400, 300)))[::3]
    ]
    assert unlike(model.card, np.stack(images), info(400, 300)) is None


def test_old_cards_without_it_are_read():
    assert Card(drivesal.load_model().card.preprocess, drivesal.load_model().card.target).images is None
