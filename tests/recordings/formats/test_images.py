from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from drivesal.errors import DamagedInputError, InputError, OptionError
from drivesal.recordings import open_recording
from drivesal.types import Span
from tests.clips import number
from tests.recordings.drives import images, save


def test_a_folder_is_read_in_natural_order_at_20_frames_per_second(tmp_path: Path) -> None:
    with open_recording(images(tmp_path / "drive", 12)) as recording:
        info = recording.info
        assert (info.format, info.width, info.height, info.length, info.rate) == ("images", 96, 64, 12, 20)
        frames = list(recording.frames())
        assert [number(frame.image) for frame in frames] == list(range(12))
        assert [frame.time_s for frame in frames] == pytest.approx([i / 20 for i in range(12)])
        assert info.angle is None
        assert any("--rate" in note for note in info.notes)
        assert number(recording.at(0.26).image) == 5
        assert [frame.index for frame in recording.frames(Span(0.1, 0.4, 2))] == [2, 4, 6]
        assert [frame.index for frame in recording.sample(3)] == [0, 6, 11]
        with pytest.raises(InputError, match="#0 to #11"):
            recording.at(12)


def test_a_pattern_is_a_recording_with_the_given_rate(tmp_path: Path) -> None:
    images(tmp_path / "drive", 12, ".png")
    save(tmp_path / "drive" / "other.jpg", 99)
    from fractions import Fraction

    with open_recording(tmp_path / "drive" / "*.png", rate=Fraction(30000, 1001)) as recording:
        assert recording.info.length == 12
        assert recording.info.rate == Fraction(30000, 1001)
        assert recording.at(11).time_s == pytest.approx(11 * 1001 / 30000)
    with pytest.raises(InputError, match="matches no recording"):
        open_recording(tmp_path / "drive" / "*.bmp")


def test_damaged_images_are_losses_and_keep_their_index(tmp_path: Path) -> None:
    folder = images(tmp_path / "drive", 8)
    cut = folder / "3.jpg"
    cut.write_bytes(cut.read_bytes()[:-400])
    (folder / "5.jpg").write_bytes(b"")
    cv2.imwrite(str(folder / "7.jpg"), np.zeros((32, 48, 3), np.uint8))
    with open_recording(folder) as recording:
        assert [frame.index for frame in recording.frames()] == [0, 1, 3, 5, 7]
        expected = ["2 images cannot be read (first #2, 3.jpg)", "1 image is of another size than 96x64"]
        assert [loss[: len(text)] for loss, text in zip(recording.losses, expected, strict=True)] == expected
        with pytest.raises(InputError, match=r"3\.jpg is not one"):
            recording.at(2)
    with (
        pytest.raises(DamagedInputError, match="cannot be read"),
        open_recording(folder, strict=True) as recording,
    ):
        list(recording.frames())


def test_the_error_for_an_unknown_folder_lists_the_formats(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as error:
        open_recording(tmp_path / "empty")
    for text in (
        "driving_log.csv",
        "manifest.json",
        "data.txt",
        "center/",
        "video.hevc",
        "record_0.json",
        "images",
    ):
        assert text in str(error.value)
    with pytest.raises(OptionError, match="did you mean images"):
        open_recording(tmp_path / "empty", format="image")
    with pytest.raises(OptionError, match="--camera for a recording with several cameras"):
        open_recording(images(tmp_path / "drive", 2), camera="left")


def test_a_folder_without_a_readable_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "1.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match="none of 1 can be read"):
        open_recording(tmp_path / "drive")


def test_the_command_accepts_a_folder_and_a_pattern(
    tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    images(tmp_path / "run.2", 6)
    options = ("--model", model_path, "--quiet", "--smooth", "0")
    result = inside("video", "run.2", *options)
    assert result.code == 0, result
    with av.open(str(tmp_path / "run.2.saliency.mp4")) as video:
        assert [frame.time for frame in video.decode(video=0)] == pytest.approx([i / 20 for i in range(6)])
    result = inside("image", "run.2/*.jpg", "--at", "#3", "--model", model_path)
    assert result.code == 0, result
    assert (tmp_path / "run.2.saliency.png").is_file()
    result = inside("video", "run.2", "--format", "video", "--out", "x.mp4", *options)
    assert result.code == 1
    assert len(result.err.strip().splitlines()) == 1
    assert not list(tmp_path.glob("x.*"))
