"""`drivesal info`: contents of a recording, and the check of its labels against the images."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drivesal.recordings.inspection.label_check import Shifts
from tests.recordings.drives import images, simulator, sully


def turning(folder: Path, count: int, sign: float, noise: bool = False, late: int = 0) -> Path:
    """A SullyChen folder whose images move with the angle: for sign 1 to the right in a turn to the left.

    A quarter of the labels are exactly 0; they come `late` frames after what the picture shows.
    """
    rng = np.random.default_rng(3)
    wide = cv2.GaussianBlur(rng.uniform(0, 255, (120, 900)).astype(np.float32), (0, 0), 2)
    wide = ((wide - wide.min()) / np.ptp(wide) * 255).astype(np.uint8)
    folder.mkdir()
    swings = np.convolve(rng.normal(size=count + 100), np.hanning(24), "same")[:count]  # never twice the same
    left_deg = 20 * swings / np.abs(swings).max()
    round_view = np.tile(wide, 2)
    place = -np.cumsum(left_deg) / 5 * sign % 900  # looking further left brings in what is left: it moves right
    rows = []
    for i in range(count):
        window = cv2.getRectSubPix(round_view, (160, 120), (100 + place[i], 60))
        cv2.imwrite(str(folder / f"{i}.jpg"), window)
        written = rng.normal() * 10 if noise else -left_deg[max(i - late, 0)]  # the format: right positive
        rows.append(f"{i}.jpg {0 if i < count // 4 else written:.4f}")
    (folder / "data.txt").write_text("\n".join(rows))
    return folder


def facts_of(inside: Callable[..., Any], *arguments: object) -> Any:
    done = inside("info", *arguments, "--json")
    assert done.code == 0, done
    return json.loads(done.out)


def test_the_picture_tells_whether_labels_fit(tmp_path: Path, inside: Callable[..., Any]) -> None:
    right = facts_of(inside, turning(tmp_path / "right", 400, 1))["angles"]
    assert right["correlation_with_shift"] > 0.7
    low, high = right["correlation_interval"]
    assert 0.5 < low < right["correlation_with_shift"] < high < 1
    assert right["warning"] is None
    assert right["share_of_zeros"] == pytest.approx(0.25, abs=0.02)
    assert 8 < right["highest"] <= 20.1
    wrong = facts_of(inside, turning(tmp_path / "wrong", 400, -1))["angles"]
    assert wrong["correlation_with_shift"] == pytest.approx(-right["correlation_with_shift"], abs=0.05)
    assert "left and right are likely swapped" in wrong["warning"]
    noise = facts_of(inside, turning(tmp_path / "noise", 900, 1, noise=True))["angles"]
    assert abs(noise["correlation_with_shift"]) < 0.3
    assert "hardly match the images" in noise["warning"]
    late = facts_of(inside, turning(tmp_path / "late", 400, 1, late=50))["angles"]
    assert "the labels are about 2.5 s too late" in late["warning"]
    assert "to correct them, shift the recording's own log by 50 frames" in late["warning"]
    assert "--label-offset" not in late["warning"]


def test_it_is_silent_where_it_cannot_tell(tmp_path: Path, inside: Callable[..., Any]) -> None:
    """Noise as labels, too few frames, and images whose halves do not move together."""
    short = inside("info", turning(tmp_path / "short", 70, 1, noise=True))
    assert "cannot tell" in short.out
    assert "warning" not in short.out
    blind = turning(tmp_path / "blind", 300, 1)
    rng = np.random.default_rng(1)
    for path in blind.glob("*.jpg"):
        snow = cv2.resize(rng.integers(0, 255, (30, 40)).astype(np.uint8), (160, 120))
        cv2.imwrite(str(path), snow)
    done = inside("info", blind)
    assert "cannot tell: the images hardly show the car's turning" in done.out
    assert "warning" not in done.out


@pytest.mark.slow
def test_a_synthetic_drive_by_night_raises_no_warning(tmp_path: Path, inside: Callable[..., Any]) -> None:
    """Its middle rows move against the labels by phase correlation, which was warned of."""
    held = ("--set", "light=night", "--set", "field_of_view_deg=60")
    drawn = ("--seed", "202", "--seconds", "20", "--rate", "12", "--size", "160x120")
    assert inside("world", *drawn, *held, "--out", tmp_path / "night").code == 0
    assert facts_of(inside, tmp_path / "night" / "run.mp4")["angles"]["warning"] is None


@pytest.mark.parametrize("size", [(2, 2), (3, 500), (500, 3), (33, 17)])
def test_images_of_any_size_are_measured(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    shifts = Shifts()
    moves = [shifts.add(rng.integers(0, 255, (*size, 3)).astype(np.uint8)) for _ in range(4)]
    assert np.isnan(moves[0]).all()
    assert np.isfinite(moves[1:]).all()


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


def test_keyboard_labels_are_reported(tmp_path: Path, inside: Callable[..., Any]) -> None:
    steering = ["0" if i % 4 else "0.3" for i in range(60)]
    done = inside("info", simulator(tmp_path / "sim", [70 * i for i in range(60)], steering))
    assert (
        "keys      the labels are pulses, as from keyboard steering: 75% are exactly 0, the rest are 15 pulses"
        in done.out
    )
    assert "--smooth-labels 1" in done.out
    assert facts_of(inside, sully(tmp_path / "wheel", 30))["angles"]["pulses"] is None


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
    assert tub["correlation_with_shift"] > 0.8
    assert tub["warning"] is None
    road = facts_of(inside, shared / "udacity_ch2")["angles"]
    assert road["correlation_with_shift"] > 0.95
