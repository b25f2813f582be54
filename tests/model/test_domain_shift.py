"""Detection of drives whose images differ from a model's training images."""

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
    descriptors,
    detect_domain_shift,
    in_segments,
    training_images,
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
    """Images whose edge strength grows towards the bottom by `slope`, with random contrast and brightness."""
    rows = np.linspace(0, slope, SIZE[0])[:, None]
    noise = rng.normal(size=(count, *SIZE)) * rng.uniform(3, 9, (count, 1, 1)) * np.exp(rows)
    grey = np.clip(128 + rng.uniform(-30, 30, (count, 1, 1)) + noise, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3)


@pytest.fixture(scope="module")
def training():
    rng = np.random.default_rng(0)
    return training_images(textures(rng, 240, 1.0), np.arange(240) // 20, [(640, 480), (640, 480)], CROP)


def shift_of(card, images, info, seconds=60.0):
    """`detect_domain_shift` for images spread over `seconds`."""
    return detect_domain_shift(card, images, np.linspace(0, seconds, len(images)).tolist(), info)


def card_with(images):
    model = drivesal.load_model()
    return dataclasses.replace(model.card, images=images)


def test_images_of_the_same_kind_are_not_reported(training):
    fresh = textures(np.random.default_rng(1), 60, 1.0)
    assert np.median(training.distances(fresh)) == pytest.approx(1.0, abs=0.35)
    assert shift_of(card_with(training), fresh, info()) is None


def test_images_of_another_kind_are_reported_with_figures(training):
    shift = shift_of(card_with(training), textures(np.random.default_rng(1), 60, -1.0), info(960, 540))
    assert shift.distance > 2 * training.limit
    assert f"{shift.distance:.2f}" in shift.sentence
    squeezed = "its view is squeezed by a factor of 1.3 compared with training"
    assert f"640x480, these are 960x540: {squeezed}" in shift.sentence
    assert shift.as_json()["limit"] == training.limit


def test_a_size_of_the_same_aspect_ratio_is_not_reported(training):
    shift = shift_of(card_with(training), textures(np.random.default_rng(1), 60, -1.0), info(320, 240))
    assert "320x240" not in shift.sentence


def test_few_images_and_cards_without_training_images_report_nothing(training):
    other = textures(np.random.default_rng(1), 60, -1.0)
    assert shift_of(card_with(training), other[:7], info()) is None
    assert shift_of(card_with(None), other, info()) is None


def test_very_short_clips_report_nothing_and_short_ones_have_a_higher_limit(training):
    other = textures(np.random.default_rng(1), 60, -1.0)
    assert shift_of(card_with(training), other, info(), seconds=5) is None
    assert shift_of(card_with(training), other, info(), seconds=8).limit == pytest.approx(1.1 * training.limit)
    assert shift_of(card_with(training), other, info(), seconds=12).limit == training.limit


def test_another_aspect_ratio_is_reported_even_for_one_image(training):
    shift = shift_of(card_with(training), textures(np.random.default_rng(1), 1, 1.0), info(540, 960))
    assert shift.distance is None
    assert shift.squeezed == pytest.approx((640 / 480) / (540 / 960), rel=0.01)
    assert "squeezed by a factor of 2.4" in shift.sentence
    assert "540x960" in shift.short


def test_a_crop_that_restores_the_aspect_ratio_is_not_reported(training):
    card = card_with(training)
    square = dataclasses.replace(card.preprocess, crop=Crop.parse("0.3:0.61"))
    restored = dataclasses.replace(card, preprocess=square)
    assert shift_of(restored, textures(np.random.default_rng(1), 1, 1.0), info(540, 648)) is None


def test_too_few_training_images_give_no_summary():
    images = textures(np.random.default_rng(0), 120, 1.0)
    assert training_images(images[:90], np.arange(90) // 9, [(640, 480)], CROP) is None
    assert training_images(images, np.arange(120) // 40, [(640, 480)], CROP) is None


def test_brightness_alone_changes_little():
    image = textures(np.random.default_rng(0), 1, 1.0)[0]
    darker = (image // 2).astype(np.uint8) + 20
    difference = descriptors(image[None]) - descriptors(darker[None])
    assert np.abs(difference - difference.mean()).max() < 0.25  # a common offset, the same pattern


def test_segments_do_not_span_drives():
    times = np.array([0.0, 9.9, 10.0, 25.0, 3.0])
    assert in_segments(times, np.array([0, 0, 0, 0, 1])).tolist() == [0, 0, 1, 2, 3]
    assert SEGMENT_S == 10.0


def test_a_card_stores_the_training_images(tmp_path, training):
    path = tmp_path / "m.keras.card.json"
    path.write_text(card_text(card_with(training)), encoding="utf-8")
    assert read_card(path).images == training


@pytest.mark.parametrize(
    ("field", "value"), [("model", "AAAA"), ("model", "!"), ("limit", 0.0), ("frames", [[0, 3]])]
)
def test_a_card_with_invalid_values_is_refused(tmp_path, training, field, value):
    path = tmp_path / "m.keras.card.json"
    text = card_text(card_with(training))
    facts = json.loads(text)
    facts["images"][field] = value
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ModelError, match="images"):
        read_card(path)


def shipped_on(recording, every):
    model = drivesal.load_model()
    with drivesal.Recording(recording, labels=False) as run:
        images = np.stack([model.prepare(frame.image) for frame in run.frames(Span(every=every))])
        return model.card.images, shift_of(model.card, images, run.info)


def test_the_shipped_model_accepts_the_sample_drive():
    training, shift = shipped_on(Path(__file__).parents[2] / "data" / "run.mp4", 10)
    assert isinstance(training, TrainingImages)
    assert shift is None


def test_the_shipped_model_reports_a_motorway_from_another_camera(shared):
    _, shift = shipped_on(shared / "highway.mp4", 10)
    assert shift is not None
    assert "960x540" in shift.sentence


@pytest.mark.slow
def test_unseen_scenes_of_the_synthetic_road_are_accepted():
    model = drivesal.load_model()
    images = [
        model.prepare(world.image(moment))
        for scene in range(4)
        for world, moment in list(scene_stills(977, scene, (400, 300)))[::3]
    ]
    assert shift_of(model.card, np.stack(images), info(400, 300)) is None


def test_cards_without_training_images_are_valid():
    assert Card(drivesal.load_model().card.preprocess, drivesal.load_model().card.target).images is None
