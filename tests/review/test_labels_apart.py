"""Labels of another kind in a review: in their own unit, never compared; a ratio makes them comparable."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivesal.recordings import open_recording
from drivesal.review.compute.drive_explainer import View
from drivesal.review.compute.page_data import describe_drive, describe_frame
from drivesal.review.compute.session import Session
from drivesal.review.compute.whatif import NO_EDIT
from drivesal.review.notes import Notes
from drivesal.types import Recording
from tests.models import convolutional, steering
from tests.recordings.drives import simulator, tub


def session(recording: Recording, tmp_path: Path) -> Session:
    assert recording.info.length is not None
    return Session(recording, Notes.load(tmp_path / "n.json", "drive", recording.info.length))


def truths(opened: Session) -> list[float | None]:
    opened.analysis.wait()
    found: list[float | None] = opened.analysis.numbers[0].since(0, 100)["truth"]
    return found


def ignore_progress(share: float, what: str = "") -> None:
    pass


def test_a_label_of_another_kind_is_text_in_the_extras(tmp_path: Path) -> None:
    model = steering(convolutional(), scale=1 / 255)
    with open_recording(tub(tmp_path / "tub", 4)) as recording, session(recording, tmp_path) as opened:
        opened.begin([model])
        assert describe_drive(opened)["has_truth"] is False
        painter = opened.explainer.painter(View(), ignore_progress)
        result = opened.explainer.explain(View(), 1, NO_EDIT, ignore_progress)
        found = describe_frame(result, painter)
        assert (found["truth"], found["error"]) == (None, None)
        assert found["extras"]["label"] == "0.400 norm L"
        assert any("scale of their own" in one for one in found["warnings"])
        assert truths(opened) == [None] * 4


def test_a_steering_ratio_makes_them_truth(tmp_path: Path) -> None:
    model = steering(convolutional(), scale=1 / 255)
    folder = simulator(tmp_path / "sim", [50 * i for i in range(4)])
    with open_recording(folder) as recording, session(recording, tmp_path) as opened:
        opened.begin([model], 10.0)
        expected = [10 * float(frame.steering or 0) for frame in recording.frames()]
        assert describe_drive(opened)["has_truth"] is True
        result = opened.explainer.explain(View(), 1, NO_EDIT, ignore_progress)
        assert result.explained.frame.steering == pytest.approx(expected[1])
        assert truths(opened) == pytest.approx(expected)
