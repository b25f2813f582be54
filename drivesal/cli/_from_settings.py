"""Command-line options made of the fields of `settings`; what a registry's names are is looked up here."""

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
"""What Click's names of a method's own options begin with."""


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


class Position(click.ParamType[float | int]):
    """A place in a drive: seconds (10, 10s), m:ss (1:30.5) or #frame; float seconds or int frame."""

    name = "POSITION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | int:
        """Text to seconds (float) or a frame index (int)."""
        text = str(value).strip()
        if re.fullmatch(r"#\d+", text):
            return int(text[1:])
        found = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)s?", text)
        if found is None:
            self.fail(
                f"{value!r} is no place in a drive: give seconds (10), m:ss (1:30) or #frame.", param, ctx
            )
        hours, minutes, seconds = found.groups()
        if (minutes and float(seconds) >= 60) or (hours and int(minutes) >= 60):
            self.fail(f"{value!r} has 60 or more minutes or seconds behind a colon.", param, ctx)
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


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
    "presets": Choices(lambda: list(PRESETS), few=True),
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
    flag, name = flag_of(name, field), parameter_of(name, field)
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
        return click.option(flag, name, is_flag=True, help=text)
    if _several(field):
        given["multiple"] = True
    elif field.default is not None:
        given |= {"default": field.default, "show_default": True}
    return click.option(flag, name, help=text, **given)


def parameter_of(name: str, field: FieldInfo) -> str:
    """What Click calls the option of a field."""
    return str(extras(field).get("name", name))


def flag_of(name: str, field: FieldInfo) -> str:
    """The flag of a field's option."""
    return f"--{extras(field).get('flag', parameter_of(name, field)).replace('_', '-')}"


def _several(field: FieldInfo) -> bool:
    """Whether the option may be given several times: a mapping, and paths, which may hold commas."""
    kind = kind_of_value(field)
    return get_origin(kind) is Mapping or (get_origin(kind) is tuple and get_args(kind)[0] is Path)


def gathered(settings: type[S], given: Mapping[str, Any]) -> S:
    """The settings that a command was given. Raises OptionError."""
    fields = {name: given.get(parameter_of(name, one)) for name, one in on_command_line(settings).items()}
    if issubclass(settings, ExplainSettings):
        fields["options"] = {
            name.removeprefix(METHOD): value
            for name, value in given.items()
            if name.startswith(METHOD) and value is not None
        }
    return taken(settings, fields)


def typed(config: type[Any]) -> Decorator:
    """Gives a command its options as one `config`, a dataclass.

    A field of it that is `Settings` takes all options of these settings, any other the option of its name.
    Arguments, and options that are neither, stay keywords of the command.
    """
    kinds = get_type_hints(config)
    settings = {
        name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Settings)
    }
    own = [one.name for one in fields(config) if one.name not in settings]
    known = {*own, *(name for kind in settings.values() for name in _parameters(kind))}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def call(*context: Any, **given: Any) -> Any:
            made = {name: gathered(kind, given) for name, kind in settings.items()}
            made |= {name: given[name] for name in own}
            rest = {name: value for name, value in given.items() if name not in known}
            return command(*context, config=config(**made), **rest)

        return call

    return decorate


def _parameters(settings: type[Settings]) -> list[str]:
    """What Click calls the options of these settings."""
    names = [parameter_of(name, one) for name, one in on_command_line(settings).items()]
    if issubclass(settings, ExplainSettings):
        names += [f"{METHOD}{option.name}" for method in methods().values() for option in method.options]
    return names


def _type(field: FieldInfo) -> Any:
    """What Click is to make of the text."""
    kind, within = kind_of_value(field), bounds(field)
    if get_args(field.annotation)[:2] == (float, int):
        return Position()
    if _several(field):
        return str if get_origin(kind) is Mapping else FILE
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
