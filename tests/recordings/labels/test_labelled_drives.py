"""Several recordings as one set of angles of one kind."""

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
    made = MemoryRecording(frames)
    made.info = dataclasses.replace(made.info, angle=kind, path=Path(name))
    return made


def angles_of(drive):
    return [frame.steering for frame in drive.frames()]


def test_one_kind_stays_as_it_is_and_frames_without_a_label_are_left_out():
    (drive,) = of_one_kind([recording(WHEEL, [1.0, None, -2.5])], WHEEL)
    assert angles_of(drive) == [1.0, -2.5]


def test_road_wheels_are_multiplied_by_the_ratio_and_back():
    drives = of_one_kind([recording(WHEEL, [3.0]), recording(ROAD, [3.0])], WHEEL, 15)
    assert list(itertools.chain(*map(angles_of, drives))) == [3.0, 45.0]
    (back,) = of_one_kind([recording(WHEEL, [45.0])], ROAD, 15)
    assert angles_of(back) == pytest.approx([3.0])


@pytest.mark.parametrize(
    ("kinds", "ratio", "told"),
    [
        ([WHEEL, ROAD], None, "--steering-ratio"),
        ([WHEEL, NORM], 15, "--full-lock"),
        ([WHEEL, None], None, "--labels"),
    ],
)
def test_kinds_that_do_not_go_together_are_refused_by_the_second_ones_name(kinds, ratio, told):
    recordings = [recording(kind, [1.0], name) for kind, name in zip(kinds, ("first", "second"), strict=True)]
    with pytest.raises(LabelError, match="second") as refused:
        of_one_kind(recordings, WHEEL, ratio)
    assert told in str(refused.value)
