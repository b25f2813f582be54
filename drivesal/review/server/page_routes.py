"""Routes of the page's static files, the index of its panels, and the JavaScript of the charts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from drivesal.review.server import page_assets as assets


class _Page(StaticFiles):
    """The page's files, always revalidated: another release may be served on the same port."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def add_page_routes(app: FastAPI) -> None:
    """Add the page to a server, at every address that has no route yet."""

    @app.get("/lib/{name}")
    def charts(name: Annotated[str, InPath(max_length=40)]) -> Response:
        headers = {"Cache-Control": "private, max-age=86400"}
        return FileResponse(assets.script(name), media_type="text/javascript", headers=headers)

    @app.get(f"/{assets.PANEL_INDEX}")
    def panels() -> Response:
        headers = {"Cache-Control": "no-cache"}
        return Response(assets.panel_index(), media_type="text/javascript", headers=headers)

    app.mount("/", _Page(directory=assets.PAGE, html=True), name="page")
