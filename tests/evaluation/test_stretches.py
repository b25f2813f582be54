"""The worst stretches are where errors were planted."""

import itertools

import numpy as np
import pytest

from drivesal.evaluation.stretches import worst
from tests.evaluation.test_measure import answers


def drive(seconds, planted, gaps=(), step_s=0.1):
    """Errors of these sizes in these ranges [s], none elsewhere; 20 s are missing behind each gap's time."""
    times = np.arange(round(seconds / step_s)) * step_s
    error = np.zeros_like(times)
    for (start, end), size in planted.items():
        error[(times >= start - 1e-6) & (times < end - 1e-6)] = size
    moved = times + sum((20.0 * (times > gap + 1e-6) for gap in gaps), np.zeros_like(times))
    return answers(moved, np.zeros_like(times), error, step_s=step_s)


def test_each_planted_error_lies_in_the_middle_of_its_stretch_the_worst_first():
    found = worst([drive(60, {(10, 12): 3, (40, 42): -8})], 5)
    assert len(found) == 2  # elsewhere there is no error
    first, second = found
    assert (first.start_s, first.end_s) == (pytest.approx(38.5, abs=0.11), pytest.approx(43.5, abs=0.11))
    assert (second.start_s, second.end_s) == (pytest.approx(8.5, abs=0.11), pytest.approx(13.5, abs=0.11))
    assert first.frames == second.frames == 50
    assert first.rmse == pytest.approx(8 * np.sqrt(20 / 50))
    assert first.bias == pytest.approx(-8 * 20 / 50)
    assert first.share == pytest.approx(64 / (64 + 9))


def test_stretches_do_not_overlap_and_share_out_an_even_error():
    found = worst([drive(20, {(0, 20): 2})], 9)
    ranges = sorted((one.start_s, one.end_s) for one in found)
    assert all(end <= start + 1e-9 for (_, end), (start, _) in itertools.pairwise(ranges))
    assert all(2.5 - 1e-6 <= end - start <= 5 + 1e-6 for start, end in ranges)
    assert sum(one.share for one in found) > 0.7
    assert all(one.rmse == pytest.approx(2) for one in found)
    assert [one.frames for one in found] == sorted((one.frames for one in found), reverse=True)
    assert len(worst([drive(20, {(0, 20): 2})], 1)) == 1
    assert worst([drive(20, {(0, 20): 2})], 0) == []
    assert worst([drive(20, {})], 5) == []


def test_what_is_left_beside_a_stretch_may_be_one():
    first, second = worst([drive(8, {(0, 3): 1, (4, 8): 3})], 5)
    assert (first.start_s, first.end_s) == pytest.approx((3, 8))
    assert (second.start_s, second.end_s) == pytest.approx((0, 3))
    assert first.share + second.share == pytest.approx(1)


def test_no_stretch_crosses_a_gap_and_a_short_run_is_one():
    with_gap = drive(20, {(9, 11): 5}, gaps=(9.9,))
    for one in worst([with_gap], 2):
        assert one.end_s <= 10 + 1e-6 or one.start_s >= 30 - 1e-6
        assert one.share == pytest.approx(0.5)
    (short,) = worst([drive(2, {(0, 2): 1})], 5)
    assert (short.first, short.end, short.start_s, short.end_s) == (0, 20, 0, pytest.approx(2))
    (single,) = worst([answers([7.0], [0], [3])], 5)
    assert (single.start_s, single.end_s, single.rmse) == (7, pytest.approx(7.1), 3)


def test_several_recordings_compete():
    found = worst([drive(30, {(10, 12): 2}), drive(30, {(20, 22): 9}), drive(30, {})], 3)
    assert [one.recording for one in found] == [1, 0]
    assert found[0].start_s <= 20 < 22 <= found[0].end_s + 1e-6


@pytest.mark.parametrize("step_s", [1 / 29.97, 0.05, 2.0, 7.0])
def test_any_rate(step_s):
    count = round(140 / step_s)
    errors = np.zeros(count)
    errors[count // 2] = 4
    (found,) = worst([answers(np.arange(count) * step_s, np.zeros(count), errors, step_s=step_s)], 3)
    assert found.first <= count // 2 < found.end
    assert found.end_s - found.start_s == pytest.approx(max(5, step_s), abs=step_s)
