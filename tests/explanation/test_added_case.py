"""A registered case is offered by the command, computed, drawn and described, with nothing else to change."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drivesal
from drivesal.cli._settings_options import REGISTRIES
from drivesal.explanation.registry import cases, standard_cases
from drivesal.overlay.palette import own_ramp
from drivesal.recordings import open_recording
from drivesal.review.compute.drive_explainer import DriveExplainer, View
from drivesal.review.compute.page_data import describe_drive
from drivesal.review.compute.session import Session
from drivesal.review.compute.whatif import NO_EDIT
from drivesal.review.notes import Notes
from drivesal.settings import ExplainSettings
from tests.clips import make_clip
from tests.explanation.added import ADDED, added

LINEAR = ExplainSettings(method="gradient")


@pytest.fixture
def session(tmp_path: Path, model_path: Path) -> Iterator[Session]:
    clip = make_clip(tmp_path / "run.mp4", 6)
    with (
        open_recording(clip) as recording,
        Session(recording, Notes.load(tmp_path / "notes.json", "run.mp4", 6), View(LINEAR)) as opened,
    ):
        opened.begin([drivesal.load_model(model_path)])
        yield opened


def test_an_added_case_is_a_choice_of_the_command() -> None:
    code = (
        "from tests.explanation.added import added\n"
        "from drivesal.cli import cli\n"
        "with added(): cli.main(['video', '--help'], standalone_mode=False)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert "Any of increase, everywhere, decrease, maintain, support, magnitude." in shown
    assert "[default: increase,everywhere,decrease,maintain, or" in shown
    with added():
        names = REGISTRIES["cases"].names()
    assert "everywhere" in names
    assert "everywhere" not in REGISTRIES["cases"].names()


def test_an_added_case_is_drawn_in_its_colour(tmp_path: Path, model_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    clip = make_clip(tmp_path / "run.mp4", 4)
    given = {"method": "gradient", "cases": ["everywhere"], "layout": "single", "opacity": 1.0, "smooth": 0}
    with pytest.raises(drivesal.DrivesalError, match="one is 'everywhere'"):
        drivesal.render(image, model_path, **given)
    with added():
        canvas = drivesal.render(image, model_path, **given)
        facts = drivesal.render(clip, model_path, tmp_path / "out.mp4", method="gradient", end=3)
    full = (canvas == own_ramp(ADDED.colour)[255]).all(axis=2)
    assert full.sum() > 0.5 * 64 * 96
    assert facts["cases"] == ["increase", "everywhere", "decrease", "maintain"]
    assert facts["scale"]["everywhere"]["unit"] == "sum of the map"
    assert "everywhere_total" in (tmp_path / "out.csv").read_text().splitlines()[0]


def test_the_review_describes_an_added_case_and_sums_its_heat(tmp_path: Path, model_path: Path) -> None:
    clip = make_clip(tmp_path / "run.mp4", 6)
    with (
        added(),
        open_recording(clip) as recording,
        Session(recording, Notes.load(tmp_path / "notes.json", "run.mp4", 6), View(LINEAR)) as session,
    ):
        session.begin([drivesal.load_model(model_path)])
        session.analysis.wait()
        drive = json.loads(json.dumps(describe_drive(session)))
        (totals,) = session.analysis.first.columns
        column = totals.since(0, 6)["everywhere"]
    assert drive["cases"][1] == {
        "name": "everywhere",
        "title": "everywhere",
        "colour": "#fa14c8",
        "shown": "signed",
        "key": "6",
    }
    lanes = {lane.pop("case"): lane for lane in drive["lanes"]}
    assert list(lanes) == ["magnitude", "maintain", "decrease", "everywhere", "increase"]
    assert lanes["everywhere"] == {
        "colours": ["#c80078", "#ff78dc"],
        "scale": "everywhere",
        "signed": True,
        "usual": True,
    }
    assert len(column) == 6
    assert all(value is not None and value > 0 for value in column)


@pytest.mark.parametrize(
    ("reads", "map_of"), [("contribution", "contribution"), ("gradient", "gradient"), ("map", None)]
)
def test_the_map_of_a_case_on_request_is_computed_only_on_request(
    session: Session, reads: str, map_of: str | None
) -> None:
    """With a method whose other cases read no map of their own."""
    case = dataclasses.replace(ADDED, reads=reads, shown="named", lane=None)  # type: ignore[arg-type]
    explainer: DriveExplainer = session.explainer
    method = ExplainSettings(method="vargrad", options={"samples": 2})  # unsigned: no other case reads a map
    with added(case):
        default = explainer.explain(View(method), 1, NO_EDIT, lambda *_: None)
        requested = explainer.explain(View(method, cases=("everywhere",)), 1, NO_EDIT, lambda *_: None)
    assert list(default.heats) == ["magnitude"]
    assert list(requested.heats) == ["magnitude", "everywhere"]
    for name in ("gradient", "contribution"):
        assert getattr(default.explained, name) is None
        assert (getattr(requested.explained, name) is not None) == (name == map_of)


def test_the_baseline_of_an_added_case_is_reported_under_its_name(
    tmp_path: Path, model_path: Path, inside: Callable[..., Any]
) -> None:
    make_clip(tmp_path / "run.mp4", 4)
    image = np.zeros((64, 96, 3), np.uint8)
    with added(dataclasses.replace(ADDED, reads="contribution", shown="named", lane=None)):
        given = ("--model", model_path, "--method", "gradient", "--cases", "everywhere,support", "--end", "#3")
        done = inside("video", "run.mp4", *given)
        with pytest.raises(drivesal.DrivesalError, match="leave the case everywhere out"):
            drivesal.render(image, model_path, method="gradient", cases=["everywhere"])
    assert done.code == 0, done
    assert "everywhere and support measured against the mean of 3 frames of the clip" in done.out


def test_the_added_case_is_removed_after_the_block() -> None:
    known = cases()
    with added():
        assert "everywhere" in standard_cases(True)
    assert cases() == known
