"""What the page asks for, over HTTP: one endpoint a question."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
from fastapi import Body, Depends, FastAPI, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from drivesal.attribution import method as attribution_method
from drivesal.errors import DrivesalError, InputError, OptionError
from drivesal.painter import Painter
from drivesal.review import library, pictures
from drivesal.review.describe import described, numbers, valid
from drivesal.review.desk import Told, View
from drivesal.review.session import NotReadyError, Session
from drivesal.review.whatif import NOTHING, Edit, parse_edit
from drivesal.review.work import AHEAD, VIEW, DroppedError, Tick

PAGE = Path(__file__).parent / "page"
ROWS = 20_000
"""Most rows of the timeline in one answer."""
_AT_ONCE = 4
"""Pictures drawn at once: one is decoded at a time, and those that nobody waits for any more are left out."""
_LOOKED_AFTER_S = 0.2
"""How often it is looked whether the page still waits."""

_log = logging.getLogger(__name__)


class GoneError(Exception):
    """The page waits no more."""


Index = Annotated[int, InPath(ge=0, le=2**31, description="the frame's number, from 0")]
Width = Annotated[int | None, Query(ge=16, le=8192, description="of the picture on the page [px]")]
Opacity = Annotated[float, Query(ge=0, le=1)]
Case = Annotated[str, Query(max_length=40)]
Ahead = Annotated[bool, Query(description="for a frame that is not in view yet")]


def asked_view(
    model: Annotated[int, Query(ge=0, le=99)] = 0,
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


async def gone(request: Request) -> bool:
    """Whether the page waits no more. The first look may see the request itself."""
    return await request.is_disconnected() or await request.is_disconnected()


async def drawn(request: Request, turns: asyncio.Semaphore, draw: Callable[[], bytes]) -> Response:
    """The picture that `draw` gives in a thread, where the page still waits when its turn comes."""
    async with turns:
        if await gone(request):
            raise GoneError
        return picture(await run_in_threadpool(draw))


async def result(request: Request, session: Session, what: str, key: Any, compute: Any, ahead: bool) -> Any:
    """What `compute(tick)` gives in the thread of work; ended when the page waits no more."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    job = session.work.ask(key, what, compute, AHEAD if ahead else VIEW)

    def wake(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended, and with it who waited
            loop.call_soon_threadsafe(ended.set)

    job.future.add_done_callback(wake)
    try:
        while not ended.is_set():
            try:
                await asyncio.wait_for(ended.wait(), _LOOKED_AFTER_S)
            except TimeoutError:
                if await gone(request):
                    raise GoneError from None
        return job.future.result()
    finally:
        session.work.drop(job)


@dataclasses.dataclass(frozen=True, slots=True)
class Looked:
    """A frame explained, with what draws it."""

    told: Told
    painter: Painter


async def looked(
    request: Request, session: Session, view: View, index: int, edit: Edit, opacity: float, ahead: bool
) -> Looked:
    """The frame explained under this view."""
    desk = session.desk
    _check(session, index, view.model)

    def compute(tick: Tick) -> Looked:
        return Looked(desk.told(view, index, edit, tick), desk.painter(view, opacity, tick))

    what = f"{view.method} of frame {index}"
    found: Looked = await result(request, session, what, (view, index, edit, opacity), compute, ahead)
    return found


def _check(session: Session, index: int, model: int = 0) -> None:
    """Raises InputError for a frame that is not there, OptionError for a model that is not."""
    if index >= session.count:
        expected = f"a frame from 0 to {session.count - 1}"
        raise InputError(expected, f"frame {index} was asked for", "choose another")
    if model and model >= len(session.desk.models):
        last = len(session.desk.models) - 1
        raise OptionError(f"a model from 0 to {last}", f"{model} was asked for", "choose another")


def picture(data: bytes, kind: str = "image/jpeg") -> Response:
    """A picture as an answer."""
    return Response(data, media_type=kind)


def app(session: Session) -> FastAPI:
    """The server of one review."""
    made = FastAPI(title="drivesal review", docs_url=None, redoc_url=None, openapi_url=None)
    _errors(made)
    _drive(made, session)
    _frames(made, session)
    _notes(made, session)
    _charts(made)
    made.mount("/", _Page(directory=PAGE, html=True), name="page")
    return made


class _Page(StaticFiles):
    """The page's files; the browser asks whether they changed, as a new release may serve on the same port."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        response = super().file_response(*given, **named)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _charts(made: FastAPI) -> None:
    @made.get("/lib/{name}")
    def charts(name: Annotated[str, InPath(max_length=40)]) -> Response:
        headers = {"Cache-Control": "private, max-age=86400"}
        return FileResponse(library.script(name), media_type="text/javascript", headers=headers)


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
        lines = session.analysis.timelines if session.ready else []
        told = {
            "ready": session.ready,
            "note": session.frames.note,
            "work": None if now is None else {"what": now[0], "share": round(now[1], 3)},
            "analysis": [{"rows": len(one), "ended": one.ended, "error": one.error} for one in lines],
        }
        return valid(told)  # type: ignore[no-any-return]

    @made.get("/api/timeline")
    def timeline(
        model: Annotated[int, Query(ge=0, le=99)] = 0, since: Annotated[int, Query(ge=0)] = 0
    ) -> dict[str, Any]:
        _check(session, 0, model)
        line = session.analysis.timelines[model]
        return {"since": since, "ended": line.ended, "columns": line.since(since, ROWS)}


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
        view: AView,
        edit: AnEdit,
        case: Case = "increase",
        opacity: Opacity = 0.8,
        width: Width = None,
        ahead: Ahead = False,
    ) -> Response:
        found = await looked(request, session, view, index, edit, opacity, ahead)

        def draw() -> bytes:
            frame = session.desk.frame(index, edit)
            return pictures.jpeg(pictures.heated(found.painter, found.told, frame, case, width))

        return await drawn(request, turns, draw)

    @made.get("/api/explained/{index}")
    async def explained(
        request: Request, index: Index, view: AView, edit: AnEdit, opacity: Opacity = 0.8, ahead: Ahead = False
    ) -> dict[str, Any]:
        found = await looked(request, session, view, index, edit, opacity, ahead)
        return valid(numbers(found.told, found.painter))  # type: ignore[no-any-return]

    @made.get("/api/map/{index}")
    async def values(
        request: Request,
        index: Index,
        view: AView,
        edit: AnEdit,
        case: Case = "increase",
        opacity: Opacity = 0.8,
    ) -> Response:
        found = await looked(request, session, view, index, edit, opacity, False)
        heat = pictures.smoothed(found.told, case, view.smooth)
        return _floats(heat)

    @made.get("/api/figure/{index}")
    async def figure(
        request: Request, index: Index, view: AView, edit: AnEdit, opacity: Opacity = 0.8
    ) -> Response:
        desk = session.desk
        _check(session, index, view.model)

        def compute(tick: Tick) -> bytes:
            from drivesal.outputs import encode_picture

            told, painter = desk.told(view, index, edit, tick), desk.painter(view, opacity, tick)
            return encode_picture(Path("figure.png"), pictures.figure(painter, told, desk.frame(index, edit)))

        key = ("figure", view, index, edit, opacity)
        data: bytes = await result(request, session, f"figure of frame {index}", key, compute, False)
        return picture(data, "image/png")

    _differences(made, session, turns)


def _differences(made: FastAPI, session: Session, turns: asyncio.Semaphore) -> None:
    async def both(
        request: Request, index: int, view: View, edit: Edit, case: str, opacity: float, width: int | None
    ) -> tuple[Any, float]:
        """The second model's heat less the first's, and what full heat is."""
        if len(session.desk.models) < 2:
            raise OptionError("two models to compare", "there is one", "start with --model twice")
        views = [dataclasses.replace(view, model=number) for number in (0, 1)]
        found = [await looked(request, session, one, index, edit, opacity, False) for one in views]
        heats = [pictures.smoothed(one.told, case, view.smooth) for one in found]
        boxes = [one.painter.scene.box for one in found]
        values = pictures.difference(
            (heats[0], heats[1]), (boxes[0], boxes[1]), found[0].painter.scene.frame_size, width
        )
        return values, found[0].painter.scale.full[case]

    @made.get("/api/difference/{index}")
    async def difference(
        request: Request,
        index: Index,
        view: AView,
        edit: AnEdit,
        case: Case = "increase",
        opacity: Opacity = 0.8,
        width: Width = None,
    ) -> Response:
        values, full = await both(request, index, view, edit, case, opacity, width)

        def draw() -> bytes:
            frame = session.desk.frame(index, edit)
            return pictures.jpeg(pictures.drawn_difference(values, full, frame, opacity))

        return await drawn(request, turns, draw)

    @made.get("/api/difference-map/{index}")
    async def values(
        request: Request, index: Index, view: AView, edit: AnEdit, case: Case = "increase", width: Width = None
    ) -> Response:
        return _floats((await both(request, index, view, edit, case, 0.8, width))[0])


def _floats(values: Any) -> Response:
    """(h, w) numbers as little-endian float32, row by row, with their size in the headers."""
    headers = {"X-Height": str(values.shape[0]), "X-Width": str(values.shape[1])}
    data = np.ascontiguousarray(values, "<f4").tobytes()
    return Response(data, media_type="application/octet-stream", headers=headers)


def _notes(made: FastAPI, session: Session) -> None:
    @made.get("/api/notes")
    def notes() -> dict[str, Any]:
        return {"notes": [dataclasses.asdict(note) for note in session.notes.all()]}

    @made.put("/api/notes/{index}")
    def note(index: Index, text: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        _check(session, index)
        session.notes.set(index, session.frames.at(index).time_s, text)
        return notes()

    @made.get("/api/notes.csv")
    def table() -> PlainTextResponse:
        name = quote(f"{Path(session.name).stem}.notes.csv", safe="", errors="replace")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return PlainTextResponse(session.notes.csv(), media_type="text/csv", headers=headers)
