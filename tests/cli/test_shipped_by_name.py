"""`default` names the shipped model wherever a model path is expected."""

import json
from pathlib import Path

import pytest

import drivesal
from drivesal.errors import DrivesalError
from drivesal.model.shipped import asset, default_model

AT = ("--at", "#0", "--json")


def test_model_and_image(inside, tmp_path):
    ran = inside("model", "default", "--json")
    assert ran.code == 0, ran
    assert json.loads(ran.out)["file"] == "pilotnet.keras"
    ran = inside("image", asset("data", "run.mp4"), "--model", "default", *AT)
    assert ran.code == 0, ran


def test_a_file_of_that_name_is_reached_by_its_path(inside, tmp_path):
    (tmp_path / "default").write_text("no model")
    assert inside("model", "default").code == 0
    ran = inside("model", "./default")
    assert ran.code == 1
    assert "no model" in ran.err or "default" in ran.err


def test_both_models_of_a_review(inside, tmp_path, monkeypatch):
    from drivesal.cli import review

    given = []
    monkeypatch.setattr(review, "_review", lambda recording, config: given.extend(config.model_paths) or 0)
    ran = inside("review", asset("data", "run.mp4"), "--model", "default", "--model", "default")
    assert ran.code == 0, ran
    assert given == [default_model()] * 2


@pytest.mark.parametrize("command", ["video", "image", "review", "evaluate", "train", "model"])
def test_help_mentions_default(inside, command):
    assert "`default`" in inside(command, "--help").out


def test_the_python_api(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert drivesal.load_model("default").path == default_model()
    with pytest.raises(DrivesalError):
        drivesal.load_model(Path("default"))
