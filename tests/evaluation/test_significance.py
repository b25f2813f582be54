"""Whether a model is significantly better than always predicting 0."""

from __future__ import annotations

import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.evaluation.significance import gain

DEG = AngleKind("deg")
TIMES, DRIVES = np.arange(1000) / 10, np.repeat([0, 1], 500)
LABELS = 10 * np.sin(TIMES / 3)


def test_a_model_that_follows_the_labels_is_clearly_better() -> None:
    found = gain(0.8 * LABELS, LABELS, TIMES, DRIVES)
    assert found.rmse == pytest.approx(0.2 * found.always_0)
    assert found.low == pytest.approx(0.96) == found.high
    assert found.sentence(DEG) is None


def test_a_model_that_does_not_is_reported_with_both_figures() -> None:
    worse = gain(-0.1 * LABELS, LABELS, TIMES, DRIVES)
    assert worse.sentence(DEG).startswith("no better than always 0: RMSE 7.")
    assert gain(np.zeros(1000), LABELS, TIMES, DRIVES).sentence(DEG).startswith("no better than always 0")
    straight = np.where(TIMES > 5, 0.0, LABELS)  # one bend alone, and the model knows it
    chance = gain(np.where(straight != 0, straight, 1.2), straight, TIMES, DRIVES)
    assert chance.rmse < chance.always_0
    assert chance.sentence(DEG).startswith("not clearly better than always 0: RMSE 1.1")


def test_a_model_that_follows_the_only_bend_of_a_short_segment_is_clearly_better() -> None:
    """Block resamples miss the bend, but chance hardly follows it so closely; a constant does not either."""
    times, drive = TIMES[:300], DRIVES[:300]
    bend = np.where((times > 5) & (times < 7), 20 * np.sin((times - 5) * np.pi / 2), 0.0)
    found = gain(0.8 * bend + 0.5, bend, times, drive)
    assert found.low < 0 < found.high
    assert found.rmse < 0.6 * found.always_0
    assert found.sentence(DEG) is None
    rng = np.random.default_rng(0)
    for other in (np.full(300, 1.0), rng.normal(size=300)):
        assert gain(other, bend, times, drive).sentence(DEG) is not None


def test_few_frames_and_drives_with_equal_times_are_accepted() -> None:
    assert not gain([1.0], [2.0], [0.0], [0]).clear or gain([1.0], [2.0], [0.0], [0]).low > 0
    both = gain(LABELS, LABELS + 1, np.tile(TIMES[:500], 2), DRIVES)
    assert both.low < both.high
    assert gain([0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0, 0]).sentence(DEG) is not None
