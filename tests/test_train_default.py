"""The script that trains the default model, on so little data that it takes seconds."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from drivesal.model.card import card_path, read_card
from drivesal.model.readers import load_model
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.world import SyntheticDrive
from drivesal.synthetic.writing import write_drive
from drivesal.training.fit import TrainingBatch

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(ROOT / "scripts"))  # by its name, so that processes that draw find it too
    try:
        import default_batches
        import train_default
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_default, "WORLD_SCENES", 2)
        patch.setattr(train_default, "UNSEEN_SCENES", 1)
        patch.setattr(train_default, "EVIDENCE_SCENES", 1)
        patch.setattr(train_default, "PENALTY_SCENES", 1)
        patch.setattr(default_batches, "EVIDENCE_FRAMES", 4)
        patch.setattr(default_batches, "BATCH", 8)
        patch.setattr(train_default, "PLAN", dataclasses.replace(train_default.PLAN, every=10))
        patch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
        yield train_default


@pytest.fixture(scope="module")
def mixing(script):
    """The module of the script's batches."""
    return importlib.import_module("default_batches")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("drive") / "drive"
    write_drive(SyntheticDrive(5, 150, 1, (160, 120), SceneParameters()), out)
    return out


@pytest.fixture(scope="module")
def trained(script, folder, tmp_path_factory):
    """The files and the output of a complete training."""
    work = tmp_path_factory.mktemp("trained")
    arguments = [str(folder), "--out", str(work / "net.keras"), "--work", str(work / "kept")]
    arguments += ["--seed", "1", "--seed", "2", "--steps", "20"]
    ran = CliRunner().invoke(script.main, arguments)
    assert ran.exit_code == 0, ran.output
    return work, arguments, ran


def test_it_writes_a_model_with_its_card_curves_and_worst_frames(trained):
    work, _, ran = trained
    model = load_model(work / "net.keras")
    assert model.assumed == ()
    training = read_card(card_path(work / "net.keras")).training
    assert training["seeds"] == [1, 2]
    assert set(training["networks"]) == {"seed 1", "seed 2", "student", "held to evidence"}
    assert training["split"]["training"] == "0 to 110 s, 110 frames"
    assert training["validation"]["frames"] == 20
    assert training["wall_time_s"] > 0
    assert 0 < training["share_on_evidence"]["uniform"] < 1
    assert {"curves.png", "worst-real.jpg", "worst-drawn.jpg"} <= {
        path.name for path in (work / "kept").iterdir()
    }
    assert "student" in ran.stderr


def test_a_second_call_resumes_and_gives_the_same_result(script, trained):
    work, arguments, _ = trained
    before = load_model(work / "net.keras").network.get_weights()
    (
        work / "kept" / "default-held-to-evidence.npz"
    ).unlink()  # as if it had been stopped before the last lesson
    ran = CliRunner().invoke(script.main, arguments)
    assert ran.exit_code == 0, ran.output
    assert "drawn" not in ran.stderr
    assert ran.stderr.count("step") == 2  # the last lesson's alone
    for one, other in zip(before, load_model(work / "net.keras").network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_batch_is_determined_by_seed_and_step(script, mixing, folder):
    real = script.read_drive(folder)
    world = script.Frames(real.pictures[::3], real.angles[::3])
    draws = [mixing.batches(real, world, 10.0, seed) for seed in (1, 1, 2)]
    for one, other in zip(draws[0](7)[:2], draws[1](7)[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (draws[0](7)[0] != draws[0](8)[0]).any()
    assert (draws[0](7)[0] != draws[2](7)[0]).any()
    inputs, targets, _ = draws[0](7)
    assert inputs.shape == (8, 66, 200, 3)
    assert targets.shape == (8, 1)
    assert -1 <= inputs[..., 0].min() < inputs[..., 0].max() <= 1


def test_distilled_targets_are_antisymmetric_under_mirroring(script, mixing, folder):
    real = script.read_drive(folder)
    draw = mixing.batches(real, script.Frames(real.pictures, real.angles), 10.0, 1)
    teachers = [script.pilotnet((66, 200), 3, 0.0) for _ in range(2)]

    def mirrored(step):
        inputs, targets, _ = draw(step)
        return TrainingBatch(inputs[:, :, ::-1], -targets)

    one, other = (mixing.distilled(which, teachers, 10.0)(3)[1] for which in (draw, mirrored))
    np.testing.assert_allclose(one, -other, atol=1e-5)
    share = mixing.LABEL_SHARE
    said = (one - share * draw(3)[1]) / (1 - share) * 10.0
    expected = np.mean([np.asarray(t(draw(3)[0]) - t(draw(3)[0][:, :, ::-1])) / 2 for t in teachers], axis=0)
    np.testing.assert_allclose(said, expected, atol=1e-3)


def test_frames_with_evidence_come_first_and_are_mirrored_with_it(script, mixing):
    pictures = np.zeros((1, 66, 200, 3), np.uint8)
    pictures[:, :, :50] = 200
    evidence = pictures[..., 0] > 0
    known = script.Frames(pictures, np.array([9.0], np.float32), evidence=evidence)
    usual = TrainingBatch(np.zeros((2, 66, 200, 3), np.float32), np.zeros((2, 1), np.float32))
    batches = [mixing.with_evidence(lambda _: usual, known, 10.0)(step) for step in range(6)]
    seen = set()
    for batch in batches:
        assert batch.inputs.shape == (6, 66, 200, 3)
        for inputs, target, mask in zip(batch.inputs, batch.targets[:4, 0], batch.evidence, strict=False):
            bright = inputs[..., 0]
            assert bright[mask].mean() > bright[~mask].mean() + 0.2
            assert target == pytest.approx(0.9 if mask[0, 0] else -0.9)
            seen.add(bool(mask[0, 0]))
    assert seen == {True, False}


def test_angles_of_road_wheels_are_refused(script, folder, tmp_path):
    for name in ("run.mp4", "run.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    text = (tmp_path / "run.csv").read_text().replace("steering_angle_deg", "steering_norm")
    (tmp_path / "run.csv").write_text(text)
    ran = CliRunner().invoke(script.main, [str(tmp_path), "--work", str(tmp_path / "kept")])
    assert ran.exit_code == 1
    assert "in degrees or radians" in ran.stderr


def test_a_short_drive_is_refused_in_one_line(script, tmp_path):
    write_drive(SyntheticDrive(1, 2, 5, (64, 64)), tmp_path / "short")
    ran = CliRunner().invoke(script.main, [str(tmp_path / "short"), "--work", str(tmp_path / "kept")])
    assert ran.exit_code == 1
    assert ran.stderr.count("\n") == 1
    assert "longer than 130 s" in ran.stderr


def test_error_metrics_by_hand(script):
    found = script.card_errors(np.array([1.0, -1, 4]), np.array([0.0, 1, 2]))
    assert found["frames"] == 3
    assert found["rmse_deg"] == pytest.approx(np.sqrt(9 / 3), abs=0.005)
    assert found["mean_absolute_error_deg"] == pytest.approx(5 / 3, abs=0.005)
    assert found["mean_error_deg"] == pytest.approx(1 / 3, abs=0.005)
    assert found["rmse_always_0_deg"] == pytest.approx(np.sqrt(5 / 3), abs=0.005)
    assert found["correlation"] == pytest.approx(np.corrcoef([1, -1, 4], [0, 1, 2])[0, 1], abs=5e-4)


def test_there_is_no_correlation_with_a_constant(script):
    assert script.card_errors(np.zeros(3), np.array([1.0, 2, 3]))["correlation"] is None


@pytest.mark.parametrize(("predicted", "truth"), [([], []), ([1.0], [1.0, 2.0])])
def test_frames_and_labels_must_pair(script, predicted, truth):
    with pytest.raises(ValueError, match="as many predictions as labels"):
        script.card_errors(np.array(predicted), np.array(truth))
