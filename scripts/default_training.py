"""Training of the default model: teachers, their student, and its evaluation."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.evaluation.metrics import errors
from drivesal.training.batches import network_input
from drivesal.training.fit import Draw, EvidencePenalty, Row, TrainingPlan, fit, seeded
from drivesal.training.networks import pilotnet, scale_head

if TYPE_CHECKING:
    from drivesal.types import Floats


import default_batches
from default_batches import batches, distilled, with_evidence
from default_frames import PREPROCESS, Frames, say

Curves = dict[str, list[Row]]
DROPOUT = 0.2
SEGMENTS, SEGMENT_GAP_S = 5, 6.0
PENALTY_STRENGTH = 0.25


def predict(network: Any, frames: Frames, scale: float) -> Floats:
    """(N,) the network's predictions for the frames [deg]."""
    inputs = network_input(frames.pictures, PREPROCESS)
    angles: Floats = network.predict(inputs, 256, verbose=0)[:, 0] * scale
    return angles


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """The training of one network: batches with targets in units of `scale` degrees, and the `plan`.

    The weights start at random from `seed`, or from the network `start`; the checkpoint's name is `name`, its
    key `key`.
    """

    name: str
    draw: Draw
    scale: float
    plan: TrainingPlan
    key: str
    seed: int = 0
    start: Any = None
    penalty: EvidencePenalty | None = None


def train(job: TrainingJob, checks: dict[str, Frames], work: Path) -> tuple[Any, list[Row]]:
    """Train a network that predicts degrees at the steering wheel, left positive; also returns its curves.

    The weights are the running average at the end, not the best on any of the `checks`, which were only used to
    choose the recipe.
    """
    say(job.name)
    seeded(job.seed)
    network = pilotnet(PREPROCESS.size, PREPROCESS.channels, DROPOUT)
    if job.start is not None:
        network.set_weights(job.start.get_weights())
        scale_head(network, 1 / job.scale)

    def measure(averaged: Any) -> Row:
        row: Row = {}
        for name, frames in checks.items():
            metrics = card_errors(predict(averaged, frames, job.scale), frames.angles)
            row |= {f"{name} [deg]": metrics["rmse_deg"], f"{name}, correlation": metrics["correlation"]}
        return row

    def report(row: Row) -> None:
        known = {name: value for name, value in row.items() if name != "step" and value is not None}
        figures = "  ".join(f"{name} {value:.3f}" for name, value in known.items())
        say(f"step {row['step']:6.0f}/{job.plan.steps}  {figures}")

    checkpoint = work / f"{job.name.replace(' ', '-')}.npz"
    history = fit(network, job.draw, job.plan, measure, report, checkpoint, job.key, job.penalty)
    scale_head(network, job.scale)
    return network, history


@dataclass(frozen=True, slots=True)
class StudentTraining:
    """The training of several teachers, each from its own seed, and then of their student.

    At last the student is fine-tuned with the evidence penalty on the synthetic frames `known`, if given.
    """

    real: Frames
    world: Frames
    seeds: tuple[int, ...]
    plan: TrainingPlan
    work: Path
    known: Frames | None = None

    def key(self) -> str:
        """A digest of the frames and of the whole recipe except seeds and plan."""
        digest = hashlib.sha256()
        for frames in (self.real, self.world, *([] if self.known is None else [self.known])):
            digest.update(frames.pictures.tobytes())
            digest.update(frames.angles.tobytes())
        own = default_batches
        shares = own.WORLD_SHARE, own.WORLD_LOOK_SHARE, own.VIEW_SHARE, own.LABEL_SHARE
        recipe = (own.VIEWS, own.GEOMETRY, own.BATCH, DROPOUT, *shares)
        digest.update(repr(recipe).encode())
        return digest.hexdigest()

    def run(self, name: str, checks: dict[str, Frames]) -> tuple[dict[str, Any], Curves]:
        """The networks by name, the final one last, and their curves; checkpoint names start with `name`."""
        scale, key = float(np.sqrt(np.mean(self.real.angles**2))), self.key()
        networks: dict[str, Any] = {}
        curves: Curves = {}

        def learn(kind: str, draw: Draw, part: str, **more: Any) -> None:
            job = TrainingJob(f"{name} {kind}", draw, scale, self.plan, f"{key} {part}")
            networks[kind], curves[kind] = train(dataclasses.replace(job, **more), checks, self.work)

        for seed in self.seeds:
            learn(f"seed {seed}", batches(self.real, self.world, scale, seed), f"{seed}", seed=seed)
        if len(self.seeds) > 1:
            usual = distilled(batches(self.real, self.world, scale, 0), list(networks.values()), scale)
            learn("student", usual, f"{self.seeds}")
        if self.known is not None:
            start = list(networks.values())[-1]
            usual = distilled(batches(self.real, self.world, scale, 99), [start], scale)
            part = f"{self.seeds} {default_batches.EVIDENCE_FRAMES} {PENALTY_STRENGTH}"
            learn(
                "held to evidence",
                with_evidence(usual, self.known, scale),
                part,
                start=start,
                plan=dataclasses.replace(self.plan, steps=max(20, self.plan.steps // 2), learning_rate=1e-3),
                penalty=EvidencePenalty(PENALTY_STRENGTH, PREPROCESS.colour_map()[0].T.sum(axis=1)),
            )
        return networks, curves


def leave_one_out(drive: Frames, course: StudentTraining) -> dict[str, Any]:
    """The errors on each segment of the drive of a network trained without it and its surroundings."""
    if drive.times is None:
        raise ValueError("a drive's frames have times")
    length = float(drive.times[-1]) / SEGMENTS
    predicted = np.full(len(drive.angles), np.nan, np.float32)
    segments = {}
    for number in range(SEGMENTS):
        start, end = number * length, (number + 1) * length if number + 1 < SEGMENTS else math.inf
        left_out = drive.between(start, end)
        near = drive.between(start - SEGMENT_GAP_S, end + SEGMENT_GAP_S)
        tested = drive.where(left_out)
        rest = dataclasses.replace(course, real=drive.where(~near))
        networks, _ = rest.run(f"stretch-{number}", {"left out": tested})
        predicted[left_out] = predict(list(networks.values())[-1], tested, 1.0)
        name = f"{start:.0f} to {min(end, float(drive.times[-1])):.0f} s"
        segments[name] = card_errors(predicted[left_out], tested.angles)
    bright = drive.pictures.mean(axis=(1, 2, 3)) >= 60
    parts = {"all": np.ones_like(bright), "light": bright, "dark": ~bright}
    figures = {
        name: card_errors(predicted[part], drive.angles[part]) for name, part in parts.items() if part.any()
    }
    return figures | segments


def card_errors(predicted: Floats, truth: Floats) -> dict[str, Any]:
    """Rounded error metrics of (n,) predicted angles against labels [deg], and the RMSE of always predicting 0.

    The correlation is None if either is constant. Raises `ValueError` without frames or if the lengths differ.
    """
    if len(predicted) == 0 or len(predicted) != len(truth):
        raise ValueError(f"as many predictions as labels are needed, and one or more, not {len(predicted)}")
    metrics, still = errors(predicted, truth), errors(np.zeros(len(truth)), truth)
    return {
        "frames": metrics.frames,
        "rmse_deg": rounded(metrics.rmse, 2),
        "mean_absolute_error_deg": rounded(metrics.mean_absolute, 2),
        "mean_error_deg": rounded(metrics.bias, 2),
        "rmse_always_0_deg": rounded(still.rmse, 2),
        "correlation": rounded(metrics.correlation, 3),
    }


def rounded(value: float | None, digits: int) -> float | None:
    """The rounded value; None stays None."""
    return None if value is None else round(value, digits)
