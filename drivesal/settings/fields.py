"""What the fields of settings are made of, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from drivesal.errors import OptionError, nearest

S = TypeVar("S", bound="Settings")


def option(default: Any, help: str, **said: Any) -> Any:
    """A field with its one line of help.

    Of `said`, `ge`, `gt`, `le`, `lt` bound a number. The rest is for those who show the field: `unit`;
    `metavar` on the command line; `unset`, what happens where the default None stands; `registry`, whose names
    are the choices. On the command line the option is called `name` if not like the field, and `flag` is its
    flag if not like the name; `command` False leaves it out there. `page` False leaves it out of the review
    page, where `label` and `words` are what the setting and its choices are called, and `slider` is up to
    where its slider goes.
    """
    bounds = {name: said.pop(name) for name in ("ge", "gt", "le", "lt") if name in said}
    return Field(default, description=help, json_schema_extra=said or None, **bounds)


class Settings(BaseModel):
    """Frozen settings that hash by their values, so that results can be kept by them."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    def __hash__(self) -> int:
        values = (getattr(self, name) for name in type(self).model_fields)
        plain = (frozenset(one.items()) if isinstance(one, Mapping) else one for one in values)
        return hash((type(self), *plain))

    def but(self, **changed: Any) -> Self:
        """The same with other values, which are checked. Raises pydantic's ValidationError."""
        return type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | changed)


def extras(field: FieldInfo) -> Mapping[str, Any]:
    """What `option` was told of a field beside its type, default, bounds and help."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def on_page(settings: type[Settings]) -> dict[str, FieldInfo]:
    """The fields that the review page asks for."""
    return {name: one for name, one in settings.model_fields.items() if extras(one).get("page", True)}


def on_command_line(settings: type[Settings]) -> dict[str, FieldInfo]:
    """The fields that the command line has an option for."""
    return {name: one for name, one in settings.model_fields.items() if extras(one).get("command", True)}


def bounds(field: FieldInfo) -> dict[str, float]:
    """The bounds of a number, by pydantic's words: ge, gt, le, lt."""
    found: dict[str, float] = {}
    for one in field.metadata:
        found |= {word: getattr(one, word) for word in ("ge", "gt", "le", "lt") if hasattr(one, word)}
    return found


def kind_of_value(field: FieldInfo) -> Any:
    """The field's type, without the None that it may be."""
    kinds = [field.annotation]
    if get_origin(field.annotation) in (Union, UnionType):
        kinds = [one for one in get_args(field.annotation) if one is not NoneType]
    return get_args(kinds[0])[0] if get_origin(kinds[0]) is Annotated else kinds[0]


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The words that the field may be, where it is one of some."""
    kind = kind_of_value(field)
    return get_args(kind) if get_origin(kind) is Literal else ()


def page_schema(settings: type[Settings]) -> dict[str, Any]:
    """The JSON schema of the fields that the review page asks for, by name, in their order."""
    properties = settings.model_json_schema()["properties"]
    return {name: properties[name] for name in on_page(settings)}


def taken(settings: type[S], given: Mapping[str, Any]) -> S:
    """The settings of those of the values that are theirs and not None. Raises OptionError."""
    fields = {name: given[name] for name in settings.model_fields if given.get(name) is not None}
    try:
        return settings(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise OptionError(*_problem(name, settings.model_fields[name], fields[name], first["msg"])) from None


def _problem(name: str, field: FieldInfo, value: Any, message: str) -> tuple[str, str, str]:
    """What was expected, what came, what to do."""
    came = f"it is {value!r}"
    do = "leave it out" if field.default is None else f"{field.default} is the default"
    if words := choices(field):
        return f"{name} among {', '.join(words)}", came, nearest(str(value), words, "choose one of them")
    if within := bounds(field):
        return f"{name} {bounds_in_words(within)}", came, do
    return f"a valid {name}", f"{value!r}: {message[:1].lower()}{message[1:]}", do


def bounds_in_words(within: Mapping[str, float]) -> str:
    """Bounds as they stand behind a name: "from 0 to 1", "of at least 1", "above 0 and up to 60"."""
    if within.keys() == {"ge", "le"}:
        return f"from {within['ge']:g} to {within['le']:g}"
    words = {"ge": "of at least", "gt": "above", "le": "up to", "lt": "below"}
    return " and ".join(f"{words[bound]} {value:g}" for bound, value in within.items())
