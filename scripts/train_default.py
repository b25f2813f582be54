#!/usr/bin/env python3
"""Train the default steering model: PilotNet on synthetic frames mixed with one real drive.

The drive is a folder with run.mp4 and run.csv (frames and steering-wheel angles). Checkpoints are in a separate
folder; after an interruption the same command resumes there.
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
from default_training import DROPOUT, PENALTY_STRENGTH, StudentTraining, card_errors, leave_one_out

from drivesal.angle import AngleSpec
from drivesal.attribution.registry import Context, ModelInputs, method
from drivesal.errors import DrivesalError
from drivesal.model.card import Card, card_path, card_text, encode_image, read_card
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
IMAGE_SCENES, IMAGE_STEP = 180, 2  # the synthetic frames that the card describes as training images
UNSEEN_SCENES = 100
EVIDENCE_SCENES = 25
PENALTY_SEED, PENALTY_SCENES = 12, 250

PLAN = TrainingPlan(steps=6_000, learning_rate=3e-3, weight_decay=1e-2, average=0.998, every=500)
RECIPE = (
    "seven tenths of every batch synthetic, the rest real; frames sampled by one over the root of their "
    "angle's frequency; half mirrored with the angle negated; most real ones from a shifted and turned "
    "car on a differently bent road, with corrected labels; light, contrast, colour, shadows, blur, "
    "noise, a slightly moved camera; dropout, weight decay, cosine schedule, running average of the "
    "weights; the shipped network is the student of several such networks, distilled from their mean "
    "prediction for each image and its mirror image, and then fine-tuned with a loss on the share of its "
    "absolute gradient off the evidence of synthetic frames"
)

# Name and licence in the card of drives known by the digest of run.mp4; other drives are named by their folder.
KNOWN_DRIVES = {
    "c3276782e727571b52a6a0d5ff9b3c147689f87271407ba9c3af973e0a027dfa": (
        "Udacity Self-Driving Car Challenge 2 drive, 170 s, frames as published with DeepXplore",
        "MIT",
    )
}


def evidence_shares(model: SteeringModel) -> dict[str, float]:
    """The share on evidence, for unseen seeds: of the absolute gradient, a uniform map and untrained
    networks."""
    models = {"gradient": [model], "random weights": []}
    for seed in range(3):
        seeded(seed)
        untrained = pilotnet(PREPROCESS.size, PREPROCESS.channels, DROPOUT)
        models["random weights"].append(SteeringModel(untrained, model.card))
    mean = np.zeros((*PREPROCESS.size, 3), np.float32)
    context = Context(mean, np.zeros((0, *mean.shape), np.uint8))
    gradients = {
        name: [method("gradient").build(model, context) for model in group] for name, group in models.items()
    }
    index, others = np.zeros(1, np.int64), np.zeros((1, 0), np.float32)
    shares: dict[str, list[float]] = {"gradient": [], "uniform": [], "random weights": []}
    for number in range(EVIDENCE_SCENES):
        for world, moment in list(scene_stills(UNSEEN_SEED, number, WORLD_SIZE))[::4]:
            mask = evident(world.evidence(moment), PREPROCESS)
            if not mask.any():
                continue
            seen = ModelInputs(PREPROCESS.prepare(world.image(moment))[None], index, others)
            shares["uniform"].append(float(mask.mean()))
            for name, group in gradients.items():
                shares[name] += [share_on(gradient(seen).summed[0], mask) for gradient in group]
    return {name: round(float(np.nanmean(values)), 3) for name, values in shares.items()}


def described_images(folder: Path, training: Frames, world: Frames) -> TrainingImages | None:
    """The card's reference for the training images: real and synthetic ones in the shares of a batch."""
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
    """The card's notes on the data and its split."""
    with (folder / "run.mp4").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name, licence = KNOWN_DRIVES.get(digest, (folder.resolve().name, "not stated"))
    return {
        "data": {"name": name, "frames": len(drive.angles), "licence": licence, "video_sha256": digest},
        "world": {"seed": WORLD_SEED, "scenes": WORLD_SCENES, "frames": len(world.angles)},
        "evidence": {"seed": PENALTY_SEED, "scenes": PENALTY_SCENES, "strength": PENALTY_STRENGTH},
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
    help="Write checkpoints to this folder.",
)
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(min=0),
    multiple=True,
    default=(1, 2, 3),
    show_default=True,
    help="Train a teacher from this seed; repeat for several.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=20),
    default=PLAN.steps,
    show_default=True,
    help="Steps per seed.",
)
@click.option("--leave-one-out", "segments_only", is_flag=True, help="Only evaluate on left-out segments.")
@click.option("--images", "images_only", is_flag=True, help="Only update the images in the card of --out.")
def main(
    folder: Path,
    out: Path,
    work: Path,
    seeds: tuple[int, ...],
    steps: int,
    segments_only: bool,
    images_only: bool,
) -> None:
    """Train PilotNet on synthetic frames and the drive in FOLDER (run.mp4, run.csv); save it with its card."""
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
        images = described_images(folder, drive.part(0, TRAIN_END_S), world)
        path.write_text(card_text(dataclasses.replace(read_card(path), images=images)), encoding="utf-8")
        return
    world = draw_world(WORLD_SEED, WORLD_SCENES, work)
    plan = dataclasses.replace(PLAN, steps=steps)
    if segments_only:
        click.echo(json.dumps(leave_one_out(drive, StudentTraining(drive, world, seeds, plan, work)), indent=2))
        return
    unseen = draw_world(UNSEEN_SEED, UNSEEN_SCENES, work)
    known = draw_world(PENALTY_SEED, PENALTY_SCENES, work, evidence=True)
    training, validation = drive.part(0, TRAIN_END_S), drive.part(VALIDATION_START_S, math.inf)
    networks, curves = StudentTraining(training, world, seeds, plan, work, known).run(
        "default", {"validation": validation, "unseen world": unseen}
    )
    seconds = (
        world.seconds + known.seconds + unseen.seconds + sum(rows[-1]["seconds"] for rows in curves.values())
    )
    draw_learning(curves, work / "curves.png")
    mean = encode_image(training.pictures.mean(axis=0).round().astype(np.uint8))
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
    seen = described_images(folder, training, world)
    model = SteeringModel(model.network, dataclasses.replace(card, training=notes, images=seen))
    model.save(out)
    click.echo(json.dumps({name: notes[name] for name in list(notes)[-6:]}, indent=2))


if __name__ == "__main__":
    main()
