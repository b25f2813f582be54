"""Query and path parameters of requests, validated: the frame, its view and its edit."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from drivesal.attribution.registry import method as attribution_method
from drivesal.errors import OptionError
from drivesal.review.compute.drive_explainer import View
from drivesal.review.compute.whatif import NO_EDIT, Edit, parse_edit
from drivesal.settings import ExplainSettings, LookSettings, Settings, on_page

S = TypeVar("S", bound=Settings)

Index = Annotated[int, InPath(ge=0, le=2**31, description="index of the frame")]
Model = Annotated[int, Query(ge=0, le=99, description="index of the model")]
Since = Annotated[int, Query(ge=0, description="index of the first row to return")]
Width = Annotated[int | None, Query(ge=16, le=8192, description="width of the image on the page [px]")]
Case = Annotated[str, Query(max_length=40)]
Cases = Annotated[str, Query(max_length=400, description="cases to compute in addition, separated by commas")]
Ahead = Annotated[bool, Query(description="prefetch a frame that is not in view yet")]


def _settings_query(kind: type[S]) -> Any:
    """A dependency that reads settings from the query, one parameter for each field that the page controls."""
    fields = on_page(kind)
    objects = {name for name, field in fields.items() if isinstance(field.default, Mapping)}

    def from_query(**values: Any) -> S:
        try:
            return kind(
                **{name: _object(name, value) if name in objects else value for name, value in values.items()}
            )
        except ValidationError as error:
            errors = [{**detail, "loc": ("query", *detail["loc"])} for detail in error.errors()]
            raise RequestValidationError(errors) from None

    def parameter(name: str, field: FieldInfo) -> inspect.Parameter:
        max_length = 200 if field.annotation is str else None
        annotation: Any = Annotated[
            field.annotation, Query(description=field.description, max_length=max_length)
        ]
        default = field.default
        if name in objects:
            annotation, default = Annotated[str, Query(max_length=2000)], "{}"
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

    signature = inspect.Signature([parameter(name, field) for name, field in fields.items()])
    from_query.__signature__ = signature  # type: ignore[attr-defined]
    return Depends(from_query)


def _object(name: str, text: str) -> Mapping[str, Any]:
    """Parse a JSON object in the query. Raises OptionError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise OptionError(f"{name} as a JSON object", f"it is {text[:60]!r}", "correct it")
    return value


def view_from_query(
    explain: Annotated[ExplainSettings, _settings_query(ExplainSettings)],
    look: Annotated[LookSettings, _settings_query(LookSettings)],
    model: Model = 0,
    cases: Cases = "",
) -> View:
    """The requested view. Raises OptionError."""
    view = View(explain, look, model, tuple(name for name in cases.split(",") if name))
    options = view.settings.options  # raises for invalid settings
    for option in attribution_method(explain.method).options:
        if option.words and options.get(option.name, option.default) not in option.words:
            expected = f"--{option.name} among {', '.join(option.words)}"
            raise OptionError(expected, "the page must not name files", "use the command line instead")
    return view


def edit_from_query(edit: Annotated[str, Query(max_length=6000, description="an Edit, as JSON")] = "") -> Edit:
    """The requested edit of the frame. Raises OptionError."""
    return parse_edit(edit) if edit else NO_EDIT


ViewQuery = Annotated[View, Depends(view_from_query)]
EditQuery = Annotated[Edit, Depends(edit_from_query)]


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """The view and the edit of a requested frame, which together with its index determine the response."""

    view: View
    edit: Edit


def frame_request_from_query(view: ViewQuery, edit: EditQuery) -> FrameRequest:
    """The requested view and edit. Raises OptionError."""
    return FrameRequest(view, edit)


FrameQuery = Annotated[FrameRequest, Depends(frame_request_from_query)]
