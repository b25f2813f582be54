import pytest

from drivesal.errors import OptionError
from drivesal.model.readers.lambdas import Formula, formula, scaling


@pytest.mark.parametrize(
    ("text", "scale", "offset"),
    [
        ("x", 1, 0),
        ("x/127.5-1", 1 / 127.5, -1),
        ("x/127.5 - 1.", 1 / 127.5, -1),
        ("(x-128)/128", 1 / 128, -1),
        ("x / 255.0 - 0.5", 1 / 255, -0.5),
        ("-x*2+3", -2, 3),
        ("1 - x/2", -0.5, 1),
        ("2*(x+x)", 4, 0),
        ("x*(1/255)", 1 / 255, 0),
        (" +x/1e2 ", 0.01, 0),
    ],
)
def test_scalings(text, scale, offset):
    assert scaling(text) == pytest.approx((scale, offset))


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "3",
            "x*x",
            "1/x",
            "x/0",
            "x**2",
            "x-x",
            "y",
            "abs(x)",
            "__import__('os').system('false')",
            "x.real",
        ],
        *["x if 1 else 2", "x*1e400", "x*True", "lambda: x", "x;x", "x=1", "x[0]", "(" * 100 + "x" + ")" * 100],
        *["x" + "+x" * 200, "x\x00", "x*1j"],
    ],
)
def test_other_expressions_are_refused(text):
    with pytest.raises(OptionError, match=r"x/127\.5-1") as error:
        scaling(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2*atan(x)", Formula((1, 0), "atan", (2, 0))),
        ("tanh(x/2+1)*25-1", Formula((0.5, 1), "tanh", (25, -1))),
        ("x/2", Formula((0.5, 0))),
    ],
)
def test_formulas_with_a_head(text, found):
    assert formula(text) == found


@pytest.mark.parametrize(
    "text",
    ["atan(3)", "0*atan(x)", "atan(x)+x", "atan(x)*atan(x)", "atan(atan(x))", "tf.atan(x)", "atan(x, x)",
     "exec(x)", "atan", "atan(x=x)", "atan(*x)", "x(x)"],
)  # fmt: skip
def test_invalid_heads(text):
    with pytest.raises(OptionError) as error:
        formula(text)
    assert "\n" not in str(error.value)


def test_a_head_is_not_a_scaling():
    with pytest.raises(OptionError, match="remove the head"):
        scaling("2*atan(x)")
