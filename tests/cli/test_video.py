"""`drivesal video` end to end."""

import csv
import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from drivesal.cli._video_summary import completeness
from drivesal.model.readers import load_model
from drivesal.model.shipped import asset
from tests.clips import cut, make_clip, overwrite_packets, times
from tests.conftest import terminated_once


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "run.mp4", 40)


def rows(path):
    with Path(path).open() as file:
        return list(csv.DictReader(file))


def left_behind(folder, *expected):
    return sorted(p.name for p in Path(folder).iterdir() if p.name not in expected)


def test_the_installed_command_writes_three_files_that_agree(drivesal, model_path, clip, tmp_path):
    done = drivesal("video", clip, "--model", model_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "40 frames" in done.stdout
    names = [f"run.saliency.{end}" for end in ("mp4", "csv", "json")]
    assert done.stdout.splitlines()[-3:] == names
    assert left_behind(tmp_path, "run.mp4") == sorted(names)
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    table = rows(tmp_path / "run.saliency.csv")
    assert facts["frames"] == len(table) == 40
    assert times(tmp_path / "run.saliency.mp4") == times(clip)
    assert facts["model"]["sha256"] == load_model(model_path).sha256
    assert facts["scale"]["increase"] == facts["scale"]["decrease"]
    assert facts["scale"]["increase"]["unit"] == "deg"
    assert facts["method"]["name"] == "integrated-gradients"
    assert facts["method"]["against"] == "the blurred image"
    with av.open(str(tmp_path / "run.saliency.mp4")) as video:
        stream = video.streams.video[0]
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.name == "h264"
        assert stream.width % 2 == stream.height % 2 == 0
    data = (tmp_path / "run.saliency.mp4").read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")  # faststart


def test_the_table_contains_the_models_predictions(inside, model_path, clip, tmp_path):
    assert inside("video", clip, "--model", model_path).code == 0
    model = load_model(model_path)
    with av.open(str(clip)) as video:
        images = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    expected = model.predict(np.stack([model.preprocess.prepare(image) for image in images]))
    found = [float(row["predicted_deg"]) for row in rows("run.saliency.csv")]
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_range_has_exactly_its_frames_and_starts_at_0(inside, model_path, clip, tmp_path):
    ran = inside("video", clip, "--model", model_path, "--start", "0.5s", "--end", "#31", "--every", 4)
    assert ran.code == 0, ran
    assert [int(row["frame"]) for row in rows("run.saliency.csv")] == [10, 14, 18, 22, 26, 30]
    assert [float(row["time_s"]) for row in rows("run.saliency.csv")] == pytest.approx(
        [0.5 + 0.2 * i for i in range(6)]
    )
    assert times(tmp_path / "run.saliency.mp4") == [Fraction(i, 5) for i in range(6)]


def test_labels_next_to_the_video_are_used_and_reported(inside, model_path, clip, tmp_path):
    lines = ["frame,steering_angle_rad", *(f"{i},{0.01 * i}" for i in range(30))]
    (tmp_path / "run.csv").write_text("\n".join(lines))
    ran = inside("video", clip, "--model", model_path)
    assert ran.code == 0, ran
    assert "30 labels" in ran.out
    assert "run.csv" in ran.out
    table = rows("run.saliency.csv")
    assert float(table[10]["truth_deg"]) == pytest.approx(np.degrees(0.1), rel=1e-4)
    assert table[35]["truth_deg"] == ""
    errors = [float(row["predicted_deg"]) - float(row["truth_deg"]) for row in table[:30]]
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts["errors"]["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-3)
    assert inside("video", clip, "--model", model_path, "--no-labels", "--out", "b.mp4").code == 0
    assert rows("b.csv")[10]["truth_deg"] == ""


def test_a_table_next_to_the_video_without_labels_is_ignored(inside, model_path, clip, tmp_path):
    (tmp_path / "run.csv").write_text("latitude,longitude\n1,2\n")
    ran = inside("video", clip, "--model", model_path, "--end", "#3")
    assert ran.code == 0, ran
    assert "run.csv beside the video is not used" in ran.err


def test_labels_of_another_kind_are_not_compared(inside, model_path, clip, tmp_path):
    (tmp_path / "x.csv").write_text("frame,angle\n0,0.1\n1,0.2\n")
    ran = inside("video", clip, "--model", model_path, "--labels", "x.csv", "--angle-unit", "norm")
    assert ran.code == 1
    assert "--full-lock" in ran.err
    assert left_behind(tmp_path, "run.mp4", "x.csv") == []


def test_maps_are_kept_as_float16(inside, model_path, clip):
    assert inside("video", clip, "--model", model_path, "--end", "#7", "--save-maps", "maps.npz").code == 0
    with np.load("maps.npz") as kept:
        assert kept["maps"].shape == (7, 24, 32, 3)
        assert kept["maps"].dtype == np.float16
        assert kept["frame"].tolist() == list(range(7))
        heat = np.maximum(kept["maps"].astype(np.float32).sum(axis=3), 0).sum(axis=(1, 2))
    totals = [float(row["increase_total"]) for row in rows("run.saliency.csv")]
    assert heat == pytest.approx(totals, rel=0.02)


def test_a_scale_can_be_reused(inside, model_path, clip, tmp_path):
    assert inside("video", clip, "--model", model_path, "--end", "#5").code == 0
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    facts["scale"]["increase"]["full"] = facts["scale"]["decrease"]["full"] = 123.0
    (tmp_path / "given.json").write_text(json.dumps(facts))
    ran = inside(
        "video", clip, "--model", model_path, "--end", "#5", "--scale-from", "given.json", "--out", "b.mp4"
    )
    assert ran.code == 0, ran
    assert json.loads((tmp_path / "b.json").read_text())["scale"]["increase"]["full"] == 123.0


def test_the_facts_carry_a_schema_and_those_of_a_newer_drivesal_are_refused(inside, model_path, clip, tmp_path):
    span = ("--end", "#2")
    assert inside("video", clip, "--model", model_path, *span).code == 0
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts.pop("schema") == 1
    again = ("video", clip, "--model", model_path, *span, "--scale-from", "given.json", "--out", "b.mp4")
    (tmp_path / "given.json").write_text(json.dumps(facts))  # as they were before they had a number
    assert inside(*again).code == 0
    (tmp_path / "given.json").write_text(json.dumps({**facts, "schema": 2}))
    ran = inside(*again, "--overwrite")
    assert (ran.code, ran.err) == (
        1,
        "drivesal: expected schema 1 or older in given.json, but it is 2; update drivesal\n",
    )


@pytest.mark.parametrize("layout", ["grid", "row", "single"])
@pytest.mark.parametrize("cases", ["increase", "increase,decrease,maintain,support"])
def test_layouts(inside, model_path, clip, tmp_path, layout, cases):
    arguments = ("--layout", layout, "--cases", cases, "--width", 961, "--end", "#4", "--json")
    ran = inside("video", clip, "--model", model_path, *arguments)
    assert ran.code == 0, ran
    summary = json.loads(ran.out)
    assert summary["input"] == str(clip)
    assert summary["frames"] == 4
    with av.open(summary["outputs"]["video"]) as video:
        assert video.streams.video[0].width == 960


def test_single_leaves_maintain_out_unless_it_is_named(inside, model_path, clip, tmp_path):
    arguments = ("--model", model_path, "--end", "#2", "--layout", "single", "--overwrite")
    facts = tmp_path / "run.saliency.json"
    assert inside("video", clip, *arguments).code == 0
    assert json.loads(facts.read_text())["cases"] == ["increase", "decrease"]
    assert inside("video", clip, *arguments, "--cases", "increase,maintain").code == 0
    assert json.loads(facts.read_text())["cases"] == ["increase", "maintain"]


def test_the_method_gradient(inside, model_path, clip, tmp_path):
    assert inside("video", clip, "--model", model_path, "--end", "#2", "--method", "gradient").code == 0
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts["scale"]["increase"]["unit"] == "deg per 1/255"
    assert "against" in facts["method"]
    assert facts["method"]["against"] is None


@pytest.mark.parametrize("colour", ["HSV", "HLS"])
def test_more_steps_are_not_suggested_for_jumps_of_the_hue(colour):
    facts = {"model": {"explained_unit": "deg", "card": {"preprocess": {"colour": colour}}}}
    facts["method"] = {"options": {"steps": 8}}
    text = completeness({"mean": 3.36, "largest": 14.2, "of": 9.8}, facts)
    assert text.startswith("completeness error: mean 3.36°, largest 14.2°; the score differs from ")
    assert f"by 9.8° on average (jumps of the hue in {colour} are not attributed" in text
    assert "reduce" not in text


def test_contributions_report_their_completeness_error(inside, model_path, clip, tmp_path):
    ran = inside(
        "video", clip, "--model", model_path, "--method", "integrated-gradients", "--steps", 8, "--end", "#6"
    )
    assert ran.code == 0, ran
    assert "completeness error: mean" in ran.out
    printed = json.loads((tmp_path / "run.saliency.json").read_text())["completeness_error"]
    whole = f"; the score differs from the baseline's by {printed['of']:.3g}° on average"
    assert f"{whole} (more --steps reduce it)" in ran.out
    row = rows("run.saliency.csv")[3]
    total = float(row["increase_total"]) - float(row["decrease_total"])
    missed = total - (float(row["predicted_deg"]) - float(row["baseline_deg"]))
    assert abs(missed) == pytest.approx(float(row["completeness_error_deg"]), abs=1e-3)


def test_several_inputs_one_of_them_bad(inside, model_path, clip, tmp_path):
    second = make_clip(tmp_path / "two.mp4", 5)
    ran = inside("video", clip, tmp_path / "missing.mp4", second, "--model", model_path)
    assert ran.code == 1
    assert "missing.mp4" in ran.err
    assert len(rows("run.saliency.csv")) == 40
    assert len(rows("two.saliency.csv")) == 5


def test_a_file_cut_in_the_middle_gives_what_can_be_read_and_exit_3(inside, model_path, tmp_path):
    clip = cut(make_clip(tmp_path / "run.mp4", 200), 0.5)
    ran = inside("video", clip, "--model", model_path)
    assert ran.code == 3, ran
    assert "lost" in ran.out
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts["losses"]
    assert 50 < facts["frames"] == len(times(tmp_path / "run.saliency.mp4")) < 200
    ran = inside("video", clip, "--model", model_path, "--strict", "--out", "b.mp4")
    assert ran.code == 1
    assert not (tmp_path / "b.mp4").exists()


def test_frames_that_do_not_decode_keep_the_labels_of_the_others_in_place(inside, model_path, tmp_path):
    clip = make_clip(tmp_path / "run.mp4", 60, gop=10, bframes=0)
    overwrite_packets(clip, [25, 26])
    (tmp_path / "run.csv").write_text("\n".join(["frame,angle_deg", *(f"{i},{i}" for i in range(60))]))
    ran = inside("video", clip, "--model", model_path)
    assert ran.code == 3, ran
    assert all(float(row["truth_deg"]) == int(row["frame"]) for row in rows("run.saliency.csv"))


NOT_VIDEOS = {
    "missing": lambda path: None,
    "folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("frame,angle\n" * 50),
    "random": lambda path: path.write_bytes(np.random.default_rng(0).bytes(20000)),
}


@pytest.mark.parametrize("kind", NOT_VIDEOS)
def test_an_invalid_video_gets_one_line(inside, model_path, tmp_path, kind):
    path = tmp_path / "in" / "bad.mp4"
    path.parent.mkdir()
    NOT_VIDEOS[kind](path)
    ran = inside("video", path, "--model", model_path)
    assert ran.code == 1, ran
    assert ran.err.startswith("drivesal: expected ")
    assert ran.err.count("\n") == 1
    assert left_behind(tmp_path, "in") == []


def test_outputs_are_checked_first(inside, model_path, clip, tmp_path):
    (tmp_path / "run.saliency.csv").write_text("mine")
    cases = {
        ("--out", "run.mp4"): "is",
        ("--out", "nowhere/x.mp4"): "does not exist",
        ("--out", "x.avi"): ".mp4",
        (): "--overwrite",
    }
    for arguments, message in cases.items():
        ran = inside("video", clip, "--model", model_path, *arguments)
        assert ran.code == 1, ran
        assert message in ran.err
    assert (tmp_path / "run.saliency.csv").read_text() == "mine"
    assert left_behind(tmp_path, "run.mp4") == ["run.saliency.csv"]
    assert inside("video", clip, "--model", model_path, "--end", "#3", "--overwrite").code == 0
    assert len(rows("run.saliency.csv")) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--start", "1:00"], "to 1.950 s"),
        (["--method", "gradent"], "did you mean gradient"),
        (["--samples", "5"], "--samples was given"),
        (["--cases", "increase,decreese"], "did you mean decrease"),
        (["--crop", "60"], "crop"),
        (["--crop", "5:2"], "crop"),
        (["--labels", "x.csv", "--no-labels"], "leave one out"),
        (["--label-offset", "1"], "labels for --label-offset"),
        (["--method", "integrated-gradients", "--steps", "100000"], "steps"),
        (["--input-scale", "x"], "LOW..HIGH"),
        (["--scale-from", "none.json"], "cannot be read"),
        (["--colormap", "virids"], "viridis"),
        (["--labels", "none.csv"], "none.csv"),
        (["--method", "integrated-gradients", "--baseline", "none.png"], "baseline"),
        (["--crop", "60:-60"], "a frame is 96x64"),
    ],
)
def test_options_that_cannot_be_used_get_one_line(inside, model_path, clip, tmp_path, arguments, message):
    ran = inside("video", clip, "--model", model_path, *arguments)
    assert ran.code == 1, ran
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert left_behind(tmp_path, "run.mp4") == []


@pytest.mark.parametrize(
    "arguments",
    [["--start", "soon"], ["--start", "1:75"], ["--every", "0"], ["--crf", "99"], ["--layout", "x"], []],
)
def test_usage_errors_exit_2(inside, arguments):
    inputs = ["run.mp4"] if arguments else []
    assert inside("video", *inputs, *arguments).code == 2


def test_assumptions_about_a_model_without_card_are_reported_everywhere(inside, clip, tmp_path):
    from tests.models import convolutional

    convolutional().save(tmp_path / "bare.keras")
    ran = inside("video", clip, "--model", "bare.keras", "--end", "#4")
    assert ran.code == 0, ran
    assert "assumed of the model: unit unknown (norm)" in ran.out
    assert json.loads((tmp_path / "run.saliency.json").read_text())["model"]["assumed"]
    assert "predicted_norm" in rows("run.saliency.csv")[0]


def as_in_a_terminal():
    """Restore the default signals: processes started in the background ignore SIGINT and SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("long") / "run.mp4", 4000, gop=250)


def test_terminated_it_leaves_nothing_behind(inside, model_path, long_clip, tmp_path):
    with terminated_once(lambda: list(tmp_path.glob("*.part-*.mp4"))):
        ran = inside(
            "video", long_clip, "--model", model_path, "--preset", "slow", "--quiet", "--out", "over.mp4"
        )
    assert ran.code == 143, ran
    assert ran.err.strip() == "drivesal: stopped; unfinished results were not written"
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_stop_leaves_nothing_behind(model_path, long_clip, tmp_path, stop, code):
    command = [
        Path(sys.executable).with_name("drivesal"),
        "video",
        long_clip,
        "--model",
        model_path,
        "--out",
        "over.mp4",
        "--preset",
        "slow",
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=as_in_a_terminal
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.part-*.mp4")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    asked = time.monotonic()
    process.send_signal(stop)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert time.monotonic() - asked < 5  # a second or two on a quiet machine
    assert err.strip() == "drivesal: stopped; unfinished results were not written"
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("stage", ["prepare", "explain_batch", "paint", "write_planes", "add"])
def test_an_exception_in_any_stage_ends_the_run(inside, model_path, clip, tmp_path, monkeypatch, stage):
    from drivesal.errors import DrivesalError
    from drivesal.explanation import explainer
    from drivesal.export import mp4 as video
    from drivesal.export import table
    from drivesal.model.preprocess import Preprocess
    from drivesal.rendering import painter

    homes = {
        "prepare": Preprocess,
        "explain_batch": explainer.Explainer,
        "paint": painter.Painter,
        "write_planes": video.VideoWriter,
        "add": table.Table,
    }
    original, calls = getattr(homes[stage], stage), []

    def dying(*arguments):
        calls.append(1)
        # prepare and explain_batch run for the probe too: die later, in their thread
        if len(calls) > {"prepare": 45, "explain_batch": 2}.get(stage, 10):
            raise DrivesalError("a test", "a stage died", "nothing")
        return original(*arguments)

    monkeypatch.setattr(homes[stage], stage, dying)
    ran = inside("video", clip, "--model", model_path)
    assert ran.code == 1, ran
    assert "a stage died" in ran.err
    assert left_behind(tmp_path, "run.mp4") == []


def test_a_full_disk(model_path, clip, tmp_path):
    # a limit on a file's size is what a full disk looks like to a process, and needs no rights to set up
    script = Path(sys.executable).with_name("drivesal")
    command = f"ulimit -f 64; exec {script} video run.mp4 --model {model_path} --method gradient --crf 0"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "the file may not grow" in done.stderr
    assert done.stderr.count("\n") == 1
    assert left_behind(tmp_path, "run.mp4") == []


def test_the_sample_and_the_default_model(inside):
    ran = inside("video", asset("data", "run.mp4"), "--end", "2s", "--width", 640)
    assert ran.code == 0, ran
    assert "40 frames" in ran.out
    assert "assumed of the model" not in ran.out
    assert "RMSE" in ran.out


def test_a_real_drive(inside, shared, tmp_path):
    span = ("--start", "2:42", "--end", "2:46", "--method", "gradient", "--width", 640)
    ran = inside("video", shared / "udacity_ch2" / "run.mp4", *span, "--json")
    assert ran.code == 0, ran
    summary = json.loads(ran.out)
    assert summary["frames"] == summary["labelled_frames"] == 80
    truth = [float(row["truth_deg"]) for row in rows(tmp_path / "run.saliency.csv")]
    assert summary["errors"]["rmse"] < 0.6 * np.sqrt(np.mean(np.square(truth)))


def test_a_drive_without_labels(inside, shared, tmp_path):
    ran = inside("video", shared / "highway.mp4", "--end", "#20", "--layout", "single")
    assert ran.code == 0, ran
    assert "RMSE" not in ran.out
    assert len(times(tmp_path / "highway.saliency.mp4")) == 20


def test_a_missing_system_library_gets_one_line(inside, clip, monkeypatch):
    from drivesal.cli import video

    def load(*_):
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(video, "_render", load)
    ran = inside("video", clip)
    assert ran.code == 1
    assert "libGL.so.1" in ran.err
    assert "apt-get install libgl1" in ran.err
    assert ran.err.count("\n") == 1


def test_no_output_replaces_a_file_that_is_read(inside, model_path, tmp_path):
    clip = make_clip(tmp_path / "run.mkv", 5)
    labels = "frame,angle_deg\n0,1\n1,2\n"
    (tmp_path / "run.csv").write_text(labels)
    ran = inside("video", clip, "--model", model_path, "--out", "run.mp4", "--overwrite")
    assert ran.code == 1, ran
    assert "not an input" in ran.err
    assert (tmp_path / "run.csv").read_text() == labels


def test_a_range_that_does_not_decode_gets_one_line(inside, model_path, tmp_path):
    clip = make_clip(tmp_path / "run.mp4", 60, gop=10, bframes=0)
    overwrite_packets(clip, list(range(20, 30)))
    for arguments in (["--start", "#20", "--end", "#30"], ["--start", "#21", "--every", "100"]):
        ran = inside("video", clip, "--model", model_path, *arguments)
        assert ran.code == 1, ran
        assert "can be decoded" in ran.err
        assert left_behind(tmp_path, "run.mp4") == []


def test_labels_at_the_road_wheels_are_not_compared_with_a_steering_wheel(inside, model_path, clip, tmp_path):
    (tmp_path / "x.csv").write_text("frame,angle_deg\n0,1\n1,2\n")
    ran = inside("video", clip, "--model", model_path, "--labels", "x.csv", "--label-turns", "road-wheels")
    assert ran.code == 1
    assert "road wheels" in ran.err
    assert "--steering-ratio" in ran.err


def test_the_definition_of_maintain_is_kept_with_its_scale(inside, model_path, clip, tmp_path):
    assert inside("video", clip, "--model", model_path, "--end", "#4", "--maintain", "contrast").code == 0
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts["scale"]["maintain"]["unit"] == "contrast"
    assert facts["span"] == {"start": None, "end": 4, "every": 1}
    ran = inside("video", clip, "--model", model_path, "--scale-from", "run.saliency.json", "--out", "b.mp4")
    assert ran.code == 1
    assert "'contrast'" in ran.err


def test_a_model_that_reacts_to_nothing_is_reported(inside, clip, tmp_path):
    from tests.models import linear, steering

    flat = linear(np.zeros((6, 8, 3), np.float32))
    steering(flat).save(tmp_path / "flat.keras")
    ran = inside("video", clip, "--model", "flat.keras", "--end", "#4")
    assert ran.code == 0, ran
    sentence = "no heat at all for increase, decrease, maintain: the prediction did not react to any pixel"
    assert f"drivesal: run.mp4: {sentence}" in ran.err
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts["uninformative"] == [sentence]
    assert sentence in facts["notes"]


def test_one_map_for_every_frame_is_reported(inside, clip, tmp_path):
    from tests.models import linear, steering

    steering(linear()).save(tmp_path / "linear.keras")
    message = "the map is the same on every frame (r ≥ 0.999): this network is almost linear here"
    ran = inside("video", clip, "--model", "linear.keras", "--method", "gradient", "--end", "#8")
    assert ran.code == 0, ran
    assert message in ran.err
    assert any(message in note for note in json.loads((tmp_path / "run.saliency.json").read_text())["notes"])
    ran = inside("image", clip, "--at", "#3", "--model", "linear.keras", "--method", "gradient", "--json")
    assert message in ran.err
    assert any(message in note for note in json.loads(ran.out)["notes"])


@pytest.mark.parametrize(
    "closed", [*(pytest.param(one, marks=pytest.mark.slow) for one in ("2>&-", ">&-")), "<&- >&- 2>&-"]
)
def test_closed_streams_do_not_matter(model_path, clip, tmp_path, closed):
    script = Path(sys.executable).with_name("drivesal")
    command = f"{script} video run.mp4 --model {model_path} --method gradient --end '#3' {closed}"
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False).returncode == 0
    assert len(rows(tmp_path / "run.saliency.csv")) == 3


def test_a_summary_that_cannot_be_printed_keeps_the_results(model_path, clip, tmp_path):
    script = Path(sys.executable).with_name("drivesal")
    command = f"{script} video run.mp4 --model {model_path} --method gradient --end '#3' >/dev/full"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "all files are written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(rows(tmp_path / "run.saliency.csv")) == 3
