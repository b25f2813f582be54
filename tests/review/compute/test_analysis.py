"""The timeline of a drive, against frames whose change is known."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivesal.errors import DamagedInputError, OptionError
from drivesal.recordings.in_memory import MemoryRecording
from drivesal.review.compute import totals
from drivesal.review.compute.columns import Columns
from drivesal.review.compute.desk import View
from drivesal.review.compute.session import USUAL, Session
from drivesal.review.compute.whatif import NOTHING
from drivesal.review.notes import Notes
from drivesal.settings import ExplainSettings, LookSettings
from drivesal.types import WHOLE, Frame, Span
from tests.models import convolutional, steering

RNG = np.random.default_rng(0)


def frames() -> list[Frame]:
    """Ten frames: 0 to 4 the same, then another picture, 7 missing."""
    first, second = (RNG.integers(0, 256, (24, 32, 3)).astype(np.uint8) for _ in range(2))
    return [
        Frame(i, i / 10, first if i < 5 else second, None if i == 2 else float(i)) for i in range(10) if i != 7
    ]


def columns(recording: MemoryRecording, tmp_path: Path) -> tuple[dict[str, list[Any]], Columns]:
    model = steering(convolutional(), scale=1 / 255)
    with Session(recording, Notes.load(tmp_path / "n.json", "frames", 10)) as session:
        session.begin([model])
        session.analysis.wait()
        (numbers,), (totals,) = session.analysis.numbers, session.analysis.first.columns
        return numbers.since(0, 100) | totals.since(0, 100), numbers


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


def test_support_has_its_own_steps_unless_the_view_says_them() -> None:
    options = View(ExplainSettings(method="integrated-gradients"), cases=("support",)).asked.options
    assert "steps" not in options  # support takes EXACT then, as a video's does
    said = View(ExplainSettings(method="integrated-gradients", options={"steps": 8}), cases=("support",))
    assert said.asked.options == {"steps": 8}
    with pytest.raises(OptionError):
        _ = View(ExplainSettings(method="integrated-gradients", options={"steps": 0})).asked


def test_numbers_that_are_none_are_told_as_none() -> None:
    timeline = Columns(["time_s", "angle", "truth", "moved"])
    timeline.put(2, {"time_s": 0.2, "angle": float("nan"), "truth": None, "moved": float("inf")})
    assert timeline.since(0, 9)["time_s"] == [None, None, 0.2]
    assert timeline.since(2, 9)["angle"] == [None]
    assert timeline.since(2, 9)["moved"] == [None]
    assert timeline.since(3, 9)["angle"] == []
    assert len(timeline.since(0, 1)["angle"]) == 1


@pytest.mark.parametrize("masks", [100, 100_000])
def test_a_slow_methods_analysis_ends_with_the_review(
    tmp_path: Path, masks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its probe is explained (the many masks), and while frames are."""
    recording = MemoryRecording([dataclasses.replace(frames()[0], index=i, time_s=i / 10) for i in range(2000)])
    start = View(ExplainSettings(method="rise", options={"masks": masks}))
    monkeypatch.setattr(totals, "FOLLOWED_PASSES", 10**6)
    with Session(recording, Notes.load(tmp_path / "n.json", "frames", 2000), start) as session:
        session.begin([steering(convolutional(), scale=1 / 255)])
        (timeline,) = session.analysis.numbers
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


def many(count: int = 60) -> MemoryRecording:
    """Frames without a gap, each another picture."""
    recording = MemoryRecording(
        [Frame(i, i / 10, RNG.integers(0, 256, (24, 32, 3)).astype(np.uint8)) for i in range(count)]
    )
    recording.info = dataclasses.replace(recording.info, length=count)
    return recording


@contextlib.contextmanager
def reviewed(
    recording: MemoryRecording, tmp_path: Path, start: View = USUAL
) -> Iterator[tuple[Session, list[str]]]:
    """A session with one model, and what it said."""
    said: list[str] = []
    notes = Notes.load(tmp_path / "n.json", "frames", recording.info.length or 0)
    with Session(recording, notes, start, said.append) as session:
        session.begin([steering(convolutional(), scale=1 / 255)])
        yield session, said


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def filled(session: Session, view: View) -> totals.Totals:
    until(lambda: session.analysis.totals(view).ended)
    return session.analysis.totals(view)


@pytest.mark.parametrize(
    ("method", "cases"), [("guided", ("increase", "decrease")), ("vargrad", ("magnitude",))]
)
def test_totals_follow_the_method_that_is_asked_for(
    tmp_path: Path, method: str, cases: tuple[str, ...]
) -> None:
    with reviewed(many(), tmp_path) as (session, _):
        view = View(ExplainSettings(method=method))
        found = filled(session, view).columns[0].since(0, 100)
        for case in cases:
            one = session.work.ask(
                case, case, lambda tick: session.desk.told(view, 7, NOTHING, tick)
            ).future.result(30)
            assert found[case][7] == pytest.approx(float(one.heats[case].sum()), rel=1e-3)
            assert None not in found[case]
        assert found["moved"][0] is None
        assert None not in found["moved"][1:]
        session.analysis.wait()
        gradient = session.analysis.first.columns[0].since(0, 100)
        assert gradient["increase"] != found["increase"]
        # the same again costs nothing
        smoother = dataclasses.replace(view, look=LookSettings(smooth=7.0))
        assert session.analysis.totals(smoother) is filled(session, view)


def test_the_view_asked_for_last_is_read_first_and_the_other_goes_on_later(tmp_path: Path) -> None:
    with reviewed(many(400), tmp_path) as (session, _):
        session.analysis.wait()
        guided, input_times = (
            View(ExplainSettings(method="guided")),
            View(ExplainSettings(method="gradient-x-input")),
        )
        first = session.analysis.totals(guided)
        until(lambda: first.rows)
        second = session.analysis.totals(input_times)
        until(lambda: second.rows)
        assert first.rows < 400
        filled(session, input_times)
        last = filled(session, guided).columns[0].since(0, 400)
        assert None not in last["moved"][1:]  # none is lost where it was left and taken up again


def test_a_method_that_costs_too_much_is_not_followed_and_says_so(tmp_path: Path) -> None:
    with reviewed(many(), tmp_path, View(ExplainSettings(method="rise"))) as (session, said):
        session.analysis.wait()
        (rise,) = session.analysis.totals(View(ExplainSettings(method="rise"))).columns
        assert (len(rise), rise.ended) == (0, True)
        assert "1,000 passes" in (rise.error or "")
        assert session.analysis.first.view.explain.method == "gradient"  # which stands in
        assert len(session.analysis.numbers[0]) == len(session.analysis.first.columns[0]) == 60
        assert said == []


def test_a_method_that_the_model_refuses_leaves_the_answers(tmp_path: Path) -> None:
    start = View(ExplainSettings(method="grad-cam", options={"conv": "nothing"}))
    with reviewed(many(), tmp_path, start) as (session, said):
        session.analysis.wait()
        (numbers,), (found,) = session.analysis.numbers, session.analysis.first.columns
        assert numbers.error is None
        assert None not in numbers.since(0, 100)["angle"]
        assert "nothing" in (found.error or "")
        assert len(said) == 1
        assert len(said[0].splitlines()) == 1


def test_totals_stand_back_while_views_come(tmp_path: Path) -> None:
    """A view that comes every 50 ms leaves them a batch a second."""
    with reviewed(many(400), tmp_path) as (session, _):
        session.analysis.wait()
        session.work.ask(
            "study", "", lambda tick: session.desk.studied(View(ExplainSettings(method="guided")), tick)
        ).future.result(30)
        found = session.analysis.totals(View(ExplainSettings(method="guided")))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            session.work.ask(object(), "view", lambda tick: None).future.result(5)
            session.analysis.totals(View(ExplainSettings(method="guided")))
            time.sleep(0.05)
        assert found.rows <= 40
        filled(session, View(ExplainSettings(method="guided")))
