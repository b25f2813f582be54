"""Parsing of shared options; the options of a new method appear on the command line."""

import click
import pytest
from click.testing import CliRunner

from drivesal.attribution import registry
from drivesal.attribution.registry import Option
from drivesal.cli import _options
from tests.clips import make_clip


@pytest.mark.parametrize(
    ("text", "place"),
    [("10", 10.0), ("10s", 10.0), ("1.5", 1.5), ("1:30", 90.0), ("1:02:03.5", 3723.5), ("#7", 7), (".5s", 0.5)],
)
def test_positions_in_a_drive(text, place):
    found = _options.Position().convert(text, None, None)
    assert found == place
    assert type(found) is type(place)


@pytest.mark.parametrize("text", ["", "x", "-1", "1:2:3:4", "#", "#1.5", "1e5", "nan"])
def test_invalid_positions(text):
    with pytest.raises(click.BadParameter):
        _options.Position().convert(text, None, None)


def test_a_methods_options_become_the_commands(monkeypatch):
    gradient = registry.method("gradient")
    option = Option("noise_level", float, 0.1, "share of the input range")
    method = registry.Method(
        "noisy", "Noisy", "me", "A = 1", "sensitivity", True, True, True, gradient.build, (option,)
    )
    monkeypatch.setitem(registry._registry._items, "noisy", method)
    seen = {}

    @click.command()
    @_options._method_option("noise_level")
    def command(**given):
        seen.update(given)

    ran = CliRunner().invoke(command, ["--noise-level", "0.3"])
    assert ran.exit_code == 0, ran.output
    assert seen == {"method_noise_level": 0.3}


def test_method_options_do_not_hide_command_options():
    from drivesal.cli.image import command as image
    from drivesal.cli.video import command as video

    for command in (image, video):
        flags = [flag for parameter in command.params for flag in parameter.opts]
        assert len(flags) == len(set(flags))


@pytest.mark.parametrize(
    "crop", ["-25:60", "60:-25,-10:10", "0.9:0.4", "0.4:1.2", "60:60", "60:20", "-10:-40", "x", "1:2:3"]
)
@pytest.mark.parametrize("command", ["video", "image", "review", "train", "evaluate"])
def test_a_crop_that_leaves_nothing_fails_before_anything_is_read(inside, command, crop):
    more = {"train": ["--out", "x.keras"], "evaluate": ["nothing.keras"]}.get(command, [])
    words = [command, *more, "nothing.mp4"] if command == "evaluate" else [command, "nothing.mp4", *more]
    ran = inside(*words, f"--crop={crop}")
    assert ran.code == 1
    assert f"it is '{crop}'" in ran.err
    assert ran.err.count("\n") == 1


def test_a_crop_larger_than_the_frames_fails_before_the_model_is_read(inside, tmp_path):
    make_clip(tmp_path / "run.mp4", 3)
    (tmp_path / "no.keras").write_bytes(b"no model at all")
    ran = inside("video", "run.mp4", "--model", "no.keras", "--crop", "50:-25")
    assert "a frame is 96x64" in ran.err


def test_a_wrong_angle_column_is_one_line(inside, tmp_path):
    make_clip(tmp_path / "run.mp4", 3)
    (tmp_path / "run.csv").write_text("frame,angle_deg\n0,1\n")
    ran = inside("info", "run.mp4", "--angle-column", "steer")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "run.csv has the columns frame, angle_deg" in ran.err
