"""A scaling written as arithmetic, "x/127.5-1", read without running anything."""

from __future__ import annotations

import ast
import math

from drivesal.errors import OptionError

Line = tuple[float, float]
"""(scale, offset) of x · scale + offset."""

_LONGEST = 200


def scaling(text: str) -> Line:
    """Arithmetic of numbers, x, + - * / and parentheses to (scale, offset), both finite.

    Raises OptionError where it is anything else, or no line through x ("x*x", "1/x", "3").
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError(f"longer than {_LONGEST} characters")
        scale, offset = _line(ast.parse(text.strip(), mode="eval").body)
        if not (math.isfinite(scale) and math.isfinite(offset)) or scale == 0:
            raise ValueError("it must depend on x and be finite")
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise OptionError(
            "a scaling of x like x/127.5-1 (numbers, x, + - * / and parentheses)",
            f"it is {text[:60]!r} ({reason})",
            "only what scales and shifts every value alike can take a Lambda's place",
        ) from None
    return scale, offset


def _line(node: ast.expr) -> Line:
    if isinstance(node, ast.Name) and node.id == "x":
        return 1.0, 0.0
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return 0.0, float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        scale, offset = _line(node.operand)
        return (-scale, -offset) if isinstance(node.op, ast.USub) else (scale, offset)
    if isinstance(node, ast.BinOp):
        return _joined(node.op, _line(node.left), _line(node.right))
    raise ValueError(f"{ast.unparse(node)[:40]!r} is not arithmetic of x")


def _joined(how: ast.operator, left: Line, right: Line) -> Line:
    (a, b), (c, d) = left, right
    if isinstance(how, ast.Add):
        return a + c, b + d
    if isinstance(how, ast.Sub):
        return a - c, b - d
    if isinstance(how, ast.Mult) and 0 in (a, c):
        return a * d + c * b, b * d
    if isinstance(how, ast.Div) and c == 0:
        return a / d, b / d
    raise ValueError("it is no plain scaling")
