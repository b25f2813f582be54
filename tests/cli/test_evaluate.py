"""`drivesal evaluate` through the command, on small synthetic recordings and on a real drive."""

from __future__ import annotations

import csv
import dataclasses
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from drivesal.evaluation.report import columns
from drivesal.export.table import Units
from drivesal.model.readers import load_model
from drivesal.model.shipped import asset
from tests.clips import make_clip, overwrite_packets
from tests.models import convolutional, steering
from tests.recordings.drives import images, simulator, sully, tub

NAMES = [f"small.run.evaluation.{ending}" for ending in ("csv", "json", "png")]


def rows(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def there(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def predictions(model_path, clip):
    """The prediction and brightness of every frame, without the code under test."""
    model = load_model(model_path)
    with av.open(str(clip)) as video:
        pictures = [model.prepare(frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]
    return model.predict(np.stack(pictures)).astype(float), np.stack(pictures).mean(axis=(1, 2, 3))


def label(path, angles):
    """A table of labels; None leaves a frame out."""
    lines = [f"{place},{angle:.9f}" for place, angle in enumerate(angles) if angle is not None]
    path.write_text("\n".join(["frame,steering_angle_deg", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory, model_path):
    """A clip of 12 s whose labels are the model's predictions, but 15° further right from 4 s to 7 s."""
    folder = tmp_path_factory.mktemp("made")
    clip = make_clip(folder / "run.mp4", 120, rate=10)
    predicted, bright = predictions(model_path, clip)
    planted = np.zeros(120)
    planted[40:70] = 15
    return clip.read_bytes(), predicted, predicted - planted, bright


@pytest.fixture
def clip(tmp_path, made):
    path = tmp_path / "run.mp4"
    path.write_bytes(made[0])
    label(tmp_path / "run.csv", made[2])
    return path


def test_the_installed_command_writes_three_files_that_agree(drivesal, model_path, clip, tmp_path, made):
    _, predicted, truth, bright = made
    done = drivesal("evaluate", model_path, clip)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()  # the labels are synthetic, and the frames show no road
    assert line.startswith("drivesal: the model steers opposite to the labels: r -0.26 over 120 labels")
    assert "whether they fit the images is undecided" in line
    assert sorted(done.stdout.splitlines()[-3:]) == NAMES
    assert there(tmp_path) == sorted([*NAMES, "run.csv", "run.mp4"])
    table = rows(tmp_path / NAMES[0])
    assert list(table[0]) == columns(Units("deg"))
    assert [int(row["frame"]) for row in table] == list(range(120))
    assert [float(row["time_s"]) for row in table] == pytest.approx(np.arange(120) / 10)
    for name, values in (("predicted_deg", predicted), ("truth_deg", truth), ("brightness", bright)):
        assert [float(row[name]) for row in table] == pytest.approx(values, rel=1e-4, abs=1e-4), name
    facts = json.loads((tmp_path / NAMES[1]).read_text())
    assert facts["unit"] == "deg"
    assert facts["errors"]["frames"] == 120
    assert facts["errors"]["rmse"] == pytest.approx(15 * 0.5, rel=1e-4)
    assert facts["errors"]["mean_absolute"] == pytest.approx(15 / 4, rel=1e-4)
    assert facts["errors"]["bias"] == pytest.approx(15 / 4, rel=1e-4)
    assert facts["always_0"]["rmse"] == pytest.approx(np.sqrt(np.mean(truth**2)), rel=1e-4)
    assert facts["last_label"]["rmse"] == pytest.approx(np.sqrt(np.mean(np.diff(truth) ** 2)), rel=1e-4)
    assert facts["last_label"]["step_s"] == pytest.approx(0.1)
    straight = facts["by_steering"]["bands"]["straight"]
    assert straight["frames"] == np.count_nonzero(np.abs(truth) < 5)
    for part in ("by_steering", "by_brightness"):
        assert sum(band["frames"] for band in facts[part]["bands"].values()) == 120
    for text in ("RMSE", "7.50°", "left +", "sharp right", "20° and more", "below 60 of 255"):
        assert text in done.stdout
    assert cv2.imread(str(tmp_path / NAMES[2])).shape[1] == 1210


@pytest.mark.usefixtures("quick_search")
def test_the_worst_segment_has_the_error_and_its_command_works(inside, model_path, clip, tmp_path, made):
    table = tmp_path / "given.csv"
    lines = [f"{place},{angle:.9f},99" for place, angle in enumerate(made[2])]
    table.write_text("\n".join(["frame,mine,steering_angle", *lines]) + "\n")
    (tmp_path / "run.csv").unlink()
    quoted = tmp_path / "my drive's run.mp4"
    clip.rename(quoted)
    options = [
        "--labels",
        table,
        "--angle-column",
        "mine",
        "--angle-unit",
        "deg",
        "--format",
        "video",
        "--every",
        2,
    ]
    ran = inside("evaluate", model_path, quoted, *options, "--json", "--quiet")
    assert ran.code == 0, ran
    first = json.loads(ran.out)["worst"][0]
    assert first["start_s"] <= 4
    assert first["end_s"] >= 7
    assert first["share"] == pytest.approx(1)
    assert first["bias"] == pytest.approx(15 * 15 / first["frames"], rel=1e-3)
    words = shlex.split(first["command"])
    assert words[:3] == ["drivesal", "video", str(quoted)]
    assert "--every" not in words
    shown = inside(*words[1:], "--method", "gradient")
    assert shown.code == 0, shown
    found = rows(tmp_path / f"small.{quoted.stem}.worst-1.csv")
    places = [int(row["frame"]) for row in found]
    assert places == list(range(places[0], places[0] + len(places)))
    assert places[0] <= 40
    assert places[-1] >= 69
    assert len(places) <= 53
    off = {int(row["frame"]): float(row["error_deg"]) for row in found}
    assert [off[frame] for frame in range(40, 70)] == pytest.approx([15] * 30, abs=0.01)


@pytest.mark.usefixtures("quick_search")
def test_own_labels_of_another_kind_are_only_correlated(inside, tmp_path, model_path):
    steering = [f"{0.1 * (i % 7):.1f}" for i in range(30)]
    simulator(tmp_path / "monday", [100 * i for i in range(30)], steering)
    refused = inside("evaluate", model_path, "monday", "--fail-above", "3")
    assert refused.code == 1
    assert "--steering-ratio" in refused.err
    assert there(tmp_path) == ["monday"]
    ran = inside("evaluate", model_path, "monday")
    assert ran.code == 0, ran
    assert "--steering-ratio" in ran.out
    facts = json.loads((tmp_path / "small.monday.evaluation.json").read_text())
    assert facts["labels"]["compared"] is False
    assert facts["labels"]["kind"] == {"unit": "deg", "turns": "road-wheels"}
    assert facts["errors"]["rmse"] is None
    assert facts["worst"] == []
    table = rows(tmp_path / "small.monday.evaluation.csv")
    assert {row["error_deg"] for row in table} == {""}
    pairs = [[float(row[name]) for row in table] for name in ("predicted_deg", "truth_deg_road_wheels")]
    assert facts["errors"]["correlation"] == pytest.approx(np.corrcoef(*pairs)[0, 1], abs=1e-3)
    (tmp_path / "labels.csv").write_text("frame,angle_deg\n0,1\n1,2\n")
    named = ("--labels", "labels.csv", "--label-turns", "road-wheels", "--overwrite")
    assert inside("evaluate", model_path, "monday", *named).code == 1


@pytest.mark.usefixtures("quick_search")
def test_every_command_of_several_recordings_works_also_with_another_kind_of_angle(
    inside, tmp_path, model_path
):
    for name in ("monday", "tuesday"):
        simulator(tmp_path / name, [100 * i for i in range(30)], ["0.2"] * 30)
    ran = inside("evaluate", model_path, "monday", "tuesday", "--steering-ratio", 10, "--camera", "left")
    assert ran.code == 0, ran
    table = rows(tmp_path / "small.monday+1.evaluation.csv")
    assert [row["recording"] for row in table] == ["monday"] * 30 + ["tuesday"] * 30
    assert {float(row["truth_deg"]) for row in table} == {-0.2 * 25 * 10}  # the simulator's right is positive
    facts = json.loads((tmp_path / "small.monday+1.evaluation.json").read_text())
    assert [one["errors"]["frames"] for one in facts["recordings"]] == [30, 30]
    assert facts["last_label"]["frames"] == 58  # not across recordings
    assert facts["by_steering"]["bands"]["sharp right"]["frames"] == 60
    assert len(facts["worst"]) == 2
    for one in facts["worst"]:
        words = shlex.split(one["command"])
        assert "--camera" in words
        shown = inside(*words[1:], "--method", "gradient")
        assert shown.code == 0, shown


def test_predictions_without_a_scale_stay_norm(inside, tmp_path):
    model = steering(convolutional(), scale=1 / 255)
    target = dataclasses.replace(model.card.target, angle=_norm())
    card = dataclasses.replace(model.card, target=target)
    type(model)(model.network, card).save(tmp_path / "norm.keras")
    tub(tmp_path / "tub", 20)
    ran = inside("evaluate", "norm.keras", "tub", "--out", "found.csv", "--fail-above", "1000")
    assert ran.code == 0, ran
    assert there(tmp_path) == [
        "found.csv",
        "found.json",
        "found.png",
        "norm.keras",
        "norm.keras.card.json",
        "tub",
    ]
    assert "°" not in ran.out
    assert "norm" in ran.out
    assert list(rows("found.csv")[0]) == columns(Units("norm"))
    facts = json.loads(Path("found.json").read_text())
    assert (facts["unit"], facts["by_steering"]["limits"]) == ("norm", [0.05, 0.25])


def _norm() -> Any:
    from drivesal.angle import AngleSpec

    return AngleSpec("norm")


@pytest.mark.usefixtures("quick_search")
def test_fail_above_both_ways(inside, model_path, clip, tmp_path):
    passed = inside("evaluate", model_path, clip, "--fail-above", "7.6")
    assert passed.code == 0, passed
    failed = inside("evaluate", model_path, clip, "--fail-above", "7.4", "--overwrite")
    assert failed.code == 1
    _, line = failed.err.splitlines()  # the first warns about the labels
    assert "at most 7.4°" in line
    assert "7.5" in line
    assert sorted(failed.out.splitlines()[-3:]) == NAMES
    assert set(NAMES) <= set(there(tmp_path))


def test_json_on_stdout_is_what_the_file_holds(inside, model_path, clip, tmp_path):
    ran = inside("evaluate", model_path, clip, "--json", "--worst", "0", "--start", "#10", "--end", "2s")
    assert ran.code == 0, ran
    printed = json.loads(ran.out)
    outputs = printed.pop("outputs")
    assert sorted(outputs.values()) == NAMES
    assert printed == json.loads(Path(outputs["json"]).read_text())
    assert printed["worst"] == []
    assert printed["span"] == {"start": 10, "end": 2.0, "every": 1}
    assert [int(row["frame"]) for row in rows(outputs["csv"])] == list(range(10, 20))


@pytest.mark.usefixtures("quick_search")
def test_frames_without_a_label_are_left_out_and_never_bridged(inside, model_path, clip, tmp_path, made):
    truth = [None if 30 <= i < 50 or i == 100 else angle for i, angle in enumerate(made[2])]
    label(tmp_path / "run.csv", truth)
    ran = inside("evaluate", model_path, clip, "--json")
    assert ran.code == 0, ran
    facts = json.loads(ran.out)
    assert facts["errors"]["frames"] == 99
    assert facts["last_label"]["frames"] == 99 - 3
    assert facts["recordings"][0]["runs"] == 2
    assert all(one["end_s"] <= 3.01 or one["start_s"] >= 4.99 for one in facts["worst"])


@pytest.mark.usefixtures("quick_search")
def test_damage_is_reported_and_the_rest_is_measured(inside, model_path, clip, tmp_path):
    overwrite_packets(clip, [25, 26])
    ran = inside("evaluate", model_path, clip)
    assert ran.code == 3, ran
    assert "lost: " in ran.out
    facts = json.loads((tmp_path / NAMES[1]).read_text())
    assert facts["recordings"][0]["losses"]
    assert 0 < facts["errors"]["frames"] < 120
    strict = inside("evaluate", model_path, clip, "--strict", "--out", "b")
    assert strict.code == 1
    assert "b.json" not in there(tmp_path)
    both = inside("evaluate", model_path, clip, "--overwrite", "--fail-above", "1")
    assert both.code == 1


MISTAKES = {
    "no labels": ([], "has none"),
    "--no-labels": (["--no-labels"], "leave it out"),
    "nothing labelled there": (["--start", "#5"], "none of its 7 frames has a label"),
    "an empty span": (["--start", "5", "--end", "5"], "matches none of them"),
    "beyond the end": (["--start", "1:00"], "matches none of them"),
    "not a number": (["--fail-above", "nan"], "a number for --fail-above"),
    "an input": (["--out", "run.csv", "--overwrite"], "is not an input"),
    "no folder": (["--out", "gone/found"], "gone does not exist"),
    "two recordings and one table": (["run.mp4", "--labels", "run.csv"], "--labels with one recording"),
    "no such recording": (["gone.mp4"], "gone.mp4 does not exist"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_one_line_and_leave_nothing(case, inside, model_path, tmp_path):
    arguments, message = MISTAKES[case]
    make_clip(tmp_path / "run.mp4", 12)
    if case != "no labels":
        label(tmp_path / "run.csv", [1.0] * 4)
    before = there(tmp_path)
    ran = inside("evaluate", model_path, "run.mp4", *arguments)
    assert ran.code == 1, ran
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1, ran.err
    assert ran.out == ""
    assert there(tmp_path) == before


def test_existing_files_stay_without_overwrite(inside, model_path, clip, tmp_path):
    (tmp_path / NAMES[2]).write_text("mine")
    ran = inside("evaluate", model_path, clip)
    assert ran.code == 1
    assert "--overwrite" in ran.err
    assert there(tmp_path) == sorted([NAMES[2], "run.csv", "run.mp4"])


def test_a_recording_as_model_is_an_error(inside, tmp_path, clip):
    ran = inside("evaluate", clip, clip)
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert inside("evaluate", clip).code == 2


def test_images_in_a_folder_have_no_labels(inside, model_path, tmp_path):
    images(tmp_path / "frames", 3)
    ran = inside("evaluate", model_path, "frames")
    assert ran.code == 1
    assert "--labels" in ran.err


def test_a_real_drive(inside, shared, tmp_path):
    drive = shared / "udacity_ch2" / "run.mp4"
    ran = inside("evaluate", "default", drive, "--start", "2:00", "--end", "2:30", "--every", "5", "--json")
    assert ran.code == 0, ran
    facts = json.loads(ran.out)
    assert facts["errors"]["frames"] == 120
    assert 2 < facts["errors"]["rmse"] < 6
    assert facts["errors"]["rmse"] < facts["always_0"]["rmse"] * 0.7
    assert facts["last_label"]["step_s"] == pytest.approx(0.25, abs=0.001)
    assert facts["last_label"]["frames"] == 119
    worst = facts["worst"][0]
    assert worst["start_s"] == pytest.approx(129.5, abs=2)
    assert "--model" not in worst["command"]


def test_the_shipped_sample(inside):
    ran = inside("evaluate", "default", asset("data", "run.mp4"), "--every", "20", "--json")
    assert ran.code == 0, ran
    assert Path("pilotnet.run.evaluation.png").is_file()


@pytest.mark.usefixtures("quick_search")
@pytest.mark.parametrize(
    ("more", "options"),
    [
        pytest.param(("--model-positive", "right"), "--model-positive left", marks=pytest.mark.slow),
        pytest.param(("--crop", "-150:0"), "--crop 0.42:0.92", marks=pytest.mark.slow),
        ((), None),
    ],
)
def test_a_model_that_does_not_see_a_real_road(inside, shared, more, options):
    drive = shared / "udacity_ch2" / "run.mp4"
    command = ("evaluate", "default", drive, "--start", "30s", "--end", "70s", "--every", "4", "--quiet")
    ran = inside(*command, "--out", "a", *more)
    assert ran.code == 0, ran
    facts = json.loads(Path("a.json").read_text())
    if options is None:
        assert facts["blind"] is None
        assert ran.err == ""
        return
    (warning,) = [note for note in facts["notes"] if note.startswith("the model ")]
    assert f"; with {options} r is 0." in warning
    assert "which fit the images (r 0." in warning
    assert warning in ran.out.splitlines()
    assert f"drivesal: {warning}\n" in ran.err
    search = facts["blind"]["search"]
    assert search["best"]["options"] == [options]
    # pasted, it gives what was promised
    ran = inside(*command, "--out", "b", *more, *options.split())
    assert ran.code == 0, ran
    right = json.loads(Path("b.json").read_text())
    assert right["blind"] is None
    assert right["errors"]["correlation"] == pytest.approx(search["best"]["correlation"], abs=0.05)


@pytest.mark.usefixtures("quick_search")
def test_a_model_that_is_no_better_than_always_0_is_said_to_be(
    model_path: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    """An untrained one, with the figures of both; labels of a wheel are no pulses."""
    sully(tmp_path / "drive", 60)
    done = inside("evaluate", model_path, "drive", "--out", "found")
    facts = json.loads((tmp_path / "found.json").read_text())
    rmse, still = facts["errors"]["rmse"], facts["always_0"]["rmse"]
    assert facts["gain"]["low"] <= 0
    assert f"better than always 0: RMSE {rmse:.3g}° against {still:.3g}°" in done.out
    assert "pulses" not in done.out
    assert facts["labels"]["smoothed_s"] is None
