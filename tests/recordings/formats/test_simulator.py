from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from drivesal.angle import AngleKind
from drivesal.errors import DamagedInputError, DrivesalError, InputError, LabelError, OptionError
from drivesal.recordings import open_recording
from tests.clips import number
from tests.recordings.drives import simulator

TIMES = [0, 80, 151, 2151, 2230, 2310]
"""Milliseconds, with a gap of two seconds."""
SECONDS = [ms / 1000 for ms in TIMES]


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize(
    "path_format", ["{name}", "IMG/{name}", "/Users/a b/x/IMG/{name}", "C:\\Users\\y\\IMG\\{name}"]
)
def test_image_paths_of_another_machine(tmp_path: Path, path_format: str, header: bool) -> None:
    with open_recording(
        simulator(tmp_path / "sim", TIMES, path_format=path_format, header=header)
    ) as recording:
        info = recording.info
        assert (info.format, info.length) == ("udacity-simulator", 6)
        assert info.angle == AngleKind("deg", "road-wheels")
        assert info.own_labels
        frames = list(recording.frames())
        assert [number(frame.image) for frame in frames] == list(range(6))
        assert [frame.time_s for frame in frames] == pytest.approx(SECONDS)
        # -0.5 of 25 degrees to the right-positive side is 12.5 degrees to the left
        assert [frame.steering for frame in frames] == pytest.approx([12.5 - 2.5 * i for i in range(6)])
        assert frames[0].extras == pytest.approx({"throttle": 0.5, "brake": 0, "speed": 30.25})
        assert recording.losses == []


def test_only_cameras_with_images_are_listed(tmp_path: Path) -> None:
    folder = simulator(tmp_path / "sim", TIMES)
    for path in (folder / "IMG").glob("left*"):
        path.unlink()
    with open_recording(folder) as recording:
        assert (recording.info.camera, recording.info.cameras) == ("center", ("center", "right"))
        assert recording.info.norm_deg == 25


def test_a_log_file_and_another_camera(tmp_path: Path) -> None:
    log = simulator(tmp_path / "sim", TIMES) / "driving_log.csv"
    with open_recording(log, camera="right") as recording:
        assert [number(frame.image) for frame in recording.frames()] == [200 + i for i in range(6)]
        assert any("right camera" in note for note in recording.info.notes)


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8"), (",", "utf-8-sig"), (";", "utf-16")])
@pytest.mark.parametrize("header", [False, True])
def test_semicolons_decimal_commas_and_a_bom(
    tmp_path: Path, delimiter: str, encoding: str, header: bool
) -> None:
    folder = simulator(tmp_path / "sim", TIMES, delimiter=delimiter, encoding=encoding, header=header)
    with open_recording(folder) as recording:
        assert recording.info.length == 6
        assert recording.at(0).steering == pytest.approx(12.5)
        assert recording.at(5).extras["speed"] == pytest.approx(30.25)


@pytest.mark.parametrize(
    ("numbers", "steering", "speed"),
    [
        ("-0,05,0,5,0,30,19", -0.05, 30.19),
        ("0,0,0,0", 0, 0),
        ("0,1,0,30,19", 0, 30.19),
        ("0,1,0,0,30,19", 0.1, 30.19),
        ("1,0,25,0,9", 1, 9),
        ("-1,0,0,9,5", -1, None),  # ambiguous: 9.5, or 5 after a brake of 0.9
        ("0,0617,0,3,0,125,12,5", 0.0617, 12.5),
        ("-0,3,1,0,25,5E-05", -0.3, 5e-5),
        ("1,5E-05,0,0,2,712345", 1.5e-5, 2.712345),
        ("0,1,0,5,0,12", None, None),  # ambiguous: 0.1 and 0.5, or 0 and 1
    ],
)
def test_rows_split_at_decimal_commas_are_rejoined(
    tmp_path: Path, numbers: str, steering: Any, speed: Any
) -> None:
    """The simulator writes such rows in a locale with a decimal comma."""
    folder = simulator(tmp_path / "sim", TIMES)
    log = folder / "driving_log.csv"
    rows = [",".join(line.split(",")[:3]) for line in log.read_text().splitlines()]
    values = ["-0,5,0,25,0,10,5", numbers, *["0,2,0,1,0,20,25"] * 4]
    log.write_text("".join(f"{row},{value}\n" for row, value in zip(rows, values, strict=True)))
    with open_recording(folder) as recording:
        frames = list(recording.frames())
        assert frames[0].steering == pytest.approx(12.5)
        assert frames[0].extras == pytest.approx({"throttle": 0.25, "brake": 0, "speed": 10.5})
        assert frames[1].steering == (None if steering is None else pytest.approx(-25 * steering))
        assert frames[1].extras.get("speed") == (None if speed is None else pytest.approx(speed))
        assert any("split at their decimal commas" in note for note in recording.info.notes)
        assert recording.losses == []


def test_the_command_reads_a_log_with_spaces_after_commas(tmp_path: Path, drivesal: Callable[..., Any]) -> None:
    folder = simulator(tmp_path / "sim", TIMES, path_format="IMG/{name}", header=True)
    log = folder / "driving_log.csv"
    head, *rows = log.read_text().splitlines()
    log.write_text("\r\n".join([head, *(row.replace(",", ", ") for row in rows)]) + "\r\n")
    result = drivesal("info", "sim", "--camera", "right", "--json")
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["frames"] == 6
    assert facts["angles"]["highest"] == pytest.approx(12.5)


@pytest.mark.parametrize("count", [4, 5])
def test_a_log_with_fewer_columns(tmp_path: Path, count: int) -> None:
    folder = simulator(tmp_path / "sim", TIMES)
    log = folder / "driving_log.csv"
    log.write_text("\n".join(",".join(line.split(",")[:count]) for line in log.read_text().splitlines()))
    with open_recording(folder) as recording:
        assert recording.at(0).steering == pytest.approx(12.5)
        assert recording.at(0).extras == ({} if count == 4 else {"throttle": 0.5})


def test_frames_with_invalid_angles_have_no_label(tmp_path: Path) -> None:
    folder = simulator(tmp_path / "sim", TIMES, ["0.1", "nan", "left", "inf", "0", "-1"])
    with open_recording(folder) as recording:
        angles = [frame.steering for frame in recording.frames()]
        assert angles == [pytest.approx(-2.5), None, None, None, pytest.approx(0), pytest.approx(25)]
        assert "3 of 6 images have no finite angle: they have no label" in recording.info.notes
    folder = simulator(tmp_path / "none", TIMES, ["x"] * 6)
    with pytest.raises(LabelError, match="none of its 6 rows has a finite number"):
        open_recording(folder)
    assert open_recording(folder, labels=False).at(0).steering is None


def test_missing_images_are_losses_and_a_missing_folder_an_error(tmp_path: Path) -> None:
    folder = simulator(tmp_path / "sim", TIMES)
    removed = sorted((folder / "IMG").glob("center*"))
    removed[0].unlink()
    removed[3].unlink()
    with open_recording(folder) as recording:
        assert [frame.index for frame in recording.frames()] == [1, 2, 4, 5]
        assert recording.losses == [f"2 images are missing (first #0, {removed[0].name})"]
    with pytest.raises(DamagedInputError, match="missing"):
        open_recording(folder, strict=True)
    shutil.rmtree(folder / "IMG")
    with pytest.raises(InputError, match=r"none of 6 exists .*center_2019"):
        open_recording(folder)


def test_images_without_times_use_the_default_rate(tmp_path: Path) -> None:
    folder = simulator(tmp_path / "sim", TIMES)
    log = (folder / "driving_log.csv").read_text().splitlines()
    rows = []
    for i, line in enumerate(log):
        name = line.split(",")[0]
        (folder / "IMG" / name).rename(folder / "IMG" / f"c{i}.jpg")
        rows.append(line.replace(name, f"c{i}.jpg", 1))
    (folder / "driving_log.csv").write_text("\n".join(rows))
    assert open_recording(folder).at(5).time_s == pytest.approx(0.25)
    (folder / "driving_log.csv").write_text("center,steering\nc0.jpg,0\n")
    with pytest.raises(OptionError, match="column of left images"):
        open_recording(folder, camera="left")


def test_gaps_are_preserved_in_the_overlay_video(
    tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    simulator(tmp_path / "sim", TIMES)
    options = ("--model", model_path, "--quiet", "--json")
    result = inside("video", "sim", "--no-labels", *options)
    assert result.code == 0, result
    assert json.loads(result.out)["labelled_frames"] == 0
    with av.open(str(tmp_path / "sim.saliency.mp4")) as video:
        assert [frame.time for frame in video.decode(video=0)] == pytest.approx(SECONDS, abs=1e-4)


def test_own_labels_are_compared_and_a_table_replaces_them(
    tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    simulator(tmp_path / "sim", TIMES)
    options = ("--model", model_path, "--at", "#1", "--json", "--overwrite", "--turns", "road-wheels")
    result = inside("image", "sim", *options)
    assert result.code == 0, result
    assert json.loads(result.out)["truth"] == pytest.approx(10.0)
    assert json.loads(inside("image", "sim", "--no-labels", *options).out)["truth"] is None
    (tmp_path / "other.csv").write_text("frame,angle_deg\n1,7.5\n")
    result = inside("image", "sim", "--labels", "other.csv", *options)
    assert json.loads(result.out)["truth"] == 7.5
    result = inside("image", "sim", "--angle-unit", "rad", *options)
    assert "not applied to the labels, the labels in sim have a known unit" in result.err
    assert json.loads(result.out)["truth"] == pytest.approx(10.0)
    result = inside("image", "sim", "--label-offset", "1", *options)
    assert result.code == 1
    assert "contains labels of its own" in result.err


def test_an_output_cannot_overwrite_the_log(
    tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    log = simulator(tmp_path / "sim", TIMES) / "driving_log.csv"
    before = log.read_bytes()
    result = inside(
        "video", "sim", "--no-labels", "--model", model_path, "--out", "sim/driving_log.mp4", "--overwrite"
    )
    assert result.code == 1
    assert "not an input" in result.err
    assert log.read_bytes() == before


def test_an_output_cannot_overwrite_an_image(
    tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    image = sorted((simulator(tmp_path / "sim", TIMES) / "IMG").glob("center*"))[2]
    before = image.read_bytes()
    options = ("--no-labels", "--model", model_path, "--at", "#0", "--overwrite")
    result = inside("image", "sim", *options, "--out", image)
    assert result.code == 1
    assert "not an input" in result.err
    assert image.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("image,angle\nc.jpg,0\n", "begins with image,angle"),
        ("center,left,right,steering\n", "lists none"),
    ],
)
def test_the_error_for_a_malformed_log_states_the_cause(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "driving_log.csv").write_text(text)
    with pytest.raises(DrivesalError, match=message):
        open_recording(tmp_path)


def test_an_ambiguous_format_is_an_error(tmp_path: Path) -> None:
    folder = simulator(tmp_path / "sim", TIMES)
    (folder / "data.txt").write_text("0.jpg 1.0\n")
    with pytest.raises(InputError, match=r"sullychen and udacity-simulator; choose one: --format"):
        open_recording(folder)
    assert open_recording(folder, format="udacity-simulator").info.length == 6


def test_straight_ahead_is_not_negative_zero(tmp_path: Path) -> None:
    folder = simulator(tmp_path / "sim", [0, 50], ["0", "-0.0"])
    with open_recording(folder) as recording:
        assert [str(frame.steering) for frame in recording.frames()] == ["0.0", "0.0"]
