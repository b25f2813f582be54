"""Synthetic drives and frames as files: their content, and that they are written completely or not at all."""

import csv
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from drivesal.errors import DrivesalError, InputError, OptionError, OutputError
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.still_frames import stills
from drivesal.synthetic.world import SyntheticDrive, World
from drivesal.synthetic.writing import read_evidence, write_drive, write_stills

TINY = (96, 72)


def rows(path):
    with Path(path).open() as file:
        return list(csv.DictReader(file))


def recreated(facts):
    """The drive recreated from its scene.json."""
    seconds, size = facts["frames"] / facts["rate"], tuple(facts["size"])
    return SyntheticDrive(facts["seed"], seconds, facts["rate"], size, SceneParameters(**facts["scene"]))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("drives") / "drive"
    drive, called = SyntheticDrive(7, 1.2, 10, TINY), []
    write_drive(drive, out, evidence=True, crf=8, progress=called.append)
    return drive, out, called


def test_the_video_is_the_drive(written):
    drive, out, called = written
    assert called == [1] * 12
    assert sorted(path.name for path in out.iterdir()) == ["evidence", "run.csv", "run.mp4", "scene.json"]
    with av.open(str(out / "run.mp4")) as container:
        assert container.streams.video[0].average_rate == 10
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(12) / 10, abs=1e-3)
    for frame, moment in zip(frames, drive.moments, strict=True):
        picture = frame.to_ndarray(format="rgb24").astype(float)
        assert picture.shape == (72, 96, 3)
        own = np.sqrt(np.mean((picture - drive.world.image(moment)) ** 2))
        other = np.sqrt(np.mean((picture - drive.world.image(drive.moments[(moment.index + 6) % 12])) ** 2))
        assert own < 12 < other


def test_the_table_is_the_drives_label(written):
    drive, out, _ = written
    table = rows(out / "run.csv")
    assert list(table[0]) == ["frame", "time_s", "steering_angle_deg"]
    assert [int(row["frame"]) for row in table] == list(range(12))
    assert [float(row["time_s"]) for row in table] == pytest.approx(np.arange(12) / 10, abs=1e-4)
    angles = [float(row["steering_angle_deg"]) for row in table]
    assert angles == pytest.approx([moment.steering_deg for moment in drive.moments], abs=6e-5)


def test_the_evidence_is_stored_to_one_step(written):
    drive, out, _ = written
    names = sorted(path.name for path in (out / "evidence").iterdir())
    assert names == [f"{index:06d}.png" for index in range(12)]
    for index in (0, 11):
        path = out / "evidence" / names[index]
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).dtype == np.uint16
        kept, evidence = read_evidence(path), drive.world.evidence(drive.moments[index])
        assert (kept.shape, kept.dtype) == ((72, 96), np.float32)
        assert evidence.max() > 10
        np.testing.assert_allclose(kept, evidence, atol=0.5 / 256 + 1e-6)


def test_the_facts_re_create_the_drive(written):
    drive, out, _ = written
    facts = json.loads((out / "scene.json").read_text())
    assert facts["label"] == {
        "unit": "deg",
        "turns": "steering-wheel",
        "positive": "left",
        "wheelbase_m": 2.85,
        "steering_ratio": 14.8,
        "look_ahead_m": 25.0,
    }
    assert facts["evidence"] == {"reading": "road", "delta_deg": 2.0, "grey_a_level": 256}
    again = recreated(facts)
    assert again.moments == drive.moments
    for index in (0, 11):
        np.testing.assert_array_equal(
            again.world.image(again.moments[index]), drive.world.image(drive.moments[index])
        )


@pytest.mark.parametrize("seed", [0, 13])
def test_the_facts_recreate_a_drive_whose_length_is_not_a_multiple_of_the_frame_time(seed, tmp_path):
    drive = SyntheticDrive(seed, 1.4, 1, (64, 64))
    write_drive(drive, tmp_path / "drive")
    again = recreated(json.loads((tmp_path / "drive" / "scene.json").read_text()))
    np.testing.assert_array_equal(again.world.image(again.moments[0]), drive.world.image(drive.moments[0]))


def test_without_evidence_there_is_none(tmp_path):
    write_drive(SyntheticDrive(1, 0.5, 4, (64, 64)), tmp_path / "drive")
    assert sorted(path.name for path in (tmp_path / "drive").iterdir()) == ["run.csv", "run.mp4", "scene.json"]
    assert "evidence" not in json.loads((tmp_path / "drive" / "scene.json").read_text())


@pytest.mark.parametrize("rate", [1, 12.5, 29.97, 60])
def test_rates(rate, tmp_path):
    write_drive(SyntheticDrive(1, 4 / rate, rate, (32, 32)), tmp_path / "drive")
    table = [float(row["time_s"]) for row in rows(tmp_path / "drive" / "run.csv")]
    assert table == pytest.approx(np.arange(4) / rate, abs=1e-4)
    with av.open(str(tmp_path / "drive" / "run.mp4")) as container:
        assert [frame.time for frame in container.decode(video=0)] == pytest.approx(table, abs=1e-3)


@pytest.mark.parametrize("size", [(65, 64), (64, 65)])
def test_an_odd_size_is_refused_for_a_video(size, tmp_path):
    with pytest.raises(OptionError, match=f"an even width and height for a video, but {size[0]}x{size[1]}"):
        write_drive(SyntheticDrive(1, 0.5, 4, size), tmp_path / "drive")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    out, called = tmp_path_factory.mktemp("frames") / "training", []
    write_stills(5, 26, (65, 48), {"light": "day", "trees": 0.25}, out, evidence=True, progress=called.append)
    return out, called


def test_single_frames_are_the_stills(frames):
    out, called = frames
    assert called == [1] * 26
    assert sorted(path.name for path in out.iterdir()) == ["evidence", "frames", "labels.csv", "scene.json"]
    table = rows(out / "labels.csv")
    assert list(table[0]) == ["image", "steering_angle_deg", "scene"]
    assert [row["image"] for row in table] == [f"frames/{index:06d}.jpg" for index in range(26)]
    assert sorted(path.name for path in (out / "frames").iterdir()) == [row["image"][7:] for row in table]
    drawn = list(stills(5, 26, (65, 48), light="day", trees=0.25))
    drawn.sort(key=lambda still: still[1].index)
    for row, (world, moment) in zip(table, drawn, strict=True):
        assert float(row["steering_angle_deg"]) == pytest.approx(moment.steering_deg, abs=6e-5)
        assert int(row["scene"]) == world.seed
    for index in (0, 25):
        world, moment = drawn[index]
        picture = cv2.imread(str(out / table[index]["image"]), cv2.IMREAD_COLOR_RGB).astype(float)
        assert np.sqrt(np.mean((picture - world.image(moment)) ** 2)) < 8
        kept = read_evidence(out / "evidence" / f"{index:06d}.png")
        np.testing.assert_allclose(kept, world.evidence(moment), atol=0.5 / 256 + 1e-6)


def test_frames_of_a_scene_share_its_number(frames):
    scenes = [row["scene"] for row in rows(frames[0] / "labels.csv")]
    assert sorted(scenes.count(scene) for scene in set(scenes)) == [2, 12, 12]


def test_the_facts_re_create_the_frames(frames):
    facts = json.loads((frames[0] / "scene.json").read_text())
    assert (facts["seed"], facts["frames"], facts["size"]) == (5, 26, [65, 48])
    assert facts["held"] == {"light": "day", "trees": 0.25}
    assert facts["label"]["unit"] == "deg"
    worlds = {str(world.seed): world.scene for world, _ in stills(5, 26, (65, 48), light="day", trees=0.25)}
    assert {number: SceneParameters(**scene) for number, scene in facts["scenes"].items()} == worlds


@pytest.mark.parametrize("kind", ["drive", "stills"])
@pytest.mark.parametrize("dies", ["image", "evidence"])
def test_a_failure_half_way_leaves_nothing(kind, dies, tmp_path, monkeypatch):
    original, calls = getattr(World, dies), []

    def dying(*arguments):
        calls.append(1)
        if len(calls) > 5:
            raise DrivesalError("a test", "a frame died", "nothing")
        return original(*arguments)

    monkeypatch.setattr(World, dies, dying)
    done = []
    write, given = write_stills, (1, 40, (64, 64), {})
    if kind == "drive":
        write, given = write_drive, (SyntheticDrive(1, 4.0, 10, (64, 64)),)
    with pytest.raises(DrivesalError, match="a frame died"):
        write(*given, tmp_path / "a", evidence=True, progress=done.append)
    assert len(done) < 12
    assert list(tmp_path.iterdir()) == []


def test_an_exception_in_the_progress_callback_stops_it(tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_drive(SyntheticDrive(1, 2.0, 10, (64, 64)), tmp_path / "a", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_not_changed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note").write_text("mine")
    with pytest.raises(OutputError, match=r"the folder .*mine exists"):
        write_drive(SyntheticDrive(1, 0.5, 4, (64, 64)), tmp_path / "mine")
    with pytest.raises(OutputError, match=r"the file .*note exists"):
        write_stills(1, 2, (64, 64), {}, tmp_path / "mine" / "note")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert [path.read_text() for path in (tmp_path / "mine").iterdir()] == ["mine"]


def test_evidence_that_is_not_an_image_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    for name in ("a.png", "gone.png"):
        with pytest.raises(InputError, match=name):
            read_evidence(tmp_path / name)
