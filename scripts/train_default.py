#!/usr/bin/env python3
"""Trains the default steering model: PilotNet on a drawn world mixed with one real drive.

The drive is a folder with run.mp4 and run.csv (frames and steering angles at the wheel). What training makes on
its way lies in a folder of its own: stopped, the same command goes on where it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

import drivesal.world
from drivesal.attribution import Context, Seen, method
from drivesal.backend import tensorflow
from drivesal.card import Card, encode_picture
from drivesal.errors import DrivesalError, InputError, LabelError
from drivesal.evaluation.measure import errors
from drivesal.model import SteeringModel
from drivesal.preprocess import Crop, Preprocess
from drivesal.recordings import open_recording, read_labels
from drivesal.steering import AngleSpec
from drivesal.target import Target
from drivesal.training.augment import (
    Geometry,
    ViewChange,
    Views,
    balanced,
    change_look,
    change_view,
    move_camera,
)
from drivesal.training.batches import network_input
from drivesal.training.course import versions
from drivesal.training.curves import draw_curves
from drivesal.training.fit import Batch, Draw, Plan, Reasons, Row, fit, seeded
from drivesal.training.networks import pilotnet, scale_head
from drivesal.world.car import STEERING_RATIO, WHEELBASE_M
from drivesal.world.scores import evident, share_on
from drivesal.world.world import STILLS_PER_SCENE, scene_stills

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Curves = dict[str, list[Row]]

# From just above the horizon to well in front of the car; the sky would only tell where the sun stood.
SEEN = (0.42, 0.92)
PREPROCESS = Preprocess((66, 200), Crop("fraction", rows=SEEN), "area", "YUV", 2 / 255, -1.0)
FRAME = (320, 240)  # real frames are kept whole at this size, for views that look elsewhere
TRAIN_END_S, VALIDATION_START_S = 110.0, 130.0
STRETCHES, STRETCH_GAP_S = 5, 6.0

# The real drive's camera, measured on its frames: the lane's width and the horizon give height over focal
# length; the picture's flow against the wheel's angle, and the ground's, give the focal length.
GEOMETRY = Geometry((2.7, 3.6), 0.443, 1.18, WHEELBASE_M, STEERING_RATIO)
VIEWS = Views(bend_deg=6.0, yaw_deg=0.4, shift_m=0.2)

WORLD_SEED, WORLD_SCENES, WORLD_SIZE = 11, 3000, (400, 300)
UNSEEN_SEED, UNSEEN_SCENES = 900_001, 100
EVIDENCE_SCENES = 25
REASON_SEED, REASON_SCENES, REASONED, REASON_STRENGTH = 12, 250, 16, 0.25

BATCH, DROPOUT = 64, 0.2
WORLD_SHARE, WORLD_LOOK_SHARE, VIEW_SHARE, TRUTH_SHARE = 0.7, 0.4, 0.6, 0.25
PLAN = Plan(steps=6_000, learning_rate=3e-3, weight_decay=1e-2, average=0.998, every=500)
RECIPE = (
    "seven tenths of every batch drawn, the rest real; frames taken by one over the root of how common their "
    "angle is; half mirrored, the angle negated; most real ones seen from a car shifted and turned, on a road "
    "bent otherwise, labels corrected; light, contrast, colour, shadows, blur, noise, a slightly moved camera; "
    "dropout, weight decay, cosine schedule, running average of the weights; the shipped network is the "
    "student of several such, taught by their mean answer to each picture and its mirror image, and then held "
    "to the evidence of drawn frames: the share of its absolute gradient that lies off it counts into the loss"
)

# What the card may say of a drive's origin, known by its run.mp4; of any other drive it says the folder's name.
KNOWN_DRIVES = {
    "c3276782e727571b52a6a0d5ff9b3c147689f87271407ba9c3af973e0a027dfa": (
        "Udacity Self-Driving Car Challenge 2 drive, 170 s, frames as published with DeepXplore",
        "MIT",
    )
}


@dataclass(frozen=True, slots=True)
class Frames:
    """Labelled frames at the model's size.

    `pictures` (N, h, w, 3) uint8 RGB; `angles` (N,) [deg at the wheel, left positive]; `times` (N,) [s], and
    `wholes` (N, 240, 320, 3), of the real drive only; `seconds` that drawing took and, where asked
    for, `evidence` (N, h, w), of drawn ones.
    """

    pictures: Image
    angles: Floats
    times: Floats | None = None
    wholes: Image | None = None
    seconds: float = 0.0
    evidence: NDArray[np.bool_] | None = None

    def where(self, mask: NDArray[np.bool_]) -> Frames:
        """Those of the frames for which `mask` (N,) is True."""
        times = None if self.times is None else self.times[mask]
        wholes = None if self.wholes is None else self.wholes[mask]
        return Frames(self.pictures[mask], self.angles[mask], times, wholes)

    def part(self, start_s: float, end_s: float) -> Frames:
        """The frames from `start_s` inclusive to `end_s` exclusive."""
        return self.where(self.between(start_s, end_s))

    def between(self, start_s: float, end_s: float) -> NDArray[np.bool_]:
        """(N,) whether a frame lies from `start_s` inclusive to `end_s` exclusive."""
        if self.times is None:
            raise ValueError("single frames have no times")
        return (self.times >= start_s) & (self.times < end_s)


def read_drive(folder: Path) -> Frames:
    """Reads run.mp4 and run.csv. Raises InputError or LabelError."""
    pictures, angles, times, wholes = [], [], [], []
    labels = read_labels(folder / "run.csv")
    if labels.kind.unit != "deg" or labels.kind.turns == "road-wheels":
        came = f"they are {labels.kind.unit} at the {labels.kind.turns}"
        raise LabelError("angles at the steering wheel in degrees or radians", came, "convert them")
    with open_recording(folder / "run.mp4", labels=labels) as recording:
        for frame in recording.frames():
            if frame.steering is None:
                continue
            pictures.append(PREPROCESS.prepare(frame.image))
            wholes.append(cv2.resize(frame.image, FRAME, interpolation=cv2.INTER_AREA))
            angles.append(frame.steering)
            times.append(frame.time_s)
    if not times:
        raise LabelError("a label for a frame or more", f"{folder / 'run.csv'} has none", "mend it")
    truth = np.array(angles, np.float32)
    drive = Frames(np.stack(pictures), truth, np.array(times, np.float32), np.stack(wholes))
    if not drive.between(0, TRAIN_END_S).any() or not drive.between(VALIDATION_START_S, math.inf).any():
        raise InputError(
            f"a drive longer than {VALIDATION_START_S:g} s",
            f"it ends at {times[-1]:.1f} s",
            "give a longer one, or change where training ends and validation starts in this script",
        )
    return drive


def draw_scene(seed: int, number: int, evidence: bool) -> dict[str, NDArray[Any]]:
    """The pictures and angles of one drawn scene and, where asked for, where its evidence is."""
    cv2.setNumThreads(1)  # one process a core
    pictures, angles, masks = [], [], []
    for world, moment in scene_stills(seed, number, WORLD_SIZE):
        pictures.append(PREPROCESS.prepare(world.image(moment)))
        angles.append(moment.steering_deg)
        if evidence:
            masks.append(evident(world.evidence(moment), PREPROCESS))
    drawn: dict[str, NDArray[Any]] = {"pictures": np.stack(pictures), "angles": np.array(angles, np.float32)}
    return drawn | ({"evidence": np.stack(masks)} if evidence else {})


def draw_world(seed: int, scenes: int, work: Path, evidence: bool = False) -> Frames:
    """Drawn frames of so many scenes, from the folder `work` where this code has put them there."""
    digest = hashlib.sha256(repr((WORLD_SIZE, PREPROCESS)).encode())
    for source in sorted(Path(drivesal.world.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    kept = work / f"world-{seed}-{scenes}-{digest.hexdigest()[:12]}.npz"
    if not kept.is_file():
        start, drawn = time.perf_counter(), []
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            wanted = ([seed] * scenes, range(scenes), [evidence] * scenes)
            for done, one in enumerate(pool.map(draw_scene, *wanted, chunksize=4), 1):
                drawn.append(one)
                if done % 100 == 0 or done == scenes:
                    say(f"drawn: {done * STILLS_PER_SCENE} frames of {done} scenes")
        part = kept.with_suffix(".part.npz")
        arrays = {name: np.concatenate([one[name] for one in drawn]) for name in drawn[0]}
        np.savez(part, seconds=np.array(time.perf_counter() - start), **arrays)  # type: ignore[arg-type]
        os.replace(part, kept)
    with np.load(kept) as found:
        masks = found["evidence"] if evidence else None
        return Frames(found["pictures"], found["angles"], seconds=float(found["seconds"]), evidence=masks)


def real_example(real: Frames, index: int, rng: np.random.Generator) -> tuple[Image, float]:
    """A real frame, often from another view, with its angle [deg]."""
    picture, angle = real.pictures[index], float(real.angles[index])
    if real.wholes is not None and rng.random() < VIEW_SHARE:
        filler = real.pictures[rng.integers(len(real.pictures))]
        change, decoy = ViewChange.drawn(VIEWS, rng), ViewChange.drawn(VIEWS, rng)
        picture = change_view(real.wholes[index], SEEN, filler, GEOMETRY, change, decoy)
        angle += change.label_deg(GEOMETRY, VIEWS)
    elif rng.random() < 0.5:
        picture = move_camera(picture, rng)
    return picture, angle


def batches(real: Frames, world: Frames, scale: float, seed: int) -> Draw:
    """What draws a step's batch of (network input, angle / scale); it follows from the seed and the step."""
    often_real, often_world = balanced(real.angles), balanced(world.angles)
    drawn = round(BATCH * WORLD_SHARE)

    def draw(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(len(world.angles), drawn, p=often_world)
        made = [(world.pictures[i], float(world.angles[i]), WORLD_LOOK_SHARE) for i in chosen]
        chosen = rng.choice(len(real.angles), BATCH - drawn, p=often_real)
        made += [(*real_example(real, i, rng), 1.0) for i in chosen]
        pictures, angles = [], []
        for picture, angle, look in made:
            if rng.random() < 0.5:
                picture, angle = np.ascontiguousarray(picture[:, ::-1]), -angle
            pictures.append(change_look(picture, rng) if rng.random() < look else picture)
            angles.append(angle / scale)
        return Batch(network_input(np.stack(pictures), PREPROCESS), np.array(angles, np.float32)[:, None])

    return draw


def taught(draw: Draw, teachers: list[Any], scale: float) -> Draw:
    """The same batches, their targets for the most part what the teachers answer [scale deg], on average.

    Each answers to the picture and to its mirror image, which must negate the angle.
    """
    tf = tensorflow()
    height, width = PREPROCESS.size

    @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.float32)])  # type: ignore[untyped-decorator]
    def answer(inputs: Any) -> Any:
        mirrored = tf.reverse(inputs, [2])
        both = [teacher(inputs, training=False) - teacher(mirrored, training=False) for teacher in teachers]
        return tf.add_n(both) / (2 * len(both) * scale)

    def draw_taught(step: int) -> Batch:
        inputs, targets, _ = draw(step)
        return Batch(inputs, TRUTH_SHARE * targets + (1 - TRUTH_SHARE) * answer(inputs).numpy())

    return draw_taught


def with_reasons(draw: Draw, known: Frames, scale: float) -> Draw:
    """The same batches, before them `REASONED` drawn frames whose evidence is known, mirrored or not."""
    if known.evidence is None:
        raise ValueError("frames with evidence are needed")
    evidence = known.evidence

    def draw_reasoned(step: int) -> Batch:
        rng = np.random.default_rng([step, 17])
        pictures, angles, masks = [], [], []
        for index in rng.integers(len(known.angles), size=REASONED):
            side = -1 if rng.random() < 0.5 else 1
            picture = np.ascontiguousarray(known.pictures[index][:, ::side])
            pictures.append(change_look(picture, rng) if rng.random() < WORLD_LOOK_SHARE else picture)
            angles.append(side * known.angles[index] / scale)
            masks.append(evidence[index][:, ::side])
        rest = draw(step)
        inputs = np.concatenate([network_input(np.stack(pictures), PREPROCESS), rest.inputs])
        targets = np.concatenate([np.array(angles, np.float32)[:, None], rest.targets])
        return Batch(inputs, targets, np.stack(masks))

    return draw_reasoned


def answers(network: Any, frames: Frames, scale: float) -> Floats:
    """(N,) what the network answers to the frames [deg]."""
    found: Floats = network.predict(network_input(frames.pictures, PREPROCESS), 256, verbose=0)[:, 0] * scale
    return found


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one network learns: batches of targets in units of `scale` degrees, as long as `plan` says.

    It starts at random from `seed`, or from the network `start`, and keeps what there is in a file of this
    `name` under `key`.
    """

    name: str
    draw: Draw
    scale: float
    plan: Plan
    key: str
    seed: int = 0
    start: Any = None
    reasons: Reasons | None = None


def train(lesson: Lesson, checks: dict[str, Frames], work: Path) -> tuple[Any, list[Row]]:
    """A network whose answer is degrees at the steering wheel, left positive, and its curves.

    The weights are a running average as it stands at the end, not the best on any of the `checks`: only the
    choice of the recipe has looked at them.
    """
    say(lesson.name)
    seeded(lesson.seed)
    network = pilotnet(PREPROCESS.size, PREPROCESS.channels, DROPOUT)
    if lesson.start is not None:
        network.set_weights(lesson.start.get_weights())
        scale_head(network, 1 / lesson.scale)

    def measure(averaged: Any) -> Row:
        row: Row = {}
        for name, frames in checks.items():
            found = card_errors(answers(averaged, frames, lesson.scale), frames.angles)
            row |= {f"{name} [deg]": found["rmse_deg"], f"{name}, correlation": found["correlation"]}
        return row

    def report(row: Row) -> None:
        known = {name: value for name, value in row.items() if name != "step" and value is not None}
        figures = "  ".join(f"{name} {value:.3f}" for name, value in known.items())
        say(f"step {row['step']:6.0f}/{lesson.plan.steps}  {figures}")

    kept = work / f"{lesson.name.replace(' ', '-')}.npz"
    history = fit(network, lesson.draw, lesson.plan, measure, report, kept, lesson.key, lesson.reasons)
    scale_head(network, lesson.scale)
    return network, history


@dataclass(frozen=True, slots=True)
class Course:
    """What networks learn from and how: several teachers, each from a seed of its own, then their student.

    The student is at last held to the evidence of the drawn frames `known`, where given.
    """

    real: Frames
    world: Frames
    seeds: tuple[int, ...]
    plan: Plan
    work: Path
    known: Frames | None = None

    def key(self) -> str:
        """A digest of the frames and of everything in the recipe but the seeds and the plan."""
        digest = hashlib.sha256()
        for frames in (self.real, self.world, *([] if self.known is None else [self.known])):
            digest.update(frames.pictures.tobytes())
            digest.update(frames.angles.tobytes())
        recipe = (VIEWS, GEOMETRY, BATCH, DROPOUT, WORLD_SHARE, WORLD_LOOK_SHARE, VIEW_SHARE, TRUTH_SHARE)
        digest.update(repr(recipe).encode())
        return digest.hexdigest()

    def run(self, name: str, checks: dict[str, Frames]) -> tuple[dict[str, Any], Curves]:
        """The networks by name, the one to use last, and their curves; kept in files that begin with `name`."""
        scale, key = float(np.sqrt(np.mean(self.real.angles**2))), self.key()
        networks: dict[str, Any] = {}
        curves: Curves = {}

        def learn(kind: str, draw: Draw, part: str, **more: Any) -> None:
            lesson = Lesson(f"{name} {kind}", draw, scale, self.plan, f"{key} {part}")
            networks[kind], curves[kind] = train(dataclasses.replace(lesson, **more), checks, self.work)

        for seed in self.seeds:
            learn(f"seed {seed}", batches(self.real, self.world, scale, seed), f"{seed}", seed=seed)
        if len(self.seeds) > 1:
            usual = taught(batches(self.real, self.world, scale, 0), list(networks.values()), scale)
            learn("student", usual, f"{self.seeds}")
        if self.known is not None:
            start = list(networks.values())[-1]
            usual = taught(batches(self.real, self.world, scale, 99), [start], scale)
            part = f"{self.seeds} {REASONED} {REASON_STRENGTH}"
            learn(
                "held to evidence",
                with_reasons(usual, self.known, scale),
                part,
                start=start,
                plan=dataclasses.replace(self.plan, steps=max(20, self.plan.steps // 2), learning_rate=1e-3),
                reasons=Reasons(REASON_STRENGTH, PREPROCESS.colour_map()[0].T.sum(axis=1)),
            )
        return networks, curves


def say(line: str) -> None:
    """Progress, on stderr."""
    click.echo(line, err=True)


def leave_one_out(drive: Frames, course: Course) -> dict[str, Any]:
    """The error on every stretch of the drive by a network that never saw it, nor what is next to it."""
    if drive.times is None:
        raise ValueError("a drive's frames have times")
    length = float(drive.times[-1]) / STRETCHES
    predicted = np.full(len(drive.angles), np.nan, np.float32)
    stretches = {}
    for number in range(STRETCHES):
        start, end = number * length, (number + 1) * length if number + 1 < STRETCHES else math.inf
        left_out = drive.between(start, end)
        near = drive.between(start - STRETCH_GAP_S, end + STRETCH_GAP_S)
        tested = drive.where(left_out)
        rest = dataclasses.replace(course, real=drive.where(~near))
        networks, _ = rest.run(f"stretch-{number}", {"left out": tested})
        predicted[left_out] = answers(list(networks.values())[-1], tested, 1.0)
        name = f"{start:.0f} to {min(end, float(drive.times[-1])):.0f} s"
        stretches[name] = card_errors(predicted[left_out], tested.angles)
    bright = drive.pictures.mean(axis=(1, 2, 3)) >= 60
    parts = {"all": np.ones_like(bright), "light": bright, "dark": ~bright}
    figures = {
        name: card_errors(predicted[part], drive.angles[part]) for name, part in parts.items() if part.any()
    }
    return figures | stretches


def card_errors(predicted: Floats, truth: Floats) -> dict[str, Any]:
    """Rounded figures over frames, (n,) predicted and true angles [deg]; beside them one that always answers 0.

    The correlation is None where either does not vary. Raises `ValueError` without frames.
    """
    if len(predicted) == 0 or len(predicted) != len(truth):
        raise ValueError(f"as many predictions as labels are needed, and one or more, not {len(predicted)}")
    found, still = errors(predicted, truth), errors(np.zeros(len(truth)), truth)
    return {
        "frames": found.frames,
        "rmse_deg": rounded(found.rmse, 2),
        "mean_absolute_error_deg": rounded(found.mean_absolute, 2),
        "mean_error_deg": rounded(found.bias, 2),
        "rmse_always_0_deg": rounded(still.rmse, 2),
        "correlation": rounded(found.correlation, 3),
    }


def rounded(value: float | None, digits: int) -> float | None:
    """The figure as the card states it."""
    return None if value is None else round(value, digits)


def evidence_shares(model: SteeringModel) -> dict[str, float]:
    """The share on evidence, on unseen seeds: of the absolute gradient, a uniform map, untrained networks."""
    models = {"gradient": [model], "random weights": []}
    for seed in range(3):
        seeded(seed)
        untrained = pilotnet(PREPROCESS.size, PREPROCESS.channels, DROPOUT)
        models["random weights"].append(SteeringModel(untrained, model.card))
    mean = np.zeros((*PREPROCESS.size, 3), np.float32)
    context = Context(mean, np.zeros((0, *mean.shape), np.uint8))
    gradients = {
        name: [method("gradient").build(one, context) for one in ones] for name, ones in models.items()
    }
    index, others = np.zeros(1, np.int64), np.zeros((1, 0), np.float32)
    shares: dict[str, list[float]] = {"gradient": [], "uniform": [], "random weights": []}
    for number in range(EVIDENCE_SCENES):
        for world, moment in list(scene_stills(UNSEEN_SEED, number, WORLD_SIZE))[::4]:
            mask = evident(world.evidence(moment), PREPROCESS)
            if not mask.any():
                continue
            seen = Seen(PREPROCESS.prepare(world.image(moment))[None], index, others)
            shares["uniform"].append(float(mask.mean()))
            for name, ones in gradients.items():
                shares[name] += [share_on(gradient(seen).summed[0], mask) for gradient in ones]
    return {name: round(float(np.nanmean(values)), 3) for name, values in shares.items()}


def draw_learning(curves: Curves, out: Path) -> None:
    """Loss and errors over the steps, a line a network."""
    names = [name for name in next(iter(curves.values()))[0] if name == "loss" or name.endswith("[deg]")]
    panels = {}
    for name in names:
        title = name if name != "loss" else "loss (training)"
        panels[title] = {
            network: ([row["step"] for row in rows], [row[name] for row in rows])
            for network, rows in curves.items()
        }
    draw_curves(panels, "step", out)


def worst(predicted: Floats, frames: Frames, count: int = 10, apart_s: float = 1.0) -> list[int]:
    """The frames with the largest errors, of a drive at least `apart_s` from one another."""
    chosen: list[int] = []
    for index in np.argsort(-np.abs(predicted - frames.angles)).tolist():
        times = frames.times
        if times is None or all(abs(times[index] - times[other]) >= apart_s for other in chosen):
            chosen.append(index)
        if len(chosen) == count:
            break
    return chosen


def draw_frames(frames: list[tuple[Image, str]], out: Path) -> None:
    """Pictures (h, w, 3) uint8 RGB in rows of five, each with a line of text above."""
    tiles = []
    for picture, text in frames:
        tile = cv2.resize(picture[..., ::-1], FRAME, interpolation=cv2.INTER_AREA)
        tile = cv2.copyMakeBorder(tile, 24, 2, 1, 1, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        cv2.putText(tile, text, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    rows = [np.hstack(tiles[start : start + 5]) for start in range(0, len(tiles), 5)]
    cv2.imwrite(str(out), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_worst(model: SteeringModel, validation: Frames, unseen: Frames, work: Path) -> None:
    """The ten worst frames of either as worst-real.jpg and worst-drawn.jpg, with both angles."""

    def text(frames: Frames, predicted: Floats, index: int) -> str:
        return f"true {frames.angles[index]:+.0f} deg, answer {predicted[index]:+.0f} deg"

    predicted = model.predict(validation.pictures)
    if validation.wholes is not None:
        chosen = worst(predicted, validation)
        pictures = [(validation.wholes[i], text(validation, predicted, i)) for i in chosen]
        draw_frames(pictures, work / "worst-real.jpg")
    predicted, pictures = model.predict(unseen.pictures), []
    for index in worst(predicted, unseen):
        scene, number = divmod(index, STILLS_PER_SCENE)
        world, moment = list(scene_stills(UNSEEN_SEED, scene, WORLD_SIZE))[number]
        pictures.append((world.image(moment), text(unseen, predicted, index)))
    draw_frames(pictures, work / "worst-drawn.jpg")


def describe(
    folder: Path, drive: Frames, training: Frames, validation: Frames, world: Frames
) -> dict[str, Any]:
    """What the card says of the data and how it was divided."""
    with (folder / "run.mp4").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name, licence = KNOWN_DRIVES.get(digest, (folder.resolve().name, "not stated"))
    return {
        "data": {"name": name, "frames": len(drive.angles), "licence": licence, "video_sha256": digest},
        "world": {"seed": WORLD_SEED, "scenes": WORLD_SCENES, "frames": len(world.angles)},
        "evidence": {"seed": REASON_SEED, "scenes": REASON_SCENES, "strength": REASON_STRENGTH},
        "split": {
            "training": f"0 to {TRAIN_END_S:g} s, {len(training.angles)} frames",
            "left out": f"{TRAIN_END_S:g} to {VALIDATION_START_S:g} s",
            "validation": f"{VALIDATION_START_S:g} s to the end, {len(validation.angles)} frames",
        },
    }


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("models/pilotnet.keras"), show_default=True
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path(".train"),
    show_default=True,
    help="Kept on the way.",
)
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(min=0),
    multiple=True,
    default=(1, 2, 3),
    show_default=True,
    help="Repeat for several.",
)
@click.option("--steps", type=click.IntRange(min=20), default=PLAN.steps, show_default=True, help="A seed.")
@click.option("--leave-one-out", "stretches", is_flag=True, help="Only measure on stretches that are left out.")
def main(folder: Path, out: Path, work: Path, seeds: tuple[int, ...], steps: int, stretches: bool) -> None:
    """Trains PilotNet on a drawn world and the drive in FOLDER (run.mp4, run.csv); saves it with its card."""
    if not out.parent.is_dir() or out.suffix != ".keras":
        raise click.UsageError(f"--out must be a .keras file in a folder that exists, not {out}")
    work.mkdir(parents=True, exist_ok=True)
    try:
        drive = read_drive(folder)
    except DrivesalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    world = draw_world(WORLD_SEED, WORLD_SCENES, work)
    plan = dataclasses.replace(PLAN, steps=steps)
    if stretches:
        click.echo(json.dumps(leave_one_out(drive, Course(drive, world, seeds, plan, work)), indent=2))
        return
    unseen = draw_world(UNSEEN_SEED, UNSEEN_SCENES, work)
    known = draw_world(REASON_SEED, REASON_SCENES, work, evidence=True)
    training, validation = drive.part(0, TRAIN_END_S), drive.part(VALIDATION_START_S, math.inf)
    networks, curves = Course(training, world, seeds, plan, work, known).run(
        "default", {"validation": validation, "unseen world": unseen}
    )
    seconds = (
        world.seconds + known.seconds + unseen.seconds + sum(rows[-1]["seconds"] for rows in curves.values())
    )
    draw_learning(curves, work / "curves.png")
    mean = encode_picture(training.pictures.mean(axis=0).round().astype(np.uint8))
    card = Card(PREPROCESS, Target(AngleSpec("deg", "steering-wheel", "left")), mean)
    model = SteeringModel(list(networks.values())[-1], card)
    notes = {
        "network": f"PilotNet (Bojarski et al. 2016), ELU, {model.network.count_params()} parameters",
        "recipe": RECIPE,
        **describe(folder, drive, training, validation, world),
        "mean_picture": f"the mean of the {len(training.angles)} real frames of training",
        "seeds": list(seeds),
        "steps": steps,
        "batch": BATCH,
        "weights": "running average after the last step; none chosen by validation",
        "wall_time_s": round(seconds),
        "versions": versions(),
        "validation": card_errors(model.predict(validation.pictures), validation.angles),
        "unseen_world": card_errors(model.predict(unseen.pictures), unseen.angles),
        "whole_drive_training_included": card_errors(model.predict(drive.pictures), drive.angles),
        "networks": {name: rows[-1] for name, rows in curves.items()},
        "share_on_evidence": evidence_shares(model),
    }
    draw_worst(model, validation, unseen, work)
    model = SteeringModel(model.network, dataclasses.replace(card, training=notes))
    model.save(out)
    click.echo(json.dumps({name: notes[name] for name in list(notes)[-6:]}, indent=2))


if __name__ == "__main__":
    main()
