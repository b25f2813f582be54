"""What a request asks for, checked: which frame, how it is looked at, what it is changed into."""

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
from drivesal.review.compute.desk import View
from drivesal.review.compute.whatif import NOTHING, Edit, parse_edit
from drivesal.settings import ExplainSettings, LookSettings, Settings, on_page

S = TypeVar("S", bound=Settings)

Index = Annotated[int, InPath(ge=0, le=2**31, description="the frame's number, from 0")]
Model = Annotated[int, Query(ge=0, le=99, description="counted from 0")]
Since = Annotated[int, Query(ge=0, description="the first row that is wanted")]
Width = Annotated[int | None, Query(ge=16, le=8192, description="of the picture on the page [px]")]
Case = Annotated[str, Query(max_length=40)]
Cases = Annotated[str, Query(max_length=400, description="wanted beside those of every view: names, commas")]
Ahead = Annotated[bool, Query(description="for a frame that is not in view yet")]


def _query(kind: type[S]) -> Any:
    """A dependency that takes settings from the query: a parameter for each field that the page asks for."""
    fields = on_page(kind)
    objects = {name for name, one in fields.items() if isinstance(one.default, Mapping)}

    def asked(**given: Any) -> S:
        try:
            return kind(**{name: _object(name, one) if name in objects else one for name, one in given.items()})
        except ValidationError as error:
            found = [{**one, "loc": ("query", *one["loc"])} for one in error.errors()]
            raise RequestValidationError(found) from None

    def parameter(name: str, field: FieldInfo) -> inspect.Parameter:
        longest = 200 if field.annotation is str else None
        annotation: Any = Annotated[field.annotation, Query(description=field.description, max_length=longest)]
        default = field.default
        if name in objects:
            annotation, default = Annotated[str, Query(max_length=2000)], "{}"
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

    signature = inspect.Signature([parameter(name, field) for name, field in fields.items()])
    asked.__signature__ = signature  # type: ignore[attr-defined]
    return Depends(asked)


def _object(name: str, text: str) -> Mapping[str, Any]:
    """A JSON object that stands in the query as text. Raises OptionError."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise OptionError(f"{name} as a JSON object", f"they are {text[:60]!r}", "mend them")
    return given


def asked_view(
    explain: Annotated[ExplainSettings, _query(ExplainSettings)],
    look: Annotated[LookSettings, _query(LookSettings)],
    model: Model = 0,
    cases: Cases = "",
) -> View:
    """How the frame is to be looked at. Raises OptionError."""
    view = View(explain, look, model, tuple(name for name in cases.split(",") if name))
    asked = view.asked.options  # refuses what cannot be asked
    for option in attribution_method(explain.method).options:
        if option.words and asked.get(option.name, option.default) not in option.words:
            expected = f"--{option.name} among {', '.join(option.words)}"
            raise OptionError(expected, "a page may name no file", "use the command line for it")
    return view


def asked_edit(edit: Annotated[str, Query(max_length=6000, description="an Edit, as JSON")] = "") -> Edit:
    """What the frame is changed into. Raises OptionError."""
    return parse_edit(edit) if edit else NOTHING


AView = Annotated[View, Depends(asked_view)]
AnEdit = Annotated[Edit, Depends(asked_edit)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A view of a frame: how it is looked at, and changed into what."""

    view: View
    edit: Edit


def asked_wanted(view: AView, edit: AnEdit) -> Wanted:
    """All that tells one answer about a frame from another."""
    return Wanted(view, edit)


AWanted = Annotated[Wanted, Depends(asked_wanted)]
