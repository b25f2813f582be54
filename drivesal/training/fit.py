"""The training loop: averaged weights, a cosine schedule, and checkpoints to resume from."""

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
    """Inputs (B, h, w, C) and targets (B, 1) float32; `evidence` (R, h, w) bool for the first R inputs."""

    inputs: Floats
    targets: Floats
    evidence: NDArray[np.bool_] | None = None


Draw = Callable[[int], TrainingBatch]

MOST_AT_ONCE = 8
"""The most batches prepared at the same time: each takes memory and mostly keeps one core busy."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvidencePenalty:
    """A loss term against attribution off the evidence: `strength` times the share of the absolute gradient
    there (after Ross, Hughes and Doshi-Velez 2017, arXiv:1703.03717, who use squares instead of a share).

    The gradient is of the output with respect to the inputs, summed over the channels with weights `channels`
    (C,).
    """

    strength: float
    channels: Floats


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Length and rate of a training: `steps` of one batch each, with a measurement `every` this many steps.

    AdamW with a warm-up and a cosine decay to 0. The result is a running average (EMA) of the weights, so that
    the last batches do not dominate it.

    With `watch`, the name of a metric, the result is the weights with its smallest value, and training stops
    early if it has not decreased for `patience` measurements. With `start_counts` the initial weights are
    measured too, as step 0: fine-tuning may not improve a pretrained network.
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
    checkpoint: Path | None,
    key: str,
    penalty: EvidencePenalty | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> list[Row]:
    """Train `network` in place; the result is a row of metrics every `plan.every` steps and after the last.

    `draw(step)` gives the step's batch and must depend on the step alone; tf.data runs it ahead of use. With
    `penalty` every batch must have evidence. `measure` is called with the network under the averaged weights
    and returns metrics, which go to `report` with the step, the mean loss since the last row and the total
    seconds; `progress` is called with 1 for every step.

    The state is saved to `checkpoint` at every measurement, with the plan and `key`, which must identify
    everything else that determines the result. A second call with the same arguments resumes there and ends
    with the same weights. If a metric is watched, Ctrl+C or SIGTERM after the first measurement ends training
    like exhausted patience, and so does a metric that is no longer finite. Raises OptionError if it never was
    finite.
    """
    state = TrainingState(network, _optimizer(plan), plan)
    state.restore(checkpoint, _facts(plan, key))
    start = time.perf_counter() - (state.history[-1]["seconds"] if state.history else 0.0)
    train_step = _train_step(network, state.optimizer, penalty)
    losses: list[float] = []

    def add_row(row: Row) -> None:
        with state.averaged():
            row |= measure(network)
        row["seconds"] = round(time.perf_counter() - start, 1)
        state.add(row)
        report(row)

    if plan.start_counts and not state.history:
        add_row({"step": 0})
    with contextlib.closing(_stream(draw, state.step, plan.steps, penalty is not None)) as batches:
        try:
            for batch in batches:
                Stopped.check()
                losses.append(float(train_step(*batch)))
                state.update_average()
                progress(1)
                if state.step % plan.every and state.step != plan.steps:
                    continue
                add_row({"step": state.step, "loss": float(np.mean(losses))})
                losses.clear()
                if state.diverged:
                    _warn_or_raise(state)
                    break
                state.save(checkpoint, _facts(plan, key))
                if state.waited >= plan.patience and plan.watch is not None:
                    break
        except (KeyboardInterrupt, Stopped) as stop:
            by_user = isinstance(stop, KeyboardInterrupt) or stop.args[0] in (signal.SIGINT, signal.SIGTERM)
            if not by_user or state.best is None or state.step < plan.every:
                raise
            Stopped.received = None  # so that a second signal stops the run
            _log.warning("stopped; the best weights so far are used")
    state.end()
    return state.history


def _warn_or_raise(state: TrainingState) -> None:
    """Warn about diverged weights. Raises OptionError if there are no earlier ones."""
    came = f"after {state.step} steps the error is not a finite number"
    if state.best is None:
        raise OptionError("a training whose error stays finite", came, "choose a smaller --learning-rate")
    _log.warning("%s; the best weights so far are used", came)


def _stream(draw: Draw, start: int, stop: int, evidence: bool) -> Generator[tuple[Any, ...]]:
    """The steps' batches as tensors, in order, prepared ahead in threads; exceptions of `draw` are
    re-raised."""
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

    def as_tensors(step: Any) -> Any:
        return tf.numpy_function(drawn, [step], types)

    at_once = min(os.cpu_count() or 1, MOST_AT_ONCE)
    batches = tf.data.Dataset.range(start, stop).map(as_tensors, at_once, deterministic=True).prefetch(2)
    try:
        yield from batches
    except tf.errors.OpError:
        if raised:
            raise raised[0] from None
        raise


def _train_step(network: Any, optimizer: Any, penalty: EvidencePenalty | None) -> Callable[..., Any]:
    """A function that trains on one batch, with the penalty if there is one.

    It returns the squared error alone, as a tensor. The network is never compiled: its file holds no optimizer.
    """
    tf = tensorflow()

    def off_evidence(inputs: Any, evidence: Any, channels: Floats) -> Any:
        watched = inputs[: tf.shape(evidence)[0]]
        with tf.GradientTape() as inner:
            inner.watch(watched)
            output = network(watched, training=False)
        absolute = tf.abs(tf.reduce_sum(inner.gradient(output, watched) * channels, -1))
        off = tf.cast(~evidence, tf.float32)
        return tf.reduce_sum(absolute * off, (1, 2)) / (tf.reduce_sum(absolute, (1, 2)) + 1e-9)

    @tf.function  # type: ignore[untyped-decorator]
    def train_step(inputs: Any, targets: Any, evidence: Any = None) -> Any:
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((network(inputs, training=True) - targets) ** 2)
            loss = tf.add_n([error, *network.losses])
            if penalty is not None:
                loss += penalty.strength * tf.reduce_mean(off_evidence(inputs, evidence, penalty.channels))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return error

    return train_step  # type: ignore[no-any-return]


def _optimizer(plan: TrainingPlan) -> Any:
    schedules = keras().optimizers.schedules
    warm = min(200, plan.steps // 10)
    rate = schedules.CosineDecay(0.0, plan.steps - warm, warmup_target=plan.learning_rate, warmup_steps=warm)
    return keras().optimizers.AdamW(rate, plan.weight_decay, clipnorm=1.0)


def _facts(plan: TrainingPlan, key: str) -> dict[str, Any]:
    return {"plan": asdict(plan), "key": key}


def seeded(seed: int) -> None:
    """Make the following training reproducible on one machine: weights, dropout, and the order of sums."""
    tensorflow().config.experimental.enable_op_determinism()
    keras().utils.set_random_seed(seed)
