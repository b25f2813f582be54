"""The methods' scores as the table of docs/methods.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEPT = 0.85
"""A method is insensitive to the head if its map's rank correlation after randomising the dense layers exceeds
this."""
HEAD_INSENSITIVE = "does not notice the steering head"
CASES = ("increase", "decrease", "magnitude")
STAGES = ("last layer", "all dense layers", "every layer")
BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"


def head_insensitive(scores: Mapping[str, Any]) -> bool:
    """Whether a method's map hardly changes when the dense layers are random."""
    kept = scores["sanity"]["all dense layers"]
    return kept is not None and kept > KEPT


def table(scores: Mapping[str, Any]) -> str:
    """The table for docs/methods.md."""

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.0f}"

    def both(entry: Mapping[str, Any], case: str) -> str:
        if case not in entry["share"]:
            return ""
        return f"{percent(entry['share'][case])} · {percent(entry['hit'][case])}"

    def correlation(value: float | None) -> str:
        return "–" if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # never −0.00

    head = [*CASES, *(f"{stage} random" for stage in STAGES)]
    lines = [f"| method | {' | '.join(head)} | |", f"| --- |{' --- |' * (len(head) + 1)}"]
    for name, entry in sorted(scores["methods"].items()):
        cells = [both(entry, case) for case in CASES]
        cells += [correlation(entry["sanity"][stage]) for stage in STAGES]
        warning = HEAD_INSENSITIVE if head_insensitive(entry) else ""
        lines.append(f"| `{name}` | {' | '.join(cells)} | {warning} |")
    for name, entry in scores["references"].items():
        cell = f"{percent(entry['share'])} · {percent(entry['hit'])}"
        lines.append(f"| {name} | {' | '.join([cell] * len(CASES))} |{'  |' * len(STAGES)} |")
    return "\n".join(lines)


def with_table(text: str, scores: Mapping[str, Any]) -> str:
    """The document with the table between its markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table(scores)}\n{END}{rest.split(END)[1]}"


def write_table(scores: Path, page: Path) -> None:
    """Write the table of the scores into the document."""
    text = with_table(page.read_text(encoding="utf-8"), json.loads(scores.read_text(encoding="utf-8")))
    page.write_text(text, encoding="utf-8")
