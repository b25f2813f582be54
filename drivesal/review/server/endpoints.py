"""The HTTP endpoints of a review."""

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
from drivesal.review.compute import frame_images, page_data
from drivesal.review.compute.drive_explainer import ExplainedFrame
from drivesal.review.compute.job_queue import DroppedError, Tick
from drivesal.review.compute.session import NotReadyError, Session
from drivesal.review.notes import StaleNoteError
from drivesal.review.server.disconnection import DisconnectedError, job_result, jpeg_response
from drivesal.review.server.page_routes import add_page_routes
from drivesal.review.server.query_parameters import (
    Ahead,
    Case,
    EditQuery,
    FrameQuery,
    FrameRequest,
    Index,
    Model,
    Since,
    ViewQuery,
    Width,
)

ROWS = 20_000
"""Maximum rows of the timeline in one response."""
_MAX_DRAWING = 4
"""Images drawn at once: decoding is serial, and requests whose client has disconnected are skipped."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class ExplainedView:
    """An explained frame and the painter of its view."""

    result: ExplainedFrame
    painter: Painter


async def explain_frame(
    request: Request, session: Session, index: int, frame_request: FrameRequest, ahead: bool = False
) -> ExplainedView:
    """Explain a frame in the requested view."""
    explainer, view = session.explainer, frame_request.view
    _check(session, index, view.model)

    def compute(tick: Tick) -> ExplainedView:
        return ExplainedView(
            explainer.explain(view, index, frame_request.edit, tick), explainer.painter(view, tick)
        )

    title = f"{method(view.explain.method).title} of frame {index}"
    explained: ExplainedView = await job_result(
        request, session.jobs, title, (index, frame_request), compute, ahead
    )
    return explained


def _check(session: Session, index: int, model: int = 0) -> None:
    """Raises InputError if the frame does not exist, OptionError if the model does not."""
    if index >= session.count:
        expected = f"a frame from 0 to {session.count - 1}"
        raise InputError(expected, f"frame {index} was requested", "choose another")
    if model and model >= len(session.explainer.models):
        last = len(session.explainer.models) - 1
        raise OptionError(f"a model from 0 to {last}", f"{model} was requested", "choose another")


def create_app(session: Session) -> FastAPI:
    """The application that serves one review."""
    app = FastAPI(title="drivesal review", docs_url=None, redoc_url=None, openapi_url=None)
    _errors(app)
    _drive(app, session)
    _frames(app, session)
    _notes(app, session)
    add_page_routes(app)
    return app


def _errors(app: FastAPI) -> None:
    """Return every error as {"error": one line}."""

    def refusal(code: int, text: str) -> JSONResponse:
        return JSONResponse({"error": page_data.with_valid_text(text)}, status_code=code)

    @app.exception_handler(DrivesalError)
    def refused(_: Request, error: DrivesalError) -> JSONResponse:
        return refusal(404 if isinstance(error, InputError) else 400, str(error))

    @app.exception_handler(RequestValidationError)
    def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(part for part in first["loc"][1:] if isinstance(part, str)) or "request"
        return refusal(400, f"expected a valid {where}, but {first['msg'].lower()}")

    @app.exception_handler(HTTPException)
    def unknown(request: Request, error: HTTPException) -> JSONResponse:
        requested = f"{request.method} {request.url.path[:60]}"
        return refusal(error.status_code, f"{requested} failed: {error.detail.lower()}")

    @app.exception_handler(NotReadyError)
    def starting(_: Request, __: NotReadyError) -> JSONResponse:
        return refusal(503, "the model is still loading")

    @app.exception_handler(DisconnectedError)
    @app.exception_handler(DroppedError)
    @app.exception_handler(concurrent.futures.CancelledError)
    def dropped(_: Request, __: Exception) -> Response:
        return Response(status_code=204)  # superseded by a newer request: no error in the browser's console

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s failed", request.url.path, exc_info=error)
        return refusal(500, f"the server failed ({type(error).__name__}); see its terminal")


def _drive(app: FastAPI, session: Session) -> None:
    @app.get("/api/drive")
    def drive() -> dict[str, Any]:
        return page_data.with_valid_text(page_data.describe_drive(session))  # type: ignore[no-any-return]

    @app.get("/api/status")
    def status() -> dict[str, Any]:
        now = session.jobs.now
        numbers = session.analysis.numbers if session.ready else []
        state = {
            "ready": session.ready,
            "refused": None if session.refusal is None else str(session.refusal),
            "note": session.frames.note,
            "work": None if now is None else {"what": now[0], "share": round(now[1], 3)},
            "analysis": [
                {"rows": len(columns), "ended": columns.ended, "error": columns.error} for columns in numbers
            ],
        }
        return page_data.with_valid_text(state)  # type: ignore[no-any-return]

    @app.get("/api/timeline")
    def timeline(model: Model = 0, since: Since = 0) -> dict[str, Any]:
        _check(session, 0, model)
        numbers = session.analysis.numbers[model]
        # `ended` first: if it is set before the rows are read, they are complete
        return {"since": since, "ended": numbers.ended, "columns": numbers.since(since, ROWS)}

    @app.get("/api/totals")
    def totals(view: ViewQuery, since: Since = 0) -> dict[str, Any]:
        _check(session, 0, view.model)
        found, error = session.analysis.totals(view), None
        if found.ended and not found.rows:
            # a method without totals: return those of the first view, under its own name
            found, error = session.analysis.first, found.columns[view.model].error
        columns = found.columns[view.model]
        state = {
            "of": page_data.describe_view(found.view),
            "since": since,
            "ended": columns.ended,
            "error": error or columns.error,
        }
        return page_data.with_valid_text(state | {"columns": columns.since(since, ROWS)})  # type: ignore[no-any-return]


def _frames(app: FastAPI, session: Session) -> None:
    slots = asyncio.Semaphore(_MAX_DRAWING)

    @app.get("/api/frame/{index}")
    async def frame(request: Request, index: Index, edit: EditQuery, width: Width = None) -> Response:
        _check(session, index)

        def draw() -> bytes:
            image = session.frames.at(index) if edit.empty else session.explainer.frame(index, edit)
            return frame_images.encode_jpeg(frame_images.plain_image(image, width))

        return await jpeg_response(request, slots, draw)

    @app.get("/api/heat/{index}")
    async def heat(
        request: Request,
        index: Index,
        frame_request: FrameQuery,
        case: Case = "increase",
        width: Width = None,
        ahead: Ahead = False,
    ) -> Response:
        explained = await explain_frame(request, session, index, frame_request, ahead)

        def draw() -> bytes:
            frame = session.explainer.frame(index, frame_request.edit)
            return frame_images.encode_jpeg(
                frame_images.heat_image(explained.painter, explained.result, frame, case, width)
            )

        return await jpeg_response(request, slots, draw)

    @app.get("/api/explained/{index}")
    async def explained(
        request: Request, index: Index, frame_request: FrameQuery, ahead: Ahead = False
    ) -> dict[str, Any]:
        explained = await explain_frame(request, session, index, frame_request, ahead)
        return page_data.with_valid_text(page_data.describe_frame(explained.result, explained.painter))  # type: ignore[no-any-return]

    @app.get("/api/map/{index}")
    async def values(
        request: Request, index: Index, frame_request: FrameQuery, case: Case = "increase"
    ) -> Response:
        explained = await explain_frame(request, session, index, frame_request)
        return _floats(frame_images.smoothed_heat(explained.result, case, frame_request.view.look.smooth))

    _differences(app, session, slots)


def _differences(app: FastAPI, session: Session, slots: asyncio.Semaphore) -> None:
    async def compare(
        request: Request, index: int, frame_request: FrameRequest, case: str, width: int | None
    ) -> tuple[Any, float]:
        """The second model's heat minus the first's, and the value of full heat."""
        if len(session.explainer.models) < 2:
            raise OptionError("two models to compare", "there is one", "start the review with two --model")
        views = [dataclasses.replace(frame_request.view, model=number) for number in (0, 1)]
        explained = [
            await explain_frame(request, session, index, dataclasses.replace(frame_request, view=view))
            for view in views
        ]
        heats = [
            frame_images.smoothed_heat(one.result, case, frame_request.view.look.smooth) for one in explained
        ]
        boxes = [one.painter.scene.box for one in explained]
        values = frame_images.heat_difference(
            (heats[0], heats[1]), (boxes[0], boxes[1]), explained[0].painter.scene.frame_size, width
        )
        return values, explained[0].painter.scale.full[case]

    @app.get("/api/difference/{index}")
    async def difference(
        request: Request, index: Index, frame_request: FrameQuery, case: Case = "increase", width: Width = None
    ) -> Response:
        values, full = await compare(request, index, frame_request, case, width)

        def draw() -> bytes:
            frame = session.explainer.frame(index, frame_request.edit)
            return frame_images.encode_jpeg(
                frame_images.difference_image(values, full, frame, frame_request.view.look.opacity)
            )

        return await jpeg_response(request, slots, draw)

    @app.get("/api/difference-map/{index}")
    async def values(
        request: Request, index: Index, frame_request: FrameQuery, case: Case = "increase", width: Width = None
    ) -> Response:
        return _floats((await compare(request, index, frame_request, case, width))[0])


def _floats(values: Any) -> Response:
    """Values (h, w) as little-endian float32, row by row, with the size in the headers."""
    headers = {"X-Height": str(values.shape[0]), "X-Width": str(values.shape[1])}
    data = np.ascontiguousarray(values, "<f4").tobytes()
    return Response(data, media_type="application/octet-stream", headers=headers)


def _notes(app: FastAPI, session: Session) -> None:
    @app.get("/api/notes")
    def notes() -> dict[str, Any]:
        return {"notes": [page_data.describe_note(note) for note in session.notes.all()]}

    @app.put("/api/notes/{index}")
    def note(
        index: Index, text: Annotated[str, Body()], base: Annotated[str, Body(max_length=64)]
    ) -> dict[str, Any]:
        _check(session, index)
        session.notes.set(index, session.frames.at(index).time_s, text, base)
        return notes()

    @app.exception_handler(StaleNoteError)
    def stale(_: Request, error: StaleNoteError) -> JSONResponse:
        current = None if error.current is None else page_data.describe_note(error.current)
        return JSONResponse({"error": str(error), "note": current}, status_code=409)

    @app.get("/api/notes.csv")
    def table() -> PlainTextResponse:
        name = quote(f"{Path(session.name).stem}.notes.csv", safe="", errors="replace")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return PlainTextResponse(session.notes.csv(), media_type="text/csv", headers=headers)
