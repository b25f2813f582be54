"""How the networks of the default model learn: teachers, their student, and what is measured of them."""

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
from default_batches import batches, taught, with_reasons
from default_frames import PREPROCESS, Frames, say

Curves = dict[str, list[Row]]
DROPOUT = 0.2
STRETCHES, STRETCH_GAP_S = 5, 6.0
REASON_STRENGTH = 0.25


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
    plan: TrainingPlan
    key: str
    seed: int = 0
    start: Any = None
    penalty: EvidencePenalty | None = None


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
    history = fit(network, lesson.draw, lesson.plan, measure, report, kept, lesson.key, lesson.penalty)
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
    plan: TrainingPlan
    work: Path
    known: Frames | None = None

    def key(self) -> str:
        """A digest of the frames and of everything in the recipe but the seeds and the plan."""
        digest = hashlib.sha256()
        for frames in (self.real, self.world, *([] if self.known is None else [self.known])):
            digest.update(frames.pictures.tobytes())
            digest.update(frames.angles.tobytes())
        of = default_batches
        shares = of.WORLD_SHARE, of.WORLD_LOOK_SHARE, of.VIEW_SHARE, of.TRUTH_SHARE
        recipe = (of.VIEWS, of.GEOMETRY, of.BATCH, DROPOUT, *shares)
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
            part = f"{self.seeds} {default_batches.REASONED} {REASON_STRENGTH}"
            learn(
                "held to evidence",
                with_reasons(usual, self.known, scale),
                part,
                start=start,
                plan=dataclasses.replace(self.plan, steps=max(20, self.plan.steps // 2), learning_rate=1e-3),
                penalty=EvidencePenalty(REASON_STRENGTH, PREPROCESS.colour_map()[0].T.sum(axis=1)),
            )
        return networks, curves


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
