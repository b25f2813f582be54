"""Arguments for recordings and models: several at once, streams, and the two swapped."""

import json
import shlex

import pytest

from tests.clips import make_clip
from tests.recordings.drives import images, tub


@pytest.fixture
def drives(tmp_path):
    folder = tmp_path / "drives"
    for name in ("a.mp4", "b.mov"):
        folder.mkdir(exist_ok=True)
        make_clip(folder / name, 6)
    (folder / "a.saliency.mp4").write_bytes((folder / "a.mp4").read_bytes())
    (folder / "notes.txt").write_text("hello")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["video", "drives/", "--every", "2"],
        ["info", "drives"],
        ["evaluate", "default", "drives"],
        ["train", "drives", "--out", "x.keras"],
        ["review", "drives", "--no-browser"],
        ["image", "drives", "--at", "0"],
    ],
)
def test_a_folder_of_recordings_names_them_and_the_commands(inside, drives, words):
    ran = inside(*words)
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "drives is a folder of 2 recordings (video): a.mp4, b.mov" in ran.err
    one = [*words]
    one[next(i for i, word in enumerate(words) if word.startswith("drives"))] = "drives/a.mp4"
    assert f"give one of them: {shlex.join(['drivesal', *one])}" in ran.err
    assert ("'drives/*'" in ran.err) == (words[0] not in ("review", "image"))


def test_formats_of_a_folder_are_counted(inside, drives):
    (drives / "tub" / "images").mkdir(parents=True)
    tub(drives / "tub", 4)
    images(drives / "frames", 3)
    ran = inside("info", "drives")
    assert "4 recordings (2 video, 1 images, 1 donkeycar): a.mp4, b.mov, frames, tub" in ran.err


def test_recordings_one_folder_deeper(inside, drives, tmp_path):
    (tmp_path / "all").mkdir()
    drives.rename(tmp_path / "all" / "monday")
    ran = inside("video", "all")
    assert "drivesal video 'all/*/*'" in ran.err


def test_a_pattern_stands_for_all_matches(inside, drives):
    ran = inside("info", "drives/*", "--json")
    assert ran.code == 0, ran
    assert "drives/*: 2 recordings (video): a.mp4, b.mov" in ran.err
    assert [one["path"] for one in json.loads(ran.out)] == ["drives/a.mp4", "drives/b.mov"]
    images(drives, 2)
    ran = inside("video", "drives/*")
    assert "drives/* matches 2 images and 2 recordings" in ran.err
    ran = inside("info", "drives/*.jpg", "--json")
    assert json.loads(ran.out)["frames"] == 2
    ran = inside("review", "drives/*.mp4", "--no-browser")
    assert ran.code == 1
    assert "drivesal review drives/a.mp4 --no-browser" in ran.err


def test_a_video_for_each_match_of_a_pattern(inside, drives, model_path, tmp_path):
    ran = inside("video", "drives/*", "--model", model_path, "--out", "new/films/")
    assert ran.code == 0, ran
    ends = ("csv", "json", "mp4")
    wanted = [f"{name}.saliency.{end}" for name in ("a", "b") for end in ends]
    assert sorted(path.name for path in (tmp_path / "new" / "films").iterdir()) == wanted


def test_info_continues_after_a_recording_that_fails(inside, drives):
    ran = inside("info", "drives/a.mp4", "nothing.mp4", "drives/b.mov")
    assert ran.code == 1
    assert "nothing.mp4 does not exist" in ran.err
    assert [line for line in ran.out.splitlines() if line.startswith("drives/")] == [
        "drives/a.mp4",
        "drives/b.mov",
    ]
    assert ran.out.count("frames    6, 96x64") == 2
    ran = inside("info", "drives/a.mp4", "nothing.mp4", "--json")
    found = json.loads(ran.out)
    assert found[0]["frames"] == 6
    assert "does not exist" in found[1]["error"]


@pytest.mark.parametrize("command", [["video"], ["info"], ["image"], ["review"], ["evaluate", "default"]])
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("rtsp://user@cam:554/1?a=b", "rtsp://user@cam:554/1?a=b is a network address"),
        ("https://host/run.mp4", "https://host/run.mp4 is a network address"),
        ("/dev/video7", "-f v4l2 -i /dev/video7"),
        ("0", "-f v4l2 -i /dev/video0"),
        ("-", "standard input"),
        ("/dev/null", "a device or a pipe"),
    ],
)
def test_streams_and_devices_are_refused(inside, command, source, message):
    ran = inside(*command, source)
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert message in ran.err
    assert "not supported yet" in ran.err
    assert "ffmpeg" in ran.err


def test_a_file_called_0_is_read(inside, tmp_path):
    make_clip(tmp_path / "x.mp4", 4).rename(tmp_path / "0")
    assert inside("info", "0").code == 0


def test_swapped_model_and_drive(inside, drives, model_path):
    model = f"{model_path}"
    for words, right in (
        (["evaluate", "drives/a.mp4", model], ["evaluate", model, "drives/a.mp4"]),
        (["evaluate", "drives/a.mp4", "default"], ["evaluate", "default", "drives/a.mp4"]),
        (["video", model, "--model", "drives/a.mp4"], ["video", "drives/a.mp4", "--model", model]),
        (["video", "default", "drives/a.mp4"], ["video", "drives/a.mp4", "--model", "default"]),
    ):
        ran = inside(*words)
        assert ran.code == 1
        assert f"run: {shlex.join(['drivesal', *right])}" in ran.err


def test_a_positional_model_belongs_after_the_option_model(inside, drives):
    ran = inside("video", "drives/a.mp4", "default")
    assert "default is a model; give a drive" in ran.err or "--model default" in ran.err
    assert "video default" not in ran.err
    assert "run: drivesal info" not in inside("info", "default", "drives/a.mp4").err


def test_archives_must_be_unpacked(inside, tmp_path):
    for name in ("tub.tar.gz", "tub.zip", "tub.7z"):
        (tmp_path / name).write_bytes(b"\x1f\x8b" * 40)
        assert "unpack it" in inside("info", name).err


def test_a_model_given_as_drive_and_a_drive_given_as_model(inside, drives, model_path):
    ran = inside("video", model_path)
    assert f"is a model; give a drive: drivesal video DRIVE --model {model_path}" in ran.err
    ran = inside("video", "drives/a.mp4", "--model", "drives/b.mov")
    assert "expected a model, but drives/b.mov is a recording" in ran.err
    ran = inside("evaluate", "drives/a.mp4")
    assert ran.code == 2
    assert "drivesal evaluate default drives/a.mp4" in ran.err
    assert "drivesal model" in inside("info", model_path).err
    assert "drivesal info drives/a.mp4" in inside("model", "drives/a.mp4").err


@pytest.mark.parametrize(("typed", "meant"), [("vidoe", "video"), ("evalute", "evaluate"), ("Info", "info")])
def test_a_misspelt_command_gets_the_nearest_suggestion(inside, typed, meant):
    ran = inside(typed, "run.mp4")
    assert ran.code == 2
    assert f"Did you mean '{meant}'?" in ran.err


def test_a_drive_without_a_command(inside, drives):
    assert "drivesal video drives/a.mp4" in inside("drives/a.mp4").err
    assert "The commands are evaluate, " in inside("xyzzy").err
