"""Examples on disk, and their split by time."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.errors import LabelError
from drivesal.model.preprocess import Preprocess
from drivesal.recordings.in_memory import MemoryRecording
from drivesal.recordings.labels.labelled_drives import Drive
from drivesal.training.examples import read_examples, split_by_time
from drivesal.types import Frame, Span

PREPROCESS = Preprocess((4, 6))


def drive(angles, step_s=0.1, factor=1.0, start=0):
    images = [np.full((4, 6, 3), (start + i) % 256, np.uint8) for i in range(len(angles))]
    frames = [Frame(i, i * step_s, images[i], angle) for i, angle in enumerate(angles)]
    recording = MemoryRecording(frames)
    recording.info = dataclasses.replace(recording.info, angle=AngleKind("deg"), path=Path("made"))
    return Drive(recording, factor, AngleKind("deg"))


def test_every_labelled_frame_is_read_with_its_image_angle_and_time(tmp_path):
    examples = read_examples(
        [drive([1.0, None, 3.0]), drive([5.0], factor=2.0, start=100)], PREPROCESS, tmp_path
    )
    np.testing.assert_array_equal(examples.angles, [1, 3, 10])
    np.testing.assert_array_equal(examples.drives, [0, 0, 1])
    np.testing.assert_allclose(examples.times, [0, 0.2, 0])
    np.testing.assert_array_equal(examples.take(slice(None))[:, 0, 0, 0], [0, 2, 100])
    np.testing.assert_array_equal(examples.mean_image()[..., 1], np.full((4, 6), 34))


def test_images_and_subsets_stay_on_disk(tmp_path):
    examples = read_examples([drive([float(i) for i in range(50)])], PREPROCESS, tmp_path)
    assert isinstance(examples.pictures, np.memmap)
    assert Path(examples.pictures.filename).stat().st_size == 50 * 4 * 6 * 3
    subset = examples.where(examples.angles >= 40)
    assert subset.pictures is examples.pictures
    np.testing.assert_array_equal(subset.take(np.array([3, 0]))[:, 0, 0, 0], [43, 40])


def test_the_span_applies_to_each_drive_and_an_empty_one_is_refused(tmp_path):
    examples = read_examples([drive([0.0] * 9), drive([0.0] * 7)], PREPROCESS, tmp_path, Span(2, 6, 2))
    np.testing.assert_array_equal(examples.drives, [0, 0, 1, 1])
    with pytest.raises(LabelError, match="made has none"):
        read_examples([drive([None, None, 1.0])], PREPROCESS, tmp_path, Span(0, 2))


def test_validation_is_the_end_of_each_drive_after_a_gap(tmp_path):
    drives = [drive([0.0] * 401, 0.1), drive([0.0] * 101, 1.0)]
    split = split_by_time(read_examples(drives, PREPROCESS, tmp_path), 0.2)
    assert split.starts_s == pytest.approx((32, 80))
    assert split.gaps_s == pytest.approx((2, 5))
    for number in (0, 1):
        training = split.training.times[split.training.drives == number]
        validation = split.validation.times[split.validation.drives == number]
        assert validation.min() == pytest.approx(split.starts_s[number])
        assert training.max() < validation.min() - split.gaps_s[number]
        assert training.min() == 0


def test_a_drive_too_short_to_split_is_refused(tmp_path):
    with pytest.raises(LabelError, match="too few to divide"):
        split_by_time(read_examples([drive([1.0])], PREPROCESS, tmp_path), 0.2)
