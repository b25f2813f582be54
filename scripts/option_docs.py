"""Writes docs/options.md: every option that commands share, from the fields of the settings.

python scripts/option_docs.py
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import drivesal
from drivesal.attribution.registry import Option, methods
from drivesal.cli._settings_options import REGISTRIES, flag_of
from drivesal.settings import (
    ComparisonSettings,
    ExplainSettings,
    LookSettings,
    ModelSettings,
    RecordingSettings,
    Settings,
    SpanSettings,
    bounds,
    bounds_in_words,
    choices,
    extras,
    kind_of_value,
)

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PATH = Path(__file__).parent.parent / "docs" / "options.md"
HEAD = """# Options

The options that commands share, and the keywords of the Python API for the same settings. This page is written
by `python scripts/option_docs.py` from the fields of `drivesal/settings/` and the registries. `drivesal COMMAND
--help` lists what each command takes, with the options that it alone has.

A position is `73.5`, `1:13.5` or `#1460` on the command line; in Python a float in seconds or an int, the index
of a frame.
What can be given several times is a mapping or a list in Python.
"""
GROUPS: tuple[tuple[str, type[Settings], Callable[..., Any]], ...] = (
    ("The model", ModelSettings, drivesal.load_model),
    ("The recording", RecordingSettings, drivesal.Recording),
    ("The frames", SpanSettings, drivesal.render),
    ("Comparison with labels", ComparisonSettings, drivesal.render),
    ("What to explain", ExplainSettings, drivesal.render),
    ("How to draw it", LookSettings, drivesal.render),
)
"""What a group is called, its settings, and the function of the API whose keywords they are."""
NAMES: Mapping[Any, str] = {int: "integer", float: "number", str: "text", Path: "path"}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, settings, function in GROUPS:
        called = f"Keywords of `drivesal.{function.__qualname__}`."
        rows = [
            _row(name, field, function) for name, field in settings.model_fields.items() if name != "options"
        ]
        table = _table(("option", "keyword", "value", "default", "unit", "meaning"), rows)
        parts.append(f"## {title}\n\n{inspect.getdoc(settings)}\n\n{called}\n\n{table}\n")
    own = "A method takes these beside its `--method`; [methods](methods.md) has the methods themselves."
    table = _table(("option", "keyword", "value", "default", "meaning"), _of_methods())
    return "\n".join([*parts, f"## Options of methods\n\n{own}\n\n{table}\n"])


def _row(name: str, field: FieldInfo, function: Callable[..., Any]) -> list[str]:
    """A field: flag, keyword, values, default, unit, help."""
    flag = f"`{flag_of(name, field)}`" if extras(field).get("command", True) else ""
    keyword = f"`{name}`" if name in inspect.signature(function).parameters else ""
    registry = REGISTRIES.get(extras(field).get("registry", ""))
    default: Any = extras(field).get("unset", registry.unset if registry else None) or ""
    if isinstance(field.default, str | float) or type(field.default) is int:
        default = f"`{field.default}`"
    return [flag, keyword, _value(field), default, extras(field).get("unit", ""), str(field.description)]


def _value(field: FieldInfo) -> str:
    """What the field takes."""
    kind, metavar = kind_of_value(field), extras(field).get("metavar")
    registry = REGISTRIES.get(extras(field).get("registry", ""))
    if registry is not None:
        return ", ".join(f"`{name}`" for name in registry.names())
    if choices(field):
        return ", ".join(f"`{word}`" for word in choices(field))
    if kind is bool:
        return "flag"
    if get_args(field.annotation)[:2] == (float, int):
        return "position"
    if get_origin(kind) is not None:
        return f"`{metavar}`, several times"
    text = NAMES[kind] if metavar is None else f"`{metavar}`"
    within = bounds(field)
    return f"{text} {bounds_in_words(within)}" if within else text


def _of_methods() -> Iterator[list[str]]:
    """The options of methods, each once, with the default of each method."""
    found: dict[str, list[tuple[str, Option]]] = {}
    for method in methods().values():
        for option in method.options:
            found.setdefault(option.name, []).append((method.name, option))
    for name, pairs in found.items():
        first = pairs[0][1]
        defaults: dict[Any, list[str]] = {}
        for whose, option in pairs:
            defaults.setdefault(option.default, []).append(whose)
        said = "; ".join(
            f"{f'`{value}`' if value != '' else 'unset'} ({', '.join(whose)})"
            for value, whose in defaults.items()
        )
        words = [*first.choices, *first.words]
        value = ", ".join(f"`{word}`" for word in words) + (" or a path" if first.words else "")
        if not words:
            within = {bound: one for bound, one in (("ge", first.low), ("le", first.high)) if one is not None}
            value = f"{NAMES[first.type]} {bounds_in_words(within)}".strip()
        yield [
            f"`{first.flag_of(name)}`",
            f"`{name}`",
            value,
            said,
            f"{first.help[:1].upper()}{first.help[1:]}",
        ]


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [list(head), ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
