"""Labels of another kind in a review: in their own unit, never compared; a ratio makes them comparable."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivesal.recordings import open_recording
from drivesal.review.compute.describe import described, numbers
from drivesal.review.compute.desk import View
from drivesal.review.compute.session import Session
from drivesal.review.compute.whatif import NOTHING
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


def untold(share: float, what: str = "") -> None:
    pass


def test_a_label_of_another_kind_is_a_text_beside_the_numbers(tmp_path: Path) -> None:
    model = steering(convolutional(), scale=1 / 255)
    with open_recording(tub(tmp_path / "tub", 4)) as recording, session(recording, tmp_path) as opened:
        opened.begin([model])
        assert described(opened)["has_truth"] is False
        painter = opened.desk.painter(View(), untold)
        told = opened.desk.told(View(), 1, NOTHING, untold)
        found = numbers(told, painter)
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
        assert described(opened)["has_truth"] is True
        told = opened.desk.told(View(), 1, NOTHING, untold)
        assert told.explained.frame.steering == pytest.approx(expected[1])
        assert truths(opened) == pytest.approx(expected)
