"""The training loop: averaged weights, a cosine schedule, and a stop that can be taken up again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivesal.backend import keras, tensorflow
from drivesal.stages import in_order

Floats = NDArray[np.float32]
Draw = Callable[[int], tuple[Floats, Floats]]
Row = dict[str, Any]
Measure = Callable[[Any], Row]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast: `steps` of one batch each, measured `every` so many steps.

    Adam with decoupled weight decay, the rate warmed up and then falling to 0 as a cosine. The weights that
    come out are a running average, so that the last batches do not decide.
    """

    steps: int
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    average: float = 0.995
    every: int = 500


def fit(
    network: Any,
    draw: Draw,
    plan: Plan,
    measure: Measure,
    report: Callable[[Row], object],
    kept: Path,
    key: str,
) -> list[Row]:
    """Trains `network` in place; returns what was measured, a row every `plan.every` steps.

    `draw(step)` gives the step's batch, inputs (B, h, w, C) and targets (B, 1) float32, and must depend on the
    step alone; it runs in threads ahead of its use. `measure` gets the averaged network and gives figures,
    which go to `report` with the step, the loss since the last one and the seconds that all of it took.

    What there is to go on from is kept in the file `kept` at every measurement, beside the plan and `key`,
    which must tell apart whatever else the result follows from. Called again with the same, training goes on
    there, to the same end.
    """
    optimizer = _optimizer(plan)
    network.compile(optimizer, loss="mse")
    optimizer.build(network.trainable_variables)
    average = [variable.numpy() for variable in network.trainable_variables]
    step, history = _take_up(kept, _facts(plan, key), network, optimizer, average)
    start = time.perf_counter() - (history[-1]["seconds"] if history else 0.0)
    averaged = keras().models.clone_model(network)
    losses: list[float] = []
    with closing(in_order(draw, range(step, plan.steps))) as batches:
        for inputs, targets in batches:
            losses.append(float(network.train_on_batch(inputs, targets)))
            step += 1
            _follow(average, network, plan.average, step)
            if step % plan.every == 0 or step == plan.steps:
                _put(averaged, average)
                row: Row = {"step": step, "loss": float(np.mean(losses)), **measure(averaged)}
                row["seconds"] = round(time.perf_counter() - start, 1)
                losses.clear()
                history.append(row)
                report(row)
                _keep(kept, _facts(plan, key), network, optimizer, average, step, history)
    _put(network, average)
    return history


def _optimizer(plan: Plan) -> Any:
    schedules = keras().optimizers.schedules
    warm = min(200, plan.steps // 10)
    rate = schedules.CosineDecay(0.0, plan.steps - warm, warmup_target=plan.learning_rate, warmup_steps=warm)
    return keras().optimizers.AdamW(rate, plan.weight_decay, clipnorm=1.0)


def _follow(average: list[Floats], network: Any, share: float, step: int) -> None:
    """Moves the average a little towards the weights; faster at first, when there is little to average."""
    share = min(share, (1 + step) / (10 + step))
    for kept, variable in zip(average, network.trainable_variables, strict=True):
        kept += (1 - share) * (variable.numpy() - kept)


def _put(network: Any, weights: list[Floats]) -> None:
    for variable, value in zip(network.trainable_variables, weights, strict=True):
        variable.assign(value)


def _facts(plan: Plan, key: str) -> dict[str, Any]:
    return {"plan": asdict(plan), "key": key}


def _take_up(
    kept: Path, wanted: dict[str, Any], network: Any, optimizer: Any, average: list[Floats]
) -> tuple[int, list[Row]]:
    """Restores what was kept, if it is of what is wanted; the step and the history to go on from."""
    if not kept.is_file():
        return 0, []
    with np.load(kept) as found:
        facts = json.loads(str(found["facts"]))
        if {name: facts.get(name) for name in wanted} != wanted:
            return 0, []
        for name, variables in (("network", network.variables), ("optimizer", optimizer.variables)):
            for number, variable in enumerate(variables):
                variable.assign(found[f"{name}{number}"])
        for number, value in enumerate(average):
            value[...] = found[f"average{number}"]
    return int(facts["step"]), list(facts["history"])


def _keep(
    kept: Path,
    wanted: dict[str, Any],
    network: Any,
    optimizer: Any,
    average: list[Floats],
    step: int,
    history: list[Row],
) -> None:
    arrays = {f"network{i}": variable.numpy() for i, variable in enumerate(network.variables)}
    arrays |= {f"optimizer{i}": variable.numpy() for i, variable in enumerate(optimizer.variables)}
    arrays |= {f"average{i}": value for i, value in enumerate(average)}
    facts = json.dumps({**wanted, "step": step, "history": history})
    part = kept.with_name(f"{kept.name}.part.npz")
    np.savez(part, facts=np.array(facts), **arrays)
    os.replace(part, kept)


def seeded(seed: int) -> None:
    """Makes what follows repeatable on one machine: weights, dropout, and the order of sums."""
    tensorflow().config.experimental.enable_op_determinism()
    keras().utils.set_random_seed(seed)
