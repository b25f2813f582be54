"""The examples of CONTRIBUTING.md: each is written to where it says in a copy of the package, and works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"(?ms)^`(drivesal/\S+)`:\n\n```(?:python|js)\n(.*?)^```$", TEXT))
"""Code by path."""
FOLDERS = {
    "drivesal/attribution/methods",
    "drivesal/recordings/formats",
    "drivesal/model/readers/formats",
    "drivesal/explanation/cases",
    "drivesal/export/results",
    "drivesal/overlay/elements",
    "drivesal/cli",
    "drivesal/review/page/panels",
}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the examples in it, and two files of the formats that they add."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "drivesal", folder / "drivesal", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("models", "data"):
        (folder / name).symlink_to(ROOT / name)
    for path, code in EXAMPLES.items():
        assert not (folder / path).exists()
        (folder / path).write_text(code, encoding="utf-8")
    chance = np.random.default_rng(0)
    frames = chance.integers(0, 256, (6, 24, 32, 3), np.uint8)
    np.savez(folder / "run.npz", frames=frames, angles=np.arange(6.0))
    kernel = chance.normal(size=(24, 32, 3)).astype(np.float32)
    with (folder / "steering.lin").open("wb") as file:
        np.savez(file, kernel=kernel, bias=np.array([3.0], np.float32))
    return folder


@pytest.fixture(scope="module")
def run(checkout: Path) -> Run:
    """Python in the copy."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def video(checkout: Path, run: Run) -> Path:
    """A run with the method, the recording format, the model format, the case and the exporter."""
    command = ("-m", "drivesal", "video", "run.npz", "--model", "steering.lin", "--out", "out.mp4")
    run(
        *command,
        "--method",
        "power-gradient",
        "--power",
        1.5,
        "--cases",
        "increase,decrease,peaks",
        "--save-lines",
        "out.jsonl",
    )
    return checkout / "out.mp4"


def test_there_is_a_short_example_of_everything_that_is_one_file() -> None:
    assert {str(Path(path).parent) for path in EXAMPLES} == FOLDERS
    assert max(len(code.splitlines()) for code in EXAMPLES.values()) < 40


def test_the_examples_are_in_the_style_of_the_rest(checkout: Path) -> None:
    code = [path for path in EXAMPLES if path.endswith(".py")]
    for check in (["check", "--no-cache"], ["format", "--no-cache", "--diff"]):
        command = [Path(sys.executable).with_name("ruff"), *check, "--config", ROOT / "pyproject.toml", *code]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_method(video: Path) -> None:
    method = json.loads(video.with_suffix(".json").read_text())["method"]
    assert (method["name"], method["options"]) == ("power-gradient", {"power": 1.5})


def test_the_recording_format(video: Path) -> None:
    facts = json.loads(video.with_suffix(".json").read_text())
    assert (facts["input"]["format"], facts["frames"], facts["labelled_frames"]) == ("npz-drive", 6, 6)


def test_the_model_format(video: Path, checkout: Path) -> None:
    model, drive = np.load(checkout / "steering.lin"), np.load(checkout / "run.npz")
    expected = (drive["frames"] * model["kernel"]).sum(axis=(1, 2, 3)) + model["bias"]
    rows = [json.loads(line) for line in video.with_suffix(".jsonl").read_text().splitlines()]
    assert [row["angle"] for row in rows] == pytest.approx(expected, rel=1e-4)


def test_the_case(video: Path) -> None:
    table = np.genfromtxt(video.with_suffix(".csv"), delimiter=",", names=True)
    total = table["increase_total"] + table["decrease_total"]
    assert (table["peaks_total"] > 0).all()
    assert (table["peaks_total"] < total).all()


def test_the_exporter(video: Path) -> None:
    rows = [json.loads(line) for line in video.with_suffix(".jsonl").read_text().splitlines()]
    table = np.genfromtxt(video.with_suffix(".csv"), delimiter=",", names=True)
    assert [row["frame"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert [row["totals"]["increase"] for row in rows] == pytest.approx(table["increase_total"], rel=1e-4)


ELEMENT = """
import drivesal
from drivesal.overlay import element
assert "clock" in [one.name for one in element.registered("panel")]
drivesal.render("run.npz", "steering.lin", "with.png", at=3)
element.registered = lambda slot, known=element.registered: [one for one in known(slot) if one.name != "clock"]
import drivesal.overlay.renderer as renderer
renderer.registered = element.registered
drivesal.render("run.npz", "steering.lin", "without.png", at=3)
"""


def test_the_overlay_element(checkout: Path, run: Run) -> None:
    run("-c", ELEMENT)
    changed = cv2.imread(str(checkout / "with.png")) != cv2.imread(str(checkout / "without.png"))
    assert 0 < changed.mean() < 0.05


def test_the_panel(run: Run) -> None:
    """tests/review/test_page_panels.py uses it in a browser."""
    code = "from drivesal.review.server.page_assets import panel_index; print(panel_index())"
    assert "count.js" in run("-c", code).stdout


def test_the_command(checkout: Path, run: Run) -> None:
    shown = run("-m", "drivesal", "brightness", "run.npz", "--every", 2).stdout
    frames = np.load(checkout / "run.npz")["frames"]
    assert shown.splitlines() == [f"{i} {frames[i].mean():.1f}" for i in (0, 2, 4)]
    assert "Print the mean brightness of every frame." in run("-m", "drivesal", "--help").stdout
