"""What a Lambda computes written as arithmetic, "x/127.5-1" or "2*atan(x)", read without running anything."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import Literal, get_args

from drivesal.errors import OptionError

Line = tuple[float, float]
"""(scale, offset) of x · scale + offset."""

Head = Literal["atan", "tanh"]
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Formula:
    """outer(head(inner(x))), or inner(x) alone where there is no head."""

    inner: Line
    head: Head | None = None
    outer: Line = (1.0, 0.0)


def formula(text: str) -> Formula:
    """Arithmetic of numbers, x, + - * / and parentheses, at most once round atan or tanh of such; all finite.

    Raises OptionError where it is anything else, or no line through x ("x*x", "1/x", "3").
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError(f"longer than {_LONGEST} characters")
        whole = ast.parse(text.strip(), mode="eval").body
        call = next((node for node in ast.walk(whole) if isinstance(node, ast.Call)), None)
        if call is None:
            return Formula(_checked(whole))
        if not (isinstance(call.func, ast.Name) and len(call.args) == 1) or call.keywords:
            raise ValueError(f"{ast.unparse(call)[:40]!r} is not arithmetic of x")
        head = next((name for name in get_args(Head) if name == call.func.id), None)
        if head is None:
            raise ValueError(f"{call.func.id!r} is none of {', '.join(get_args(Head))}")
        return Formula(_checked(call.args[0]), head, _checked(whole, call))
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise OptionError(
            "a scaling of x like x/127.5-1, or a head like 2*atan(x) (numbers, x, + - * / and parentheses)",
            f"it is {text[:60]!r} ({reason})",
            "only what treats every value alike can take a Lambda's place",
        ) from None


def scaling(text: str) -> Line:
    """(scale, offset) of a formula without a head. Raises OptionError."""
    found = formula(text)
    if found.head is not None:
        raise OptionError("a scaling of x like x/127.5-1", f"it is {text[:60]!r}", "leave the head out")
    return found.inner


def _checked(node: ast.expr, variable: ast.expr | None = None) -> Line:
    scale, offset = _line(node, variable)
    if not (math.isfinite(scale) and math.isfinite(offset)) or scale == 0:
        raise ValueError("it must depend on x and be finite")
    return scale, offset


def _line(node: ast.expr, variable: ast.expr | None) -> Line:
    """The line through the variable: x, or the part of the tree that takes its place."""
    if node is variable or (variable is None and isinstance(node, ast.Name) and node.id == "x"):
        return 1.0, 0.0
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return 0.0, float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        scale, offset = _line(node.operand, variable)
        return (-scale, -offset) if isinstance(node.op, ast.USub) else (scale, offset)
    if isinstance(node, ast.BinOp):
        return _joined(node.op, _line(node.left, variable), _line(node.right, variable))
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
