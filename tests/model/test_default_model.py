"""The shipped model: its file, its card, and its predictions on the drive that it was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesal.attribution.registry import method
from drivesal.model import shipped as assets
from drivesal.model.card import card_path, read_card
from drivesal.model.readers import load_model
from drivesal.model.steering_model import SteeringModel
from drivesal.recordings import open_recording, read_labels
from drivesal.synthetic.evidence import evident, share_on
from drivesal.synthetic.still_frames import scene_stills
from drivesal.synthetic.world import SyntheticDrive
from drivesal.types import Span
from tests.models import context, seen

DRIVE = Path(__file__).resolve().parents[3] / "shared" / "data" / "udacity_ch2"


@pytest.fixture(scope="module")
def model() -> SteeringModel:
    return load_model(assets.default_model())


def test_it_loads_with_nothing_assumed(model):
    assert model.assumed == ()
    assert (model.kind.unit, model.kind.turns) == ("deg", "steering-wheel")
    assert model.preprocess.size == (66, 200)
    assert model.preprocess.colour == "YUV"


def test_it_is_pilotnet(model):
    layers = [layer for layer in model.network.layers if layer.weights]
    assert [tuple(layer.kernel.shape) for layer in layers[:5]] == [
        (5, 5, 3, 24),
        (5, 5, 24, 36),
        (5, 5, 36, 48),
        (3, 3, 48, 64),
        (3, 3, 64, 64),
    ]
    assert [layer.units for layer in layers[5:]] == [100, 50, 10, 1]
    kinds = {type(layer).__name__ for layer in model.network.layers}
    assert kinds <= {"Conv2D", "Dense", "Dropout", "Flatten", "InputLayer"}


def test_the_files_are_small_and_contain_no_local_paths():
    weights = assets.default_model()
    assert weights.stat().st_size <= 2_000_000
    text = card_path(weights).read_text(encoding="utf-8")
    assert str(Path.home()) not in text
    assert str(Path(__file__).resolve().parents[3]) not in text
    assert "/home" not in text


def test_the_card_states_data_split_and_errors(model):
    training = read_card(card_path(assets.default_model())).training
    assert training["data"]["frames"] == 3400
    assert training["data"]["licence"] == "MIT"
    assert {"split", "world", "recipe", "seeds", "steps", "networks", "versions"} <= set(training)
    assert training["wall_time_s"] <= 3600
    validation = training["validation"]
    assert validation["rmse_deg"] < 0.6 * validation["rmse_always_0_deg"]


def test_it_generalises_to_the_synthetic_road_and_attributes_to_its_evidence(model):
    training = model.card.training
    assert training["unseen_world"]["rmse_deg"] <= 4
    assert training["unseen_world"]["correlation"] >= 0.97
    share = training["share_on_evidence"]
    assert share["gradient"] >= 2 * share["uniform"]
    assert share["gradient"] > share["random weights"]


def test_its_error_on_unseen_scenes_matches_its_card(model):
    stills = [still for number in range(12) for still in scene_stills(77_001, number, (400, 300))]
    images = np.stack([model.prepare(world.image(moment)) for world, moment in stills])
    truth = np.array([moment.steering_deg for _, moment in stills])
    errors = model.predict(images) - truth
    assert np.sqrt(np.mean(errors**2)) < 5.5
    assert np.corrcoef(errors + truth, truth)[0, 1] > 0.95


def test_its_gradient_concentrates_on_the_evidence_of_a_drive(model):
    drive = SyntheticDrive(78_001, 30, 1, (400, 300))
    gradient = method("gradient").build(model, context(np.zeros((66, 200, 3), np.float32)))
    shares = []
    for moment in drive.moments[::3]:
        mask = evident(drive.world.evidence(moment), model.preprocess)
        image = model.prepare(drive.world.image(moment))
        shares.append(share_on(gradient(seen(image[None])).summed[0], mask) / mask.mean())
    assert np.mean(shares) > 1.7


def test_the_mean_image_has_the_models_size(model):
    mean = model.card.mean()
    assert mean.shape == (66, 200, 3)
    assert mean.dtype == np.uint8
    assert 20 < mean.mean() < 200


def test_predictions_do_not_depend_on_the_batch(model):
    images = np.random.default_rng(0).integers(0, 256, (4, 66, 200, 3), dtype=np.uint8)
    alone = np.concatenate([model.predict(image[None]) for image in images])
    np.testing.assert_allclose(model.predict(images), alone, rtol=1e-4, atol=1e-3)


def test_its_error_on_the_real_drive_matches_its_card(model):
    if not (DRIVE / "run.mp4").is_file():
        pytest.skip("the real drive is not part of the project, and ../shared/data does not have it here")
    with open_recording(DRIVE / "run.mp4", labels=read_labels(DRIVE / "run.csv")) as recording:
        seen = [(model.prepare(frame.image), frame.steering) for frame in recording.frames(Span(start=130.0))]
    images, truth = [image for image, _ in seen], np.array([angle for _, angle in seen])
    rmse = np.sqrt(np.mean((model.predict(np.stack(images)) - truth) ** 2))
    assert rmse == pytest.approx(model.card.training["validation"]["rmse_deg"], abs=0.05)
    assert rmse < 0.6 * np.sqrt(np.mean(truth**2))
