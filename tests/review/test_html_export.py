"""The export of a review to one file: its content, and the size stated before writing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drivesal.attribution.registry import USUAL
from drivesal.review.server.bundle import _address, _script
from tests.clips import make_clip

FRAMES = 30


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = make_clip(tmp_path / "run.mp4", FRAMES)
    rows = "\n".join(f"{i},{3.0 * np.sin(i / 5):.4f}" for i in range(FRAMES))
    path.with_suffix(".csv").write_text(f"frame,steering_angle_deg\n{rows}\n")
    return path


def exported(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="exported">(.*)</script>', text)
    assert found
    return json.loads(found[1])


def test_an_export_contains_every_nth_frame_the_timeline_and_the_notes(
    clip: Path, tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    note = {"frame": 6, "time_s": 0.3, "text": "</script><b>odd</b>"}
    file = {"drivesal_notes": 1, "drive": "run.mp4", "frames": FRAMES, "notes": [note]}
    (tmp_path / "run.mp4.notes.json").write_text(json.dumps(file))
    done = inside(
        "review", clip, "--model", model_path, "--export", "out.html", "--every", 4, "--case", "decrease"
    )
    assert done.code == 0, done
    text = (tmp_path / "out.html").read_text()
    images = dict(re.findall(r'<script type="text/plain" id="heat-(\d+)">([^<]*)</script>', text))
    columns = exported(text)["timelines"][0]["columns"]
    errors = [abs(angle - truth) for angle, truth in zip(columns["angle"], columns["truth"], strict=True)]
    first = int(np.argmax(errors))
    others = [index for index in range(FRAMES) if abs(index - first) >= 20]  # a second apart
    worst = {first, *sorted(others, key=lambda index: -errors[index])[:1]}
    held = sorted({0, 4, 6, 8, 12, 16, 20, 24, 28} | worst)  # every fourth, the one with the note, the worst
    assert f"{len(held)} of 30 frames, about" in done.out
    assert list(images) == [str(i) for i in held]
    image = cv2.imdecode(np.frombuffer(base64.b64decode(images["8"]), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (64, 96, 3)
    data = exported(text)
    assert data["drive"]["exported"] == {"every": 4, "frames": held, "method": "Integrated gradients"}
    assert data["totals"]["of"]["method"] == USUAL
    assert len(data["totals"]["columns"][0]["moved"]) == FRAMES
    assert [one["name"] for one in data["drive"]["cases"]] == ["decrease"]
    assert [one["name"] for one in data["drive"]["methods"]] == [USUAL]
    assert len(data["timelines"][0]["columns"]["angle"]) == FRAMES
    assert data["explained"]["8"]["angle"] == pytest.approx(
        data["timelines"][0]["columns"]["angle"][8], abs=1e-4
    )
    assert [{name: one[name] for name in note} for one in data["notes"]] == [note]
    assert "default-src 'none'" in text
    assert not re.findall(r'<(?:link|img|script)[^>]* (?:src|href)="', text.partition("<script")[0])


def test_the_size_is_estimated(
    clip: Path, tmp_path: Path, inside: Callable[..., Any], model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drivesal.review import html_export as export

    done = inside("review", clip, "--model", model_path, "--export", "all.html", "--quiet")
    assert done.code == 0, done
    estimate = float(re.search(r"about (\d+) MB", done.out)[1])  # type: ignore[index]
    assert estimate == pytest.approx((tmp_path / "all.html").stat().st_size / 1e6, abs=1)
    monkeypatch.setattr(export, "IMAGE_BUDGET", 20_000)
    few = inside("review", clip, "--model", model_path, "--export", "few.html", "--quiet")
    kept = int(re.search(r"(\d+) of 30 frames", few.out)[1])  # type: ignore[index]
    assert 1 <= kept < 30
    images = re.findall(r'id="heat-\d+">([^<]*)<', (tmp_path / "few.html").read_text())
    assert sum(map(len, images)) < 2 * 20_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--export", "out.txt"), "--export to end in .html"),
        (("--export", "nowhere/out.html"), "nowhere"),
        (("--export", "out.html", "--case", "upwards"), "upwards"),
        (("--export", "out.html", "--method", "rize"), "did you mean rise"),
        (("--export", "out.html", "--model", "a.keras", "--model", "b.keras"), "one model to export"),
        (("--every", "2"), "--export for --every"),
    ],
)
def test_mistakes_give_one_line_and_leave_no_files(
    clip: Path,
    tmp_path: Path,
    inside: Callable[..., Any],
    model_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    for name in ("a.keras", "b.keras"):
        (tmp_path / name).write_bytes(model_path.read_bytes())
    before = sorted(tmp_path.iterdir())
    done = inside("review", clip, *arguments)
    assert done.code == 1
    assert message in done.err
    assert sorted(tmp_path.iterdir()) == before


def test_an_existing_file_is_not_overwritten(
    clip: Path, tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    (tmp_path / "out.html").write_text("mine")
    done = inside("review", clip, "--model", model_path, "--export", "out.html")
    assert done.code == 1
    assert "--overwrite" in done.err
    assert (tmp_path / "out.html").read_text() == "mine"


def test_scripts_cannot_end_their_element_and_modules_import_one_another() -> None:
    assert "</script>" not in _script('x = "</script>";').removesuffix("</script>\n")
    module = 'import { a } from "./two.js";\nimport "../js/three.js";\nexport { b } from "./four.js";\n'
    text = base64.b64decode(_address("panels/one.js", module).partition("base64,")[2]).decode()
    assert text == module.replace("./", "review/panels/").replace(".review/panels/js", "review/js")
