from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.errors import InputError, LabelError
from drivesal.recordings import open_recording
from drivesal.types import Span
from tests.clips import number
from tests.recordings.drives import array, comma


def test_angles_are_interpolated_at_the_frame_times(tmp_path: Path) -> None:
    with open_recording(comma(tmp_path / "seg", 20, gap_after=9)) as recording:
        info = recording.info
        assert (info.format, info.length, info.rate) == ("comma2k19", 20, 20)
        assert (info.width, info.height) == (96, 64)
        assert info.angle == AngleKind("deg", "steering-wheel")
        frames = list(recording.frames())
        seconds = [i / 20 + (i > 9) for i in range(20)]
        assert [number(frame.image) for frame in frames] == list(range(20))
        assert [frame.time_s for frame in frames] == pytest.approx(seconds, abs=1e-4)
        assert [frame.steering for frame in frames] == pytest.approx([2 * t for t in seconds], abs=1e-6)
        assert frames[3].extras == pytest.approx({"speed": 12.5})
        assert number(recording.at(1.2).image) == 9
        assert [frame.index for frame in recording.frames(Span(1.5, 1.6))] == [10, 11]
        assert recording.losses == []


def test_without_labels_and_with_a_rate(tmp_path: Path) -> None:
    folder = comma(tmp_path / "seg", 12, gap_after=5)
    with open_recording(folder, labels=False, rate=Fraction(10)) as recording:
        assert recording.info.angle is None
        assert recording.at(11).time_s == pytest.approx(1.1)
        assert recording.at(11).steering is None


def test_angles_are_not_interpolated_across_gaps(tmp_path: Path) -> None:
    folder = comma(tmp_path / "seg", 40)
    log = folder / "processed_log" / "CAN" / "steering_angle"
    array(log / "t", [1000.0, 1000.4, 1001.6, 1001.7])
    array(log / "value", [0.0, 4.0, 16.0, np.nan])
    with open_recording(folder) as recording:
        angles = {frame.index: frame.steering for frame in recording.frames()}
    assert angles[4] == pytest.approx(2)
    assert [index for index, angle in angles.items() if angle is not None] == [*range(9), 32]


@pytest.mark.parametrize(
    ("file", "values", "error", "message"),
    [
        ("global_pose/frame_times", np.array([{"a": 1}] * 3, dtype=object), InputError, "frame_times"),
        ("global_pose/frame_times", [3.0, 2.0, 1.0], InputError, "increasing frame times"),
        ("processed_log/CAN/steering_angle/t", [1.0], LabelError, "--no-labels"),
        ("processed_log/CAN/steering_angle/value", ["a"], InputError, "steering_angle/value"),
    ],
)
def test_malformed_files_are_rejected(
    tmp_path: Path, file: str, values: Any, error: type[Exception], message: str
) -> None:
    folder = comma(tmp_path / "seg", 5)
    array(folder / file, values)
    with pytest.raises(error, match=message):
        open_recording(folder)


def test_missing_frame_times_are_an_error(tmp_path: Path) -> None:
    folder = comma(tmp_path / "seg", 5)
    (folder / "global_pose" / "frame_times").unlink()
    with pytest.raises(InputError, match="frame_times is missing"):
        open_recording(folder)


def test_through_the_command(tmp_path: Path, inside: Callable[..., Any], model_path: Path) -> None:
    comma(tmp_path / "seg", 12, gap_after=5)
    result = inside("video", "seg", "--model", model_path, "--quiet", "--json")
    assert result.code == 0, result
    assert json.loads(result.out)["labelled_frames"] == 12
    with av.open(str(tmp_path / "seg.saliency.mp4")) as video:
        expected = [i / 20 + (i > 5) for i in range(12)]
        assert [frame.time for frame in video.decode(video=0)] == pytest.approx(expected, abs=1e-4)
