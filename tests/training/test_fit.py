"""The training loop: it learns, is reproducible, and resumes to the same result."""

import signal

import numpy as np
import pytest

from drivesal.errors import Stopped
from drivesal.model.backend import keras
from drivesal.training.fit import EvidencePenalty, TrainingBatch, TrainingPlan, fit, seeded
from drivesal.training.networks import pilotnet, scale_head

PLAN = TrainingPlan(steps=60, learning_rate=0.02, weight_decay=0.0, average=0.9, every=20)
SLOPE = np.array([[2.0], [-1.0], [0.5]], np.float32)


def small():
    layers = keras().layers
    network = keras().Sequential([layers.Input((3,)), layers.Dense(8), layers.Dropout(0.1), layers.Dense(1)])
    return network


def draw(step):
    inputs = np.random.default_rng([7, step]).standard_normal((32, 3)).astype(np.float32)
    return TrainingBatch(inputs, inputs @ SLOPE)


def measure(network):
    inputs = np.eye(3, dtype=np.float32)
    return {"off": float(np.abs(np.asarray(network(inputs)) - SLOPE).max())}


class StopError(Exception):
    """Raised in the middle of a training."""


def run(checkpoint, report=lambda _: None, draw=draw, plan=PLAN, key="key"):
    seeded(5)
    network = small()
    history = fit(network, draw, plan, measure, report, checkpoint, key)
    assert all(row["seconds"] > 0 for row in history)
    figures = [{name: value for name, value in row.items() if name != "seconds"} for row in history]
    return [weight.copy() for weight in network.get_weights()], figures


def test_it_learns_and_reports_it(tmp_path):
    rows = []
    _, history = run(tmp_path / "kept.npz", rows.append, plan=TrainingPlan(400, 0.02, 0.0, 0.9, 100))
    assert [row["off"] for row in rows] == [row["off"] for row in history]
    assert [row["step"] for row in history] == [100, 200, 300, 400]
    assert history[-1]["off"] < 0.25
    assert history[-1]["loss"] < history[0]["loss"]


def test_it_is_reproducible_from_the_seed(tmp_path):
    first, second = run(tmp_path / "a.npz"), run(tmp_path / "b.npz")
    assert first[1] == second[1]
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_signal_whose_exception_was_swallowed_still_ends_training(tmp_path, monkeypatch):
    """TensorFlow may call Python code and drop its exceptions."""

    def swallow(row):
        monkeypatch.setattr(Stopped, "received", signal.SIGTERM)

    with pytest.raises(Stopped) as stopped:
        run(tmp_path / "kept.npz", swallow)
    assert stopped.value.args == (signal.SIGTERM,)


def test_a_resumed_training_ends_with_the_same_weights(tmp_path):
    def stop(row):
        if row["step"] == 20:
            raise StopError

    whole = run(tmp_path / "whole.npz")
    with pytest.raises(StopError):  # after the measurement and before the checkpoint: these steps are repeated
        run(tmp_path / "part.npz", stop)

    def fail(step):
        if step == 47:
            raise StopError
        return draw(step)

    with pytest.raises(StopError):
        run(tmp_path / "part.npz", draw=fail)
    steps = []
    resumed = run(tmp_path / "part.npz", draw=lambda step: (steps.append(step), draw(step))[1])
    assert min(steps) == 40
    assert resumed[1] == whole[1]
    for one, other in zip(resumed[0], whole[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("other", [{"plan": TrainingPlan(40, 0.02, 0, 0.9, 20)}, {"key": "other frames"}])
def test_the_checkpoint_of_another_training_is_ignored(tmp_path, other):
    run(tmp_path / "kept.npz")
    steps = []
    run(tmp_path / "kept.npz", draw=lambda step: (steps.append(step), draw(step))[1], **other)
    assert min(steps) == 0


def test_the_evidence_penalty_moves_the_gradient_to_the_evidence(tmp_path):
    """Two pixels have the same value; only the first is evidence."""
    evidence = np.zeros((8, 1, 4), bool)
    evidence[:, 0, 0] = True

    def draw_twins(step):
        value = np.random.default_rng([3, step]).standard_normal((32, 1, 1, 1)).astype(np.float32)
        rest = np.random.default_rng([4, step]).standard_normal((32, 1, 2, 1)).astype(np.float32)
        return TrainingBatch(np.concatenate([value, value, rest], axis=2), value[:, 0, 0] * 2, evidence)

    def shares(penalty):
        seeded(5)
        layers = keras().layers
        network = keras().Sequential([layers.Input((1, 4, 1)), layers.Flatten(), layers.Dense(1)])
        name = tmp_path / f"{penalty is None}.npz"
        history = fit(
            network, draw_twins, TrainingPlan(400, 0.05, 0.0, 0.9, 400), lambda _: {}, print, name, "", penalty
        )
        weights = np.abs(network.get_weights()[0][:, 0])
        return weights / weights.sum(), history[-1]["loss"]

    free, free_loss = shares(None)
    held, held_loss = shares(EvidencePenalty(1.0, np.ones(1, np.float32)))
    assert free[0] < 0.8
    assert held[0] > 0.95
    assert held_loss < 1.0  # it still learns the target, from the first pixel
    assert free_loss < 1.0


def test_the_penalty_needs_evidence(tmp_path):
    network = keras().Sequential([keras().layers.Input((3,)), keras().layers.Dense(1)])
    with pytest.raises(ValueError, match="without evidence"):
        fit(
            network,
            draw,
            PLAN,
            measure,
            print,
            tmp_path / "a.npz",
            "",
            EvidencePenalty(1.0, np.ones(1, np.float32)),
        )


def test_the_head_is_scaled_through_its_weights():
    network = pilotnet((66, 200), 3, 0.2)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 66, 200, 3)).astype(np.float32)
    before = np.asarray(network(images))
    scale_head(network, 11.5)
    np.testing.assert_allclose(np.asarray(network(images)), 11.5 * before, rtol=1e-4)
    assert network.count_params() == 252_219
