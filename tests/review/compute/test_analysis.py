"""The timeline of a drive, compared with frames whose changes are known."""

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
from drivesal.review.compute.drive_explainer import View
from drivesal.review.compute.session import DEFAULT_VIEW, Session
from drivesal.review.compute.whatif import NO_EDIT
from drivesal.review.notes import Notes
from drivesal.settings import ExplainSettings, LookSettings
from drivesal.types import WHOLE, Frame, Span
from tests.models import convolutional, steering

RNG = np.random.default_rng(0)


def frames() -> list[Frame]:
    """Ten frames: 0 to 4 identical, then another image, 7 missing."""
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
    # nothing moves while the image stays, everything moves when it changes, and a gap has no value
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
    """A recording that is truncated."""

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        yield from list(super().frames(span))[:4]
        raise DamagedInputError("a whole file", "it is cut", "copy it again")

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        return iter(list(super().frames(span))[:4])


def test_an_error_ends_the_columns_and_keeps_the_rows_read_before(tmp_path: Path) -> None:
    recording = Damaged(frames())
    recording.info = dataclasses.replace(recording.info, length=10)
    found, timeline = columns(recording, tmp_path)
    assert "it is cut" in (timeline.error or "")
    assert len(found["angle"]) == 4
    assert timeline.ended


def test_support_has_its_own_number_of_steps_unless_the_view_sets_it() -> None:
    options = View(ExplainSettings(method="integrated-gradients"), cases=("support",)).settings.options
    assert "steps" not in options  # support then uses EXACT, as in a video
    eight_steps = View(ExplainSettings(method="integrated-gradients", options={"steps": 8}), cases=("support",))
    assert eight_steps.settings.options == {"steps": 8}
    with pytest.raises(OptionError):
        _ = View(ExplainSettings(method="integrated-gradients", options={"steps": 0})).settings


def test_missing_and_nonfinite_numbers_are_returned_as_none() -> None:
    timeline = Columns(["time_s", "angle", "truth", "moved"])
    timeline.put(2, {"time_s": 0.2, "angle": float("nan"), "truth": None, "moved": float("inf")})
    assert timeline.since(0, 9)["time_s"] == [None, None, 0.2]
    assert timeline.since(2, 9)["angle"] == [None]
    assert timeline.since(2, 9)["moved"] == [None]
    assert timeline.since(3, 9)["angle"] == []
    assert len(timeline.since(0, 1)["angle"]) == 1


@pytest.mark.parametrize("masks", [100, 100_000])
def test_closing_the_review_stops_the_analysis_of_a_slow_method(
    tmp_path: Path, masks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During its probe (many masks), and while it explains frames."""
    recording = MemoryRecording([dataclasses.replace(frames()[0], index=i, time_s=i / 10) for i in range(2000)])
    start = View(ExplainSettings(method="rise", options={"masks": masks}))
    monkeypatch.setattr(totals, "MAX_PASSES", 10**6)
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
    """Consecutive frames, each with a different image."""
    recording = MemoryRecording(
        [Frame(i, i / 10, RNG.integers(0, 256, (24, 32, 3)).astype(np.uint8)) for i in range(count)]
    )
    recording.info = dataclasses.replace(recording.info, length=count)
    return recording


@contextlib.contextmanager
def reviewed(
    recording: MemoryRecording, tmp_path: Path, start: View = DEFAULT_VIEW
) -> Iterator[tuple[Session, list[str]]]:
    """A session with one model, and its messages."""
    messages: list[str] = []
    notes = Notes.load(tmp_path / "n.json", "frames", recording.info.length or 0)
    with Session(recording, notes, start, messages.append) as session:
        session.begin([steering(convolutional(), scale=1 / 255)])
        yield session, messages


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
def test_totals_use_the_requested_method(tmp_path: Path, method: str, cases: tuple[str, ...]) -> None:
    with reviewed(many(), tmp_path) as (session, _):
        view = View(ExplainSettings(method=method))
        found = filled(session, view).columns[0].since(0, 100)
        for case in cases:
            one = session.jobs.submit(
                case, case, lambda tick: session.explainer.explain(view, 7, NO_EDIT, tick)
            ).future.result(30)
            assert found[case][7] == pytest.approx(float(one.heats[case].sum()), rel=1e-3)
            assert None not in found[case]
        assert found["moved"][0] is None
        assert None not in found["moved"][1:]
        session.analysis.wait()
        gradient = session.analysis.first.columns[0].since(0, 100)
        assert gradient["increase"] != found["increase"]
        # a view that differs only in its look shares the totals
        smoother = dataclasses.replace(view, look=LookSettings(smooth=7.0))
        assert session.analysis.totals(smoother) is filled(session, view)


def test_the_view_requested_last_is_read_first_and_the_other_continues_later(tmp_path: Path) -> None:
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
        assert None not in last["moved"][1:]  # no row is lost at the interruption


def test_a_method_that_is_too_expensive_has_an_error_instead_of_totals(tmp_path: Path) -> None:
    with reviewed(many(), tmp_path, View(ExplainSettings(method="rise"))) as (session, messages):
        session.analysis.wait()
        (rise,) = session.analysis.totals(View(ExplainSettings(method="rise"))).columns
        assert (len(rise), rise.ended) == (0, True)
        assert "1,000 passes" in (rise.error or "")
        assert session.analysis.first.view.explain.method == "gradient"  # the replacement
        assert len(session.analysis.numbers[0]) == len(session.analysis.first.columns[0]) == 60
        assert messages == []


def test_predictions_are_read_even_if_the_model_rejects_the_method(tmp_path: Path) -> None:
    start = View(ExplainSettings(method="grad-cam", options={"conv": "nothing"}))
    with reviewed(many(), tmp_path, start) as (session, messages):
        session.analysis.wait()
        (numbers,), (found,) = session.analysis.numbers, session.analysis.first.columns
        assert numbers.error is None
        assert None not in numbers.since(0, 100)["angle"]
        assert "nothing" in (found.error or "")
        assert len(messages) == 1
        assert len(messages[0].splitlines()) == 1


def test_totals_wait_while_views_are_computed(tmp_path: Path) -> None:
    """With a view every 50 ms they get one batch per second."""
    with reviewed(many(400), tmp_path) as (session, _):
        session.analysis.wait()
        session.jobs.submit(
            "study", "", lambda tick: session.explainer.study(View(ExplainSettings(method="guided")), tick)
        ).future.result(30)
        found = session.analysis.totals(View(ExplainSettings(method="guided")))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            session.jobs.submit(object(), "view", lambda tick: None).future.result(5)
            session.analysis.totals(View(ExplainSettings(method="guided")))
            time.sleep(0.05)
        assert found.rows <= 40
        filled(session, View(ExplainSettings(method="guided")))
