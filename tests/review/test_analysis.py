"""The timeline of a drive, against frames whose change is known."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivesal.errors import DamagedInputError
from drivesal.recordings.memory import MemoryRecording
from drivesal.review.analysis import Timeline
from drivesal.review.desk import View
from drivesal.review.notes import Notes
from drivesal.review.session import Session
from drivesal.types import WHOLE, Frame, Span
from tests.models import convolutional, steering

RNG = np.random.default_rng(0)


def frames() -> list[Frame]:
    """Ten frames: 0 to 4 the same, then another picture, 7 missing."""
    first, second = (RNG.integers(0, 256, (24, 32, 3)).astype(np.uint8) for _ in range(2))
    return [
        Frame(i, i / 10, first if i < 5 else second, None if i == 2 else float(i)) for i in range(10) if i != 7
    ]


def columns(recording: MemoryRecording, tmp_path: Path) -> tuple[dict[str, list[Any]], Timeline]:
    model = steering(convolutional(), scale=1 / 255)
    with Session(recording, Notes.load(tmp_path / "n.json", "frames", 10)) as session:
        session.begin([model])
        (timeline,) = session.analysis.timelines
        deadline = time.monotonic() + 60
        while not timeline.ended:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return timeline.since(0, 100), timeline


def test_rows_are_the_frames_and_changes_are_between_neighbours(tmp_path: Path) -> None:
    recording = MemoryRecording(frames())
    recording.info = dataclasses.replace(recording.info, length=10)
    found, timeline = columns(recording, tmp_path)
    assert timeline.error is None
    assert len(timeline) == 10
    assert found["time_s"][7] is None
    assert found["angle"][7] is None
    assert found["time_s"][8] == pytest.approx(0.8)
    assert found["truth"][1:4] == [1.0, None, 3.0]
    # nothing moves while the picture stays, everything where it changes, and nothing is said across a gap
    assert found["moved"][0] is None
    assert found["moved"][1:5] == pytest.approx([0] * 4, abs=1e-5)
    assert found["changed"][1:5] == pytest.approx([0] * 4, abs=1e-5)
    assert found["moved"][5] > 0.03
    assert found["changed"][5] > 5
    assert found["moved"][8] is None
    assert found["moved"][9] == pytest.approx(0, abs=1e-5)
    assert found["increase"][0] > 0
    assert found["brightness"][0] == pytest.approx(127, abs=12)


class Damaged(MemoryRecording):
    """A recording that breaks in its middle."""

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        yield from list(super().frames(span))[:4]
        raise DamagedInputError("a whole file", "it is cut", "copy it again")

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        return iter(list(super().frames(span))[:4])


def test_what_ends_the_reading_is_told_and_what_was_read_stays(tmp_path: Path) -> None:
    recording = Damaged(frames())
    recording.info = dataclasses.replace(recording.info, length=10)
    found, timeline = columns(recording, tmp_path)
    assert "it is cut" in (timeline.error or "")
    assert len(found["angle"]) == 4
    assert timeline.ended


def test_numbers_that_are_none_are_told_as_none() -> None:
    timeline = Timeline()
    timeline.put(2, {"time_s": 0.2, "angle": float("nan"), "truth": None, "moved": float("inf")})
    assert timeline.since(0, 9)["time_s"] == [None, None, 0.2]
    assert timeline.since(2, 9)["angle"] == [None]
    assert timeline.since(2, 9)["moved"] == [None]
    assert timeline.since(3, 9)["angle"] == []
    assert len(timeline.since(0, 1)["angle"]) == 1


@pytest.mark.parametrize("masks", [100, 100_000])
def test_a_slow_methods_analysis_ends_with_the_review(tmp_path: Path, masks: int) -> None:
    """While its probe is explained (the many masks), and while frames are."""
    recording = MemoryRecording([dataclasses.replace(frames()[0], index=i, time_s=i / 10) for i in range(2000)])
    start = View(method="rise", options=(("masks", masks),))
    with Session(recording, Notes.load(tmp_path / "n.json", "frames", 2000), start) as session:
        session.begin([steering(convolutional(), scale=1 / 255)])
        (timeline,) = session.analysis.timelines
        deadline = time.monotonic() + 30
        while masks == 100 and not len(timeline):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.3)
        assert not timeline.ended
        started = time.monotonic()
    assert time.monotonic() - started < 3
    assert timeline.ended
    assert timeline.error is None
