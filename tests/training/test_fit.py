"""The training loop: it learns, it repeats, and stopped it goes on to the same end."""

import signal

import numpy as np
import pytest

from drivesal.errors import Stopped
from drivesal.model.backend import keras
from drivesal.training.fit import Reasons, TrainingBatch, TrainingPlan, fit, seeded
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


def run(kept, report=lambda _: None, draw=draw, plan=PLAN, key="key"):
    seeded(5)
    network = small()
    history = fit(network, draw, plan, measure, report, kept, key)
    assert all(row["seconds"] > 0 for row in history)
    figures = [{name: value for name, value in row.items() if name != "seconds"} for row in history]
    return [weight.copy() for weight in network.get_weights()], figures


def test_it_learns_and_says_so(tmp_path):
    rows = []
    _, history = run(tmp_path / "kept.npz", rows.append, plan=TrainingPlan(400, 0.02, 0.0, 0.9, 100))
    assert [row["off"] for row in rows] == [row["off"] for row in history]
    assert [row["step"] for row in history] == [100, 200, 300, 400]
    assert history[-1]["off"] < 0.25
    assert history[-1]["loss"] < history[0]["loss"]


def test_it_repeats_from_the_seed(tmp_path):
    first, second = run(tmp_path / "a.npz"), run(tmp_path / "b.npz")
    assert first[1] == second[1]
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_signal_whose_exception_was_swallowed_still_ends_it(tmp_path, monkeypatch):
    """TensorFlow's own code may call Python and drop what it raises."""

    def swallow(row):
        monkeypatch.setattr(Stopped, "received", signal.SIGTERM)

    with pytest.raises(Stopped) as stopped:
        run(tmp_path / "kept.npz", swallow)
    assert stopped.value.args == (signal.SIGTERM,)


def test_stopped_it_goes_on_to_the_same_end(tmp_path):
    def stop(row):
        if row["step"] == 20:
            raise StopError

    whole = run(tmp_path / "whole.npz")
    with pytest.raises(StopError):  # after the measurement, before it is kept: that part is done again
        run(tmp_path / "part.npz", stop)

    def fail(step):
        if step == 47:
            raise StopError
        return draw(step)

    with pytest.raises(StopError):
        run(tmp_path / "part.npz", draw=fail)
    seen = []
    taken_up = run(tmp_path / "part.npz", draw=lambda step: (seen.append(step), draw(step))[1])
    assert min(seen) == 40
    assert taken_up[1] == whole[1]
    for one, other in zip(taken_up[0], whole[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("other", [{"plan": TrainingPlan(40, 0.02, 0, 0.9, 20)}, {"key": "other frames"}])
def test_what_is_kept_of_another_training_is_not_taken_up(tmp_path, other):
    run(tmp_path / "kept.npz")
    seen = []
    run(tmp_path / "kept.npz", draw=lambda step: (seen.append(step), draw(step))[1], **other)
    assert min(seen) == 0


def test_held_to_evidence_the_gradient_leaves_what_is_no_evidence(tmp_path):
    """Two pixels tell the same; evidence is the first alone."""
    evidence = np.zeros((8, 1, 4), bool)
    evidence[:, 0, 0] = True

    def draw_twins(step):
        told = np.random.default_rng([3, step]).standard_normal((32, 1, 1, 1)).astype(np.float32)
        rest = np.random.default_rng([4, step]).standard_normal((32, 1, 2, 1)).astype(np.float32)
        return TrainingBatch(np.concatenate([told, told, rest], axis=2), told[:, 0, 0] * 2, evidence)

    def shares(reasons):
        seeded(5)
        layers = keras().layers
        network = keras().Sequential([layers.Input((1, 4, 1)), layers.Flatten(), layers.Dense(1)])
        name = tmp_path / f"{reasons is None}.npz"
        history = fit(
            network, draw_twins, TrainingPlan(400, 0.05, 0.0, 0.9, 400), lambda _: {}, print, name, "", reasons
        )
        weights = np.abs(network.get_weights()[0][:, 0])
        return weights / weights.sum(), history[-1]["loss"]

    free, free_loss = shares(None)
    held, held_loss = shares(Reasons(1.0, np.ones(1, np.float32)))
    assert free[0] < 0.8
    assert held[0] > 0.95
    assert held_loss < 1.0  # it still learns the target, from the first pixel
    assert free_loss < 1.0


def test_reasons_need_evidence(tmp_path):
    network = keras().Sequential([keras().layers.Input((3,)), keras().layers.Dense(1)])
    with pytest.raises(ValueError, match="without evidence"):
        fit(network, draw, PLAN, measure, print, tmp_path / "a.npz", "", Reasons(1.0, np.ones(1, np.float32)))


def test_the_head_is_scaled_in_its_weights():
    network = pilotnet((66, 200), 3, 0.2)
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 66, 200, 3)).astype(np.float32)
    before = np.asarray(network(pictures))
    scale_head(network, 11.5)
    np.testing.assert_allclose(np.asarray(network(pictures)), 11.5 * before, rtol=1e-4)
    assert network.count_params() == 252_219
