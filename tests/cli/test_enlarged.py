"""Every command that uses a model warns of a crop with fewer pixels than the network's input."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from drivesal.cli._train_report import input_warnings
from drivesal.model.card import card_path
from drivesal.model.domain_shift import training_images
from drivesal.model.preprocess import Crop, Preprocess
from tests.clips import make_clip

SMALL = "50:60"  # 10 of 64 rows, for a network of 24
WARNING = "the crop leaves 96x10 px of a frame of 96x64, enlarged to the network's input of 32x24: check --crop"


@pytest.fixture
def clip(tmp_path):
    make_clip(tmp_path / "run.mp4", 12)
    (tmp_path / "run.csv").write_text("\n".join(["frame,angle_deg", *(f"{i},{i}" for i in range(12))]))
    return tmp_path / "run.mp4"


@pytest.mark.parametrize(("more", "warnings"), [(("--crop", SMALL), [WARNING]), (("--crop", "20:60"), [])])
def test_video_image_and_evaluate_warn_of_enlarging(inside, clip, model_path, more, warnings):
    for arguments in (
        ("video", "run.mp4", "--model", model_path, "--quiet"),
        ("image", "run.mp4", "--at", "#3", "--model", model_path),
        ("evaluate", model_path, "run.mp4", "--quiet"),
    ):
        ran = inside(*arguments, *more, "--json")
        assert ran.code == 0, ran
        found = json.loads(ran.out)
        notes = [found["recordings"][0]["notes"] if arguments[0] == "evaluate" else found["notes"]]
        if arguments[0] == "video":
            notes.append(json.loads(clip.with_name("run.saliency.json").read_text())["notes"])
        for one in notes:
            assert enlarged(one) == warnings
        assert enlarged(ran.err.splitlines()) == [f"drivesal: run.mp4: {one}" for one in warnings]


def enlarged(lines):
    """The warnings about enlarging, without the advice at the end."""
    return [
        line.removesuffix(", the preset, or the crop in the model's card")
        for line in lines
        if "enlarged" in line
    ]


def test_review_warns_of_enlarging(inside, clip, model_path, tmp_path):
    for more, count in ((("--crop", SMALL), 1), (("--crop", "20:60"), 0)):
        ran = inside("review", "run.mp4", "--model", model_path, "--export", "r.html", "--overwrite", *more)
        assert ran.code == 0, ran
        assert ran.err.count(f"drivesal: run.mp4: {WARNING}") == count
        page = (tmp_path / "r.html").read_text()
        assert (WARNING in page) == bool(count)


def test_no_warning_for_a_model_trained_on_such_frames(inside, clip, model_path, tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (120, 24, 32, 3)).astype(np.uint8)
    seen = Crop(rows=(50, 60), unit="pixel")
    known = dataclasses.asdict(training_images(pictures, np.arange(120) // 20, [(96, 64)], seen))
    shutil.copy(model_path, tmp_path / "my.keras")
    card = json.loads(card_path(Path(model_path)).read_text())
    card["preprocess"]["crop"] = {"unit": "pixel", "rows": [50, 60], "columns": [0, 0]}
    ran = {}
    for name, frames in (("its own", [[96, 64]]), ("others", [[320, 160]])):
        written = card | {"images": known | {"frames": frames}}
        card_path(tmp_path / "my.keras").write_text(json.dumps(written))
        for more in ((), ("--crop", "52:60")):
            ran[name, more] = inside(
                "image", "run.mp4", "--at", "#3", "--model", "my.keras", "--json", "--overwrite", *more
            )
            assert ran[name, more].code == 0, ran
    for (name, more), done in ran.items():
        silent = name == "its own" and not more
        assert bool(enlarged(json.loads(done.out)["notes"])) != silent
        assert bool(enlarged(done.err.splitlines())) != silent


def test_train_warns_about_its_input():
    small = Preprocess((66, 200))
    assert input_warnings(small, [(320, 240)], fine_tuning=False, cropped=True) == []
    (whole,) = input_warnings(small, [(320, 240)], fine_tuning=False, cropped=False)
    assert whole.startswith("no --crop: the network is trained on whole frames, with misleading sky and bonnet")
    assert "--crop 0.4:0.9" in whole
    text = "frames of 160x120 px are enlarged to the network's input of 200x66"
    once = input_warnings(small, [(160, 120), (160, 120)], fine_tuning=False, cropped=True)
    assert once == [f"{text}; a smaller --input-size avoids that"]
    assert input_warnings(small, [(160, 120)], fine_tuning=True, cropped=False) == [text]


def test_model_warns_if_no_frame_is_large_enough(inside, model_path):
    ran = inside("model", model_path, "--crop", SMALL, "--json")
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    (note,) = found["warnings"]
    assert note.startswith("the crop leaves 10 rows of any frame, enlarged to the network's input of 32x24: ")
    assert found["least_frame"] is None
    assert ran.err == f"drivesal: {note}\n"
    ran = inside("model", model_path, "--crop", "60:-25")
    assert ran.err == ""
    assert "frames      32x109 px or more; smaller ones are enlarged" in ran.out
