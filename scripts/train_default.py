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
import sys
from pathlib import Path
from typing import Any

import click
import default_batches
import numpy as np
from default_batches import WORLD_SHARE
from default_course import DROPOUT, REASON_STRENGTH, Course, card_errors, leave_one_out
from default_figures import UNSEEN_SEED, draw_learning, draw_worst
from default_frames import (
    PREPROCESS,
    TRAIN_END_S,
    VALIDATION_START_S,
    WORLD_SIZE,
    Frames,
    draw_world,
    read_drive,
)

from drivesal.angle import AngleSpec
from drivesal.attribution.registry import Context, Seen, method
from drivesal.errors import DrivesalError
from drivesal.model.card import Card, card_path, card_text, encode_picture, read_card
from drivesal.model.domain_shift import TrainingImages, in_segments, training_images
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Target
from drivesal.recordings import open_recording
from drivesal.synthetic.evidence import evident, share_on
from drivesal.synthetic.still_frames import STILLS_PER_SCENE, scene_stills
from drivesal.training.fit import TrainingPlan, seeded
from drivesal.training.networks import pilotnet
from drivesal.training.training_notes import versions

WORLD_SEED, WORLD_SCENES = 11, 3000
IMAGE_SCENES, IMAGE_STEP = 180, 2  # of the drawn frames, those that the card's images are described from
UNSEEN_SCENES = 100
EVIDENCE_SCENES = 25
REASON_SEED, REASON_SCENES = 12, 250

PLAN = TrainingPlan(steps=6_000, learning_rate=3e-3, weight_decay=1e-2, average=0.998, every=500)
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


def seen_images(folder: Path, training: Frames, world: Frames) -> TrainingImages | None:
    """What the card compares a drive's images with: real and drawn ones in the shares of a batch."""
    with open_recording(folder / "run.mp4", labels=False) as recording:
        size = recording.info.width, recording.info.height
    drawn = world.pictures[: IMAGE_SCENES * STILLS_PER_SCENE : IMAGE_STEP]
    step = max(round(len(training.angles) * WORLD_SHARE / (1 - WORLD_SHARE) / len(drawn)), 1)
    assert training.times is not None
    segments = in_segments(
        training.times[::step].astype(np.float64), np.zeros(len(training.times[::step]), int)
    )
    scenes = np.arange(len(drawn)) * IMAGE_STEP // STILLS_PER_SCENE + segments.max() + 1
    images = np.concatenate([training.pictures[::step], drawn])
    return training_images(images, np.concatenate([segments, scenes]), [size, WORLD_SIZE], PREPROCESS.crop)


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
@click.option("--images", "images_only", is_flag=True, help="Only write what the card of --out says of images.")
def main(
    folder: Path,
    out: Path,
    work: Path,
    seeds: tuple[int, ...],
    steps: int,
    stretches: bool,
    images_only: bool,
) -> None:
    """Trains PilotNet on a drawn world and the drive in FOLDER (run.mp4, run.csv); saves it with its card."""
    if not out.parent.is_dir() or out.suffix != ".keras":
        raise click.UsageError(f"--out must be a .keras file in a folder that exists, not {out}")
    work.mkdir(parents=True, exist_ok=True)
    try:
        drive = read_drive(folder)
    except DrivesalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    if images_only:
        world, path = draw_world(WORLD_SEED, IMAGE_SCENES, work), card_path(out)
        images = seen_images(folder, drive.part(0, TRAIN_END_S), world)
        path.write_text(card_text(dataclasses.replace(read_card(path), images=images)), encoding="utf-8")
        return
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
        "batch": default_batches.BATCH,
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
    seen = seen_images(folder, training, world)
    model = SteeringModel(model.network, dataclasses.replace(card, training=notes, images=seen))
    model.save(out)
    click.echo(json.dumps({name: notes[name] for name in list(notes)[-6:]}, indent=2))


if __name__ == "__main__":
    main()
