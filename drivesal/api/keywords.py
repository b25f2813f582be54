"""Keywords of the Python API: made of the settings, and a misspelt one is answered with the nearest."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from drivesal.attribution.registry import methods
from drivesal.errors import OptionError, nearest
from drivesal.settings import ComparisonSettings, ExplainSettings, LookSettings, SpanSettings, taken

if TYPE_CHECKING:
    from drivesal.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def takes(*settings: type[Settings], without: tuple[str, ...] = ()) -> Callable[[F], F]:
    """What makes a function with `**given` take the fields of the settings and its method's own options.

    Its signature shows the fields that it does not name itself and that are not `without`, with their types and
    defaults; a method's options are keywords themselves. Raises OptionError with the nearest keyword for one
    that it does not take.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        named = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        rest = [one for one in signature.parameters.values() if one.kind is one.VAR_KEYWORD]
        fields = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.annotation
            )
            for kind in settings
            for name, one in kind.model_fields.items()
            if name not in (*signature.parameters, *without, "options")
        ]
        own = [one.name for one in (*named, *fields) if one.name != "self"]
        places = [one.name for one in named if one.kind is one.POSITIONAL_OR_KEYWORD]
        usual = next((one.default for one in (*named, *fields) if one.name == "method"), None)
        called = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            said: Any = None
            if usual is not None:
                said = {**dict(zip(places, args, strict=False)), **given}.get("method", usual)
            for name in given:
                _check(name, called, own, said)
            return function(*args, **given)

        call.__signature__ = signature.replace(parameters=[*named, *fields, *rest])  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def _check(name: str, called: str, own: list[str], method: Any) -> None:
    """Raises OptionError where neither the function nor the method has such a keyword."""
    known = methods()
    chosen = next((one for one in known.values() if method == one.name or method in one.aliases), None)
    if name in own or (method is not None and chosen is None):  # an unknown method is reported as such
        return
    options = [] if chosen is None else [option.name for option in chosen.options]
    if name in options:
        return
    whose = f"a keyword of {called}"
    if chosen is not None:
        whose += f", or an option of the method {chosen.name} ({', '.join(options) or 'it has none'})"
    raise OptionError(whose, f"{name} was given", nearest(name, [*own, *options], f"it takes {', '.join(own)}"))


def explain_settings(given: Mapping[str, Any]) -> ExplainSettings:
    """What is asked: its fields, and as the method's own options what is no field of any settings."""
    others = (SpanSettings, ComparisonSettings, LookSettings)
    known = {name for kind in (ExplainSettings, *others) for name in kind.model_fields}
    options = {name: value for name, value in given.items() if name not in known}
    return taken(ExplainSettings, {**given, "options": options})
