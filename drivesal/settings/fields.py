"""Definition of settings fields, and queries on them."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from drivesal.errors import OptionError, nearest

S = TypeVar("S", bound="Settings")
_BOUNDS = ("ge", "gt", "le", "lt")


def option(default: Any, help: str, **extra: Any) -> Any:
    """A field with one line of help.

    `ge`, `gt`, `le` and `lt` bound a number. The other keywords describe how to show the field: `unit`;
    `metavar` on the command line; `unset`, the effect of the default None; `registry`, whose names are the
    choices. On the command line, `name` replaces the field's name and `flag` the flag made from it; `command`
    False omits the option. On the review page, `label` and `words` name the setting and its choices, and
    `slider` is the upper end of its slider; `page` False omits the setting.
    """
    bounds = {name: extra.pop(name) for name in _BOUNDS if name in extra}
    return Field(default, description=help, json_schema_extra=extra or None, **bounds)


class Settings(BaseModel):
    """Frozen settings, hashed by value, so that results can be cached under them."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    def __hash__(self) -> int:
        values = (getattr(self, name) for name in type(self).model_fields)
        hashable = (frozenset(value.items()) if isinstance(value, Mapping) else value for value in values)
        return hash((type(self), *hashable))

    def but(self, **changed: Any) -> Self:
        """A copy with some values replaced and validated. Raises pydantic's ValidationError."""
        return type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | changed)


def extras(field: FieldInfo) -> Mapping[str, Any]:
    """The keywords of `option` other than default, bounds and help."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def on_page(settings: type[Settings]) -> dict[str, FieldInfo]:
    """The fields that the review page shows, by name."""
    return {name: field for name, field in settings.model_fields.items() if extras(field).get("page", True)}


def on_command_line(settings: type[Settings]) -> dict[str, FieldInfo]:
    """The fields that are command-line options, by name."""
    return {name: field for name, field in settings.model_fields.items() if extras(field).get("command", True)}


def bounds(field: FieldInfo) -> dict[str, float]:
    """The bounds of a number, by pydantic's names: ge, gt, le, lt."""
    limits: dict[str, float] = {}
    for constraint in field.metadata:
        limits |= {name: getattr(constraint, name) for name in _BOUNDS if hasattr(constraint, name)}
    return limits


def kind_of_value(field: FieldInfo) -> Any:
    """The field's type, without None and without annotations."""
    types = [field.annotation]
    if get_origin(field.annotation) in (Union, UnionType):
        types = [member for member in get_args(field.annotation) if member is not NoneType]
    return get_args(types[0])[0] if get_origin(types[0]) is Annotated else types[0]


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The valid values of a Literal field, () for other types."""
    kind = kind_of_value(field)
    return get_args(kind) if get_origin(kind) is Literal else ()


def page_schema(settings: type[Settings]) -> dict[str, Any]:
    """The JSON schemas of the fields that the review page shows, by name, in order."""
    properties = settings.model_json_schema()["properties"]
    return {name: properties[name] for name in on_page(settings)}


def taken(settings: type[S], values: Mapping[str, Any]) -> S:
    """Settings from those values that belong to them and are not None. Raises OptionError."""
    fields = {name: values[name] for name in settings.model_fields if values.get(name) is not None}
    try:
        return settings(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise OptionError(*_problem(name, settings.model_fields[name], fields[name], first["msg"])) from None


def _problem(name: str, field: FieldInfo, value: Any, message: str) -> tuple[str, str, str]:
    """The arguments of OptionError: what was expected, what came, what to do."""
    came = f"it is {value!r}"
    do = "leave it out" if field.default is None else f"{field.default} is the default"
    if valid := choices(field):
        return f"{name} among {', '.join(valid)}", came, nearest(str(value), valid, "choose one of them")
    if limits := bounds(field):
        return f"{name} {bounds_in_words(limits)}", came, do
    return f"a valid {name}", f"{value!r}: {message[:1].lower()}{message[1:]}", do


def bounds_in_words(limits: Mapping[str, float]) -> str:
    """Bounds in words, to follow a name: "from 0 to 1", "of at least 1", "above 0 and up to 60"."""
    if limits.keys() == {"ge", "le"}:
        return f"from {limits['ge']:g} to {limits['le']:g}"
    words = {"ge": "of at least", "gt": "above", "le": "up to", "lt": "below"}
    return " and ".join(f"{words[bound]} {value:g}" for bound, value in limits.items())
