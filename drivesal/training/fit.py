"""The training loop: averaged weights, a cosine schedule, and a stop that can be taken up again."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivesal.errors import OptionError, Stopped
from drivesal.model.backend import keras, tensorflow
from drivesal.training.training_state import TrainingState

if TYPE_CHECKING:
    from drivesal.types import Floats

Row = dict[str, Any]
Measure = Callable[[Any], Row]


class TrainingBatch(NamedTuple):
    """Inputs (B, h, w, C) and targets (B, 1) float32; `evidence` (R, h, w) bool of the first R of them."""

    inputs: Floats
    targets: Floats
    evidence: NDArray[np.bool_] | None = None


Draw = Callable[[int], TrainingBatch]

MOST_AT_ONCE = 8
"""Batches drawn at the same time at most: each takes memory, and drawing holds one core for the most part."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reasons:
    """Holds the network to evidence: the share of the absolute gradient that lies off it, `strength` times, is
    added to the loss (after Ross, Hughes and Doshi-Velez 2017, arXiv:1703.03717, who take squares, no share).

    The gradient is that of the answer at the inputs, summed over the channels with `channels` (C,).
    """

    strength: float
    channels: Floats


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long and how fast: `steps` of one batch each, measured `every` so many steps.

    Adam with decoupled weight decay, the rate warmed up and then falling to 0 as a cosine. The weights that
    come out are a running average, so that the last batches do not decide.

    With `watch`, the name of a measured figure, those weights come out under which it was smallest, and
    training ends early where it has not become smaller in `patience` measurements. With `start_counts` the
    weights of the beginning are measured too, as step 0: a network that has learnt already may get no better.
    """

    steps: int
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    average: float = 0.995
    every: int = 500
    watch: str | None = None
    patience: int = 10
    start_counts: bool = False


def fit(
    network: Any,
    draw: Draw,
    plan: TrainingPlan,
    measure: Measure,
    report: Callable[[Row], object],
    kept: Path | None,
    key: str,
    reasons: Reasons | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> list[Row]:
    """Trains `network` in place; returns what was measured, a row every `plan.every` steps and at the last.

    `draw(step)` gives the step's batch and must depend on the step alone; tf.data runs it ahead of its use.
    With `reasons` every batch brings evidence. `measure` gets the network with the averaged weights and gives
    figures, which go to `report` with the step, the loss since the last one and the seconds that all of it
    took; `progress` is called with 1 for every step.

    What there is to go on from is kept in the file `kept` at every measurement, beside the plan and `key`,
    which must tell apart whatever else the result follows from. Called again with the same, training goes on
    there, to the same end. Where a figure is watched, Ctrl+C or SIGTERM after the first measurement ends it as
    patience does, and so does a figure that is no number any more. Raises OptionError where it never was one.
    """
    state = TrainingState(network, _optimizer(plan), plan)
    state.take_up(kept, _facts(plan, key))
    start = time.perf_counter() - (state.history[-1]["seconds"] if state.history else 0.0)
    learn = _learn(network, state.optimizer, reasons)
    losses: list[float] = []

    def measured(row: Row) -> None:
        with state.averaged():
            row |= measure(network)
        row["seconds"] = round(time.perf_counter() - start, 1)
        state.add(row)
        report(row)

    if plan.start_counts and not state.history:
        measured({"step": 0})
    with contextlib.closing(_stream(draw, state.step, plan.steps, reasons is not None)) as batches:
        try:
            for batch in batches:
                Stopped.check()
                losses.append(float(learn(*batch)))
                state.follow()
                progress(1)
                if state.step % plan.every and state.step != plan.steps:
                    continue
                measured({"step": state.step, "loss": float(np.mean(losses))})
                losses.clear()
                if state.lost:
                    _warn_or_raise(state)
                    break
                state.keep(kept, _facts(plan, key))
                if state.waited >= plan.patience and plan.watch is not None:
                    break
        except (KeyboardInterrupt, Stopped) as stop:
            asked = isinstance(stop, KeyboardInterrupt) or stop.args[0] in (signal.SIGINT, signal.SIGTERM)
            if not asked or state.best is None or state.step < plan.every:
                raise
            Stopped.received = None  # a second one is heeded
            _log.warning("stopped; the best weights so far are taken")
    state.end()
    return state.history


def _warn_or_raise(state: TrainingState) -> None:
    """What is said of weights that have become infinite."""
    came = f"after {state.step} steps the error is no number"
    if state.best is None:
        raise OptionError("a training whose error stays a number", came, "choose a smaller --learning-rate")
    _log.warning("%s; the best weights so far are taken", came)


def _stream(draw: Draw, start: int, stop: int, evidence: bool) -> Generator[tuple[Any, ...]]:
    """The steps' batches as tensors, in order, drawn ahead in threads; what `draw` raises is raised here."""
    tf = tensorflow()
    types = (tf.float32, tf.float32, tf.bool) if evidence else (tf.float32, tf.float32)
    raised: list[BaseException] = []

    def drawn(step: Any) -> tuple[Any, ...]:
        try:
            batch = draw(int(step))
            if evidence and batch.evidence is None:
                raise ValueError("a batch without evidence")
            return batch if evidence else batch[:2]
        except BaseException as error:
            raised.append(error)
            raise

    def asked(step: Any) -> Any:
        return tf.numpy_function(drawn, [step], types)

    at_once = min(os.cpu_count() or 1, MOST_AT_ONCE)
    batches = tf.data.Dataset.range(start, stop).map(asked, at_once, deterministic=True).prefetch(2)
    try:
        yield from batches
    except tf.errors.OpError:
        if raised:
            raise raised[0] from None
        raise


def _learn(network: Any, optimizer: Any, reasons: Reasons | None) -> Callable[..., Any]:
    """What learns one batch and, with `reasons`, holds the gradient to its evidence.

    Gives the squared error alone, as a tensor. The network is never compiled: its file holds no optimizer.
    """
    tf = tensorflow()

    def off_evidence(inputs: Any, evidence: Any, held_to: Reasons) -> Any:
        held = inputs[: tf.shape(evidence)[0]]
        with tf.GradientTape() as inner:
            inner.watch(held)
            answer = network(held, training=False)
        absolute = tf.abs(tf.reduce_sum(inner.gradient(answer, held) * held_to.channels, -1))
        off = tf.cast(~evidence, tf.float32)
        return tf.reduce_sum(absolute * off, (1, 2)) / (tf.reduce_sum(absolute, (1, 2)) + 1e-9)

    @tf.function  # type: ignore[untyped-decorator]
    def learn(inputs: Any, targets: Any, evidence: Any = None) -> Any:
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((network(inputs, training=True) - targets) ** 2)
            loss = tf.add_n([error, *network.losses])
            if reasons is not None:
                loss += reasons.strength * tf.reduce_mean(off_evidence(inputs, evidence, reasons))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return error

    return learn  # type: ignore[no-any-return]


def _optimizer(plan: TrainingPlan) -> Any:
    schedules = keras().optimizers.schedules
    warm = min(200, plan.steps // 10)
    rate = schedules.CosineDecay(0.0, plan.steps - warm, warmup_target=plan.learning_rate, warmup_steps=warm)
    return keras().optimizers.AdamW(rate, plan.weight_decay, clipnorm=1.0)


def _facts(plan: TrainingPlan, key: str) -> dict[str, Any]:
    return {"plan": asdict(plan), "key": key}


def seeded(seed: int) -> None:
    """Makes what follows repeatable on one machine: weights, dropout, and the order of sums."""
    tensorflow().config.experimental.enable_op_determinism()
    keras().utils.set_random_seed(seed)
