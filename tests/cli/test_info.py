"""`drivesal info`: what a recording holds, and the check of its labels against the picture."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.recordings.drives import images, simulator, sully


def turning(folder: Path, count: int, sign: float, noise: bool = False) -> Path:
    """A SullyChen folder whose picture moves by the angle: for sign 1 to the right in a turn to the left."""
    rng = np.random.default_rng(3)
    wide = cv2.GaussianBlur(rng.uniform(0, 255, (120, 900)).astype(np.float32), (0, 0), 2)
    wide = ((wide - wide.min()) / np.ptp(wide) * 255).astype(np.uint8)
    folder.mkdir()
    left_deg = 20 * np.sin(np.arange(count) / 8)
    rows, place = [], 400.0
    for i in range(count):
        place -= left_deg[i] / 5 * sign  # looking further left brings in what is left: the picture moves right
        window = cv2.getRectSubPix(wide, (160, 120), (place, 60))
        cv2.imwrite(str(folder / f"{i}.jpg"), window)
        written = rng.normal() * 10 if noise else -left_deg[i]  # the format writes right positive
        rows.append(f"{i}.jpg {0 if i < count // 4 else written:.4f}")
    (folder / "data.txt").write_text("\n".join(rows))
    return folder


def facts_of(inside: Callable[..., Any], *arguments: object) -> Any:
    done = inside("info", *arguments, "--json")
    assert done.code == 0, done
    return json.loads(done.out)


def test_the_picture_tells_whether_labels_fit(tmp_path: Path, inside: Callable[..., Any]) -> None:
    right = facts_of(inside, turning(tmp_path / "right", 120, 1))["angles"]
    assert right["correlation_with_shift"] > 0.7
    assert right["warning"] is None
    assert right["share_of_zeros"] == pytest.approx(0.25)
    assert right["highest"] == pytest.approx(20, abs=0.3)
    wrong = facts_of(inside, turning(tmp_path / "wrong", 120, -1))["angles"]
    assert wrong["correlation_with_shift"] == pytest.approx(-right["correlation_with_shift"], abs=0.05)
    assert "left and right are likely exchanged" in wrong["warning"]
    noise = facts_of(inside, turning(tmp_path / "noise", 120, 1, noise=True))["angles"]
    assert abs(noise["correlation_with_shift"]) < 0.2
    assert "hardly go with the picture" in noise["warning"]


def test_gaps_and_losses_are_counted(tmp_path: Path, inside: Callable[..., Any]) -> None:
    folder = simulator(tmp_path / "sim", [0, 70, 140, 3140, 3210, 4210], ["0", "0", "1", "0", "-1", "0"])
    facts = facts_of(inside, folder)
    assert (facts["format"], facts["frames"], facts["width"]) == ("udacity-simulator", 6, 96)
    assert facts["gaps"] == {"count": 2, "largest_s": pytest.approx(3.0)}
    assert facts["angles"]["share_of_zeros"] == pytest.approx(4 / 6)
    assert (facts["angles"]["lowest"], facts["angles"]["highest"]) == (-25, 25)
    assert facts["angles"]["correlation_with_shift"] is None
    next(iter((folder / "IMG").glob("center*"))).unlink()
    done = inside("info", folder)
    assert done.code == 3
    for line in (
        "frames    5 of 6",
        "25.0° R to 25.0° L",
        "deg at road-wheels",
        "lost      1 image is missing",
    ):
        assert line in done.out


def test_without_labels(tmp_path: Path, inside: Callable[..., Any]) -> None:
    images(tmp_path / "drive", 3)
    assert facts_of(inside, "drive/*.jpg", "--rate", "10")["duration_s"] == pytest.approx(0.3)
    assert facts_of(inside, "drive")["angles"] is None
    assert facts_of(inside, sully(tmp_path / "s", 4), "--no-labels")["angles"] is None


def test_mistakes_are_one_line(tmp_path: Path, inside: Callable[..., Any]) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (
        ("empty",),
        ("nowhere",),
        ("empty", "--format", "tub"),
        ("empty", "--format", "comma2k19"),
    ):
        done = inside("info", *arguments)
        assert done.code == 1
        assert len(done.err.strip().splitlines()) == 1, done.err


def test_real_drives(shared: Path, tmp_path: Path, inside: Callable[..., Any]) -> None:
    with tarfile.open(shared / "donkey_tub_v2.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    tub = facts_of(inside, tmp_path / "tub")["angles"]
    assert tub["correlation_with_shift"] > 0.25  # a small car indoors: weaker, and of the right sign
    assert tub["warning"] is None
    road = facts_of(inside, shared / "udacity_ch2")["angles"]
    assert road["correlation_with_shift"] > 0.9
