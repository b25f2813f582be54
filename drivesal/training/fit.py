"""The training loop: averaged weights, a cosine schedule, and a stop that can be taken up again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivesal.backend import keras, tensorflow
from drivesal.stages import in_order

Floats = NDArray[np.float32]
Row = dict[str, Any]
Measure = Callable[[Any], Row]


class Batch(NamedTuple):
    """Inputs (B, h, w, C) and targets (B, 1) float32; `evidence` (R, h, w) bool of the first R of them."""

    inputs: Floats
    targets: Floats
    evidence: NDArray[np.bool_] | None = None


Draw = Callable[[int], Batch]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Holds the network to evidence: the share of the absolute gradient that lies off it, `strength` times, is
    added to the loss (after Ross, Hughes and Doshi-Velez 2017, arXiv:1703.03717, who take squares, no share).

    The gradient is that of the answer at the inputs, summed over the channels with `channels` (C,).
    """

    strength: float
    channels: Floats


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
    reasons: Reasons | None = None,
) -> list[Row]:
    """Trains `network` in place; returns what was measured, a row every `plan.every` steps.

    `draw(step)` gives the step's batch and must depend on the step alone; it runs in threads ahead of its use.
    With `reasons` every batch brings evidence. `measure` gets the averaged network and gives figures,
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
    learn = _learn(network) if reasons is None else _learn_reasons(network, optimizer, reasons)
    with closing(in_order(draw, range(step, plan.steps))) as batches:
        for batch in batches:
            losses.append(learn(batch))
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


def _learn(network: Any) -> Callable[[Batch], float]:
    return lambda batch: float(network.train_on_batch(batch.inputs, batch.targets))


def _learn_reasons(network: Any, optimizer: Any, reasons: Reasons) -> Callable[[Batch], float]:
    """What learns one batch and holds the gradient to its evidence; gives the squared error alone."""
    tf = tensorflow()
    channels = tf.constant(reasons.channels, tf.float32)

    @tf.function  # type: ignore[untyped-decorator]
    def learn(inputs: Any, targets: Any, off: Any) -> Any:
        held = inputs[: tf.shape(off)[0]]
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((network(inputs, training=True) - targets) ** 2)
            with tf.GradientTape() as inner:
                inner.watch(held)
                answer = network(held, training=False)
            absolute = tf.abs(tf.reduce_sum(inner.gradient(answer, held) * channels, -1))
            shares = tf.reduce_sum(absolute * off, (1, 2)) / (tf.reduce_sum(absolute, (1, 2)) + 1e-9)
            loss = error + reasons.strength * tf.reduce_mean(shares)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return error

    def learn_batch(batch: Batch) -> float:
        if batch.evidence is None:
            raise ValueError("a batch without evidence")
        return float(learn(batch.inputs, batch.targets, (~batch.evidence).astype(np.float32)))

    return learn_batch


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
