#!/usr/bin/env python3
"""Trains the default steering model: PilotNet on one real drive.

The drive is a folder with run.mp4 and run.csv (frame, time_s, steering_angle_rad at the steering wheel, left
positive). The pictures go through drivesal's own `Preprocess`, so that training and use cannot differ.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import math
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
from numpy.typing import NDArray

from drivesal.backend import keras, tensorflow
from drivesal.card import Card, Target, encode_picture
from drivesal.errors import DrivesalError, InputError, LabelError
from drivesal.model import SteeringModel
from drivesal.preprocess import Crop, Preprocess
from drivesal.steering import AngleSpec

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

# From just above the horizon to well in front of the car; the sky would only tell where the sun stood.
PREPROCESS = Preprocess((66, 200), Crop("fraction", rows=(0.42, 0.92)), "area", "YUV", 2 / 255, -1.0)
TRAIN_END_S, VALIDATION_START_S = 110.0, 130.0
BATCH = 64
LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 1e-3, 1e-2, 0.3
RECIPE = (
    "frames drawn by one over the root of how common their angle is; half mirrored, the angle negated; light, "
    "contrast, colour, shadows, blur, noise, a slightly moved camera; dropout, weight decay, cosine schedule"
)

# What the card may say of a drive's origin, known by its run.mp4; of any other drive it says the folder's name.
KNOWN_DRIVES = {
    "c3276782e727571b52a6a0d5ff9b3c147689f87271407ba9c3af973e0a027dfa": (
        "Udacity Self-Driving Car Challenge 2 drive, 170 s, frames as published with DeepXplore",
        "MIT",
    )
}


@dataclass(frozen=True, slots=True)
class Drive:
    """A labelled drive at the model's size.

    `pictures` (N, h, w, 3) uint8 RGB; `angles` (N,) [deg at the wheel, left positive]; `times` (N,) [s].
    """

    pictures: Image
    angles: Floats
    times: Floats

    def part(self, start_s: float, end_s: float) -> Drive:
        """The frames from `start_s` inclusive to `end_s` exclusive."""
        inside = (self.times >= start_s) & (self.times < end_s)
        return Drive(self.pictures[inside], self.angles[inside], self.times[inside])


def read_drive(folder: Path) -> Drive:
    """Reads run.mp4 and run.csv. Raises InputError or LabelError."""
    video, table = folder / "run.mp4", folder / "run.csv"
    for path in (video, table):
        if not path.is_file():
            raise InputError("a folder with run.mp4 and run.csv", f"{path} does not exist", "give that folder")
    labels = np.atleast_1d(np.genfromtxt(table, delimiter=",", names=True))
    if "time_s" not in (labels.dtype.names or ()) or "steering_angle_rad" not in (labels.dtype.names or ()):
        raise LabelError("columns time_s and steering_angle_rad", f"{table} has others", "rename them")
    with av.open(video) as container:
        container.streams.video[0].thread_type = "AUTO"
        frames = (
            frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False) for frame in container.decode(video=0)
        )
        pictures = np.stack([PREPROCESS.prepare(frame) for frame in frames])
    if len(pictures) != len(labels):
        raise LabelError("one label a frame", f"{len(labels)} for {len(pictures)} frames", "mend run.csv")
    angles = np.degrees(labels["steering_angle_rad"]).astype(np.float32)
    return Drive(pictures, angles, labels["time_s"].astype(np.float32))


def divide(drive: Drive) -> tuple[Drive, Drive]:
    """The stretches to train and to validate on, with a gap between. Raises InputError for a short drive."""
    training, validation = drive.part(0, TRAIN_END_S), drive.part(VALIDATION_START_S, math.inf)
    if not len(training.angles) or not len(validation.angles):
        raise InputError(
            f"a drive longer than {VALIDATION_START_S:g} s",
            f"it ends at {drive.times[-1]:.1f} s",
            "give a longer one, or change where training ends and validation starts in this script",
        )
    return training, validation


def network_input(pictures: Image) -> Floats:
    """(N, h, w, 3) uint8 RGB to the (N, h, w, C) float32 that the network is fed, by drivesal's colour map."""
    matrix, shift = PREPROCESS.colour_map()
    values: Floats = pictures.astype(np.float32) @ matrix + shift
    return values


def change_light(picture: Image, rng: np.random.Generator) -> Image:
    """Another exposure, contrast, gamma and white balance."""
    level = np.linspace(0, 1, 256)[:, None] ** math.exp(rng.normal(0, 0.3))
    gain = math.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.06, 3))
    table = np.clip(255 * gain * level + rng.normal(0, 12), 0, 255).astype(np.uint8)
    return cv2.LUT(picture, table[None])  # type: ignore[no-any-return]


def cast_shadow(picture: Image, rng: np.random.Generator) -> Image:
    """One soft-edged band across the picture, darker than it was or brighter."""
    height, width = picture.shape[:2]
    top, bottom = rng.uniform(-0.3 * width, 1.3 * width, (2, 1))
    corners = np.array([[top[0], 0], [top[0], 0], [bottom[0], height], [bottom[0], height]])
    corners[1:3, 0] += rng.uniform(0.1, 0.6, 2) * width
    if rng.random() < 0.5:  # a band that lies across the road: a pole's or a tree's shadow
        corners = corners[:, ::-1] * [width / height, height / width]
    mask = cv2.fillPoly(np.zeros((height, width), np.float32), [corners.astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 3))[..., None]
    factor = math.exp(rng.uniform(-1.2, 0.5))
    shaded: Image = np.clip(picture * (1 + (factor - 1) * mask), 0, 255).astype(np.uint8)
    return shaded


def move_camera(picture: Image, rng: np.random.Generator) -> Image:
    """A camera pitched, rolled and shifted by so little that the label still holds."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 0.7), math.exp(rng.normal(0, 0.03)))
    matrix[:, 2] += rng.normal(0, 1.5, 2)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def augment(picture: Image, angle: float, rng: np.random.Generator) -> tuple[Image, float]:
    """The picture as another day might have shown it, with its angle [deg]; half of them mirrored."""
    if rng.random() < 0.5:
        picture, angle = np.ascontiguousarray(picture[:, ::-1]), -angle
    if rng.random() < 0.5:
        picture = move_camera(picture, rng)
    if rng.random() < 0.5:
        picture = cast_shadow(picture, rng)
    if rng.random() < 0.8:
        picture = change_light(picture, rng)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.5:
        noise = rng.standard_normal(picture.shape, np.float32) * rng.uniform(0, 10)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return picture, angle


def draw_weights(angles: Floats) -> NDArray[np.float64]:
    """(N,) how often each frame is drawn, so that bends are not drowned by straight road.

    One over the root of how common an angle of that size is, over bins of 2 degrees.
    """
    bins = (np.abs(angles) // 2).astype(int)
    weights = 1 / np.sqrt(np.bincount(bins)[bins])
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def batches(drive: Drive, scale: float, seed: int) -> Any:
    """The training frames as a Keras dataset of (network input, angle / scale), changed anew every epoch.

    What a batch holds follows from the seed, the epoch and its number alone, however many threads make it.
    """

    class Batches(keras().utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(workers=2, max_queue_size=8)
            self.epoch = 0
            self.weights = draw_weights(drive.angles)

        def __len__(self) -> int:
            return math.ceil(len(drive.angles) / BATCH)

        def __getitem__(self, index: int) -> tuple[Floats, Floats]:
            rng = np.random.default_rng([seed, self.epoch, index])
            chosen = rng.choice(len(drive.angles), BATCH, p=self.weights)
            made = [augment(drive.pictures[i], float(drive.angles[i]), rng) for i in chosen]
            targets = np.array([angle for _, angle in made], np.float32) / np.float32(scale)
            return network_input(np.stack([picture for picture, _ in made])), targets[:, None]

        def on_epoch_end(self) -> None:
            self.epoch += 1

    return Batches()


def pilotnet() -> Any:
    """PilotNet (Bojarski et al. 2016) with ELU and, in training, dropout; one linear output."""
    layers = keras().layers
    convolutions = [
        layers.Conv2D(filters, size, strides, activation="elu")
        for filters, size, strides in ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))
    ]
    dense: list[Any] = []
    for units in (100, 50, 10):
        dense += [layers.Dropout(DROPOUT if units > 10 else 0.0), layers.Dense(units, activation="elu")]
    picture = layers.Input((*PREPROCESS.size, PREPROCESS.channels), name="picture")
    head = layers.Dense(1, name="steering")
    return keras().Sequential([picture, *convolutions, layers.Flatten(), *dense, head], name="pilotnet")


def scale_head(network: Any, scale: float) -> None:
    """Multiplies the answer by `scale`, in the weights of the last layer."""
    head = network.get_layer("steering")
    head.set_weights([weight * scale for weight in head.get_weights()])


def errors(predicted: Floats, angles: Floats) -> dict[str, Any]:
    """How far predictions are off [deg], beside a model that always answers 0."""
    return {
        "frames": len(angles),
        "rmse_deg": round(float(np.sqrt(np.mean((predicted - angles) ** 2))), 2),
        "mean_absolute_error_deg": round(float(np.mean(np.abs(predicted - angles))), 2),
        "mean_error_deg": round(float(np.mean(predicted - angles)), 2),
        "rmse_always_0_deg": round(float(np.sqrt(np.mean(angles**2))), 2),
        "correlation": round(float(np.corrcoef(predicted, angles)[0, 1]), 3),
    }


def progress(validation: Drive, scale: float, epochs: int) -> Any:
    """A Keras callback that prints a line an epoch: loss, the validation's RMSE [deg], correlation, seconds."""
    inputs = network_input(validation.pictures)
    start = time.perf_counter()

    class Progress(keras().callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            predicted = self.model.predict(inputs, BATCH, verbose=0)[:, 0] * scale
            found = errors(predicted, validation.angles)
            click.echo(
                f"epoch {epoch + 1:3d}/{epochs}  loss {logs['loss']:.4f}  "
                f"validation {found['rmse_deg']:5.2f} deg, correlation {found['correlation']:.3f}  "
                f"{time.perf_counter() - start:4.0f} s",
                err=True,
            )

    return Progress()


def train(training: Drive, validation: Drive, seed: int, epochs: int) -> Any:
    """A network whose answer is degrees at the steering wheel, left positive.

    The weights are a running average as it stands after the last epoch, not the best on the validation
    stretch, so that nothing but the choice of the recipe has looked at it. (The lines printed meanwhile are of
    the weights before averaging.)
    """
    tensorflow().config.experimental.enable_op_determinism()
    keras().utils.set_random_seed(seed)
    network = pilotnet()
    scale = float(np.sqrt(np.mean(training.angles**2)))
    dataset = batches(training, scale, seed)
    rate = keras().optimizers.schedules.CosineDecay(
        0.0, epochs * len(dataset), warmup_target=LEARNING_RATE, warmup_steps=len(dataset)
    )
    optimizer = keras().optimizers.AdamW(rate, WEIGHT_DECAY, clipnorm=1.0, use_ema=True, ema_momentum=0.995)
    network.compile(optimizer, loss="mse")
    callbacks = [progress(validation, scale, epochs)]
    network.fit(dataset, epochs=epochs, callbacks=callbacks, verbose=0, shuffle=False)
    trained = pilotnet()  # never compiled: its file holds no optimizer
    trained.set_weights(network.get_weights())
    scale_head(trained, scale)
    return trained


def describe(folder: Path, drive: Drive, training: Drive, validation: Drive) -> dict[str, Any]:
    """What the card says of the data and how it was divided."""
    with (folder / "run.mp4").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name, licence = KNOWN_DRIVES.get(digest, (folder.resolve().name, "not stated"))
    return {
        "data": {"name": name, "frames": len(drive.angles), "licence": licence, "video_sha256": digest},
        "split": {
            "training": f"0 to {TRAIN_END_S:g} s, {len(training.angles)} frames",
            "left out": f"{TRAIN_END_S:g} to {VALIDATION_START_S:g} s",
            "validation": f"{VALIDATION_START_S:g} s to the end, {len(validation.angles)} frames",
        },
    }


def versions() -> dict[str, str]:
    """The versions that the weights depend on."""
    names = ("tensorflow", "keras", "numpy", "opencv-python", "opencv-python-headless", "av")
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {"python": platform.python_version()} | {n: installed[n] for n in names if n in installed}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("models/pilotnet.keras"), show_default=True
)
@click.option("--seed", default=1, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=50, show_default=True)
def main(folder: Path, out: Path, seed: int, epochs: int) -> None:
    """Trains PilotNet on the drive in FOLDER (run.mp4, run.csv) and saves it with its card."""
    start = time.perf_counter()
    if not out.parent.is_dir() or out.suffix != ".keras":
        raise click.UsageError(f"--out must be a .keras file in a folder that exists, not {out}")
    try:
        drive = read_drive(folder)
        training, validation = divide(drive)
    except DrivesalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    network = train(training, validation, seed, epochs)
    mean = encode_picture(training.pictures.mean(axis=0).round().astype(np.uint8))
    card = Card(PREPROCESS, Target(AngleSpec("deg", "steering-wheel", "left")), mean)
    model = SteeringModel(network, card)
    constant = float(np.sqrt(np.mean((training.angles.mean() - validation.angles) ** 2)))
    notes = {
        "network": f"PilotNet (Bojarski et al. 2016), ELU, {network.count_params()} parameters",
        "recipe": RECIPE,
        **describe(folder, drive, training, validation),
        "seed": seed,
        "epochs": epochs,
        "weights": "running average after the last epoch; none chosen by validation",
        "wall_time_s": round(time.perf_counter() - start),
        "versions": versions(),
        "validation": errors(model.predict(validation.pictures), validation.angles)
        | {"rmse_always_training_mean_deg": round(constant, 2)},
        "whole_drive_training_included": errors(model.predict(drive.pictures), drive.angles),
    }
    model = SteeringModel(network, dataclasses.replace(card, training=notes))
    model.save(out)
    click.echo(f"{out}: validation {notes['validation']}\nwhole drive {notes['whole_drive_training_included']}")


if __name__ == "__main__":
    main()
