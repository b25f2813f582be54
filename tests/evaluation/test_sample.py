"""What is kept of pictures that stream by."""

import numpy as np
import pytest

from drivesal.evaluation import sample as module
from drivesal.evaluation.input_scaling import APART_S, LEAST_MOMENTS
from drivesal.evaluation.sample import Sample

SIZE = (2, 3, 3)


def fed(recordings, most=8, batch=5, size=SIZE):
    """A sample of recordings of so many pictures; picture, number beside it and label are its place."""
    sample = Sample(most)
    place = 0
    for count in recordings:
        sample.begin()
        for at in range(0, count, batch):
            places = place + np.arange(min(batch, count - at))
            pictures = np.broadcast_to(places[:, None, None, None], (len(places), *size)).astype(np.uint8)
            times_s = 100 + (at + np.arange(len(places))) / 10
            sample.add(pictures, places[:, None].astype(np.float32), places.astype(float), times_s)
            assert len(sample) <= most or most < LEAST_MOMENTS
            place += len(places)
    return sample


def looked_at(sample, monkeypatch):
    """What goes to `scaling_doubt`."""
    monkeypatch.setattr(module, "scaling_doubt", lambda model, *given: given)
    return sample.doubt(None)


@pytest.mark.parametrize("count", [1, 30, 31, 32, 33, 100, 200])
def test_what_is_kept_is_bounded_and_spread_evenly(count, monkeypatch):
    pictures, labels, others, times_s = looked_at(fed([count], most=30), monkeypatch)
    kept = np.array(labels)
    assert len(kept) <= 30
    assert len(kept) >= min(count, 15)
    assert kept[0] == 0
    steps = np.diff(kept)
    assert len(set(steps)) <= 1
    assert count - 1 - kept[-1] < (steps[0] if len(steps) else 1)
    assert pictures.dtype == np.uint8
    assert pictures.shape == (len(kept), *SIZE)
    assert pictures[:, 0, 0, 0].tolist() == kept.tolist() == others[:, 0].tolist()
    assert np.diff(times_s) == pytest.approx(steps / 10)


def test_moments_of_different_recordings_are_never_one(monkeypatch):
    _, labels, _, times_s = looked_at(fed([6, 6, 6], most=30), monkeypatch)
    assert len(labels) == 18
    steps = np.diff(times_s)
    assert steps[[5, 11]] == pytest.approx([APART_S, APART_S])
    assert np.delete(steps, [5, 11]) == pytest.approx([0.1] * 15)


def test_large_pictures_are_kept_by_their_bytes(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 25 * 300)
    assert len(fed([200], most=100, size=(10, 10, 3))) <= 25
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    assert LEAST_MOMENTS / 2 <= len(fed([200], most=100, size=(10, 10, 3))) <= LEAST_MOMENTS


def test_nothing_says_nothing():
    assert Sample().doubt(None) is None
