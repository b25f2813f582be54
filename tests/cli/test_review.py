"""`drivesal review` as a process: it serves, and it stops."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.clips import make_clip

COMMAND = [str(Path(sys.executable).with_name("drivesal")), "review"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "run.mp4", 30)


@contextlib.contextmanager
def running(*arguments: object, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """The running command, with the host and port that it prints."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments), "--no-browser"],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert process.stdout is not None
        line = ""
        while "http://" not in line:
            line = process.stdout.readline()
            assert line, process.communicate()
        found = re.search(r"http://([^:/]+|\[[^]]+\]):(\d+)/", line)
        assert found
        yield process, line, int(found[2])
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def get(port: int, path: str, host: str = "127.0.0.1", headers: dict[str, str] | None = None) -> Any:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request("GET", path, headers=headers or {})
    return connection.getresponse()


def ready(port: int) -> Any:
    """The drive's description once the model is there."""
    deadline = time.monotonic() + 90
    while True:
        drive = json.loads(get(port, "/api/drive").read())
        if drive["ready"]:
            return drive
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_it_serves_page_frames_and_heat_and_ends_with_ctrl_c(
    clip: Path, tmp_path: Path, model_path: Path
) -> None:
    with running(clip, "--model", model_path, cwd=tmp_path) as (process, _, port):
        page = get(port, "/")
        assert page.status == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        drive = ready(port)
        assert (drive["name"], drive["frames"], drive["models"][0]["name"]) == ("run.mp4", 30, "small.keras")
        assert get(port, "/api/heat/3").headers["content-type"] == "image/jpeg"
        assert get(port, "/api/frame/3", headers={"Host": "evil.example"}).status == 400
        assert get(port, "/api/frame/3", headers={"Origin": "http://evil.example"}).status == 403
        process.send_signal(signal.SIGINT)
        _, told_last = process.communicate(timeout=30)
        assert process.returncode == 0, told_last
        assert told_last == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.mp4"]  # no note, no file


@pytest.mark.slow
def test_sigterm_reports_the_stop_and_no_lost_results(clip: Path, tmp_path: Path) -> None:
    with running(clip, cwd=tmp_path) as (process, _, port):
        assert get(port, "/").status == 200
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr) == (143, "drivesal: stopped; notes are saved\n")


def test_it_ends_at_once_and_in_silence_while_a_page_waits(
    clip: Path, tmp_path: Path, model_path: Path
) -> None:
    with running(clip, "--model", model_path, cwd=tmp_path) as (process, _, port):
        ready(port)
        waiting = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        waiting.request("GET", "/api/heat/3?method=rise&options=%7B%22masks%22%3A100000%7D")
        while "RISE" not in str(json.loads(get(port, "/api/status").read())["work"]):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr) == (0, "")
        assert waiting.getresponse().status == 204


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_the_printed_address_is_one_that_it_listens_on(clip: Path, tmp_path: Path, host: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    with running(clip, "--host", host, cwd=tmp_path) as (_, line, port):
        found = re.search(r"http://\[?([^]/]+?)\]?:\d+/", line)
        assert found
        assert get(port, "/api/frame/3", found[1]).status == 200


def test_a_drive_that_is_the_current_folder_has_a_name(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((64, 96, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((64, 96, 3), np.uint8))
    with running(".", "--notes", "n.json", cwd=tmp_path) as (_, line, port):
        assert line.startswith(f"{tmp_path.name} at ")
        assert json.loads(get(port, "/api/drive").read())["name"] == tmp_path.name


def test_other_machines_need_a_token(clip: Path, tmp_path: Path, model_path: Path) -> None:
    with running(clip, "--model", model_path, "--host", "0.0.0.0", cwd=tmp_path) as (_, line, port):
        token = re.search(r"token=(\S+)", line)
        assert token
        assert get(port, "/api/drive").status == 401
        assert get(port, "/api/drive?token=wrong").status == 401
        let_in = get(port, f"/api/drive?token={token[1]}")
        assert let_in.status == 303
        cookie = let_in.headers["set-cookie"].split(";")[0]
        assert get(port, "/api/drive", headers={"Cookie": cookie}).status == 200


def test_an_invalid_model_file_is_refused_before_serving(clip: Path, inside: Callable[..., Any]) -> None:
    clip.with_name("broken.keras").write_bytes(b"no model")
    done = inside("review", clip, "--model", "broken.keras", "--no-browser")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert "broken.keras" in done.err
    assert done.out == ""


def test_a_model_error_while_serving_is_reported_and_the_server_stays(
    clip: Path, tmp_path: Path, model_path: Path
) -> None:
    """A crop larger than the frames, detected when the model is loaded."""
    arguments = ("--model", model_path, "--crop", "60:-10")
    with running(clip, *arguments, cwd=tmp_path) as (process, _, port):
        deadline = time.monotonic() + 60
        while (reason := json.loads(get(port, "/api/status").read())["refused"]) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "96x64" in reason
        assert get(port, "/api/frame/3").status == 200
        assert json.loads(get(port, "/api/explained/3").read()) == {"error": reason}
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr) == (1, f"drivesal: {reason}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.mp4",), "none.mp4"),
        (("run.mp4", "--model", "none.keras"), "none.keras"),
        (("run.mp4", "--model", "a", "--model", "b", "--model", "c"), "one model or two"),
        (("run.mp4", "--host", "256.1.1.1"), "a host and port to listen on"),
        (("run.mp4", "--host", "ü" * 70), "a host and port to listen on"),
        (("run.mp4", "--notes", "run.mp4"), "notes"),
        (("run.mp4", "--notes", "none/n.json"), "a folder for --notes"),
    ],
)
def test_mistakes_are_reported_in_one_line(
    clip: Path, inside: Callable[..., Any], arguments: tuple[str, ...], message: str
) -> None:
    done = inside("review", *arguments, "--no-browser")
    assert done.code == 1
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_a_port_in_use_is_reported(clip: Path, inside: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = inside("review", "run.mp4", "--no-browser", "--port", taken.getsockname()[1])
    assert done.code == 1
    assert "leave --port out" in done.err
