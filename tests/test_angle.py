import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesal.angle import AngleKind, AngleSpec

DEG = AngleKind("deg", "steering-wheel")


@pytest.mark.parametrize(
    ("spec", "declared", "inside"),
    [
        (AngleSpec("deg"), 12.0, 12.0),
        (AngleSpec("deg", positive="right"), 12.0, -12.0),
        (AngleSpec("rad", "steering-wheel"), math.pi / 2, 90.0),
        (AngleSpec("norm", "road-wheels", "right", 25.0), 0.2, -5.0),
        (AngleSpec("norm", positive="right"), 0.2, -0.2),
    ],
)
def test_conversion_to_left_positive_degrees(spec, declared, inside):
    assert declared * spec.factor == pytest.approx(inside)


def test_degrees_are_never_invented():
    assert AngleSpec("norm").kind.unit == "norm"
    assert AngleSpec("norm", full_lock_deg=25).kind.unit == "deg"


@pytest.mark.parametrize("lock", [0, -1, math.nan, math.inf])
def test_an_invalid_full_lock_is_rejected(lock):
    with pytest.raises(ValueError, match="full_lock_deg"):
        AngleSpec("norm", full_lock_deg=lock)


def test_a_full_lock_is_only_valid_with_norm():
    with pytest.raises(ValueError, match="only valid with unit 'norm'"):
        AngleSpec("deg", full_lock_deg=25)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (DEG, 12.34, "12.3° L"),
        (DEG, -0.06, "0.1° R"),
        (DEG, -0.04, "0.0°"),
        (AngleKind("norm"), -0.4217, "0.422 norm R"),
    ],
)
def test_text_names_the_side(kind, value, text):
    assert kind.text(value) == text


@given(st.floats(-500, 500))
def test_the_text_of_mirrored_angles_differs_only_in_the_side(value):
    left, right = DEG.text(value), DEG.text(-value)
    assert left.replace("L", "R") == right.replace("L", "R")


def test_different_kinds_are_not_comparable():
    assert DEG.comparable(AngleKind("deg"))
    assert not DEG.comparable(AngleKind("deg", "road-wheels"))
    assert not DEG.comparable(AngleKind("norm", "steering-wheel"))
