"""`drivesal train` through the command: a model with its card that `evaluate` and `video` take."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.model.card import card_path, read_card
from drivesal.model.readers import load_model
from tests.conftest import full_disk, terminated_once
from tests.model.readers.legacy import files
from tests.models import convolutional, nested, steering
from tests.recordings.drives import bag, simulator, tub

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


def started(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """The installed command, training in `folder`, as a terminal would start it."""
    options = ["--out", "my.keras", *SMALL, "--crop", ":"]
    command = [str(Path(sys.executable).with_name("drivesal")), "train", *options]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return barred(tmp_path_factory.mktemp("drives") / "barred")


@pytest.fixture(scope="module")
def trained(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A model of a dozen epochs, and the finished command."""
    from tests.cli.once import once

    folder = tmp_path_factory.mktemp("trained")
    done = once(folder, "train", drive, "--out", "my.keras", *SMALL, "--epochs", "25", "--seed", "4", "--json")
    assert done.code == 0, done
    return folder / "my.keras", done


def test_it_learns_and_leaves_model_card_and_curves(trained: tuple[Path, Any], drive: Path) -> None:
    path, done = trained
    printed = json.loads(done.out)
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
    assert printed["validation"] == notes["validation"]
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


def test_it_continues_from_a_model(
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
    assert "my.keras fine-tuned" in after.training["network"]
    assert after.training["validation"]["rmse"] < 0.5 * after.training["validation"]["rmse_always_0"]


def test_a_model_that_does_not_improve_is_unchanged(
    trained: tuple[Path, Any], drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    path, _ = trained
    worse = ("--epochs", "2", "--batch", "16", "--learning-rate", "0.5")
    done = inside("train", drive, "--model", path, "--out", "more.keras", *worse)
    assert done.code == 0, done
    assert done.err.startswith("before training: RMSE ")
    assert "none of 2 epochs was better than the starting model" in done.out
    after = load_model(tmp_path / "more.keras")
    assert after.card.training["best_epoch"] == 0
    for one, other in zip(load_model(path).network.get_weights(), after.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_it_continues_from_old_files_and_other_networks(
    drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    files.write(tmp_path / "k1.h5", files.keras1(), files.KERAS1_WEIGHTS, version="1.2.1")
    files.write(tmp_path / "k2.h5", files.sequential("2.1.6-tf"), files.keras2_weights(), version="2.1.6-tf")
    steering(nested(), scale=1 / 255).save(tmp_path / "nested.keras")
    options = (
        "--model-angle-unit",
        "rad",
        "--turns",
        "steering-wheel",
        "--input-scale",
        "0..1",
        "--color",
        "RGB",
    )
    for name, more in (
        ("k1.h5", (*options, "--model-positive", "left", "--lambda", "lambda_1=x/127.5-1")),
        ("k2.h5", (*options, "--model-positive", "right")),
        ("nested.keras", ()),
    ):
        out = tmp_path / "on.keras"
        arguments = ("--epochs", "1", "--batch", "16", "--overwrite", "--json")
        done = inside("train", drive, "--model", name, "--out", out, *arguments, *more)
        assert done.code == 0, done
        model = load_model(out)
        assert model.assumed == ()
        found = inside("evaluate", out, drive, "--start", "6.36", "--json", "--out", "found", "--overwrite")
        stated = json.loads(done.out)["validation"]["rmse"]
        assert json.loads(found.out)["errors"]["rmse"] == pytest.approx(stated, rel=0.02), name


def test_a_network_whose_layers_are_all_frozen_is_refused(
    drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    network = convolutional()
    network.trainable = False
    steering(network).save(tmp_path / "frozen.keras")
    done = inside("train", drive, "--model", "frozen.keras", "--out", "my.keras", "--epochs", "1")
    assert done.code == 1
    assert "all layers of frozen.keras are frozen" in done.err
    assert len(done.err.splitlines()) == 1


def test_grey_images_and_a_batch_larger_than_the_drive(
    drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    done = inside(
        "train", drive, "--out", "my.keras", *SMALL, "--color", "GREY", "--batch", "500", "--epochs", "2"
    )
    assert done.code == 0, done
    assert load_model(tmp_path / "my.keras").network.input_shape == (None, 40, 60, 1)
    assert "epoch 2/2" in done.err


def test_the_card_is_printed_as_readable_text(trained: tuple[Path, Any], inside: Callable[..., Any]) -> None:
    done = inside("model", trained[0])
    assert done.code == 0, done
    assert "{" not in done.out
    assert "name barred, format sullychen, frames (training 120, validation 32)" in done.out
    assert "\nvalidation   frames 32, rmse " in done.out
    assert "\nmean_picture the mean of the 120 training frames" in done.out


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
    ("arguments", "message"),
    [
        (("--out", "my.h5"), "--out to end in .keras"),
        (("--out", "nowhere/my.keras"), "nowhere"),
        (("--out", "my.keras", "--input-size", "8x8"), "66x200"),
        (("--out", "my.keras", "--bins", "-1..1"), "--model for --bins"),
        (("--out", "my.keras", "--arch", "toy-car", "--model", "x.keras"), "--arch"),
        (("--out", "my.keras", "--no-labels"), "steering angles"),
        (("--out", "my.keras", "--start", "#159"), "there is 1, too few"),
        (("--out", "my.keras", "--crop", "70:80"), "crop"),
        (("--out", "my.keras", "--input-scale", "5..5"), "input scale"),
        (("--out", "my.keras", "--model-positive", "right"), "--model for --model-positive"),
        (("--out", "my.keras", "--model", "nowhere.h5"), "nowhere.h5"),
    ],
)
def test_mistakes_are_reported_in_one_line_and_leave_nothing(
    arguments: tuple[str, ...], message: str, drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    done = inside("train", drive, *arguments, "--epochs", "1", "--quiet")
    assert done.code == 1, done
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "0"),
        ("--learning-rate", "nan"),
        ("--learning-rate", "inf"),
        ("--validation", "nan"),
        ("--steering-ratio", "nan"),
        ("--batch", "5000"),
        ("--seed", str(2**32)),
    ],
)
def test_invalid_numbers_are_usage_errors(
    arguments: tuple[str, ...], drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    done = inside("train", drive, "--out", "my.keras", *arguments)
    assert done.code == 2
    assert f"Invalid value for '{arguments[0]}'" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_new_network_is_trained_on_the_requested_device(
    drive: Path, tmp_path: Path, inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def refuse(device: object) -> None:
        asked.append(device)
        raise OptionError("a GPU", "none was found", "leave it out")

    monkeypatch.setattr("drivesal.model.device.use_device", refuse)
    assert inside("train", drive, "--out", "my.keras", "--device", "gpu").code == 1
    assert asked == ["gpu"]
    assert list(tmp_path.iterdir()) == []


def test_labels_that_cannot_be_learned_are_refused(tmp_path: Path, inside: Callable[..., Any]) -> None:
    times = [70 * i for i in range(40)]
    simulator(tmp_path / "same", times, ["0.2"] * 40)
    tub(tmp_path / "far", 40)  # norm angles far beyond 1, which a tanh cannot output
    for name, message in (("same", "all 30 training angles are -5"), ("far", "the largest is ")):
        done = inside("train", name, "--out", "my.keras", *SMALL, "--epochs", "1", "--quiet")
        assert done.code == 1, done
        assert message in done.err
        assert len(done.err.splitlines()) == 1
    mixed = inside("train", "same", "far", "--out", "my.keras", *SMALL, "--epochs", "1")
    assert "those of far are norm; give the degrees at 1.0 of the labels with --full-lock" in mixed.err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["far", "same"]


def test_a_nan_error_ends_the_training(drive: Path, tmp_path: Path, inside: Callable[..., Any]) -> None:
    done = inside("train", drive, "--out", "my.keras", *SMALL, "--epochs", "9", "--learning-rate", "1e12")
    assert done.code == 1, done
    assert "choose a smaller --learning-rate" in done.err
    assert "epoch 2/" not in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most", [300_000, 900_000], ids=["pictures", "weights"])
def test_a_full_disk_leaves_nothing(most: int, drive: Path, tmp_path: Path, inside: Callable[..., Any]) -> None:
    """No file may grow beyond `most`; the images take 792,000 bytes, and PilotNet's weights a million."""
    with full_disk(most):
        done = inside("train", drive, "--epochs", "1", "--every", "8", "--batch", "16", "--out", "my.keras")
    assert done.code == 1, done
    assert "room on the disk" in done.err
    assert ("epoch 1/1" in done.err) == (most == 900_000)
    assert list(tmp_path.iterdir()) == []


def test_stopped_while_reading_it_leaves_nothing(drive: Path, tmp_path: Path) -> None:
    process = started(tmp_path, *[drive] * 40, "--epochs", "1")
    while not list(tmp_path.glob(".drivesal-*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT, stderr
    assert stderr.splitlines() == ["drivesal: stopped; unfinished results were not written"]
    assert list(tmp_path.iterdir()) == []


def test_terminated_while_reading_it_leaves_nothing(
    drive: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    with terminated_once(lambda: list(tmp_path.glob(".drivesal-*"))):
        done = inside("train", *[drive] * 40, "--epochs", "1", "--out", "my.keras", *SMALL, "--crop", ":")
    assert done.code == 128 + signal.SIGTERM, done
    assert done.err.splitlines() == ["drivesal: stopped; unfinished results were not written"]
    assert list(tmp_path.iterdir()) == []


def test_an_existing_model_is_not_written_over(drive: Path, tmp_path: Path, inside: Callable[..., Any]) -> None:
    (tmp_path / "my.keras").write_text("mine")
    done = inside("train", drive, "--out", "my.keras", *SMALL, "--epochs", "1")
    assert done.code == 1
    assert "--overwrite" in done.err
    assert (tmp_path / "my.keras").read_text() == "mine"


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_a_stopped_training_keeps_the_best_weights(name: str, drive: Path, tmp_path: Path) -> None:
    """Ctrl+C or SIGTERM after the first epoch ends the training, and the best weights so far are written."""
    process = started(tmp_path, drive, "--every", "2", "--epochs", "100000")
    assert process.stderr is not None
    seen = [process.stderr.readline()]
    assert "epoch 1/" in seen[0]
    process.send_signal(getattr(signal, name))
    out, rest = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    assert "the best weights so far are used" in rest
    assert load_model(tmp_path / "my.keras").card.training["epochs"] < 100_000
    assert "validation: RMSE" in out
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "my.curves.png",
        "my.keras",
        "my.keras.card.json",
    ]


@pytest.mark.slow
def test_a_second_termination_stops_at_once(drive: Path, tmp_path: Path) -> None:
    process = started(tmp_path, drive, "--epochs", "100000")
    assert process.stderr is not None
    assert "epoch 1/" in process.stderr.readline()
    process.terminate()
    while "the best weights so far" not in (line := process.stderr.readline()):
        assert line
    process.terminate()
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, rest
    assert list(tmp_path.iterdir()) == []


def keyed(folder: Path, count: int = 120) -> Path:
    """A simulator drive steered by keyboard."""
    return simulator(folder, [70 * i for i in range(count)], ["0" if i % 4 else "0.3" for i in range(count)])


ONE = ("--out", "my.keras", *SMALL, "--epochs", "1", "--overwrite")


def test_side_cameras_are_used_and_keyboard_labels_reported(tmp_path: Path, inside: Callable[..., Any]) -> None:
    keyed(tmp_path / "sim")
    done = inside("train", "sim", *ONE)
    assert done.code == 0, done
    message = "also uses its left and right cameras, labels corrected by 0.2 norm (5° at the road wheels)"
    assert message in done.err
    assert message in done.out
    notes = read_card(tmp_path / "my.keras.card.json").training
    frames = notes["recordings"][0]["frames"]
    assert frames["of_side_cameras"] * 3 == frames["training"] * 2
    assert notes["frames"]["validation"] == frames["validation"] == 24
    assert message in notes["cameras"][0]

    assert "the labels are pulses, as from keyboard steering: 75% are exactly 0" in done.err
    assert notes["pulses"]["zeros"] == pytest.approx(0.75, abs=0.02)
    assert 0.55 < notes["pulses"]["zeros_drawn"] < 0.8
    *_, wrong, first, second, third = done.out.splitlines()
    assert wrong.startswith("the kept model is n")
    assert "better than always 0: RMSE " in wrong
    assert first == "  try 1: --smooth-labels 1: 75% of the labels are exactly 0, as with a keyboard"
    assert second.startswith("  try 2: more recordings or laps")
    assert third.startswith("  try 3: --learning-rate 0.0005")

    found = inside("evaluate", "my.keras", "sim", "--out", "found")
    assert "--smooth-labels 1 compares with their mean over a second" in found.out
    found = inside("evaluate", "my.keras", "sim", "--out", "found", "--overwrite", "--smooth-labels", "1")
    assert "left +; against labels smoothed over 1 s" in found.out
    assert json.loads((tmp_path / "found.json").read_text())["labels"]["smoothed_s"] == 1


def test_smoothed_labels_of_the_center_camera_only(tmp_path: Path, inside: Callable[..., Any]) -> None:
    keyed(tmp_path / "sim")
    refused = inside("train", "sim", "sim", "sim", *ONE, "--crop", "700:800")
    assert refused.err.count("also uses") == 1
    assert "sim to sim (3 drives): also uses its left and right cameras" in refused.err
    options = ("--smooth-labels", "1", "--side-correction", "none", "--json")
    done = inside("train", "sim", *ONE, *options)
    assert "pulses" not in done.err
    notes = json.loads(done.out)
    assert (notes["cameras"], notes["pulses"]) == ([], None)
    assert notes["recordings"][0]["frames"] == {"training": 90, "validation": 24}
    assert notes["recordings"][0]["labels_smoothed_s"] == 1


def test_an_uncorrected_side_camera_is_reported(
    model_path: Path, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    keyed(tmp_path / "sim", 12)
    message = "labels of the center camera"
    found = inside("video", "sim", "--model", model_path, "--camera", "left", "--out", "over.mp4")
    assert "sim: frames of the left camera, labels of the center camera" in found.err
    assert message not in inside("video", "sim", "--model", model_path, "--out", "center.mp4").err
    assert "the labels are those of the center camera" in inside("info", "sim", "--camera", "left").out


@pytest.mark.parametrize(("side", "sign"), [("left", -1), ("right", 1)])
def test_labels_of_a_side_camera_are_corrected_towards_the_centre(
    side: str, sign: int, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    """One constant angle cannot be trained on: the error states that angle, left positive."""
    simulator(tmp_path / "same", [70 * i for i in range(40)], ["0.2"] * 40)
    for more, angle in (((), -5 + 5 * sign), (("--side-correction", "2deg"), -5 + 2 * sign)):
        done = inside("train", "same", "--camera", side, *ONE, *more)
        assert f"all 30 training angles are {angle:g}" in done.err, done
        assert f"labels of the {side} camera corrected by" in done.err
    done = inside("train", "same", "--camera", side, *ONE, "--side-correction", "none")
    assert f"only the {side} camera, with labels of the center camera, not corrected" in done.err
    assert "all 30 training angles are -5" in done.err


def test_side_cameras_without_a_full_lock_are_left_out_and_reported(
    tmp_path: Path, inside: Callable[..., Any]
) -> None:
    bag(tmp_path / "bag", 12)
    done = inside("train", "bag", *ONE, "--crop", "700:800")  # fails after the warning
    assert "bag: does not use its left and right cameras: full lock is unknown" in done.err
    done = inside("train", "bag", *ONE, "--crop", "700:800", "--side-correction", "5deg")
    assert "also uses its left and right cameras, labels corrected by 5° at the steering wheel" in done.err
    refused = inside("train", "bag", *ONE, "--side-correction", "0.2")
    assert refused.code == 1
    assert "give it like 5deg" in refused.err
    for wrong in ("much", "-0.2", "5", "nan"):
        done = inside("train", "bag", *ONE, f"--side-correction={wrong}")
        assert done.code == 1
        assert "--side-correction as" in done.err


def test_a_good_model_ends_without_advice(trained: tuple[Path, Any]) -> None:
    _, done = trained
    assert json.loads(done.out)["wrong"] == json.loads(done.out)["to_try"] == []
