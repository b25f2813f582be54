"""The page's files over HTTP: its own, the index of its panels, and the charts' JavaScript."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from drivesal.review.server import page_files as assets


class _Page(StaticFiles):
    """The page's files; the browser asks whether they changed, as a new release may serve on the same port."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        response = super().file_response(*given, **named)
        response.headers["Cache-Control"] = "no-cache"
        return response


def serve_page(made: FastAPI) -> None:
    """Adds the page to a server, at every address that is not taken yet."""

    @made.get("/lib/{name}")
    def charts(name: Annotated[str, InPath(max_length=40)]) -> Response:
        headers = {"Cache-Control": "private, max-age=86400"}
        return FileResponse(assets.script(name), media_type="text/javascript", headers=headers)

    @made.get(f"/{assets.PANEL_INDEX}")
    def panels() -> Response:
        headers = {"Cache-Control": "no-cache"}
        return Response(assets.panel_index(), media_type="text/javascript", headers=headers)

    made.mount("/", _Page(directory=assets.PAGE, html=True), name="page")
