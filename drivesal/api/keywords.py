"""Keywords of the Python API, generated from the settings; an unknown keyword gets a suggestion."""

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
    """Decorate a function with `**given` to accept the fields of settings and the options of its method.

    The signature then lists the fields, with types and defaults, that the function does not name itself and
    that `without` does not exclude; a method's options are keywords too. A call with any other keyword raises
    OptionError, which suggests the nearest one.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        parameters = signature.parameters.values()
        named = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
        rest = [parameter for parameter in parameters if parameter.kind is parameter.VAR_KEYWORD]
        fields = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.annotation
            )
            for kind in settings
            for name, field in kind.model_fields.items()
            if name not in (*signature.parameters, *without, "options")
        ]
        accepted = [parameter.name for parameter in (*named, *fields) if parameter.name != "self"]
        positional = [one.name for one in named if one.kind is one.POSITIONAL_OR_KEYWORD]
        default_method = next((one.default for one in (*named, *fields) if one.name == "method"), None)
        function_name = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            method: Any = None
            if default_method is not None:
                method = {**dict(zip(positional, args, strict=False)), **given}.get("method", default_method)
            for name in given:
                _check(name, function_name, accepted, method)
            return function(*args, **given)

        call.__signature__ = signature.replace(parameters=[*named, *fields, *rest])  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def _check(name: str, function_name: str, accepted: list[str], method: Any) -> None:
    """Raise OptionError if neither the function nor the method accepts the keyword."""
    known = methods()
    chosen = next((one for one in known.values() if method == one.name or method in one.aliases), None)
    if name in accepted or (method is not None and chosen is None):  # an unknown method is reported as such
        return
    options = [] if chosen is None else [option.name for option in chosen.options]
    if name in options:
        return
    expected = f"a keyword of {function_name}"
    if chosen is not None:
        expected += f", or an option of the method {chosen.name} ({', '.join(options) or 'it has none'})"
    do = nearest(name, [*accepted, *options], f"it accepts {', '.join(accepted)}")
    raise OptionError(expected, f"{name} was given", do)


def explain_settings(given: Mapping[str, Any]) -> ExplainSettings:
    """ExplainSettings from keywords; those that are no field of any settings are the method's options."""
    kinds = (ExplainSettings, SpanSettings, ComparisonSettings, LookSettings)
    known = {name for kind in kinds for name in kind.model_fields}
    options = {name: value for name, value in given.items() if name not in known}
    return taken(ExplainSettings, {**given, "options": options})
