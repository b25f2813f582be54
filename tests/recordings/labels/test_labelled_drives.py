"""Several recordings with their labels converted to one kind of angle."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.errors import LabelError
from drivesal.recordings.in_memory import MemoryRecording
from drivesal.recordings.labels.labelled_drives import of_one_kind
from drivesal.types import Frame

WHEEL, ROAD, NORM = AngleKind("deg", "steering-wheel"), AngleKind("deg", "road-wheels"), AngleKind("norm")


def recording(kind, angles, name="a"):
    frames = [Frame(i, i / 10, np.zeros((4, 6, 3), np.uint8), angle) for i, angle in enumerate(angles)]
    result = MemoryRecording(frames)
    result.info = dataclasses.replace(result.info, angle=kind, path=Path(name))
    return result


def angles_of(drive):
    return [frame.steering for frame in drive.frames()]


def test_labels_of_the_target_kind_are_unchanged_and_unlabelled_frames_skipped():
    (drive,) = of_one_kind([recording(WHEEL, [1.0, None, -2.5])], WHEEL)
    assert angles_of(drive) == [1.0, -2.5]


def test_the_steering_ratio_converts_in_both_directions():
    drives = of_one_kind([recording(WHEEL, [3.0]), recording(ROAD, [3.0])], WHEEL, 15)
    assert list(itertools.chain(*map(angles_of, drives))) == [3.0, 45.0]
    (back,) = of_one_kind([recording(WHEEL, [45.0])], ROAD, 15)
    assert angles_of(back) == pytest.approx([3.0])


@pytest.mark.parametrize(
    ("kinds", "ratio", "option"),
    [
        ([WHEEL, ROAD], None, "--steering-ratio"),
        ([WHEEL, NORM], 15, "--full-lock"),
        ([WHEEL, None], None, "--labels"),
    ],
)
def test_the_error_for_inconvertible_labels_names_the_recording_and_the_option(kinds, ratio, option):
    recordings = [recording(kind, [1.0], name) for kind, name in zip(kinds, ("first", "second"), strict=True)]
    with pytest.raises(LabelError, match="second") as error:
        of_one_kind(recordings, WHEEL, ratio)
    assert option in str(error.value)
