"""Settings are defined once: a new field appears in every interface; invalid values get clear errors."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from pydantic import ValidationError

import drivesal
from drivesal.cli import cli
from drivesal.errors import OptionError
from drivesal.settings import (
    ComparisonSettings,
    ExplainSettings,
    LookSettings,
    ModelSettings,
    RecordingSettings,
    Settings,
    SpanSettings,
    bounds,
    choices,
    on_command_line,
)
from scripts import option_docs
from tests.clips import make_clip

EXTENDED = """
import sys
from pydantic import create_model
import drivesal.settings as settings
field = settings.option(0.25, "Strength of the glow.", unit="px", ge=0, le=4)
settings.LookSettings = create_model("LookSettings", __base__=settings.LookSettings, glow=(float, field))
"""
"""A program that adds one field to `LookSettings` and changes nothing else."""


def run_extended(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", EXTENDED + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_added_field_becomes_an_option_of_the_command() -> None:
    shown = run_extended("from drivesal.cli import cli; cli.main(['video', '--help'], standalone_mode=False)")
    (line,) = [line for line in shown.splitlines() if "--glow" in line]
    assert line.split()[:8] == ["--glow", "FLOAT", "RANGE", "Strength", "of", "the", "glow", "[px]."]
    assert "[default: 0.25;" in shown


def test_an_added_field_is_in_the_keywords_the_servers_schema_and_the_facts(
    tmp_path: Path, model_path: Path
) -> None:
    clip = make_clip(tmp_path / "run.mp4", 4)
    code = """
import inspect, json
from pathlib import Path
import drivesal
from drivesal.recordings import open_recording
from drivesal.review.compute.page_data import describe_drive
from drivesal.review.compute.session import Session
from drivesal.review.notes import Notes
from drivesal.review.server.endpoints import create_app
clip, model, out = sys.argv[1:]
parameter = inspect.signature(drivesal.render).parameters["glow"]
assert (parameter.default, parameter.kind) == (0.25, parameter.KEYWORD_ONLY)
facts = drivesal.render(clip, model, out, method="gradient", glow=2.0)
with open_recording(clip) as recording:
    session = Session(recording, Notes.load(Path(clip).with_suffix(".json"), "run", 4))
    schema = describe_drive(session)["settings"]["look"]["glow"]
    asked = [route for route in create_app(session).routes if route.path == "/api/explained/{index}"]
    query = [one.name for view in asked[0].dependant.dependencies for look in view.dependencies
             for part in look.dependencies for one in part.query_params]
try:
    drivesal.render(clip, model, out, glow=9)
except drivesal.DrivesalError as error:
    refused = str(error)
print(json.dumps([facts["look"]["glow"], schema, "glow" in query, refused]))
"""
    glow, schema, asked, refused = json.loads(run_extended(code, clip, model_path, tmp_path / "out.mp4"))
    assert glow == 2.0
    assert (schema["default"], schema["minimum"], schema["maximum"], schema["unit"]) == (0.25, 0, 4, "px")
    assert asked
    assert refused == "expected glow from 0 to 4, but it is 9; 0.25 is the default"
    assert json.loads((tmp_path / "out.json").read_text())["look"]["glow"] == 2.0


@pytest.mark.parametrize(
    "kind",
    [ModelSettings, RecordingSettings, SpanSettings, ComparisonSettings, ExplainSettings, LookSettings],
)
def test_every_field_has_help_and_a_valid_default(kind: type[Settings]) -> None:
    for name, field in kind.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert kind(**{name: field.default}) == kind()


def test_settings_are_hashable_values() -> None:
    one, other = ExplainSettings(options={"steps": 4}), ExplainSettings(options={"steps": 4})
    assert one == other
    assert {one: 1}[other] == 1
    assert one.but(seed=1) != one
    first = ExplainSettings(method="smoothgrad", options={"samples": 5, "noise": 0.2})
    assert hash(first) == hash(ExplainSettings(method="smoothgrad", options={"noise": 0.2, "samples": 5}))
    assert hash(ExplainSettings(options={"conv": "\ud800"}))
    assert one.but(seed=1).options == {"steps": 4}
    with pytest.raises(ValidationError):
        LookSettings(opacity=float("nan"))
    with pytest.raises(ValidationError):
        LookSettings(glow=1)  # type: ignore[call-arg]
    assert bounds(LookSettings.model_fields["width"]) == {"ge": 2}
    assert bounds(RecordingSettings.model_fields["full_lock"]) == {"gt": 0, "le": 10_000}
    assert choices(RecordingSettings.model_fields["camera"]) == ("center", "left", "right")
    assert choices(RecordingSettings.model_fields["rate"]) == ()
    assert RecordingSettings(rate=30000 / 1001).rate == "30000/1001"
    assert RecordingSettings(rate="1/3600").rate == "1/3600"
    assert ModelSettings(turns="unknown", input_size=(66, 200), bins=(-1, 1)) == ModelSettings(
        input_size="66x200", bins="-1..1"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"layout": "gird"}, "layout among grid, row, single, but it is 'gird'; did you mean grid?"),
        ({"width": 1}, "width of at least 2, but it is 1;"),
        ({"opacity": 2}, "opacity from 0 to 1, but it is 2; 0.8 is the default"),
        ({"smooth": "much"}, "smooth from 0 to 50, but it is 'much';"),
        ({"scale_from": "none.json"}, "the facts (.json) of another run, but none.json cannot be read"),
        ({"scale": "frame", "scale_from": "none.json"}, "one scale, but"),
        ({"opacty": 1}, "did you mean opacity?"),
    ],
)
def test_render_explains_invalid_options(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(OptionError) as error:
        drivesal.render("nothing.mp4", at=1, **given)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"camera": "front"}, "camera among center, left, right, but it is 'front'"),
        ({"full_lock": 0}, "full_lock above 0 and up to 10000, but it is 0; leave it out"),
        ({"rate": "often"}, "--rate as 20, 29.97 or 30000/1001, but it is 'often'"),
        ({"unit": "deg"}, "a keyword of Recording, but unit was given"),
    ],
)
def test_recording_explains_invalid_options(given: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError) as error:
        drivesal.Recording(make_clip(tmp_path / "run.mp4", 2), **given)
    assert expected in str(error.value)


def test_a_long_unknown_method_name_gets_a_clear_error(inside: Any, tmp_path: Path) -> None:
    make_clip(tmp_path / "run.mp4", 2)
    ran = inside("video", "run.mp4", "--method", 70 * "x")
    assert ran.code == 1
    assert ran.err.startswith("drivesal: expected a method among ")


def test_the_options_page_matches_the_fields() -> None:
    assert option_docs.PATH.read_text(encoding="utf-8") == option_docs.page(), "run scripts/option_docs.py"


def test_the_options_page_has_every_option_that_commands_share() -> None:
    shown = set(re.findall(r"^\| `(--[a-z-]+)`", option_docs.PATH.read_text(encoding="utf-8"), re.MULTILINE))
    flags = [
        flag
        for name in cli.list_commands(click.Context(cli))
        for flag in {flag for one in loaded(name).params for flag in one.opts if flag.startswith("-")}
    ]
    own = {
        "--model",
        "--layer",
        "--filter",
        "--class",
        "--out",
        "--overwrite",
        "--write-card",
        "--quiet",
        "--json",
    }
    assert {flag for flag in flags if flags.count(flag) > 1} - shown == own | {"--json"}


def loaded(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def test_settings_with_several_values() -> None:
    given = ModelSettings(feed=("speed = 5", "state=wheel"), lambdas=["l=x/127.5-1"])  # type: ignore[arg-type]
    assert given == ModelSettings(feed={"speed": 5.0, "state": "wheel"}, lambdas={"l": "x/127.5-1"})
    assert hash(given) == hash(given.but())
    with pytest.raises(OptionError, match="--feed as INPUT=NUMBER or INPUT=COLUMN, but it is 'speed'"):
        ModelSettings(feed=("speed",))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="--lambda as LAYER=FORMULA"):
        ModelSettings(lambdas=("=x",))  # type: ignore[arg-type]


def test_positions_are_seconds_as_floats_and_frames_as_ints() -> None:
    given = SpanSettings(start=np.int64(3), end=np.float32(4))  # type: ignore[arg-type]
    assert (given.bounds, type(given.start), type(given.end)) == ((3, 4.0, 1), int, float)
    with pytest.raises(OptionError, match=r"start as a float \(seconds\) or an int \(frame index\)"):
        SpanSettings(start=True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"every": 0}, "every of at least 1, but it is 0"),
        ({"start": "1:30"}, r"start as a float \(seconds\) or an int"),
        ({"steering_ratio": -15}, "steering_ratio above 0 and up to 100, but it is -15"),
    ],
)
def test_render_explains_an_invalid_span(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(OptionError, match=expected):
        drivesal.render("nothing.mp4", at=1, **given)


def test_a_new_network_accepts_only_input_settings(inside: Any, tmp_path: Path) -> None:
    make_clip(tmp_path / "run.mp4", 2)
    for option in (["--feed", "a=1"], ["--model-positive", "left"], ["--lambda", "l=x"], ["--unsafe"]):
        ran = inside("train", "run.mp4", "--out", "new.keras", *option)
        assert (ran.code, f"--model for {option[0]}, but a new network" in ran.err) == (1, True), ran
    ran = inside("train", "run.mp4", "--out", "new.keras", "--crop", "1:", "--device", "cpu")
    assert "a recording with steering angles" in ran.err


def test_the_signature_of_render_lists_its_settings() -> None:
    names = list(inspect.signature(drivesal.render).parameters)
    kinds = (SpanSettings, ComparisonSettings, ExplainSettings, LookSettings)
    fields = [name for kind in kinds for name in on_command_line(kind)]
    assert [name for name in names if name in fields] == fields
