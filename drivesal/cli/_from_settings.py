"""Command-line options made of the fields of `settings`; what a registry's names are is looked up here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import click

from drivesal.attribution.registry import methods
from drivesal.explanation.registry import cases, usual
from drivesal.model.colours import COLOURS
from drivesal.settings import bounds, choices, extras, kind_of_value, on_command_line

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from drivesal.settings import Settings

FILE = click.Path(path_type=Path)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Number(click.FloatRange):
    """A finite number within a range; Click's own lets NaN pass every range."""

    def _describe_range(self) -> str:
        """Nothing where every number will do; Click's own would write "x<=None"."""
        return "" if self.min is None and self.max is None else super()._describe_range()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text to a float."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


class Names(click.ParamType[tuple[str, ...]]):
    """Names separated by commas."""

    name = "NAMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Text to names."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in str(value).split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class Choices:
    """The names that a registry has, for the field that names it: `unset` tells what stands for None.

    Where they are `few`, Click lists and checks them, whatever the case of their letters.
    """

    names: Callable[[], Sequence[str]]
    unset: str | None = None
    few: bool = False

    def complete(self, _context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        """The names that begin as what stands behind the last comma, for the shell."""
        before, comma, last = begun.rpartition(",")
        return [f"{before}{comma}{name}" for name in self.names() if name.startswith(last)]


REGISTRIES = {
    "methods": Choices(lambda: list(methods())),
    "colours": Choices(lambda: list(COLOURS), few=True),
    "cases": Choices(
        lambda: list(cases()),
        f"{','.join(usual(True))}; in the layout single {','.join(usual(True, 'single'))}; "
        f"{','.join(usual(False))} without a sign",
    ),
}
"""By the names that the fields of `settings` give."""


def _possible_crop(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """The crop as it was written. Raises OptionError where it is none, before anything is read."""
    from drivesal.model.preprocess import Crop

    if text is not None:
        Crop.parse(text)
    return text


CHECKS = {"crop": _possible_crop}
"""What a field's text is checked by as soon as it is there."""


def all_of(*options: Decorator) -> Decorator:
    """One decorator of several, in the order in which `--help` lists them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def options_of(settings: type[Settings], *names: str, **helps: str) -> list[Decorator]:
    """An option for each field, or for those that are named, in their order; `helps` in place of their own."""
    fields = on_command_line(settings)
    return [option_of(name, fields[name], helps.get(name)) for name in names or helps or fields]


def option_of(name: str, field: FieldInfo, help: str | None = None) -> Decorator:
    """The option `--name` of a field."""
    said = extras(field)
    name = said.get("name", name)
    registry = REGISTRIES.get(said.get("registry", ""))
    text = help or str(field.description)
    if "unit" in said:
        text = re.sub(r"[.;]", lambda found: f" [{said['unit']}]{found[0]}", text, count=1)
    given: dict[str, Any] = {"metavar": said.get("metavar"), "type": _type(field), "callback": CHECKS.get(name)}
    unset = said.get("unset")
    if registry is not None and registry.few:
        given["type"] = click.Choice(registry.names(), case_sensitive=False)
    elif registry is not None:
        text += f" {'One of' if registry.unset is None else 'Of'} {', '.join(registry.names())}."
        unset = registry.unset
        given["shell_complete"] = registry.complete
    if field.default is None and unset:
        text += f"  [default: {unset}]"
    if given["type"] is bool:
        return click.option(_flag(name), name, is_flag=True, help=text)
    if field.default is not None:
        given |= {"default": field.default, "show_default": True}
    return click.option(_flag(name), name, help=text, **given)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _type(field: FieldInfo) -> Any:
    """What Click is to make of the text."""
    kind, within = kind_of_value(field), bounds(field)
    if choices(field):
        return click.Choice(choices(field))
    if get_origin(kind) is tuple:
        return Names()
    low, high = (within.get(inclusive, within.get(open_)) for inclusive, open_ in (("ge", "gt"), ("le", "lt")))
    if kind is int:
        whole = [None if one is None else int(one) for one in (low, high)]
        return click.IntRange(whole[0], whole[1], "gt" in within, "lt" in within) if within else int
    if kind is float:
        return Number(low, high, "gt" in within, "lt" in within)
    return FILE if kind is Path else kind
