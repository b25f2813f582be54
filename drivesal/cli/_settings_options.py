"""Command-line options from the fields of `settings`, with choices from the registries that they name."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

import click

from drivesal.attribution.registry import methods
from drivesal.explanation.registry import cases, usual
from drivesal.model.colours import COLOURS
from drivesal.model.presets import PRESETS
from drivesal.settings import (
    ExplainSettings,
    Settings,
    bounds,
    choices,
    extras,
    kind_of_value,
    on_command_line,
    taken,
)

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

FILE = click.Path(path_type=Path)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
S = TypeVar("S", bound=Settings)
METHOD = "method_"
"""Prefix of Click's names for a method's own options."""


class Number(click.FloatRange):
    """A finite number within a range; Click's FloatRange accepts NaN for every range."""

    def _describe_range(self) -> str:
        """The range for the help; empty without bounds, where Click would write "x<=None"."""
        return "" if self.min is None and self.max is None else super()._describe_range()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert text to a float."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Position(click.ParamType[float | int]):
    """A position in a drive: seconds (10, 10s), m:ss (1:30.5) or #frame; float seconds or int frame."""

    name = "POSITION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | int:
        """Convert text to seconds (float) or a frame index (int)."""
        text = str(value).strip()
        if re.fullmatch(r"#\d+", text):
            return int(text[1:])
        match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)s?", text)
        if match is None:
            self.fail(
                f"{value!r} is not a position in a drive: give seconds (10), m:ss (1:30) or #frame.", param, ctx
            )
        hours, minutes, seconds = match.groups()
        if (minutes and float(seconds) >= 60) or (hours and int(minutes) >= 60):
            self.fail(f"{value!r} has 60 or more minutes or seconds after a colon.", param, ctx)
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


class Names(click.ParamType[tuple[str, ...]]):
    """Names separated by commas."""

    name = "NAMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Convert text to names."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in str(value).split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class Choices:
    """The names in a registry, as choices of the fields that name it; `unset` describes the default None.

    With `few`, Click lists and checks them, ignoring upper and lower case.
    """

    names: Callable[[], Sequence[str]]
    unset: str | None = None
    few: bool = False

    def complete(self, _context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        """Complete the name after the last comma, for the shell."""
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in self.names() if name.startswith(last)]


REGISTRIES = {
    "methods": Choices(lambda: list(methods())),
    "colours": Choices(lambda: list(COLOURS), few=True),
    "presets": Choices(lambda: list(PRESETS), few=True),
    "cases": Choices(
        lambda: list(cases()),
        f"{','.join(usual(True))}, or {','.join(usual(True, 'single'))} in the layout single; "
        f"{','.join(usual(False))} for unsigned maps",
    ),
}
"""The registries, by the names that the fields of `settings` use for them."""


def _checked_crop(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """The text of a crop, unchanged. Raises OptionError if it is invalid, before anything is read."""
    from drivesal.model.preprocess import Crop

    if text is not None:
        Crop.parse(text)
    return text


CHECKS = {"crop": _checked_crop}
"""By field, a callback that checks the text when it is parsed."""


def combined(*options: Decorator) -> Decorator:
    """Combine decorators into one; `--help` lists the options in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def settings_options(settings: type[Settings], *names: str, **helps: str) -> list[Decorator]:
    """An option for each field, or for the named ones in this order; `helps` replaces their help texts."""
    fields = on_command_line(settings)
    return [settings_option(name, fields[name], helps.get(name)) for name in names or helps or fields]


def settings_option(name: str, field: FieldInfo, help: str | None = None) -> Decorator:
    """The option `--name` of a field."""
    extra = extras(field)
    flag, name = flag_of(name, field), parameter_name(name, field)
    registry = REGISTRIES.get(extra.get("registry", ""))
    text = help or str(field.description)
    if "unit" in extra:
        text = re.sub(r"[.;]", lambda end: f" [{extra['unit']}]{end[0]}", text, count=1)
    arguments: dict[str, Any] = {"metavar": extra.get("metavar"), "type": _type(field)}
    arguments["callback"] = CHECKS.get(name)
    unset = extra.get("unset")
    if registry is not None and registry.few:
        arguments["type"] = click.Choice(registry.names(), case_sensitive=False)
    elif registry is not None:
        text += f" {'One of' if registry.unset is None else 'Any of'} {', '.join(registry.names())}."
        unset = registry.unset
        arguments["shell_complete"] = registry.complete
    if field.default is None and unset:
        text += f"  [default: {unset}]"
    if arguments["type"] is bool:
        return click.option(flag, name, is_flag=True, help=text)
    if _several(field):
        arguments["multiple"] = True
    elif field.default is not None:
        arguments |= {"default": field.default, "show_default": True}
    return click.option(flag, name, help=text, **arguments)


def parameter_name(name: str, field: FieldInfo) -> str:
    """Click's name for the option of a field."""
    return str(extras(field).get("name", name))


def flag_of(name: str, field: FieldInfo) -> str:
    """The flag of a field's option."""
    return f"--{extras(field).get('flag', parameter_name(name, field)).replace('_', '-')}"


def _several(field: FieldInfo) -> bool:
    """Whether the option may be repeated: mappings, and paths, which may contain commas."""
    kind = kind_of_value(field)
    return get_origin(kind) is Mapping or (get_origin(kind) is tuple and get_args(kind)[0] is Path)


def settings_from(settings: type[S], values: Mapping[str, Any]) -> S:
    """The settings from the parameter values of a command. Raises OptionError."""
    fields = {
        name: values.get(parameter_name(name, field)) for name, field in on_command_line(settings).items()
    }
    if issubclass(settings, ExplainSettings):
        fields["options"] = {
            name.removeprefix(METHOD): value
            for name, value in values.items()
            if name.startswith(METHOD) and value is not None
        }
    return taken(settings, fields)


def typed(config: type[Any]) -> Decorator:
    """Pass a command its options as one keyword `config`, an instance of this dataclass.

    A field of type `Settings` collects all options of these settings, any other field the option of its name.
    Arguments, and all other options, remain keywords of the command.
    """
    kinds = get_type_hints(config)
    settings = {
        name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Settings)
    }
    own = [field.name for field in fields(config) if field.name not in settings]
    known = {*own, *(name for kind in settings.values() for name in _parameters(kind))}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def call(*context: Any, **values: Any) -> Any:
            collected = {name: settings_from(kind, values) for name, kind in settings.items()}
            collected |= {name: values[name] for name in own}
            rest = {name: value for name, value in values.items() if name not in known}
            return command(*context, config=config(**collected), **rest)

        return call

    return decorate


def _parameters(settings: type[Settings]) -> list[str]:
    """Click's names for the options of these settings."""
    names = [parameter_name(name, field) for name, field in on_command_line(settings).items()]
    if issubclass(settings, ExplainSettings):
        names += [f"{METHOD}{option.name}" for method in methods().values() for option in method.options]
    return names


def _type(field: FieldInfo) -> Any:
    """The Click type of a field."""
    kind, limits = kind_of_value(field), bounds(field)
    if get_args(field.annotation)[:2] == (float, int):
        return Position()
    if _several(field):
        return str if get_origin(kind) is Mapping else FILE
    if choices(field):
        return click.Choice(choices(field))
    if get_origin(kind) is tuple:
        return Names()
    low, high = (limits.get(inclusive, limits.get(open_)) for inclusive, open_ in (("ge", "gt"), ("le", "lt")))
    if kind is int:
        lowest, highest = (None if bound is None else int(bound) for bound in (low, high))
        return click.IntRange(lowest, highest, "gt" in limits, "lt" in limits) if limits else int
    if kind is float:
        return Number(low, high, "gt" in limits, "lt" in limits)
    return FILE if kind is Path else kind
