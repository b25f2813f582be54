from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesal.errors import InputError
from drivesal.recordings import open_recording
from drivesal.recordings.registry import formats
from drivesal.types import Span
from tests.clips import cut, make_clip, number, picture

EXIF_TURNED = bytes.fromhex("ffe1002245786966000049492a00080000000100120103000100000006000000 00000000")
"""An APP1 segment with EXIF orientation 6: rotate by 90 degrees clockwise to view."""


def test_an_image_is_a_recording_of_one_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "frame.png"), picture(77)[..., ::-1])
    with open_recording(tmp_path / "frame.png") as recording:
        info = recording.info
        assert (info.format, info.width, info.height, info.length, info.rate) == ("picture", 96, 64, 1, 1)
        for frame in (*recording.frames(), recording.at(0), recording.at(0.0), *recording.sample(9)):
            assert (frame.index, frame.time_s) == (0, 0.0)
            np.testing.assert_array_equal(frame.image, picture(77))
        with pytest.raises(InputError, match="only frame #0"):
            recording.frames(Span(1))
        with pytest.raises(InputError, match="frame #3 of"):
            recording.at(3)
        with pytest.raises(InputError, match="but 5 s of an image"):
            recording.at(5.0)


@pytest.mark.parametrize("kind", ["gray", "gray16", "rgb16", "alpha"])
def test_pixel_formats_are_converted_to_8_bit_rgb(tmp_path: Path, kind: str) -> None:
    base = picture(9)[..., ::-1]
    gray = cv2.cvtColor(base, cv2.COLOR_BGR2GRAY)
    stored = {
        "gray": gray,
        "gray16": gray.astype(np.uint16) * 257,
        "rgb16": base.astype(np.uint16) * 257,
        "alpha": cv2.cvtColor(base, cv2.COLOR_BGR2BGRA),
    }[kind]
    cv2.imwrite(str(tmp_path / "frame.png"), stored)
    image = open_recording(tmp_path / "frame.png").at(0).image
    expected = np.repeat(gray[..., None], 3, axis=2) if "gray" in kind else picture(9)
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image, expected, atol=1)


def test_exif_rotation_is_honoured(tmp_path: Path) -> None:
    _, jpeg = cv2.imencode(".jpg", np.rot90(picture(1234)[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 95])
    data = jpeg.tobytes()
    (tmp_path / "phone.jpg").write_bytes(data[:2] + EXIF_TURNED + data[2:])
    with open_recording(tmp_path / "phone.jpg") as recording:
        assert (recording.info.width, recording.info.height) == (96, 64)
        assert number(recording.at(0).image) == 1234


def test_the_format_is_detected_from_the_content(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "frame.png"), picture(3))
    (tmp_path / "frame.png").rename(tmp_path / "frame.mp4")
    assert open_recording(tmp_path / "frame.mp4").info.format == "picture"
    make_clip(tmp_path / "a.mp4", 3).rename(tmp_path / "a.jpg")
    assert open_recording(tmp_path / "a.jpg").info.length == 3


def test_a_broken_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "frame.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"nonsense")
    with pytest.raises(InputError, match=r"frame\.png cannot be decoded"):
        open_recording(tmp_path / "frame.png")


def test_text_with_an_image_suffix_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("x")
    with pytest.raises(InputError, match="expected a video or an image"):
        open_recording(tmp_path / "bad.jpg")


def test_a_truncated_image_prints_no_library_messages(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "frame.png"), noise)
    cut(tmp_path / "frame.png", 0.5)
    with pytest.raises(InputError, match=r"frame\.png cannot be decoded"):
        open_recording(tmp_path / "frame.png")
    assert capfd.readouterr().err == ""
    os.write(2, b"still there")
    assert capfd.readouterr().err == "still there"


def test_fallback_formats_are_tried_last() -> None:
    assert [one.fallback for one in formats()] == sorted(one.fallback for one in formats())
    assert formats()[-1].name == "video"
