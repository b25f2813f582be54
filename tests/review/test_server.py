"""The server's answers, and that nothing a page sends brings it down."""

from __future__ import annotations

import dataclasses
import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from drivesal.api import attribute
from drivesal.recordings import open_recording, read_labels
from drivesal.review.notes import Notes
from drivesal.review.server import app
from drivesal.review.serving import bound, served
from drivesal.review.session import Session
from drivesal.steering import AngleSpec
from tests.clips import make_clip
from tests.models import convolutional, steering

FRAMES = 40


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def picture(self) -> Any:
        return cv2.imdecode(np.frombuffer(self.data, np.uint8), cv2.IMREAD_COLOR_RGB)

    @property
    def map(self) -> Any:
        return np.frombuffer(self.data, "<f4").reshape(
            int(self.headers["x-height"]), int(self.headers["x-width"])
        )


Ask = Callable[..., Answer]


def asker(port: int) -> Ask:
    def ask(path: str, verb: str = "GET", body: Any = None, **query: Any) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        if query:
            texts = {k: json.dumps(v) if isinstance(v, dict | bool) else str(v) for k, v in query.items()}
            path += "?" + "&".join(f"{name}={quote(text)}" for name, text in texts.items())
        data = None if body is None else json.dumps(body)
        connection.request(verb, path, data, {"Content-Type": "application/json"} if data else {})
        found = connection.getresponse()
        answer = Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
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
    listening = bound("127.0.0.1", 0)
    with served(app(session), listening):
        yield asker(listening.getsockname()[1])


def test_the_drive_is_described(ask: Ask) -> None:
    told = ask("/api/drive").json
    assert (told["name"], told["frames"], told["has_truth"]) == ("run.mp4", FRAMES, True)
    assert [model["unit"] for model in told["models"]] == ["deg", "deg"]
    assert told["kind"] == {"unit": "deg", "turns": "steering-wheel", "symbol": "°"}
    assert {one["name"] for one in told["cases"]} >= {"increase", "decrease", "maintain"}
    rise = next(one for one in told["methods"] if one["name"] == "rise")
    assert {"name": "masks", "type": "int", "default": 1000}.items() <= rise["options"][0].items()
    assert rise["caution"]


def test_a_frame_is_the_very_frame(ask: Ask, session: Session) -> None:
    for index in (0, 17, FRAMES - 1, 3):
        exact = session.recording.at(index).image
        shown = ask(f"/api/frame/{index}").picture
        assert shown.shape == exact.shape
        assert np.abs(shown.astype(int) - exact).mean() < 3  # a JPEG of it
    assert ask("/api/frame/3", width=80).picture.shape[1] == 80


def test_numbers_are_the_apis(ask: Ask, session: Session, models: list[Any]) -> None:
    told = ask("/api/explained/12").json
    frame = session.recording.at(12)
    angle = float(models[0].predict(models[0].prepare(frame.image)[None])[0])
    assert told["angle"] == pytest.approx(angle, abs=1e-4)
    assert told["truth"] == pytest.approx(frame.steering)
    assert told["error"] == pytest.approx(angle - frame.steering, abs=1e-4)
    assert told["before"] is None
    other = ask("/api/explained/12", model=1).json
    assert other["angle"] != pytest.approx(angle, abs=1e-4)


def test_the_map_is_the_apis_and_heat_lies_on_the_picture(
    ask: Ask, session: Session, models: list[Any]
) -> None:
    signed = attribute(models[0], session.recording, "gradient")[12].sum(-1)
    for case, expected in (("increase", np.maximum(signed, 0)), ("decrease", np.maximum(-signed, 0))):
        found = ask("/api/map/12", case=case, smooth=0).map
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.max())
    plain, heated = ask("/api/frame/12").picture, ask("/api/heat/12", case="increase").picture
    assert heated.shape == plain.shape
    none = ask("/api/heat/12", case="increase", opacity=0).picture.astype(int)
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
            {"case": "support", "support": True},
            {"model": 1},
        )
    }
    assert len(seen) == 9


def test_two_models_are_on_one_scale_and_their_difference_is_theirs(ask: Ask) -> None:
    fulls = [ask("/api/explained/12", model=number).json["cases"][0]["full"] for number in (0, 1)]
    assert fulls[0] == fulls[1]
    first, second = (ask("/api/map/12", case="increase", model=number).map for number in (0, 1))
    found = ask("/api/difference-map/12", case="increase").map
    there = cv2.resize(second, found.shape[::-1]) - cv2.resize(first, found.shape[::-1])
    np.testing.assert_allclose(found, there, atol=1e-3 * np.abs(there).max())
    assert ask("/api/difference/12", case="increase").picture.shape == ask("/api/frame/12").picture.shape


def test_what_if_changes_answer_and_map_and_tells_what_was_before(ask: Ask) -> None:
    before = ask("/api/explained/12").json
    edit = {"boxes": [{"left": 0, "top": 0, "right": 60, "bottom": 90, "fill": "black"}]}
    after = ask("/api/explained/12", edit=edit).json
    assert after["before"] == pytest.approx(before["angle"], abs=1e-5)
    assert after["angle"] != pytest.approx(before["angle"], abs=1e-3)
    assert (ask("/api/frame/12", edit=edit).picture[:80, :50] < 12).all()
    assert ask("/api/map/12", edit=edit).data != ask("/api/map/12").data
    assert ask("/api/explained/12").json["angle"] == pytest.approx(before["angle"], abs=1e-5)


def test_the_timeline_fills_with_what_single_frames_say(ask: Ask) -> None:
    deadline = time.monotonic() + 60
    while not all(one["ended"] for one in ask("/api/status").json["analysis"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for model in (0, 1):
        columns = ask("/api/timeline", model=model).json["columns"]
        assert {len(column) for column in columns.values()} == {FRAMES}
        told = ask("/api/explained/7", model=model).json
        assert columns["angle"][7] == pytest.approx(told["angle"], abs=1e-4)
        assert columns["truth"][7] == pytest.approx(told["truth"])
        assert columns["increase"][7] == pytest.approx(told["cases"][0]["total"], rel=1e-3)
        assert columns["moved"][0] is None
        assert all(0 <= value <= 1 for value in columns["moved"][1:])
    rest = ask("/api/timeline", since=35).json
    assert rest["since"] == 35
    assert len(rest["columns"]["angle"]) == 5
    assert ask("/api/timeline", since=10**6).json["columns"]["angle"] == []


def test_a_figure_to_save_is_what_drivesal_image_draws(ask: Ask) -> None:
    found = ask("/api/figure/12")
    assert found.headers["content-type"] == "image/png"
    assert found.picture.shape[1] >= 480


def test_notes_are_kept(ask: Ask, session: Session) -> None:
    text = "<b>a shadow</b>, and more"
    assert ask("/api/notes/5", "PUT", {"text": text}).status == 200
    (note,) = ask("/api/notes").json["notes"]
    assert note == {
        "frame": 5,
        "time_s": pytest.approx(session.recording.at(5).time_s),
        "text": "<b>a shadow</b>, and more",
    }
    assert "a shadow" in session.notes.path.read_text()
    table = ask("/api/notes.csv")
    assert "attachment" in table.headers["content-disposition"]
    assert table.data.decode().splitlines()[1].startswith("5,")
    assert ask("/api/notes/5", "PUT", {"text": ""}).json == {"notes": []}


@pytest.mark.parametrize(
    ("path", "query", "status", "told"),
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
        ("/api/heat/1", {"model": 7}, 400, "a model from 0 to 1"),
        ("/api/heat/1", {"opacity": "NaN"}, 400, "opacity"),
        ("/api/heat/1", {"smooth": 1e9}, 400, "smooth"),
        ("/api/heat/1", {"scale": "world"}, 400, "scale"),
        ("/api/heat/1", {"maintain": "it"}, 400, "maintain among"),
        ("/api/heat/1", {"width": 10**9}, 400, "width"),
        ("/api/explained/1", {"edit": "{"}, 400, "JSON"),
        ("/api/explained/1", {"edit": "x" * 7000}, 400, "edit"),
        ("/api/timeline", {"model": 3}, 400, "a model from 0 to 1"),
        ("/api/timeline", {"since": -1}, 400, "since"),
        ("/api/nothing", {}, 404, ""),
        ("/../../pyproject.toml", {}, 404, ""),
        ("/%2e%2e/%2e%2e/server.py", {}, 404, ""),
        ("/..%2fserver.py", {}, 404, ""),
    ],
)
def test_bad_input_is_refused_with_a_reason_and_the_server_lives(
    ask: Ask, path: str, query: dict[str, Any], status: int, told: str
) -> None:
    found = ask(path, **query)
    assert found.status == status, found
    assert told in found.data.decode()
    assert ask("/api/status").status == 200


@pytest.mark.parametrize("body", [{}, {"text": 3}, {"text": None}, [], {"text": "x" * 10_000}, {"txt": "a"}])
def test_a_note_that_is_none_is_refused(ask: Ask, body: Any) -> None:
    assert 400 <= ask("/api/notes/5", "PUT", body).status < 500
    assert ask("/api/notes").json == {"notes": []}


def test_before_the_models_are_there_frames_are(drive: Path, tmp_path: Path) -> None:
    with open_recording(drive) as recording, Session(recording, notes_in(tmp_path)) as made:
        listening = bound("127.0.0.1", 0)
        with served(app(made), listening):
            ask = asker(listening.getsockname()[1])
            assert ask("/api/drive").json["ready"] is False
            assert ask("/api/frame/3").status == 200
            for path in ("/api/heat/3", "/api/explained/3", "/api/timeline", "/api/map/3"):
                found = ask(path)
                assert (found.status, found.json["error"]) == (503, "the model is still being loaded")


def test_a_page_that_moves_on_ends_what_it_waited_for(ask: Ask, session: Session) -> None:
    """A slow method, and a client that goes away."""
    port = session_port(ask)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    options = quote(json.dumps({"masks": 100_000}))
    connection.request("GET", f"/api/heat/9?method=rise&options={options}&case=increase")
    deadline = time.monotonic() + 20
    while (now := ask("/api/status").json["work"]) is None or "rise" not in now["what"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    connection.close()
    while (now := ask("/api/status").json["work"]) is not None and "rise" in now["what"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert ask("/api/heat/9").status == 200


def session_port(ask: Ask) -> int:
    return ask.__closure__[0].cell_contents  # type: ignore[attr-defined, no-any-return]


def test_models_of_two_kinds_are_refused(drive: Path, tmp_path: Path) -> None:
    from drivesal.errors import OptionError

    models = [steering(convolutional()), steering(convolutional(), angle=AngleSpec("norm"))]
    with (
        open_recording(drive) as recording,
        Session(recording, notes_in(tmp_path)) as made,
        pytest.raises(OptionError, match="models of one kind"),
    ):
        made.begin(models)
