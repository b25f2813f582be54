"""Formulas for Lambda layers, such as "x/127.5-1" or "2*atan(x)", parsed without running any code."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import Literal, get_args

from drivesal.errors import OptionError

Linear = tuple[float, float]
"""(scale, offset) of x · scale + offset."""

Head = Literal["atan", "tanh"]
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Formula:
    """outer(head(inner(x))), or inner(x) if there is no head."""

    inner: Linear
    head: Head | None = None
    outer: Linear = (1.0, 0.0)


def formula(text: str) -> Formula:
    """Parse a linear expression of x (numbers, + - * / and parentheses), with at most one atan or tanh.

    Raises OptionError for anything else: other syntax, nonlinear or constant expressions ("x*x", "1/x", "3"),
    and values that are not finite.
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
            "only an elementwise formula can replace a Lambda",
        ) from None


def scaling(text: str) -> Linear:
    """(scale, offset) of a formula without a head. Raises OptionError."""
    parsed = formula(text)
    if parsed.head is not None:
        raise OptionError("a scaling of x like x/127.5-1", f"it is {text[:60]!r}", "remove the head")
    return parsed.inner


def _checked(node: ast.expr, variable: ast.expr | None = None) -> Linear:
    scale, offset = _linear(node, variable)
    if not (math.isfinite(scale) and math.isfinite(offset)) or scale == 0:
        raise ValueError("it must depend on x and be finite")
    return scale, offset


def _linear(node: ast.expr, variable: ast.expr | None) -> Linear:
    """(scale, offset) of the expression in the variable: x, or the subtree that replaces it."""
    if node is variable or (variable is None and isinstance(node, ast.Name) and node.id == "x"):
        return 1.0, 0.0
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return 0.0, float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        scale, offset = _linear(node.operand, variable)
        return (-scale, -offset) if isinstance(node.op, ast.USub) else (scale, offset)
    if isinstance(node, ast.BinOp):
        return _combined(node.op, _linear(node.left, variable), _linear(node.right, variable))
    raise ValueError(f"{ast.unparse(node)[:40]!r} is not arithmetic of x")


def _combined(operator: ast.operator, left: Linear, right: Linear) -> Linear:
    (a, b), (c, d) = left, right
    if isinstance(operator, ast.Add):
        return a + c, b + d
    if isinstance(operator, ast.Sub):
        return a - c, b - d
    if isinstance(operator, ast.Mult) and 0 in (a, c):
        return a * d + c * b, b * d
    if isinstance(operator, ast.Div) and c == 0:
        return a / d, b / d
    raise ValueError("it is not linear in x")
