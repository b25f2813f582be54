"""The scores of the methods as the table of docs/methods.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEPT = 0.85
"""A map that keeps a rank correlation above this with random dense layers does not notice them."""
BLIND = "does not notice the steering head"
CASES = ("increase", "decrease", "magnitude")
STAGES = ("last layer", "all dense layers", "every layer")
BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"


def blind(scores: Mapping[str, Any]) -> bool:
    """Whether a method's map stays as it was when the dense layers are random."""
    kept = scores["sanity"]["all dense layers"]
    return kept is not None and kept > KEPT


def table(found: Mapping[str, Any]) -> str:
    """The table for docs/methods.md."""

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.0f}"

    def both(one: Mapping[str, Any], case: str) -> str:
        if case not in one["share"]:
            return ""
        return f"{percent(one['share'][case])} · {percent(one['hit'][case])}"

    def correlation(value: float | None) -> str:
        return "–" if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # never −0.00

    head = [*CASES, *(f"{stage} random" for stage in STAGES)]
    lines = [f"| method | {' | '.join(head)} | |", f"| --- |{' --- |' * (len(head) + 1)}"]
    for name, one in sorted(found["methods"].items()):
        cells = [both(one, case) for case in CASES] + [correlation(one["sanity"][stage]) for stage in STAGES]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {BLIND if blind(one) else ''} |")
    for name, one in found["references"].items():
        cell = f"{percent(one['share'])} · {percent(one['hit'])}"
        lines.append(f"| {name} | {' | '.join([cell] * len(CASES))} |{'  |' * len(STAGES)} |")
    return "\n".join(lines)


def with_table(text: str, found: Mapping[str, Any]) -> str:
    """The document with the table between its two markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table(found)}\n{END}{rest.split(END)[1]}"


def write_table(scores: Path, page: Path) -> None:
    """The table of the scores into the document."""
    found = json.loads(scores.read_text(encoding="utf-8"))
    page.write_text(with_table(page.read_text(encoding="utf-8"), found), encoding="utf-8")
