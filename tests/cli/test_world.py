"""`drivesal world` end to end."""

import csv
import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from drivesal.errors import DrivesalError
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.world import SyntheticDrive, World
from drivesal.synthetic.writing import read_evidence
from tests.conftest import full_disk, terminated_once


def rows(path):
    with Path(path).open() as file:
        return list(csv.DictReader(file))


def frames(video):
    """The frames of a video, (N, height, width, 3) float."""
    with av.open(str(video)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)]).astype(float)


def left_behind(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_the_installed_command_draws_a_drive(drivesal, tmp_path):
    arguments = [
        "--seed",
        7,
        "--seconds",
        1,
        "--size",
        "160x120",
        "--rate",
        10,
        "--evidence",
        "--out",
        "known/",
    ]
    done = drivesal("world", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert left_behind(tmp_path) == ["known"]
    assert left_behind(tmp_path / "known") == ["evidence", "run.csv", "run.mp4", "scene.json"]
    facts = json.loads((tmp_path / "known" / "scene.json").read_text())
    drive = SyntheticDrive(7, 1.0, 10, (160, 120))
    assert SceneParameters(**facts["scene"]) == drive.world.scene
    assert (facts["seed"], facts["size"], facts["rate"], facts["frames"]) == (7, [160, 120], 10, 10)
    with av.open(str(tmp_path / "known" / "run.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.average_rate) == (160, 120, 10)
        assert len(list(video.decode(video=0))) == 10
    angles = [float(row["steering_angle_deg"]) for row in rows(tmp_path / "known" / "run.csv")]
    assert angles == pytest.approx([moment.steering_deg for moment in drive.moments], abs=6e-5)
    assert len(left_behind(tmp_path / "known" / "evidence")) == 10
    kept = read_evidence(tmp_path / "known" / "evidence" / "000004.png")
    np.testing.assert_allclose(kept, drive.world.evidence(drive.moments[4]), atol=0.5 / 256 + 1e-6)
    summary, folder = done.stdout.splitlines()
    assert summary.startswith(
        f"10 frames, {drive.world.scene.light}, {drive.world.scene.ground}; steering from"
    )
    assert f"from {min(angles):+.1f}° to {max(angles):+.1f}° at the wheel (left +)" in summary
    assert folder == "known"


def test_it_draws_single_frames(inside, tmp_path):
    settings = ["--set", "light=night", "--set", "lanes_beyond = 2", "--set", "shortcut=lamp"]
    done = inside("world", "--frames", 13, "--size", "65x48", *settings, "--out", "training")
    assert done.code == 0, done
    assert (done.out, done.err) == ("13 frames of 65x48\ntraining\n", "")
    assert left_behind(tmp_path / "training") == ["frames", "labels.csv", "scene.json"]
    assert len(left_behind(tmp_path / "training" / "frames")) == 13
    table = rows(tmp_path / "training" / "labels.csv")
    assert len(table) == 13
    assert all((tmp_path / "training" / row["image"]).is_file() for row in table)
    facts = json.loads((tmp_path / "training" / "scene.json").read_text())
    assert facts["held"] == {"light": "night", "lanes_beyond": 2, "shortcut": "lamp"}


def test_parameters_that_are_set_are_fixed_and_the_rest_random(inside, tmp_path):
    small = ["--seconds", "0.5", "--rate", "4", "--size", "64x64", "--seed", "3"]
    assert inside("world", *small, "--out", "free").code == 0
    ran = inside("world", *small, "--set", "trees=0.125", "--set", "light=dusk", "--out", "held", "--quiet")
    assert ran.code == 0, ran
    assert ran.out.startswith("2 frames, dusk, ")
    free, held = (json.loads((tmp_path / n / "scene.json").read_text())["scene"] for n in ("free", "held"))
    assert (held["trees"], held["light"]) == (0.125, "dusk")
    assert held == free | {"trees": 0.125, "light": "dusk"}


def test_the_same_command_gives_the_same_files(inside, tmp_path):
    for out in ("a", "b"):
        arguments = ["--seconds", "1", "--rate", "5", "--size", "64x64", "--evidence", "--out", out]
        assert inside("world", *arguments).code == 0
    assert inside("world", *arguments[:-1], "c", "--seed", "2").code == 0
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) == 8
    for name in files:
        one, same, other = ((tmp_path / out / name).read_bytes() for out in ("a", "b", "c"))
        assert one != other
        # libx264 may choose differently among decisions of equal cost; its input is the same
        assert one == same or name.suffix == ".mp4"
    one, same, other = (frames(tmp_path / out / "run.mp4") for out in ("a", "b", "c"))
    assert np.abs(one - same).mean() < 1.5 < np.abs(one - other).mean()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "0x0"], "from 32x32 to 4096x4096 pixels, but 0x0"),
        (["--size", "8000x64"], "but 8000x64"),
        (["--size", "65x64"], "an even width and height for a video, but 65x64"),
        (["--size", "-64x64"], "WIDTHxHEIGHT"),
        (["--size", "64"], "WIDTHxHEIGHT"),
        (["--size", "64.5x64"], "WIDTHxHEIGHT"),
        (["--seconds", "-1"], "above 0 and up to 3600 seconds, but -1"),
        (["--seconds", "0"], "above 0"),
        (["--seconds", "nan"], "above 0"),
        (["--seconds", "1e9"], "above 0"),
        (["--rate", "0"], "a rate from 1 to 240"),
        (["--rate", "inf"], "a rate from 1 to 240"),
        (["--set", "lihgt=night"], "did you mean light"),
        (["--set", "light=nigt"], "day or dusk or night, but 'nigt'"),
        (["--set", "light"], "NAME=VALUE"),
        (["--set", "vehicles=2"], "vehicles to be a number from 0 to 1"),
        (["--set", "lanes_beyond=1.5"], "a whole number"),
        (["--out", "gone/drive"], "gone does not exist"),
        (["--out", "mine"], "the folder mine exists"),
        (["--out", "mine/"], "the folder mine exists"),
        (["--out", "mine/note"], "the file mine/note exists"),
        (["--out", "."], "exists"),
    ],
)
def test_impossible_options_get_one_line(inside, tmp_path, arguments, message):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note").write_text("mine")
    ran = inside("world", "--seconds", "0.5", "--size", "64x64", "--out", "drive", *arguments)
    assert ran.code == 1, ran
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert left_behind(tmp_path) == ["mine"]
    assert left_behind(tmp_path / "mine") == ["note"]


@pytest.mark.parametrize("count", ["0", "-3", "1000000000000000"])
def test_an_impossible_number_of_frames_gets_one_line(inside, tmp_path, count):
    done = inside("world", "--frames", count, "--size", "64x64", "--out", "training")
    assert done.code == 1, done
    assert f"but {count}" in done.err
    assert done.err.count("\n") == 1
    assert left_behind(tmp_path) == []


def test_a_file_as_output_folder_is_an_error(inside, tmp_path):
    (tmp_path / "note").write_text("mine")
    ran = inside("world", "--seconds", "0.5", "--size", "64x64", "--out", "note/drive")
    assert ran.code == 1, ran
    assert ran.err.count("\n") == 1
    assert "note is not a folder" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seconds", "1"],
        ["--out", "a", "--seed", "-1"],
        ["--out", "a", "--seconds", "soon"],
        ["--out", "a", "--frames", "many"],
        ["--out", "a", "--frames", "3", "--seconds", "1"],
        ["--out", "a", "--frames", "3", "--rate", "10"],
        ["--out", "a", "more"],
    ],
)
def test_usage_errors_exit_2(inside, tmp_path, arguments):
    assert inside("world", *arguments).code == 2
    assert left_behind(tmp_path) == []


def test_a_zero_angle_has_no_minus_sign(inside, tmp_path, monkeypatch):
    original = World.moment

    def all_but_nothing(*arguments, **more):
        return dataclasses.replace(original(*arguments, **more), steering_deg=-1e-7)

    monkeypatch.setattr(World, "moment", all_but_nothing)
    ran = inside("world", "--seconds", "0.5", "--rate", "4", "--size", "64x64", "--out", "drive")
    assert ran.code == 0, ran
    assert "-0.0" not in ran.out
    assert "-0.0000" not in (tmp_path / "drive" / "run.csv").read_text()


@pytest.mark.parametrize("arguments", [["--seconds", "2", "--rate", "10"], ["--frames", "20"]])
def test_a_failure_half_way_leaves_nothing(inside, tmp_path, monkeypatch, arguments):
    original, calls = World.image, []

    def dying(*given):
        calls.append(1)
        if len(calls) > 8:
            raise DrivesalError("a test", "a frame died", "nothing")
        return original(*given)

    monkeypatch.setattr(World, "image", dying)
    ran = inside("world", *arguments, "--size", "64x64", "--out", "drive")
    assert ran.code == 1, ran
    assert "a frame died" in ran.err
    assert ran.err.count("\n") == 1
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("arguments", ["--seconds 4 --evidence", "--frames 20 --evidence"])
def test_a_full_disk(inside, tmp_path, arguments):
    with full_disk(4096):
        done = inside("world", *arguments.split(), "--size", "160x120", "--out", "drive")
    assert done.code == 1, done
    assert "the file may not grow" in done.err
    assert done.err.count("\n") == 1
    assert left_behind(tmp_path) == []


def as_in_a_terminal():
    """Restore the default signals: processes started in the background ignore SIGINT and SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def test_terminated_it_leaves_nothing_behind(inside, tmp_path):
    with terminated_once(lambda: list(tmp_path.glob("*.part-*/frames/*.jpg"))):
        done = inside("world", "--frames", "100000", "--size", "96x72", "--out", "training", "--quiet")
    assert done.code == 143, done
    assert done.err.strip() == "drivesal: stopped; unfinished results were not written"
    assert left_behind(tmp_path) == []


def test_a_stop_leaves_nothing_behind(tmp_path):
    script = Path(sys.executable).with_name("drivesal")
    command = [script, "world", "--frames", "100000", "--size", "96x72", "--out", "training"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=as_in_a_terminal
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.part-*/frames/*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip() == "drivesal: stopped; unfinished results were not written"
    assert left_behind(tmp_path) == []


def test_help_names_the_files_and_examples(inside):
    ran = inside("world", "--help")
    assert ran.code == 0
    assert "run.mp4, run.csv and scene.json" in " ".join(ran.out.split())
    assert "drivesal world --seed 7 --seconds 60 --out drive/" in ran.out
