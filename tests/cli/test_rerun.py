"""The options that are printed to go on with: each means what it meant, or the command is not printed."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest

from drivesal.angle import AngleKind
from drivesal.cli._rerun import rerun_options
from drivesal.cli.evaluate import command as evaluate
from drivesal.types import RecordingInfo


def info(**more):
    rate, base = Fraction(10), Fraction(1, 10)
    found = RecordingInfo(Path("drive"), "images", 320, 160, rate, base, 9, 0.9, True, "png")
    return dataclasses.replace(found, angle=AngleKind("deg"), **more)


def printed(words, *said, **of_labels):
    typed = evaluate.make_context("evaluate", ["default", ".", *said])
    return rerun_options(typed, words, leave_out={"--overwrite"}, infos=[info(**of_labels)])


NORM = ("--angle-unit", "norm", "--full-lock", "25")


def test_the_labels_full_lock_stays():
    found = printed(("--model-angle-unit", "deg"), *NORM, full_lock_deg=25.0)
    assert [float(found[found.index("--full-lock") + 1]), *found[-2:]] == [25, "--model-angle-unit", "deg"]
    assert "--full-lock" not in printed(("--model-angle-unit", "deg"), "--full-lock", "25")


def test_one_full_lock_does_not_mean_two_things():
    two = ("--model-angle-unit", "norm", "--full-lock", "255")
    assert printed(two, *NORM, full_lock_deg=25.0) is None
    assert printed(two, "--angle-unit", "deg")[-4:] == list(two)
    assert printed(("--preset", "comma"), *NORM, full_lock_deg=25.0) is None
    found = printed(("--preset", "pilotnet-udacity"), *NORM, full_lock_deg=25.0)
    assert "--full-lock" in found


def test_a_full_lock_does_not_make_a_table_of_degrees_norm():
    words = ("--model-angle-unit", "norm", "--full-lock", "255")
    found = printed(words, notes=("unit deg assumed for column a; --angle-unit says otherwise",))
    assert found[-2:] == ["--angle-unit", "deg"]


@pytest.mark.parametrize(("name", "unit"), [("pilotnet-udacity", "norm"), ("sullychen", "rad")])
def test_a_preset_speaks_of_the_model_where_options_speak_of_the_labels(name, unit):
    found = printed(("--preset", name), "--angle-unit", "deg", "--positive", "left", "--full-lock", "30")
    assert found[found.index("--model-angle-unit") + 1] == unit
    assert found[found.index("--model-positive") + 1] == "right"
    assert "--full-lock" not in found
    assert "--model-angle-unit" not in printed(("--preset", name))


def test_values_are_printed_as_they_are_typed(tmp_path):
    said = ("--out", "new/", "--start", "100", "--end", "#250", "--full-lock", "25", "--steering-ratio", "15.5")
    found = printed((), *said)
    for flag, value in zip(said[::2], said[1::2], strict=True):
        assert found[found.index(flag) + 1] == value
    (tmp_path / "there").mkdir()
    assert str(tmp_path / "there") in printed((), "--out", str(tmp_path / "there"))
