"""`drivesal train` through the command: a model with its card that `evaluate` and `video` take."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drivesal.card import card_path, read_card
from drivesal.loading import load_model
from tests.recordings.drives import simulator

SMALL = ("--arch", "toy-car", "--input-size", "40x60", "--batch", "16")


def barred(folder: Path, count: int = 160) -> Path:
    """A SullyChen folder: the further to the right its bar is, the larger the written angle."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    right_deg = 20 * np.sin(np.arange(count) / 9)
    rows = []
    for i in range(count):
        picture = rng.integers(0, 60, (60, 90, 3)).astype(np.uint8)
        middle = round(44.5 + 1.8 * float(right_deg[i]))
        picture[:, middle - 3 : middle + 4] = 230
        cv2.imwrite(str(folder / f"{i}.jpg"), picture)
        rows.append(f"{i}.jpg {right_deg[i]:.4f}")
    (folder / "data.txt").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return barred(tmp_path_factory.mktemp("drives") / "barred")


@pytest.fixture(scope="module")
def trained(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A model of a dozen epochs, and what was said."""
    from tests.cli.once import once

    folder = tmp_path_factory.mktemp("trained")
    done = once(folder, "train", drive, "--out", "my.keras", *SMALL, "--epochs", "25", "--seed", "4", "--json")
    assert done.code == 0, done
    return folder / "my.keras", done


def test_it_learns_and_leaves_model_card_and_curves(trained: tuple[Path, Any], drive: Path) -> None:
    path, done = trained
    said = json.loads(done.out)
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "my.curves.png",
        "my.keras",
        "my.keras.card.json",
    ]
    assert cv2.imread(str(path.parent / "my.curves.png")).shape[1] > 600
    card = read_card(card_path(path))
    assert card.target.angle.positive == "left"
    assert card.target.angle.full_lock_deg == 25
    assert card.preprocess.size == (40, 60)
    assert card.mean() is not None
    notes = card.training
    assert notes["seed"] == 4
    assert notes["recordings"][0]["name"] == "barred"
    assert notes["recordings"][0]["validation_from_s"] == pytest.approx(0.8 * 159 / 20)
    assert notes["frames"]["training"] + notes["frames"]["validation"] < 160
    assert str(drive) not in json.dumps(notes)
    assert said["validation"] == notes["validation"]
    assert notes["validation"]["rmse"] < 0.5 * notes["validation"]["rmse_always_0"]
    assert notes["validation"]["correlation"] > 0.9
    assert "epoch 25/25" in done.err
    assert load_model(path).assumed == ()


def test_evaluate_and_video_take_it(trained: tuple[Path, Any], drive: Path, inside: Callable[..., Any]) -> None:
    path, done = trained
    start = json.loads(done.out)["recordings"][0]["validation_from_s"]
    found = inside("evaluate", path, drive, "--start", str(start), "--json")
    assert found.code == 0, found
    assert json.loads(found.out)["errors"]["rmse"] == pytest.approx(
        json.loads(done.out)["validation"]["rmse"], rel=0.02
    )
    assert inside("video", drive, "--model", path, "--end", "#12", "--out", "over.mp4").code == 0


def test_the_same_seed_gives_the_same_weights_another_does_not(
    drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    weights = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        done = inside(
            "train", drive, "--out", f"{name}.keras", *SMALL, "--epochs", "1", "--seed", str(seed), "--quiet"
        )
        assert done.code == 0, done
        assert done.err == ""
        weights[name] = load_model(tmp_path / f"{name}.keras").network.get_weights()
    for one, other in zip(weights["a"], weights["b"], strict=True):
        np.testing.assert_array_equal(one, other)
    assert any((one != other).any() for one, other in zip(weights["a"], weights["c"], strict=True))


def test_it_goes_on_from_a_model(
    trained: tuple[Path, Any], drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    path, _ = trained
    done = inside(
        "train", drive, "--model", path, "--out", "more.keras", "--epochs", "1", "--batch", "16", "--json"
    )
    assert done.code == 0, done
    before = read_card(card_path(path))
    after = read_card(card_path(tmp_path / "more.keras"))
    assert after.target == before.target
    assert after.preprocess == before.preprocess
    assert "my.keras trained on" in after.training["network"]
    assert after.training["validation"]["rmse"] < 0.5 * after.training["validation"]["rmse_always_0"]


def test_several_recordings_of_one_kind_and_not_of_two(
    drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    other = simulator(tmp_path / "sim", [70 * i for i in range(60)], [f"{i % 7 / 7}" for i in range(60)])
    refused = inside("train", drive, other, "--out", "my.keras", *SMALL, "--epochs", "1")
    assert refused.code == 1
    assert "--steering-ratio" in refused.err
    assert not list(tmp_path.glob("my*"))
    done = inside(
        "train", drive, other, "--steering-ratio", "15", "--out", "my.keras", *SMALL, "--epochs", "1", "--json"
    )
    assert done.code == 0, done
    notes = json.loads(done.out)
    assert [one["name"] for one in notes["recordings"]] == ["barred", "sim"]
    assert notes["recordings"][1]["labels_times"] == 15
    assert notes["angles"] == {"unit": "deg", "turns": "steering-wheel", "positive": "left"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--out", "my.h5"), "--out as the name of a .keras file"),
        (("--out", "nowhere/my.keras"), "nowhere"),
        (("--out", "my.keras", "--input-size", "8x8"), "66x200"),
        (("--out", "my.keras", "--bins", "-1..1"), "--model for --bins"),
        (("--out", "my.keras", "--arch", "toy-car", "--model", "x.keras"), "--arch"),
        (("--out", "my.keras", "--no-labels"), "steering angles"),
        (("--out", "my.keras", "--start", "#159"), "too few"),
        (("--out", "my.keras", "--crop", "70:80"), "crop"),
    ],
)
def test_mistakes_are_told_in_a_line_and_leave_nothing(
    arguments: tuple[str, ...], told: str, drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    done = inside("train", drive, *arguments, "--epochs", "1", "--quiet")
    assert done.code == 1, done
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_existing_model_is_not_written_over(drive: Path, tmp_path: Path, inside: Callable[..., Any]) -> None:
    (tmp_path / "my.keras").write_text("mine")
    done = inside("train", drive, "--out", "my.keras", *SMALL, "--epochs", "1")
    assert done.code == 1
    assert "--overwrite" in done.err
    assert (tmp_path / "my.keras").read_text() == "mine"


def test_stopped_by_hand_it_keeps_the_best_so_far(drive: Path, tmp_path: Path) -> None:
    """Ctrl+C after the first epoch ends the training, and what there is is written."""
    import signal
    import subprocess
    import sys

    command = [
        str(Path(sys.executable).with_name("drivesal")),
        "train",
        str(drive),
        "--out",
        "my.keras",
        *SMALL,
    ]
    process = subprocess.Popen(
        [*command, "--epochs", "100000"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    seen = [process.stderr.readline()]
    assert "epoch 1/" in seen[0]
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    assert "the best weights so far are taken" in rest
    assert load_model(tmp_path / "my.keras").card.training["epochs"] < 100_000
    assert "validation: RMSE" in out
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "my.curves.png",
        "my.keras",
        "my.keras.card.json",
    ]
