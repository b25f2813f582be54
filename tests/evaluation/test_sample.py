"""Samples of streamed images: bounded, and spread evenly."""

import numpy as np
import pytest

from drivesal.evaluation import sample as module
from drivesal.evaluation.input_scaling import APART_S, LEAST_MOMENTS
from drivesal.evaluation.sample import ImageSample

SIZE = (2, 3, 3)


def filled(recordings, most=8, batch=5, size=SIZE):
    """A sample of recordings with these numbers of images; image, auxiliary input and label are its
    position."""
    sample = ImageSample(most)
    position = 0
    for count in recordings:
        sample.begin()
        for start in range(0, count, batch):
            positions = position + np.arange(min(batch, count - start))
            images = np.broadcast_to(positions[:, None, None, None], (len(positions), *size)).astype(np.uint8)
            times_s = 100 + (start + np.arange(len(positions))) / 10
            sample.add(images, positions[:, None].astype(np.float32), positions.astype(float), times_s)
            assert len(sample) <= most or most < LEAST_MOMENTS
            position += len(positions)
    return sample


def checked(sample, monkeypatch):
    """The arguments that `check_scaling` gets after the model."""
    monkeypatch.setattr(module, "check_scaling", lambda model, *arguments: arguments)
    return sample.scaling_warning(None)


@pytest.mark.parametrize("count", [1, 30, 31, 32, 33, 100, 200])
def test_a_sample_is_bounded_and_spread_evenly(count, monkeypatch):
    images, labels, auxiliary_inputs, times_s = checked(filled([count], most=30), monkeypatch)
    kept = np.array(labels)
    assert len(kept) <= 30
    assert len(kept) >= min(count, 15)
    assert kept[0] == 0
    steps = np.diff(kept)
    assert len(set(steps)) <= 1
    assert count - 1 - kept[-1] < (steps[0] if len(steps) else 1)
    assert images.dtype == np.uint8
    assert images.shape == (len(kept), *SIZE)
    assert images[:, 0, 0, 0].tolist() == kept.tolist() == auxiliary_inputs[:, 0].tolist()
    assert np.diff(times_s) == pytest.approx(steps / 10)


def test_times_of_different_recordings_never_coincide(monkeypatch):
    _, labels, _, times_s = checked(filled([6, 6, 6], most=30), monkeypatch)
    assert len(labels) == 18
    steps = np.diff(times_s)
    assert steps[[5, 11]] == pytest.approx([APART_S, APART_S])
    assert np.delete(steps, [5, 11]) == pytest.approx([0.1] * 15)


def test_large_images_are_bounded_by_their_bytes(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 25 * 300)
    assert len(filled([200], most=100, size=(10, 10, 3))) <= 25
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    assert LEAST_MOMENTS / 2 <= len(filled([200], most=100, size=(10, 10, 3))) <= LEAST_MOMENTS


def test_an_empty_sample_gives_no_warning():
    assert ImageSample().scaling_warning(None) is None
