"""The server's responses, and that no request of a page crashes it."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from drivesal.angle import AngleSpec
from drivesal.api import attribute
from drivesal.attribution.registry import USUAL
from drivesal.errors import InputError, ModelError, OptionError
from drivesal.model.preprocess import Crop
from drivesal.model.steering_model import SteeringModel
from drivesal.recordings import open_recording, read_labels
from drivesal.review.compute import drive_explainer
from drivesal.review.compute.frame_store import FrameStore
from drivesal.review.compute.session import Session
from drivesal.review.compute.whatif import NO_EDIT
from drivesal.review.notes import Notes
from drivesal.review.server.endpoints import create_app
from drivesal.review.server.serving import listen, run_server
from drivesal.settings import ExplainSettings
from tests.clips import make_clip
from tests.models import convolutional, steering

FRAMES = 40


@dataclasses.dataclass
class Reply:
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def image(self) -> Any:
        return cv2.imdecode(np.frombuffer(self.data, np.uint8), cv2.IMREAD_COLOR_RGB)

    @property
    def map(self) -> Any:
        return np.frombuffer(self.data, "<f4").reshape(
            int(self.headers["x-height"]), int(self.headers["x-width"])
        )


Ask = Callable[..., Reply]


def asker(port: int) -> Ask:
    def ask(path: str, verb: str = "GET", body: Any = None, **query: Any) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        if query:
            texts = {k: json.dumps(v) if isinstance(v, dict | bool) else str(v) for k, v in query.items()}
            path += "?" + "&".join(f"{name}={quote(text)}" for name, text in texts.items())
        data = None if body is None else json.dumps(body)
        connection.request(verb, path, data, {"Content-Type": "application/json"} if data else {})
        found = connection.getresponse()
        answer = Reply(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
        connection.close()
        return answer

    return ask


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    path = make_clip(folder / "run.mp4", FRAMES)
    rows = "\n".join(f"{i},{3.0 * np.sin(i / 5):.4f}" for i in range(FRAMES))
    (folder / "run.csv").write_text(f"frame,steering_angle_deg\n{rows}\n")
    return path


def notes_in(folder: Path) -> Notes:
    return Notes.load(folder / "run.notes.json", "run.mp4", FRAMES)


@pytest.fixture(scope="module")
def models() -> list[Any]:
    return [steering(convolutional(seed), scale=1 / 255) for seed in (0, 1)]


@pytest.fixture(scope="module")
def session(drive: Path, models: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    notes = notes_in(tmp_path_factory.mktemp("notes"))
    labels = read_labels(drive.with_suffix(".csv"), turns="steering-wheel")
    with open_recording(drive, labels=labels) as recording, Session(recording, notes) as made:
        made.begin(models)
        yield made


@pytest.fixture(scope="module")
def ask(session: Session) -> Iterator[Ask]:
    listening = listen("127.0.0.1", 0)
    with run_server(create_app(session), listening):
        yield asker(listening.getsockname()[1])


def test_the_drive_is_described(ask: Ask) -> None:
    reply = ask("/api/drive").json
    assert (reply["name"], reply["frames"], reply["has_truth"]) == ("run.mp4", FRAMES, True)
    assert [model["unit"] for model in reply["models"]] == ["deg", "deg"]
    assert reply["kind"] == {"unit": "deg", "turns": "steering-wheel", "symbol": "°"}
    assert {one["name"] for one in reply["cases"]} >= {"increase", "decrease", "maintain"}
    rise = next(one for one in reply["methods"] if one["name"] == "rise")
    assert {"name": "masks", "type": "int", "default": 1000}.items() <= rise["options"][0].items()
    assert rise["caution"]


def test_the_cost_of_a_method_depends_on_the_models(ask: Ask) -> None:
    """24x32 px; the last convolution has 6 maps of 8x12."""
    reply = {one["name"]: one for one in ask("/api/drive").json["methods"]}
    assert reply["gradient"]["passes"] == 1
    assert reply["occlusion"]["passes"] == 4 * 6 + 1
    assert reply["score-cam"]["passes"] == 6 + 1
    assert reply["rise"]["passes"] == 1000
    assert {one["refused"] for one in reply.values()} == {None}


def test_frames_equal_those_of_the_recording(ask: Ask, session: Session) -> None:
    for index in (0, 17, FRAMES - 1, 3):
        exact = session.recording.at(index).image
        shown = ask(f"/api/frame/{index}").image
        assert shown.shape == exact.shape
        assert np.abs(shown.astype(int) - exact).mean() < 3  # a JPEG of it
    assert ask("/api/frame/3", width=80).image.shape[1] == 80


def test_numbers_equal_those_of_the_api(ask: Ask, session: Session, models: list[Any]) -> None:
    reply = ask("/api/explained/12").json
    frame = session.recording.at(12)
    angle = float(models[0].predict(models[0].prepare(frame.image)[None])[0])
    assert reply["angle"] == pytest.approx(angle, abs=1e-4)
    assert reply["truth"] == pytest.approx(frame.steering)
    assert reply["error"] == pytest.approx(angle - frame.steering, abs=1e-4)
    assert reply["before"] is None
    other = ask("/api/explained/12", model=1).json
    assert other["angle"] != pytest.approx(angle, abs=1e-4)


def test_maps_equal_those_of_the_api_and_heat_is_drawn_on_the_image(
    ask: Ask, session: Session, models: list[Any]
) -> None:
    signed = attribute(models[0], session.recording, USUAL)[12].sum(-1)
    for case, expected in (("increase", np.maximum(signed, 0)), ("decrease", np.maximum(-signed, 0))):
        found = ask("/api/map/12", case=case, smooth=0).map
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.max())
    plain, heated = ask("/api/frame/12").image, ask("/api/heat/12", case="increase").image
    assert heated.shape == plain.shape
    none = ask("/api/heat/12", case="increase", opacity=0).image.astype(int)
    assert np.ptp(none, axis=2).mean() < 6  # grey alone
    assert np.ptp(heated.astype(int), axis=2).mean() > np.ptp(none, axis=2).mean()


def test_views_differ_by_method_scale_and_options(ask: Ask) -> None:
    seen = {
        ask("/api/heat/12", **query).data
        for query in (
            {},
            {"method": "guided"},
            {"scale": "frame"},
            {"smooth": 0},
            {"method": "smoothgrad", "options": {"samples": 3}},
            {"method": "smoothgrad", "options": {"samples": 9}},
            {"case": "maintain"},
            {"case": "support", "cases": "support"},
            {"model": 1},
        )
    }
    assert len(seen) == 9


def test_two_models_share_one_scale_and_their_difference_matches_their_maps(ask: Ask) -> None:
    fulls = [ask("/api/explained/12", model=number).json["cases"][0]["full"] for number in (0, 1)]
    assert fulls[0] == fulls[1]
    first, second = (ask("/api/map/12", case="increase", model=number).map for number in (0, 1))
    found = ask("/api/difference-map/12", case="increase").map
    there = cv2.resize(second, found.shape[::-1]) - cv2.resize(first, found.shape[::-1])
    np.testing.assert_allclose(found, there, atol=1e-3 * np.abs(there).max())
    assert ask("/api/difference/12", case="increase").image.shape == ask("/api/frame/12").image.shape


def test_an_edit_changes_prediction_and_map_and_keeps_the_original_prediction(ask: Ask) -> None:
    before = ask("/api/explained/12").json
    edit = {"boxes": [{"left": 0, "top": 0, "right": 60, "bottom": 90, "fill": "black"}]}
    after = ask("/api/explained/12", edit=edit).json
    assert after["before"] == pytest.approx(before["angle"], abs=1e-5)
    assert after["angle"] != pytest.approx(before["angle"], abs=1e-3)
    assert (ask("/api/frame/12", edit=edit).image[:80, :50] < 12).all()
    assert ask("/api/map/12", edit=edit).data != ask("/api/map/12").data
    assert ask("/api/explained/12").json["angle"] == pytest.approx(before["angle"], abs=1e-5)


def test_the_timeline_fills_with_the_numbers_of_single_frames(ask: Ask) -> None:
    deadline = time.monotonic() + 60
    while not all(one["ended"] for one in ask("/api/status").json["analysis"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for model in (0, 1):
        columns = ask("/api/timeline", model=model).json["columns"]
        totals = ask("/api/totals", model=model).json
        assert (totals["of"]["title"], totals["of"]["options"]) == ("Integrated gradients", {})
        columns |= totals["columns"]
        assert {len(column) for column in columns.values()} == {FRAMES}
        reply = ask("/api/explained/7", model=model).json
        assert columns["angle"][7] == pytest.approx(reply["angle"], abs=1e-4)
        assert columns["truth"][7] == pytest.approx(reply["truth"])
        assert columns["increase"][7] == pytest.approx(reply["cases"][0]["total"], rel=1e-3)
        assert columns["moved"][0] is None
        assert all(0 <= value <= 1 for value in columns["moved"][1:])
    few = {"method": "smoothgrad", "options": {"samples": 3}}
    while not (found := ask("/api/totals", **few).json)["ended"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found["of"]["options"] == {"samples": 3}
    reply = ask("/api/explained/7", **few).json
    assert found["columns"]["increase"][7] == pytest.approx(reply["cases"][0]["total"], rel=1e-3)
    slow = ask("/api/totals", method="rise").json
    assert slow["ended"]
    assert "1,000 passes" in slow["error"]
    assert slow["of"]["method"] == USUAL
    assert slow["columns"] == ask("/api/totals").json["columns"]
    rest = ask("/api/timeline", since=35).json
    assert rest["since"] == 35
    assert len(rest["columns"]["angle"]) == 5
    assert ask("/api/timeline", since=10**6).json["columns"]["angle"] == []


def test_notes_are_stored(ask: Ask, session: Session) -> None:
    text = "<b>a shadow</b>, and more"
    assert ask("/api/notes/5", "PUT", {"text": text, "base": ""}).status == 200
    (note,) = ask("/api/notes").json["notes"]
    version = note.pop("version")
    assert note == {
        "frame": 5,
        "time_s": pytest.approx(session.recording.at(5).time_s),
        "text": "<b>a shadow</b>, and more",
    }
    assert "a shadow" in session.notes.path.read_text()
    table = ask("/api/notes.csv")
    assert "attachment" in table.headers["content-disposition"]
    assert table.data.decode().splitlines()[1].startswith("5,")
    assert ask("/api/notes/5", "PUT", {"text": "", "base": version}).json == {"notes": []}


def test_a_note_based_on_an_older_text_is_rejected_with_the_current_note(ask: Ask) -> None:
    (first,) = ask("/api/notes/6", "PUT", {"text": "one", "base": ""}).json["notes"]
    stale = ask("/api/notes/6", "PUT", {"text": "two", "base": ""})
    assert (stale.status, stale.json["note"]) == (409, first)
    assert "frame 6" in stale.json["error"]
    assert ask("/api/notes").json["notes"] == [first]
    assert (
        ask("/api/notes/6", "PUT", {"text": "one", "base": ""}).status == 200
    )  # the same text is not a conflict
    (second,) = ask("/api/notes/6", "PUT", {"text": "two", "base": first["version"]}).json["notes"]
    assert second["text"] == "two"
    assert (
        ask("/api/notes/6", "PUT", {"text": "", "base": first["version"]}).status == 409
    )  # removal needs the version too
    assert ask("/api/notes/6", "PUT", {"text": "", "base": second["version"]}).json == {"notes": []}
    gone = ask("/api/notes/6", "PUT", {"text": "three", "base": second["version"]})
    assert (gone.status, gone.json["note"]) == (409, None)


@pytest.mark.parametrize(
    ("path", "query", "status", "message"),
    [
        ("/api/frame/-1", {}, 400, "greater than or equal to 0"),
        (f"/api/frame/{FRAMES}", {}, 404, f"a frame from 0 to {FRAMES - 1}"),
        (f"/api/heat/{FRAMES}", {}, 404, f"a frame from 0 to {FRAMES - 1}"),
        ("/api/heat/99999999999999999999", {}, 400, "index"),
        ("/api/heat/one", {}, 400, "index"),
        ("/api/heat/1", {"method": "gradent"}, 400, "did you mean gradient"),
        ("/api/heat/1", {"case": "upwards"}, 400, "'upwards'"),
        ("/api/heat/1", {"method": "grad-cam", "options": {"layer": 1}}, 400, "--layer"),
        ("/api/heat/1", {"options": "[1]"}, 400, "JSON object"),
        ("/api/heat/1", {"options": {"x": [[[]]]}}, 400, "options of the method"),
        ("/api/heat/1", {"method": "smoothgrad", "options": {"samples": {}}}, 400, "--samples"),
        ("/api/heat/1", {"method": "smoothgrad", "options": '{"samples": 1%s}' % ("0" * 400)}, 400, "4096"),
        ("/api/heat/1", {"options": "[" * 1990}, 400, "JSON object"),
        ("/api/heat/1", {"options": '{"\\ud800": 1}'}, 400, "--? was given"),
        ("/api/heat/1", {"model": 7}, 400, "a model from 0 to 1"),
        ("/api/heat/1", {"opacity": "NaN"}, 400, "opacity"),
        ("/api/heat/1", {"smooth": 1e9}, 400, "smooth"),
        ("/api/heat/1", {"scale": "world"}, 400, "scale"),
        ("/api/heat/1", {"maintain": "it"}, 400, "valid maintain"),
        ("/api/heat/1", {"width": 10**9}, 400, "width"),
        ("/api/explained/1", {"edit": "{"}, 400, "JSON"),
        ("/api/explained/1", {"edit": "x" * 7000}, 400, "edit"),
        ("/api/timeline", {"model": 3}, 400, "a model from 0 to 1"),
        ("/api/timeline", {"since": -1}, 400, "since"),
        ("/api/nothing", {}, 404, "GET /api/nothing"),
        ("/../../pyproject.toml", {}, 404, "not found"),
        ("/%2e%2e/%2e%2e/server.py", {}, 404, "not found"),
        ("/..%2fserver.py", {}, 404, "not found"),
    ],
)
def test_bad_input_is_rejected_with_a_reason_and_the_server_goes_on(
    ask: Ask, path: str, query: dict[str, Any], status: int, message: str
) -> None:
    found = ask(path, **query)
    assert found.status == status, found
    assert message in found.json["error"]
    assert ask("/api/status").status == 200


def test_a_wrong_verb_and_a_body_that_is_not_json_are_rejected_with_a_reason(ask: Ask) -> None:
    found = ask("/api/frame/3", "POST", {})
    assert (found.status, found.json["error"][:17]) == (405, "POST /api/frame/3")
    for body, message in ((b"\xff\xfe", "a valid request"), (b"[" * 60_000, "PUT /api/notes/1")):
        connection = http.client.HTTPConnection("127.0.0.1", session_port(ask), timeout=60)
        connection.request("PUT", "/api/notes/1", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 400
        assert message in json.loads(answer.read())["error"]
        connection.close()


@pytest.mark.parametrize("method", ["integrated-gradients", "score-cam"])
def test_a_page_cannot_name_files_of_the_machine(ask: Ask, tmp_path: Path, method: str) -> None:
    cv2.imwrite(str(tmp_path / "private.png"), np.zeros((64, 96, 3), np.uint8))
    for path in (tmp_path / "private.png", tmp_path / "none.png"):  # nor find out which files exist
        found = ask("/api/heat/1", method=method, options={"baseline": str(path)})
        assert (found.status, "the page must not name files" in found.json["error"]) == (400, True)
    reply = next(one for one in ask("/api/drive").json["methods"] if one["name"] == method)
    assert ["black", "mean", "blur"] in [option["choices"] for option in reply["options"]]
    assert ask("/api/heat/1", method=method, options={"baseline": "black"}).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "without a version"},
        {"text": 3, "base": ""},
        {"text": None, "base": ""},
        [],
        {"text": "x" * 10_000, "base": ""},
        {"txt": "a", "base": ""},
        {"text": "a", "base": "0" * 99},
    ],
)
def test_an_invalid_note_is_rejected(ask: Ask, body: Any) -> None:
    assert 400 <= ask("/api/notes/5", "PUT", body).status < 500
    assert ask("/api/notes").json == {"notes": []}


def test_frames_are_available_before_the_models_are_loaded(drive: Path, tmp_path: Path) -> None:
    with open_recording(drive) as recording, Session(recording, notes_in(tmp_path)) as made:
        listening = listen("127.0.0.1", 0)
        with run_server(create_app(made), listening):
            ask = asker(listening.getsockname()[1])
            assert ask("/api/drive").json["ready"] is False
            assert {one["passes"] for one in ask("/api/drive").json["methods"]} == {None}
            assert ask("/api/frame/3").status == 200
            for path in ("/api/heat/3", "/api/explained/3", "/api/timeline", "/api/map/3"):
                found = ask(path)
                assert (found.status, found.json["error"]) == (503, "the model is still loading")


def test_a_rejected_model_is_reported_and_frames_and_notes_stay_available(drive: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    with (
        open_recording(drive) as recording,
        Session(recording, notes_in(tmp_path), say=messages.append) as made,
    ):
        listening = listen("127.0.0.1", 0)
        with run_server(create_app(made), listening):
            ask = asker(listening.getsockname()[1])
            made.refuse(ModelError("a model", "it is none", "take another"))
            reason = "expected a model, but it is none; take another"
            assert messages == [reason]
            reply = ask("/api/status").json
            assert (reply["ready"], reply["refused"]) == (False, reason)
            for path in ("/api/heat/3", "/api/explained/3", "/api/timeline", "/api/totals", "/api/map/3"):
                found = ask(path)
                assert (found.status, found.json["error"]) == (400, reason)
            assert ask("/api/frame/3").status == 200
            assert ask("/api/notes/3", "PUT", {"text": "seen", "base": ""}).status == 200


def test_the_status_names_the_probe_of_a_scale(ask: Ask) -> None:
    """Not the requested frame, which is explained after the probe."""
    seen = set()
    with ThreadPoolExecutor() as pool:
        # a scale that has not been measured yet
        asked = pool.submit(ask, "/api/heat/9", method="rise", options={"masks": 501})
        while not asked.done():
            now = ask("/api/status").json["work"]
            seen.add(now["what"] if now else "")
    assert any(re.fullmatch(r"measuring the scale of RISE over \d+ frames", what) for what in seen), seen
    assert seen <= {*(what for what in seen if "measuring" in what), "RISE of frame 9", ""}


def test_a_disconnected_client_stops_its_computation(ask: Ask, session: Session) -> None:
    """A slow method, and a client that disconnects."""
    port = session_port(ask)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    options = quote(json.dumps({"masks": 100_000}))
    connection.request("GET", f"/api/heat/9?method=rise&options={options}&case=increase")
    deadline = time.monotonic() + 20
    while (now := ask("/api/status").json["work"]) is None or "RISE" not in now["what"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    connection.close()
    while (now := ask("/api/status").json["work"]) is not None and "rise" in now["what"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert ask("/api/heat/9").status == 200


def test_frames_of_disconnected_clients_are_not_decoded(
    ask: Ask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    kept = session.frames.at

    def slow(index: int) -> Any:
        asked.append(index)
        time.sleep(0.2)
        return kept(index)

    monkeypatch.setattr(session.frames, "at", slow)
    for index in range(30):
        connection = http.client.HTTPConnection("127.0.0.1", session_port(ask), timeout=60)
        connection.request("GET", f"/api/frame/{index}")
        time.sleep(0.005)
        connection.close()
    assert ask("/api/frame/39").status == 200
    assert len(asked) < 15


def test_the_name_of_a_drive_may_be_invalid_unicode(drive: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(bytes(tmp_path) + b'/a\xff "b"\n\xc3\xbc.mp4'))
    path.write_bytes(drive.read_bytes())
    with open_recording(path) as recording, Session(recording, notes_in(tmp_path)) as made:
        listening = listen("127.0.0.1", 0)
        with run_server(create_app(made), listening):
            ask = asker(listening.getsockname()[1])
            assert ask("/api/drive").json["name"] == 'a? "b"\nü.mp4'
            table = ask("/api/notes.csv")
            assert table.headers["content-disposition"].endswith("''a%3F%20%22b%22%0A%C3%BC.notes.csv")


def test_frames_smaller_than_a_models_crop_are_rejected(drive: Path, tmp_path: Path) -> None:
    plain = steering(convolutional())
    crop = Crop("pixel", (60, -10))
    card = dataclasses.replace(plain.card, preprocess=dataclasses.replace(plain.preprocess, crop=crop))
    with (
        open_recording(drive) as recording,
        Session(recording, notes_in(tmp_path)) as made,
        pytest.raises(InputError, match="a frame is 96x64"),
    ):
        made.begin([SteeringModel(plain.network, card)])


def test_pending_requests_end_when_the_job_queue_is_closed(
    drive: Path, tmp_path: Path, models: list[Any]
) -> None:
    with open_recording(drive) as recording, Session(recording, notes_in(tmp_path)) as made:
        made.begin(models)
        listening = listen("127.0.0.1", 0)
        with run_server(create_app(made), listening), ThreadPoolExecutor() as pool:
            ask = asker(listening.getsockname()[1])
            slow = pool.submit(ask, "/api/heat/9", method="rise", options={"masks": 100_000})
            while (now := made.jobs.now) is None or "RISE" not in now[0]:
                time.sleep(0.02)
            made.jobs.close()
            assert slow.result(20).status == 204
            assert ask("/api/explained/3").status == 204


def test_a_view_and_the_analysis_share_one_study(
    drive: Path, tmp_path: Path, models: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    kept = drive_explainer.study_of

    def slow(*given: Any) -> Any:
        counted.append("study")
        time.sleep(0.3)
        return kept(*given)

    monkeypatch.setattr(drive_explainer, "study_of", slow)
    with open_recording(drive) as recording, Session(recording, notes_in(tmp_path)) as made:
        made.begin(models[:1])
        made.jobs.submit(
            "view", "view", lambda tick: made.explainer.study(drive_explainer.View(), tick)
        ).future.result(20)
    assert counted == ["study"]


def test_the_study_of_a_slow_method_does_not_block_other_studies(
    drive: Path, tmp_path: Path, models: list[Any]
) -> None:
    with open_recording(drive) as recording, FrameStore(recording) as frames, ThreadPoolExecutor() as pool:
        made = drive_explainer.DriveExplainer(recording, frames, models)
        running, go = threading.Event(), threading.Event()

        def tick(share: float, what: str = "") -> None:
            running.set()
            go.wait(20)

        slow = pool.submit(
            made.study, drive_explainer.View(ExplainSettings(method="rise", options={"masks": 64})), tick
        )
        assert running.wait(20)
        try:
            assert pool.submit(made.study, drive_explainer.View(), lambda *_: None).result(20)
        finally:  # or the pool would wait for it
            go.set()
        assert slow.result(20)


def test_cached_probes_are_bounded_in_bytes(
    drive: Path, tmp_path: Path, models: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive_explainer, "STUDY_CACHE_BYTES", 1)
    with open_recording(drive) as recording, FrameStore(recording) as frames:
        made = drive_explainer.DriveExplainer(recording, frames, models)
        first = made.study(drive_explainer.View(), lambda *_: None)
        assert made.study(drive_explainer.View(), lambda *_: None) is first
        made.study(drive_explainer.View(ExplainSettings(method="guided")), lambda *_: None)
        assert made.study(drive_explainer.View(), lambda *_: None) is not first


def session_port(ask: Ask) -> int:
    return ask.__closure__[0].cell_contents  # type: ignore[attr-defined, no-any-return]


def test_models_of_two_kinds_are_rejected(drive: Path, tmp_path: Path) -> None:
    models = [steering(convolutional()), steering(convolutional(), angle=AngleSpec("norm"))]
    with (
        open_recording(drive) as recording,
        Session(recording, notes_in(tmp_path)) as made,
        pytest.raises(OptionError, match="models of one kind"),
    ):
        made.begin(models)


def test_cached_frames_and_probes_omit_the_map_with_all_channels(session: Session) -> None:
    """It is the largest array, and no view shows it."""
    found = session.jobs.submit(
        "held",
        "",
        lambda tick: (
            session.explainer.study(drive_explainer.View(), tick),
            explain_in_default_view(session, 11, tick),
        ),
    ).future.result(60)
    study, reply = found
    assert {one.raw.size for one in [*study.probe, reply.explained]} == {0}
    assert reply.heats["increase"].any()


def explain_in_default_view(session: Session, index: int, tick: Any) -> drive_explainer.ExplainedFrame:
    return session.explainer.explain(drive_explainer.View(), index, NO_EDIT, tick)
