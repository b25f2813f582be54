"""Declarations of targets: their kinds, their descriptions, and the syntax of output sums."""

import pytest

from drivesal.angle import AngleKind, AngleSpec
from drivesal.errors import OptionError
from drivesal.model.target import SCORE, Bins, Class, Filters, Function, Target, Term, Weighted, describe, terms
from tests.models import DEGREES

NORM = AngleSpec("norm", "road-wheels")
ANGLE = Target(DEGREES)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (None, (Term(1, None),)),
        (2, (Term(1, 2),)),
        ("left", (Term(1, "left"),)),
        ("3", (Term(1, 3),)),
        ("both[1]", (Term(1, "both", 1),)),
        ("1[12]", (Term(1, 1, 12),)),
        ("0.5*left+0.5*right", (Term(0.5, "left"), Term(0.5, "right"))),
        (" 0.5 * left + 2*right[1] ", (Term(0.5, "left"), Term(2, "right", 1))),
        ("left+-0.25*right", (Term(1, "left"), Term(-0.25, "right"))),
        ("-left", (Term(-1, "left"),)),
        ("-2*left", (Term(-2, "left"),)),
        ("1e-3*left", (Term(0.001, "left"),)),
        ("2*0+3*1[2]", (Term(2, 0), Term(3, 1, 2))),
        ("dense_1/out-a", (Term(1, "dense_1/out-a"),)),
    ],
)
def test_output_sums_are_parsed(output, expected):
    assert terms(output) == expected


@pytest.mark.parametrize(
    "output",
    ["", "+", "left+", "a++b", "left*2", "half*left", "left[", "left[x]", "left[-1]", "[1]", "0.5*", "a]b"],
)
def test_invalid_output_sums_are_refused(output):
    with pytest.raises(OptionError, match="NAME") as error:
        terms(output)
    assert repr(output) in str(error.value)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (ANGLE, AngleKind("deg", "steering-wheel")),
        (Target(NORM), AngleKind("norm", "road-wheels")),
        (Filters("conv1"), SCORE),
        (Class(3), SCORE),
        (Function(lambda outputs: outputs[0]), SCORE),
        (Weighted(((1.0, ANGLE), (-0.5, ANGLE))), AngleKind("deg", "steering-wheel")),
        (Weighted(((1.0, ANGLE), (1.0, Target(NORM)))), SCORE),
        (Weighted(((1.0, ANGLE), (1.0, Class(0)))), SCORE),
        (Weighted(((1.0, Class(0)), (1.0, Class(1)))), SCORE),
        (Weighted(()), SCORE),
    ],
)
def test_the_kind_of_a_target(target, kind):
    assert target.kind == kind
    assert target.kind.sided == (kind.unit != "score")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (ANGLE, "the steering angle"),
        (Target(DEGREES, "angle", Bins(-1, 1)), "the expected angle"),
        (Target(DEGREES, pre_activation=True), "the steering angle before its activation"),
        (Filters("conv2d_3", (12,)), "conv2d_3, filter 12"),
        (Filters("backbone/conv1", (1, 5)), "backbone/conv1, filters 1, 5"),
        (Filters("dense"), "layer dense"),
        (Filters(3), "layer 3"),
        (Class(7), "class 7"),
        (Function(lambda outputs: outputs[0]), "function"),
        (Function(lambda outputs: outputs[0], "spread"), "spread"),
        (Weighted(((1.0, Class(2)), (-0.5, Class(4)))), "1 × class 2 + -0.5 × class 4"),
    ],
)
def test_the_description_of_a_target(target, expected):
    assert describe(target) == expected


def test_equal_declarations_are_equal():
    assert Filters("a", (1,)) == Filters("a", (1,))
    assert Weighted(((1.0, Class(0)),)) == Weighted(((1.0, Class(0)),))
    assert Target(DEGREES) != Target(DEGREES, pre_activation=True)
