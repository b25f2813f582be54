"""What the review server answers."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from keeper import Keeper, image
from made import ROOT
from sections import section

VIEWS = ("", "?method=gradient", "?method=gradient&maintain=contrast&smooth=0&scale=frame", "?method=lrp")


@section
def review(inputs: Path, keep: Keeper) -> None:
    """The review server's answers."""
    small, norm = (inputs / "models" / name for name in ("small.keras", "norm.keras"))
    with _serving(inputs / "drives" / "run.mp4", small, norm) as ask:
        keep.value("drive", json.loads(ask("/api/drive")[1]))
        for model in (0, 1):
            keep.value(f"timeline {model}", json.loads(ask(f"/api/timeline?model={model}")[1]))
        keep.value("notes", json.loads(ask("/api/notes")[1]))
        keep.array("frame", image(ask("/api/frame/4")[1]))
        for view in VIEWS:
            keep.value(f"totals {view}", _when_ended(ask, f"/api/totals{view}"))
            keep.value(f"explained {view}", json.loads(ask(f"/api/explained/7{view}")[1]))
            more = "&" if view else "?"
            for case in ("increase", "decrease", "maintain"):
                keep.array(f"heat {view} {case}", image(ask(f"/api/heat/7{view}{more}case={case}")[1]))
                _, data, headers = ask(f"/api/map/7{view}{more}case={case}")
                shape = (int(headers["X-Height"]), int(headers["X-Width"]))
                keep.array(f"map {view} {case}", np.frombuffer(data, "<f4").reshape(shape))
        difference = ask("/api/difference-map/7?method=gradient&case=increase")
        keep.array("difference", np.frombuffer(difference[1], "<f4"))
        for wrong in (
            "/api/frame/999",
            "/api/heat/3?method=nothing",
            "/api/explained/3?smooth=-1",
            "/api/none",
        ):
            code, data, _ = ask(wrong)
            keep.value(f"refused {wrong}", [code, json.loads(data)])


Ask = Callable[[str], tuple[int, bytes, Any]]


def _when_ended(ask: Ask, path: str) -> Any:
    for _ in range(600):
        found = json.loads(ask(path)[1])
        if found.get("ended"):
            return found
        time.sleep(0.1)
    raise TimeoutError(path)


@contextlib.contextmanager
def _serving(drive: Path, *models: Path) -> Iterator[Ask]:
    """`drivesal review` in a process of its own, with its models loaded and the drive analysed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["review", str(drive), "--no-browser", "--port", str(port)]
    for model in models:
        words += ["--model", str(model)]
    server = subprocess.Popen([sys.executable, "-m", "drivesal", *words], cwd=ROOT, stdout=subprocess.DEVNULL)

    def ask(path: str) -> tuple[int, bytes, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                found = json.loads(ask("/api/status")[1])
                if found["ready"] and all(one["ended"] for one in found["analysis"]):
                    break
            time.sleep(0.2)
        else:
            raise TimeoutError("the server did not get ready")
        yield ask
    finally:
        server.terminate()
        server.wait(30)
