"""What the page asks for, over HTTP: one endpoint a question."""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import logging
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
from fastapi import Body, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from drivesal.attribution.registry import method
from drivesal.errors import DrivesalError, InputError, OptionError
from drivesal.rendering.painter import Painter
from drivesal.review.compute import pictures
from drivesal.review.compute.describe import described, noted, numbers, valid, view_of
from drivesal.review.compute.desk import Told
from drivesal.review.compute.session import NotReadyError, Session
from drivesal.review.compute.work import DroppedError, Tick
from drivesal.review.notes import StaleNoteError
from drivesal.review.server.page_serving import serve_page
from drivesal.review.server.questions import (
    Ahead,
    AnEdit,
    AView,
    AWanted,
    Case,
    Index,
    Model,
    Since,
    Wanted,
    Width,
)
from drivesal.review.server.waiting import GoneError, drawn, result

ROWS = 20_000
"""Most rows of the timeline in one answer."""
_AT_ONCE = 4
"""Pictures drawn at once: one is decoded at a time, and those that nobody waits for any more are left out."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Looked:
    """A frame explained, with what draws it."""

    told: Told
    painter: Painter


async def looked(request: Request, session: Session, index: int, wanted: Wanted, ahead: bool = False) -> Looked:
    """The frame explained under this view."""
    desk, view = session.desk, wanted.view
    _check(session, index, view.model)

    def compute(tick: Tick) -> Looked:
        return Looked(desk.told(view, index, wanted.edit, tick), desk.painter(view, tick))

    what = f"{method(view.explain.method).title} of frame {index}"
    found: Looked = await result(request, session.work, what, (index, wanted), compute, ahead)
    return found


def _check(session: Session, index: int, model: int = 0) -> None:
    """Raises InputError for a frame that is not there, OptionError for a model that is not."""
    if index >= session.count:
        expected = f"a frame from 0 to {session.count - 1}"
        raise InputError(expected, f"frame {index} was asked for", "choose another")
    if model and model >= len(session.desk.models):
        last = len(session.desk.models) - 1
        raise OptionError(f"a model from 0 to {last}", f"{model} was asked for", "choose another")


def app(session: Session) -> FastAPI:
    """The server of one review."""
    made = FastAPI(title="drivesal review", docs_url=None, redoc_url=None, openapi_url=None)
    _errors(made)
    _drive(made, session)
    _frames(made, session)
    _notes(made, session)
    serve_page(made)
    return made


def _errors(made: FastAPI) -> None:
    """Every refusal as {"error": a line}."""

    def refusal(code: int, text: str) -> JSONResponse:
        return JSONResponse({"error": valid(text)}, status_code=code)

    @made.exception_handler(DrivesalError)
    def refused(_: Request, error: DrivesalError) -> JSONResponse:
        return refusal(404 if isinstance(error, InputError) else 400, str(error))

    @made.exception_handler(RequestValidationError)
    def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(part for part in first["loc"][1:] if isinstance(part, str)) or "request"
        return refusal(400, f"expected a valid {where}, but {first['msg'].lower()}")

    @made.exception_handler(HTTPException)
    def unknown(request: Request, error: HTTPException) -> JSONResponse:
        asked = f"{request.method} {request.url.path[:60]}"
        return refusal(error.status_code, f"{asked} cannot be answered: {error.detail.lower()}")

    @made.exception_handler(NotReadyError)
    def starting(_: Request, __: NotReadyError) -> JSONResponse:
        return refusal(503, "the model is still being loaded")

    @made.exception_handler(GoneError)
    @made.exception_handler(DroppedError)
    @made.exception_handler(concurrent.futures.CancelledError)
    def dropped(_: Request, __: Exception) -> Response:
        return Response(status_code=204)  # given up for something newer: no failure, that a browser would log

    @made.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s failed", request.url.path, exc_info=error)
        return refusal(500, f"the server failed at this ({type(error).__name__}); its terminal says more")


def _drive(made: FastAPI, session: Session) -> None:
    @made.get("/api/drive")
    def drive() -> dict[str, Any]:
        return valid(described(session))  # type: ignore[no-any-return]

    @made.get("/api/status")
    def status() -> dict[str, Any]:
        now = session.work.now
        lines = session.analysis.numbers if session.ready else []
        told = {
            "ready": session.ready,
            "refused": None if session.refusal is None else str(session.refusal),
            "note": session.frames.note,
            "work": None if now is None else {"what": now[0], "share": round(now[1], 3)},
            "analysis": [{"rows": len(one), "ended": one.ended, "error": one.error} for one in lines],
        }
        return valid(told)  # type: ignore[no-any-return]

    @made.get("/api/timeline")
    def timeline(model: Model = 0, since: Since = 0) -> dict[str, Any]:
        _check(session, 0, model)
        line = session.analysis.numbers[model]
        # in this order: what ended before the rows were read has all of them
        return {"since": since, "ended": line.ended, "columns": line.since(since, ROWS)}

    @made.get("/api/totals")
    def totals(view: AView, since: Since = 0) -> dict[str, Any]:
        _check(session, 0, view.model)
        found, instead = session.analysis.totals(view), None
        if found.ended and not found.rows:
            # of a method that is not followed those that there are, under their own name
            found, instead = session.analysis.first, found.columns[view.model].error
        line = found.columns[view.model]
        told = {"of": view_of(found.view), "since": since, "ended": line.ended, "error": instead or line.error}
        return valid(told | {"columns": line.since(since, ROWS)})  # type: ignore[no-any-return]


def _frames(made: FastAPI, session: Session) -> None:
    turns = asyncio.Semaphore(_AT_ONCE)

    @made.get("/api/frame/{index}")
    async def frame(request: Request, index: Index, edit: AnEdit, width: Width = None) -> Response:
        _check(session, index)

        def draw() -> bytes:
            found = session.frames.at(index) if edit.nothing else session.desk.frame(index, edit)
            return pictures.jpeg(pictures.plain(found, width))

        return await drawn(request, turns, draw)

    @made.get("/api/heat/{index}")
    async def heat(
        request: Request,
        index: Index,
        wanted: AWanted,
        case: Case = "increase",
        width: Width = None,
        ahead: Ahead = False,
    ) -> Response:
        found = await looked(request, session, index, wanted, ahead)

        def draw() -> bytes:
            frame = session.desk.frame(index, wanted.edit)
            return pictures.jpeg(pictures.heated(found.painter, found.told, frame, case, width))

        return await drawn(request, turns, draw)

    @made.get("/api/explained/{index}")
    async def explained(
        request: Request, index: Index, wanted: AWanted, ahead: Ahead = False
    ) -> dict[str, Any]:
        found = await looked(request, session, index, wanted, ahead)
        return valid(numbers(found.told, found.painter))  # type: ignore[no-any-return]

    @made.get("/api/map/{index}")
    async def values(request: Request, index: Index, wanted: AWanted, case: Case = "increase") -> Response:
        found = await looked(request, session, index, wanted)
        return _floats(pictures.smoothed(found.told, case, wanted.view.look.smooth))

    _differences(made, session, turns)


def _differences(made: FastAPI, session: Session, turns: asyncio.Semaphore) -> None:
    async def both(
        request: Request, index: int, wanted: Wanted, case: str, width: int | None
    ) -> tuple[Any, float]:
        """The second model's heat less the first's, and what full heat is."""
        if len(session.desk.models) < 2:
            raise OptionError("two models to compare", "there is one", "start with --model twice")
        views = [dataclasses.replace(wanted.view, model=number) for number in (0, 1)]
        found = [
            await looked(request, session, index, dataclasses.replace(wanted, view=view)) for view in views
        ]
        heats = [pictures.smoothed(one.told, case, wanted.view.look.smooth) for one in found]
        boxes = [one.painter.scene.box for one in found]
        values = pictures.difference(
            (heats[0], heats[1]), (boxes[0], boxes[1]), found[0].painter.scene.frame_size, width
        )
        return values, found[0].painter.scale.full[case]

    @made.get("/api/difference/{index}")
    async def difference(
        request: Request, index: Index, wanted: AWanted, case: Case = "increase", width: Width = None
    ) -> Response:
        values, full = await both(request, index, wanted, case, width)

        def draw() -> bytes:
            frame = session.desk.frame(index, wanted.edit)
            return pictures.jpeg(pictures.drawn_difference(values, full, frame, wanted.view.look.opacity))

        return await drawn(request, turns, draw)

    @made.get("/api/difference-map/{index}")
    async def values(
        request: Request, index: Index, wanted: AWanted, case: Case = "increase", width: Width = None
    ) -> Response:
        return _floats((await both(request, index, wanted, case, width))[0])


def _floats(values: Any) -> Response:
    """(h, w) numbers as little-endian float32, row by row, with their size in the headers."""
    headers = {"X-Height": str(values.shape[0]), "X-Width": str(values.shape[1])}
    data = np.ascontiguousarray(values, "<f4").tobytes()
    return Response(data, media_type="application/octet-stream", headers=headers)


def _notes(made: FastAPI, session: Session) -> None:
    @made.get("/api/notes")
    def notes() -> dict[str, Any]:
        return {"notes": [noted(note) for note in session.notes.all()]}

    @made.put("/api/notes/{index}")
    def note(
        index: Index, text: Annotated[str, Body()], base: Annotated[str, Body(max_length=64)]
    ) -> dict[str, Any]:
        _check(session, index)
        session.notes.set(index, session.frames.at(index).time_s, text, base)
        return notes()

    @made.exception_handler(StaleNoteError)
    def stale(_: Request, error: StaleNoteError) -> JSONResponse:
        kept = None if error.kept is None else noted(error.kept)
        return JSONResponse({"error": str(error), "note": kept}, status_code=409)

    @made.get("/api/notes.csv")
    def table() -> PlainTextResponse:
        name = quote(f"{Path(session.name).stem}.notes.csv", safe="", errors="replace")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return PlainTextResponse(session.notes.csv(), media_type="text/csv", headers=headers)
