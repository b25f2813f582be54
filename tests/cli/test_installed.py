"""Every recording format and model generation through the command; one of each as installed."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.conftest import Run
from tests.model.readers.legacy import files
from tests.recordings import drives

# how to create it, the angles as written, and the factor to the angles inside drivesal
FORMATS: dict[str, tuple[Callable[[Path], Path], float, tuple[float, float]]] = {
    "udacity-simulator": (lambda path: drives.simulator(path, [70 * i for i in range(8)]), -25, (-0.5, 0.2)),
    "udacity-ch2": (lambda path: drives.ch2(path, 8), math.degrees(1), (-0.2, 0.5)),
    "udacity-ch2 of a bag": (lambda path: drives.bag(path, 8), math.degrees(1), (-0.2, 0.5)),
    "sullychen": (lambda path: drives.sully(path, 8), -1, (-20, 50)),
    "sullychen with dates": (lambda path: drives.sully(path, 8, dated=True), -1, (-20, 50)),
    "donkeycar": (lambda path: drives.tub(path, 8), -1, (-0.5, 0.2)),
    "donkeycar-v1": (lambda path: drives.tub_v1(path, 8), -1, (-0.5, 0.2)),
    "comma2k19": (lambda path: drives.comma(path, 8), 1, (0, 0.7)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(tmp_path: Path, inside: Callable[..., Run], name: str) -> None:
    make, factor, written = FORMATS[name]
    make(tmp_path / "drive")
    done = inside("info", "drive", "--json")
    assert done.code == 0, done
    facts = json.loads(done.out)
    assert (facts["format"], facts["frames"]) == (name.split()[0], 8)
    angles = facts["angles"]
    assert sorted(one * factor for one in written) == pytest.approx(
        [angles["lowest"], angles["highest"]], abs=0.01
    )


def seen(path: Path) -> Any:
    """An image of the small networks' size, on disk and as their input."""
    image = np.random.default_rng(2).integers(0, 256, (files.H, files.W, 3), np.uint8)
    cv2.imwrite(str(path), image[..., ::-1])
    return image[None].astype(np.float32)


def asked(command: Callable[..., Any], model: Path, *options: str) -> float:
    """The prediction for frame.png that the command, installed or in process, prints."""
    done = command("image", "frame.png", "--model", model, *options, "--json", "--method", "gradient")
    if isinstance(done, Run):
        done = subprocess.CompletedProcess((), int(str(done.code)), done.out, done.err)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Traceback") == 0
    return float(json.loads(done.stdout)["predicted"])


PLAIN = ("--color", "RGB", "--angle-unit", "norm", "--positive", "left")


@pytest.mark.parametrize("version", ["1.2.1", "2.0.8", "2.1.6-tf", "2.2.4-tf", "2.4.0"])
def test_every_generation_of_models(tmp_path: Path, request: pytest.FixtureRequest, version: str) -> None:
    command = request.getfixturevalue("drivesal" if version == "1.2.1" else "inside")
    x = seen(tmp_path / "frame.png")
    more: tuple[str, ...] = ("--input-scale", "-1..1")
    if version.startswith("1"):
        path = files.write(tmp_path / "model", files.keras1(), files.KERAS1_WEIGHTS, version=version)
        more = ("--input-scale", "0..255", "--lambda", "lambda_1=x/127.5-1")
    else:
        path = files.write(
            tmp_path / "model", files.sequential(version), files.keras2_weights(), version=version
        )
    assert asked(command, path, *PLAIN, *more) == pytest.approx(float(files.answer(x)[0, 0]), abs=1e-3)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_model_of_keras_3(tmp_path: Path, request: pytest.FixtureRequest, ending: str) -> None:
    command = request.getfixturevalue("drivesal" if ending == ".keras" else "inside")
    from drivesal.model.backend import keras

    x, layers = seen(tmp_path / "frame.png"), keras().layers
    keras().utils.set_random_seed(4)
    network = keras().Sequential(
        [layers.Input(x.shape[1:]), layers.Conv2D(4, 3, 2, activation="elu"), layers.Flatten(), layers.Dense(1)]
    )
    network.save(tmp_path / f"model{ending}")
    expected = float(network.predict(x / 127.5 - 1, verbose=0)[0, 0])
    found = asked(command, tmp_path / f"model{ending}", *PLAIN, "--input-scale", "-1..1")
    assert found == pytest.approx(expected, abs=1e-3)


def pilot(path: Path, outputs: tuple[str, ...], beside: tuple[str, int] | None = None) -> tuple[Path, Any]:
    """A donkeycar pilot in small, and its weights of the first output."""
    crop = files.plain("Cropping2D", "cropping2d", cropping=[[2, 0], [0, 0]], data_format="channels_last")
    layers = [
        files.node(files.start()),
        files.node(crop, "img_in"),
        files.node(files.conv2("conv2d_1", activation="relu"), "cropping2d"),
        files.node(files.plain("Dropout", "dropout", rate=0.1, noise_shape=None, seed=None), "conv2d_1"),
        files.node(files.plain("Flatten", "flattened", data_format="channels_last"), "dropout"),
    ]
    starts, last, width = [["img_in", 0, 0]], "flattened", 2 * 5 * 4
    if beside is not None:
        name, count = beside
        layers.append(files.node(files.start(name, (None, count))))
        layers.append(files.node(files.plain("Concatenate", "concatenate", axis=-1), "flattened", name))
        starts, last, width = [*starts, [name, 0, 0]], "concatenate", width + count
    heads = {name: (files.drawn(width, 1, seed=i), files.drawn(1, seed=i)) for i, name in enumerate(outputs)}
    layers += [files.node(files.dense2(name), last) for name in outputs]
    config = files.functional(layers, list(outputs), "Functional", "linear")
    config["config"]["input_layers"] = starts
    stored = {"conv2d_1": files.weights("conv2d_1", files.CONV)}
    stored |= {name: files.weights(name, pair) for name, pair in heads.items()}
    return files.write(path, config, stored, version="2.4.0"), heads[outputs[0]]


@pytest.mark.parametrize(
    ("outputs", "beside"),
    [
        (("n_outputs0", "n_outputs1"), None),  # linear
        (("n_outputs0",), None),  # inferred
        (("n_outputs0", "n_outputs1"), ("mem_in", 6)),  # memory
        (("out_0", "out_1"), ("imu_in", 6)),  # imu
    ],
)
def test_donkeycar_pilots(tmp_path: Path, inside: Callable[..., Run], outputs: Any, beside: Any) -> None:
    x = seen(tmp_path / "frame.png") / 255
    path, (kernel, bias) = pilot(tmp_path / "pilot.h5", outputs, beside)
    hidden = files.flat(files.relu(files.convolved(x[:, 2:], *files.CONV, stride=2)))
    expected = float((hidden @ kernel[: hidden.shape[1]] + bias)[0, 0])
    feed = () if beside is None else ("--feed", f"{beside[0]}=0")
    assert asked(inside, path, "--preset", "donkey", *feed) == pytest.approx(-expected, abs=1e-3)
