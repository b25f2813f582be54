"""Options of suggested commands: each keeps its meaning, or no command is suggested."""

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


def suggested(changes, *typed, **labels):
    context = evaluate.make_context("evaluate", ["default", ".", *typed])
    return rerun_options(context, changes, leave_out={"--overwrite"}, infos=[info(**labels)])


NORM = ("--angle-unit", "norm", "--full-lock", "25")


def test_the_full_lock_of_the_labels_is_kept():
    found = suggested(("--model-angle-unit", "deg"), *NORM, full_lock_deg=25.0)
    assert [float(found[found.index("--full-lock") + 1]), *found[-2:]] == [25, "--model-angle-unit", "deg"]
    assert "--full-lock" not in suggested(("--model-angle-unit", "deg"), "--full-lock", "25")


def test_no_command_if_full_lock_would_need_two_values():
    two = ("--model-angle-unit", "norm", "--full-lock", "255")
    assert suggested(two, *NORM, full_lock_deg=25.0) is None
    assert suggested(two, "--angle-unit", "deg")[-4:] == list(two)
    assert suggested(("--preset", "comma"), *NORM, full_lock_deg=25.0) is None
    found = suggested(("--preset", "pilotnet-udacity"), *NORM, full_lock_deg=25.0)
    assert "--full-lock" in found


def test_a_full_lock_does_not_declare_a_table_in_degrees_as_norm():
    words = ("--model-angle-unit", "norm", "--full-lock", "255")
    found = suggested(words, notes=("unit deg assumed for column a; --angle-unit says otherwise",))
    assert found[-2:] == ["--angle-unit", "deg"]


@pytest.mark.parametrize(("name", "unit"), [("pilotnet-udacity", "norm"), ("sullychen", "rad")])
def test_a_preset_declares_the_model_and_options_the_labels(name, unit):
    found = suggested(("--preset", name), "--angle-unit", "deg", "--positive", "left", "--full-lock", "30")
    assert found[found.index("--model-angle-unit") + 1] == unit
    assert found[found.index("--model-positive") + 1] == "right"
    assert "--full-lock" not in found
    assert "--model-angle-unit" not in suggested(("--preset", name))


def test_values_are_printed_as_typed(tmp_path):
    typed = (
        "--out",
        "new/",
        "--start",
        "100",
        "--end",
        "#250",
        "--full-lock",
        "25",
        "--steering-ratio",
        "15.5",
    )
    found = suggested((), *typed)
    for flag, value in zip(typed[::2], typed[1::2], strict=True):
        assert found[found.index(flag) + 1] == value
    (tmp_path / "there").mkdir()
    assert str(tmp_path / "there") in suggested((), "--out", str(tmp_path / "there"))


def test_names_are_printed_as_a_list_with_commas():
    from drivesal.cli.video import command as video

    context = video.make_context("video", ["data/run.mp4", "--cases", "increase,maintain"])
    assert rerun_options(context, ()) == ["--cases", "increase,maintain"]
