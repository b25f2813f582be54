"""Names and folders of results."""

import json
from pathlib import Path

import pytest

from drivesal.cli._output_paths import output_names
from drivesal.errors import OutputError
from drivesal.io.outputs import Outputs
from tests.clips import make_clip


def touched(folder, *names):
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["run.mp4"], ["run"]),
        (["a.mp4", "b.mp4"], ["a", "b"]),
        (["a.avi", "a.mov"], ["a.avi", "a.mov"]),
        (["monday/run.mp4", "tuesday/run.mp4"], ["monday-run", "tuesday-run"]),
        (["x/a/1.mp4", "y/a/1.mp4", "y/b/2.mp4"], ["x-a-1", "y-a-1", "2"]),
    ],
)
def test_names_are_unique(tmp_path, given, names):
    assert output_names(touched(tmp_path, *given)) == names


def test_folders_of_one_name_and_one_path_twice(tmp_path):
    for name in ("x/tub", "y/tub"):
        (tmp_path / name).mkdir(parents=True)
    paths = [tmp_path / "x" / "tub", tmp_path / "y" / "tub"]
    assert output_names(paths) == ["x-tub", "y-tub"]
    assert len(set(output_names([paths[0], paths[0]]))) == 2


def test_each_of_two_videos_of_one_name_has_its_own_results(inside, model_path, tmp_path):
    for name in ("a.avi", "a.mov", "b.mp4"):
        make_clip(tmp_path / name, 4)
    for name in ("a.avi", "a.mov"):  # one after the other
        ran = inside("video", name, "--model", model_path)
        assert ran.code == 0, ran
    ran = inside("video", "a.avi", "a.mov", "b.mp4", "--model", model_path, "--out", "both/")
    assert ran.code == 0, ran
    names = {"a.avi.saliency.mp4", "a.mov.saliency.mp4"}
    assert names < {path.name for path in tmp_path.iterdir()}
    assert names | {"b.saliency.mp4"} < {path.name for path in (tmp_path / "both").iterdir()}
    ran = inside("video", "b.mp4", "./b.mp4", "--model", model_path)
    assert ran.code == 2
    assert "given twice" in ran.err


def test_out_as_a_folder(inside, model_path, tmp_path):
    make_clip(tmp_path / "run.mp4", 20)
    (tmp_path / "run.csv").write_text("frame,angle_deg\n" + "".join(f"{i},{i}\n" for i in range(20)))
    (tmp_path / "there").mkdir()
    for out in ("there", "deep/new/"):
        assert inside("image", "run.mp4", "--at", "#3", "--model", model_path, "--out", out).code == 0
        ran = inside("evaluate", model_path, "run.mp4", "--out", out, "--json")
        assert ran.code == 0, ran
        assert Path(json.loads(ran.out)["outputs"]["csv"]).parent == Path(out)
        found = {path.name for path in (tmp_path / out).iterdir()}
        evaluation = {f"{Path(model_path).stem}.run.evaluation.{end}" for end in ("json", "csv", "png")}
        assert found == {"run.saliency.png", *evaluation}


def test_a_review_is_exported_into_a_folder(inside, model_path, tmp_path):
    make_clip(tmp_path / "run.mp4", 6)
    ran = inside("review", "run.mp4", "--model", model_path, "--export", "new/", "--quiet")
    assert ran.code == 0, ran
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["run.review.html"]


def test_a_created_folder_is_removed_if_nothing_is_written(inside, model_path, tmp_path):
    make_clip(tmp_path / "run.mp4", 4)
    ran = inside("video", "run.mp4", "--model", model_path, "--out", "new/er/", "--start", "9s")
    assert ran.code == 1
    assert not (tmp_path / "new").exists()
    ran = inside("video", "run.mp4", "--model", model_path, "--out", "new/x.mp4")
    assert ran.code == 1
    assert "new does not exist" in ran.err


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError), Outputs([tmp_path / "file" / "a"], make=[tmp_path / "file" / "b"]):
        pass


def test_the_facts_of_another_command_are_not_written_over(inside, model_path, tmp_path):
    make_clip(tmp_path / "run.mp4", 12)
    (tmp_path / "run.csv").write_text("frame,angle_deg\n" + "".join(f"{i},{i}\n" for i in range(12)))
    video = ("video", "run.mp4", "--model", model_path, "--out", "week.mp4", "--overwrite")
    evaluate = ("evaluate", model_path, "run.mp4", "--out", "week", "--overwrite")
    for first, second, whose in ((video, evaluate, "drivesal video"), (evaluate, video, "drivesal evaluate")):
        for path in tmp_path.glob("week.*"):
            path.unlink()
        assert inside(*first).code == 0
        kept = (tmp_path / "week.json").read_bytes()
        ran = inside(*second)
        assert ran.code == 1
        assert f"week.json contains the facts of `{whose}`" in ran.err
        assert (tmp_path / "week.json").read_bytes() == kept
        assert inside(*first).code == 0  # its own may be
