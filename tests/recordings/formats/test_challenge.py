from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivesal.angle import AngleKind
from drivesal.errors import LabelError, OptionError
from drivesal.recordings import open_recording, read_labels
from tests.clips import make_clip, number
from tests.recordings.drives import bag, ch2


def test_a_folder_with_times_in_nanoseconds(tmp_path: Path) -> None:
    folder = ch2(tmp_path / "ch2", 8)
    for path in (folder, folder / "final_example.csv"):
        with open_recording(path) as recording:
            info = recording.info
            assert (info.format, info.length, info.rate) == ("udacity-ch2", 8, 20)
            assert info.angle == AngleKind("deg", "steering-wheel")
            frames = list(recording.frames())
            assert [number(frame.image) for frame in frames] == list(range(8))
            assert [frame.time_s for frame in frames] == pytest.approx([i / 20 for i in range(8)], abs=1e-6)
            expected = [math.degrees(-0.2 + 0.1 * i) for i in range(8)]
            assert [frame.steering for frame in frames] == pytest.approx(expected)


def test_an_unused_video_beside_the_images_is_noted(tmp_path: Path) -> None:
    folder = ch2(tmp_path / "ch2", 3)
    make_clip(folder / "run.mp4", 3)
    with open_recording(folder) as recording:
        assert "run.mp4 beside the images is not read" in recording.info.notes


def test_bad_rows_and_missing_images(tmp_path: Path) -> None:
    folder = ch2(tmp_path / "ch2", 6)
    table = folder / "final_example.csv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].split(",")[0] + ",inf"
    lines[2] = "x,0.5"
    table.write_text(
        "\n".join(line.replace(",", ";").replace(".", ",") for line in lines), encoding="utf-8-sig"
    )
    sorted((folder / "center").iterdir())[4].unlink()
    with open_recording(folder) as recording:
        frames = list(recording.frames())
        assert [frame.index for frame in frames] == [0, 1, 2, 3, 5]
        assert [frame.steering is None for frame in frames] == [True, True, False, False, False]
        assert frames[-1].steering == pytest.approx(math.degrees(0.3))
        assert recording.losses[0] == "1 of 6 rows of final_example.csv have no frame_id in nanoseconds"
        assert recording.losses[1].startswith("1 image is missing (first #4")
    stamp = lines[3].split(",")[0]
    table.write_text(f"frame_id,steering_angle\n{stamp},left\n")
    with pytest.raises(LabelError, match="finite number"):
        open_recording(folder)


def test_through_the_command(tmp_path: Path, inside: Callable[..., Any], model_path: Path) -> None:
    ch2(tmp_path / "ch2", 4)
    result = inside("image", "ch2", "--model", model_path, "--at", "0.1", "--json")
    assert result.code == 0, result
    assert json.loads(result.out)["truth"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("camera", "shown"), [(None, 100), ("center", 100), ("left", 0), ("right", 200)])
def test_a_bag_export_has_three_cameras(tmp_path: Path, camera: Any, shown: int) -> None:
    folder = bag(tmp_path / "bag", 6)
    for path in (folder, folder / "interpolated.csv"):
        with open_recording(path, camera=camera) as recording:
            info = recording.info
            assert (info.format, info.length, info.rate) == ("udacity-ch2", 6, 20)
            assert info.angle == AngleKind("deg", "steering-wheel")
            frames = list(recording.frames())
            assert [number(frame.image) for frame in frames] == [shown + i for i in range(6)]
            assert [frame.time_s for frame in frames] == pytest.approx([i / 20 for i in range(6)], abs=1e-6)
            expected = [math.degrees(-0.2 + 0.1 * i) for i in range(6)]
            assert [frame.steering for frame in frames] == pytest.approx(expected)
            assert frames[0].extras["speed"] == 15.5
            assert recording.losses == []


def test_a_bag_export_with_bare_windows_and_missing_file_names(tmp_path: Path) -> None:
    folder = bag(tmp_path / "bag", 4)
    table = folder / "interpolated.csv"
    lines = table.read_text().splitlines()
    lines[2] = lines[2].replace(",center/", ",C:\\bags\\center\\")
    lines[5] = lines[5].replace(",center/", ",")
    lines[8] = "2016-11-17,1479425441,640,480,,,0.1,0,0,0,0,0"
    table.write_text("\n".join(lines))
    with open_recording(folder) as recording:
        assert [number(frame.image) for frame in recording.frames()] == [100, 101, 103]
        assert recording.losses == ["1 of 12 rows of interpolated.csv have no image with a time"]


def test_a_missing_camera_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="only those of the center camera"):
        open_recording(ch2(tmp_path / "ch2", 4), camera="left")
    with pytest.raises(OptionError, match="it has those of left, right"):
        open_recording(bag(tmp_path / "bag", 4, cameras=("left", "right")))


def test_the_command_reads_the_left_camera_of_a_bag_export(
    tmp_path: Path, drivesal: Callable[..., Any]
) -> None:
    bag(tmp_path / "bag", 6)
    result = drivesal("info", "bag", "--camera", "left", "--json")
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["format"], facts["frames"]) == ("udacity-ch2", 6)
    assert facts["angles"]["highest"] == pytest.approx(math.degrees(0.3), abs=0.01)


def test_the_real_folder_matches_its_video(shared: Path) -> None:
    with (
        open_recording(shared / "udacity_ch2") as recording,
        open_recording(shared / "udacity_ch2" / "run.mp4") as video,
    ):
        assert (recording.info.length, recording.info.width, recording.info.height) == (200, 640, 480)
        assert recording.info.rate == pytest.approx(20, rel=0.01)
        from_folder, from_video = recording.at(100).image, video.at(3200).image
        assert abs(from_folder.astype(float) - from_video).mean() < 4


IDS = ["{}", "{}.jpg", "center/{}.png", "Ch2_001/center/{}", "Ch2_001\\center\\{}.jpg"]


def with_ids(table: Path, id_format: str) -> Path:
    """The table with its frame ids rewritten in another format."""
    head, *rows = table.read_text().splitlines()
    cells = [row.split(",", 1) for row in rows]
    table.write_text("\n".join([head, *(f"{id_format.format(stamp)},{rest}" for stamp, rest in cells)]) + "\n")
    return table


@pytest.mark.parametrize("id_format", IDS)
def test_frame_ids_with_folders_and_suffixes(tmp_path: Path, id_format: str) -> None:
    folder = ch2(tmp_path / "ch2", 5)
    table = with_ids(folder / "final_example.csv", id_format)
    expected = [math.degrees(-0.2 + 0.1 * i) for i in range(5)]
    with open_recording(folder) as recording:
        assert [frame.steering for frame in recording.frames()] == pytest.approx(expected)
        assert recording.losses == []
    elsewhere = table.rename(tmp_path / "CH2_final_evaluation.csv")
    labels = read_labels(elsewhere)
    assert labels.kind == AngleKind("deg", "steering-wheel")
    with open_recording(folder / "center", labels=labels) as recording:
        frames = list(recording.frames())
        assert [frame.time_s for frame in frames] == pytest.approx([i / 20 for i in range(5)], abs=1e-6)
        assert [frame.steering for frame in frames] == pytest.approx(expected, abs=1e-3)
    with open_recording(make_clip(tmp_path / "run.mp4", 5), labels=labels) as video:
        assert [frame.steering for frame in video.frames()] == pytest.approx(expected, abs=1e-3)


def test_labels_of_a_longer_drive_are_aligned_by_clock_time(tmp_path: Path) -> None:
    folder = ch2(tmp_path / "ch2", 8)
    labels = read_labels((folder / "final_example.csv").rename(tmp_path / "all.csv"))
    for image in sorted((folder / "center").iterdir())[:3]:
        image.unlink()
    with open_recording(folder / "center", labels=labels) as recording:
        expected = [math.degrees(-0.2 + 0.1 * i) for i in range(3, 8)]
        assert [frame.steering for frame in recording.frames()] == pytest.approx(expected, abs=1e-3)


def test_a_table_beside_the_folder_given_by_its_frame_ids(tmp_path: Path) -> None:
    folder = ch2(tmp_path / "Ch2_001", 4)
    (folder / "final_example.csv").rename(tmp_path / "truth.csv")
    table = with_ids(tmp_path / "truth.csv", "Ch2_001/center/{}")
    for path in (tmp_path, table):
        with open_recording(path) as recording:
            assert (recording.info.format, recording.info.length) == ("udacity-ch2", 4)
            assert all(frame.steering is not None for frame in recording.frames())
