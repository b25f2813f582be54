"""The worst segments are where errors were planted."""

import itertools

import numpy as np
import pytest

from drivesal.evaluation.segments import worst_segments
from tests.evaluation.test_metrics import predictions


def drive(seconds, planted, gaps=(), step_s=0.1):
    """Errors of these sizes in these ranges [s], none elsewhere; 20 s are missing after each time in `gaps`."""
    times = np.arange(round(seconds / step_s)) * step_s
    error = np.zeros_like(times)
    for (start, end), size in planted.items():
        error[(times >= start - 1e-6) & (times < end - 1e-6)] = size
    moved = times + sum((20.0 * (times > gap + 1e-6) for gap in gaps), np.zeros_like(times))
    return predictions(moved, np.zeros_like(times), error, step_s=step_s)


def test_each_planted_error_is_in_the_middle_of_its_segment_the_worst_first():
    segments = worst_segments([drive(60, {(10, 12): 3, (40, 42): -8})], 5)
    assert len(segments) == 2  # elsewhere there is no error
    first, second = segments
    assert (first.start_s, first.end_s) == (pytest.approx(38.5, abs=0.11), pytest.approx(43.5, abs=0.11))
    assert (second.start_s, second.end_s) == (pytest.approx(8.5, abs=0.11), pytest.approx(13.5, abs=0.11))
    assert first.frames == second.frames == 50
    assert first.rmse == pytest.approx(8 * np.sqrt(20 / 50))
    assert first.bias == pytest.approx(-8 * 20 / 50)
    assert first.share == pytest.approx(64 / (64 + 9))


def test_segments_do_not_overlap_and_divide_a_constant_error():
    segments = worst_segments([drive(20, {(0, 20): 2})], 9)
    ranges = sorted((segment.start_s, segment.end_s) for segment in segments)
    assert all(end <= start + 1e-9 for (_, end), (start, _) in itertools.pairwise(ranges))
    assert all(2.5 - 1e-6 <= end - start <= 5 + 1e-6 for start, end in ranges)
    assert sum(segment.share for segment in segments) > 0.7
    assert all(segment.rmse == pytest.approx(2) for segment in segments)
    assert [segment.frames for segment in segments] == sorted(
        (segment.frames for segment in segments), reverse=True
    )
    assert len(worst_segments([drive(20, {(0, 20): 2})], 1)) == 1
    assert worst_segments([drive(20, {(0, 20): 2})], 0) == []
    assert worst_segments([drive(20, {})], 5) == []


def test_the_remainder_next_to_a_segment_may_be_one():
    first, second = worst_segments([drive(8, {(0, 3): 1, (4, 8): 3})], 5)
    assert (first.start_s, first.end_s) == pytest.approx((3, 8))
    assert (second.start_s, second.end_s) == pytest.approx((0, 3))
    assert first.share + second.share == pytest.approx(1)


def test_no_segment_crosses_a_gap_and_a_short_run_is_one():
    with_gap = drive(20, {(9, 11): 5}, gaps=(9.9,))
    for segment in worst_segments([with_gap], 2):
        assert segment.end_s <= 10 + 1e-6 or segment.start_s >= 30 - 1e-6
        assert segment.share == pytest.approx(0.5)
    (short,) = worst_segments([drive(2, {(0, 2): 1})], 5)
    assert (short.first, short.end, short.start_s, short.end_s) == (0, 20, 0, pytest.approx(2))
    (single,) = worst_segments([predictions([7.0], [0], [3])], 5)
    assert (single.start_s, single.end_s, single.rmse) == (7, pytest.approx(7.1), 3)


def test_several_recordings_compete():
    segments = worst_segments([drive(30, {(10, 12): 2}), drive(30, {(20, 22): 9}), drive(30, {})], 3)
    assert [segment.recording for segment in segments] == [1, 0]
    assert segments[0].start_s <= 20 < 22 <= segments[0].end_s + 1e-6


@pytest.mark.parametrize("step_s", [1 / 29.97, 0.05, 2.0, 7.0])
def test_any_frame_rate(step_s):
    count = round(140 / step_s)
    errors = np.zeros(count)
    errors[count // 2] = 4
    (segment,) = worst_segments(
        [predictions(np.arange(count) * step_s, np.zeros(count), errors, step_s=step_s)], 3
    )
    assert segment.first <= count // 2 < segment.end
    assert segment.end_s - segment.start_s == pytest.approx(max(5, step_s), abs=step_s)
