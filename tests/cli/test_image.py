import json

import cv2
import numpy as np
import pytest

from drivesal.explanation.study import ProbeBudget
from drivesal.types import Frame
from tests.clips import make_clip, picture


@pytest.fixture
def still(tmp_path):
    path = tmp_path / "frame.png"
    cv2.imwrite(str(path), picture(5)[..., ::-1])
    return path


def test_a_frame_of_a_video(inside, model_path, tmp_path):
    make_clip(tmp_path / "run.mp4", 40)
    (tmp_path / "run.csv").write_text("\n".join(["frame,angle_deg", *(f"{i},{i / 2}" for i in range(40))]))
    ran = inside("image", "run.mp4", "--at", "1.5", "--model", model_path, "--out", "f.png", "--json")
    assert ran.code == 0, ran
    printed = json.loads(ran.out)
    assert (printed["frame"], printed["time_s"], printed["truth"]) == (30, 1.5, 15.0)
    assert not any(
        "the scale comes from" in note for note in printed["notes"]
    )  # one pass per frame: scale of the whole video
    figure = cv2.imread("f.png")
    assert figure.shape[1] % 2 == 0
    ran = inside("video", "run.mp4", "--model", model_path, "--start", "#30", "--end", "#31")
    assert ran.code == 0, ran
    row = (tmp_path / "run.saliency.csv").read_text().splitlines()[1].split(",")
    assert printed["predicted"] == pytest.approx(float(row[2]), rel=1e-4)


def test_a_single_image(drivesal, model_path, still, tmp_path):
    done = drivesal("image", still, "--model", model_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "frame.saliency.png"
    figure = cv2.imread(str(tmp_path / "frame.saliency.png"))
    assert figure.std() > 10


def test_layouts_and_formats(inside, model_path, still):
    for layout, name in (("grid", "a.png"), ("row", "b.jpg"), ("single", "c.jpeg")):
        assert inside("image", still, "--model", model_path, "--layout", layout, "--out", name).code == 0
        assert cv2.imread(name) is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frame.png", "--out", "x.gif"], "end in .png or .jpg"),
        (["frame.png", "--out", "frame.png"], "not an input"),
        (["frame.png", "--out", "no/x.png"], "does not exist"),
        (["frame.png", "--cases", "support"], "small.keras has no card with a mean image"),
        (["run.mp4"], "--at"),
        (["run.mp4", "--at", "#40"], "40 frames"),
        (["run.mp4", "--at", "1:00"], "40 frames"),
        (["broken.jpg"], "broken.jpg"),
    ],
)
def test_mistakes_get_one_line(inside, model_path, still, tmp_path, arguments, message):
    make_clip(tmp_path / "run.mp4", 40)
    (tmp_path / "broken.jpg").write_bytes(np.random.default_rng(0).bytes(500))
    before = sorted(p.name for p in tmp_path.iterdir())
    ran = inside("image", *arguments, "--model", model_path)
    assert ran.code == 1, ran
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_contributions_of_an_image_report_their_completeness_error(inside, model_path, still):
    arguments = ("--method", "integrated-gradients", "--steps", 8, "--baseline", "black")
    ran = inside("image", still, "--model", model_path, *arguments, "--json")
    assert ran.code == 0, ran
    printed = json.loads(ran.out)
    total = printed["totals"]["increase"] - printed["totals"]["decrease"]
    missed = abs(total - (printed["predicted"] - printed["baseline"]))
    assert missed == pytest.approx(printed["completeness_error"], abs=1e-3)
    ran = inside("image", still, "--model", model_path, *arguments, "--overwrite")
    change = abs(printed["predicted"] - printed["baseline"])
    assert f"completeness error {printed['completeness_error']:.3g}° of a change of {change:.3g}°" in ran.out


def test_a_single_image_has_no_frame_and_no_time(inside, model_path, still):
    ran = inside("image", still, "--model", model_path, "--quiet")
    assert ran.code == 0, ran
    assert ran.out.startswith("frame.png: ")
    assert "at 0.00 s" not in ran.out


def test_the_scale_of_a_costly_method_comes_from_a_few_frames_and_is_reported(inside, model_path, tmp_path):
    make_clip(tmp_path / "run.mp4", 60)
    costly = ("--method", "smoothgrad", "--cases", "increase", "--samples", 64)
    ran = inside("image", "run.mp4", "--at", "#7", "--model", model_path, "--json", *costly)
    assert ran.code == 0, ran
    notes = json.loads(ran.out)["notes"]
    assert any("the scale comes from 8 frames spread over the clip" in note for note in notes)


def test_frames_of_a_small_probe_are_spread_over_the_clip():
    spread = ProbeBudget(passes=100, least=3)
    frames = [
        Frame(i, i / 20, np.zeros((2, 2, 3), np.uint8)) for i in [0, 500, 1000, 1500, 2000, *range(1, 60)]
    ]
    assert spread.choose(frames, 1) == frames
    assert [frame.index for frame in spread.choose(frames, 25)] == [59, 500, 1000, 1500]
    assert len(spread.choose(frames, 10_000)) == 3
