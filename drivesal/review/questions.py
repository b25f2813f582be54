"""What a request asks for, checked: which frame, how it is looked at, what it is changed into."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from fastapi import Path as InPath

from drivesal.attribution import method as attribution_method
from drivesal.errors import OptionError
from drivesal.review.desk import View
from drivesal.review.whatif import NOTHING, Edit, parse_edit

Index = Annotated[int, InPath(ge=0, le=2**31, description="the frame's number, from 0")]
Model = Annotated[int, Query(ge=0, le=99, description="counted from 0")]
Since = Annotated[int, Query(ge=0, description="the first row that is wanted")]
Width = Annotated[int | None, Query(ge=16, le=8192, description="of the picture on the page [px]")]
Opacity = Annotated[float, Query(ge=0, le=1)]
Case = Annotated[str, Query(max_length=40)]
Ahead = Annotated[bool, Query(description="for a frame that is not in view yet")]


def asked_view(
    model: Model = 0,
    method: Annotated[str, Query(max_length=60)] = "gradient",
    options: Annotated[str, Query(max_length=2000, description="the method's own, as JSON")] = "{}",
    support: bool = False,
    maintain: Annotated[str, Query(max_length=40)] = "product",
    smooth: Annotated[float, Query(ge=0, le=50)] = 2.0,
    scale: Annotated[str, Query(pattern="^(clip|frame)$")] = "clip",
) -> View:
    """How the frame is to be looked at. Raises OptionError."""
    try:
        given = json.loads(options)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise OptionError("options as a JSON object", f"they are {options[:60]!r}", "mend them")
    view = View(
        model, method, tuple(sorted(given.items())), support, maintain, smooth, per_frame=scale == "frame"
    )
    question = view.question  # refuses what cannot be asked
    for option in attribution_method(method).options:
        if option.words and question.options[option.name] not in option.words:
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
    """A view of a frame: how it is looked at, as what, and with which opacity of full heat."""

    view: View
    edit: Edit
    opacity: float


def asked_wanted(view: AView, edit: AnEdit, opacity: Opacity = 0.8) -> Wanted:
    """All that tells one answer about a frame from another."""
    return Wanted(view, edit, opacity)


AWanted = Annotated[Wanted, Depends(asked_wanted)]
