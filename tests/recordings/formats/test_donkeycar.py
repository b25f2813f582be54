from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from drivesal.angle import AngleKind
from drivesal.errors import DamagedInputError, InputError
from drivesal.recordings import open_recording
from tests.clips import number
from tests.recordings.drives import tub, tub_v1


def test_deleted_records_of_a_tub_are_left_out(tmp_path: Path) -> None:
    with open_recording(tub(tmp_path / "tub", 10, deleted=(3, 4))) as recording:
        info = recording.info
        assert (info.format, info.length, info.rate) == ("donkeycar", 8, 20)
        assert info.angle == AngleKind("norm", "unknown")
        frames = list(recording.frames())
        assert [number(frame.image) for frame in frames] == [0, 1, 2, 5, 6, 7, 8, 9]
        # right is positive in a tub
        assert frames[0].steering == pytest.approx(0.5)
        assert frames[-1].steering == pytest.approx(-0.4)
        # deleted records leave a gap
        assert [frame.time_s for frame in frames] == pytest.approx([0, 0.05, 0.1, 0.25, 0.3, 0.35, 0.4, 0.45])
        assert frames[0].extras == {"user/throttle": 0.25}
        assert "2 deleted records left out" in info.notes


def test_implausible_timestamps_are_replaced_by_the_rate(tmp_path: Path) -> None:
    from fractions import Fraction

    folder = tub(tmp_path / "tub", 10, deleted=(1,), step_ms=3)
    with open_recording(folder) as recording:
        assert [frame.time_s for frame in recording.frames()][:3] == pytest.approx([0, 0.1, 0.15])
        assert any("not capture times" in note for note in recording.info.notes)
    with open_recording(folder, rate=Fraction(10)) as recording:
        assert recording.info.rate == 10
        assert recording.at(1).time_s == pytest.approx(0.2)


def test_broken_lines_are_counted(tmp_path: Path) -> None:
    folder = tub(tmp_path / "tub", 10)
    catalog = folder / "catalog_1.catalog"
    lines = catalog.read_text().splitlines()
    lines[1] = lines[1][:40]
    lines[2] = "null"
    lines[3] = lines[3].replace("0.3,", "NaN,")
    catalog.write_text("\n".join(lines) + "\n")
    with open_recording(folder / "manifest.json") as recording:
        frames = list(recording.frames())
        assert [number(frame.image) for frame in frames] == [0, 1, 2, 3, 4, 5, 8, 9]
        assert frames[6].steering is None
        assert recording.losses == ["2 of 5 lines of catalog_1.catalog cannot be read"]
    with pytest.raises(DamagedInputError, match=r"2 of 5 lines of catalog_1"):
        open_recording(folder, strict=True)
    catalog.unlink()
    with open_recording(folder) as recording:
        assert recording.losses == ["catalog_1.catalog cannot be read"]
    (folder / "catalog_0.catalog").write_text("{\n")
    with pytest.raises(InputError, match="none with an image"):
        open_recording(folder)


def test_catalogs_are_found_without_a_valid_manifest(tmp_path: Path) -> None:
    folder = tub(tmp_path / "tub", 10, deleted=(0,))
    (folder / "manifest.json").write_text("[]\n{")
    with open_recording(folder) as recording:
        assert recording.info.length == 10
        assert "deleted records are not left out" in recording.losses[0]


def test_image_names_cannot_escape_the_tub(tmp_path: Path) -> None:
    folder = tub(tmp_path / "tub", 4)
    text = (folder / "catalog_0.catalog").read_text().replace('"0_cam', '"../../x/0_cam')
    (folder / "catalog_0.catalog").write_text(text)
    with open_recording(folder) as recording:
        assert number(recording.at(0).image) == 0


def test_a_tub_v1(tmp_path: Path) -> None:
    folder = tub_v1(tmp_path / "tub", 12)
    (folder / "record_5.json").write_text("{")
    with open_recording(folder) as recording:
        assert (recording.info.format, recording.info.length) == ("donkeycar-v1", 11)
        frames = list(recording.frames())
        assert [number(frame.image) for frame in frames] == [*range(5), *range(6, 12)]
        assert [frame.steering for frame in frames][:2] == pytest.approx([0.5, 0.4])
        assert frames[5].time_s == pytest.approx(0.3)
        assert frames[0].extras["user/throttle"] == 0.25
        assert recording.losses == ["1 of 12 records cannot be read"]


def test_numbers_stored_as_text(tmp_path: Path) -> None:
    folder = tub_v1(tmp_path / "tub", 6)
    for file in folder.glob("record_*.json"):
        record = json.loads(file.read_text())
        record |= {key: str(record[key]) for key in ("user/angle", "milliseconds")}
        file.write_text(json.dumps(record))
    with open_recording(folder) as recording:
        assert recording.at(1).steering == pytest.approx(0.4)
        assert recording.at(1).time_s == pytest.approx(0.05)
        assert set(recording.at(1).extras) == {"milliseconds", "user/throttle"}


def test_windows_line_endings(tmp_path: Path) -> None:
    folder = tub(tmp_path / "tub", 10, deleted=(3,))
    for file in (folder / "manifest.json", *folder.glob("*.catalog")):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    with open_recording(folder) as recording:
        assert recording.info.length == 9
        assert recording.losses == []


def test_through_the_command(tmp_path: Path, inside: Callable[..., Any], model_path: Path) -> None:
    tub(tmp_path / "tub", 6)
    result = inside("image", "tub", "--model", model_path, "--at", "#2")
    assert result.code == 0, result
    assert "label 0.300 norm L" in result.out
    result = inside(
        "video", "tub", "--model", model_path, "--angle-unit", "norm", "--model-angle-unit", "norm", "--json"
    )
    assert result.code == 0, result
    assert json.loads(result.out)["labelled_frames"] == 6


def test_sessions_of_different_days_can_be_rendered(
    tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    catalog = tub(tmp_path / "tub", 6) / "catalog_1.catalog"
    catalog.write_text(catalog.read_text().replace(": 1600000", ": 1600900"))
    result = inside("video", "tub", "--no-labels", "--model", model_path, "--json")
    assert result.code == 0, result
    assert any("more than a day" in note for note in json.loads(result.out)["notes"])
    with av.open(str(tmp_path / "tub.saliency.mp4")) as video:
        times = [frame.time for frame in video.decode(video=0)]
    assert times == pytest.approx([0, 0.05, 0.1, 86400.1, 86400.15, 86400.2], abs=1e-4)


def test_the_real_tub(shared: Path, tmp_path: Path) -> None:
    with tarfile.open(shared / "donkey_tub_v2.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with open_recording(tmp_path / "tub") as recording:
        info = recording.info
        assert (info.format, info.width, info.height, info.length) == ("donkeycar", 160, 120, 1000)
        angles = [frame.steering for frame in recording.frames()]
        assert max(angles) == pytest.approx(0.86, abs=0.005)
        assert min(angles) == pytest.approx(-1)
        assert recording.losses == []
