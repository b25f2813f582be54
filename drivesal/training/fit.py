"""The training loop: averaged weights, a cosine schedule, and a stop that can be taken up again."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivesal.backend import keras, tensorflow
from drivesal.errors import OptionError, Stopped

Floats = NDArray[np.float32]
Row = dict[str, Any]
Measure = Callable[[Any], Row]


class Batch(NamedTuple):
    """Inputs (B, h, w, C) and targets (B, 1) float32; `evidence` (R, h, w) bool of the first R of them."""

    inputs: Floats
    targets: Floats
    evidence: NDArray[np.bool_] | None = None


Draw = Callable[[int], Batch]

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
class Plan:
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
    plan: Plan,
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
    there, to the same end. Where a figure is watched, Ctrl+C after the first measurement ends training as
    patience does, and so does a figure that is no number any more. Raises OptionError where it never was one.
    """
    state = _State(network, _optimizer(plan), plan)
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
            asked = isinstance(stop, KeyboardInterrupt) or stop.args[0] == signal.SIGINT
            if not asked or state.best is None or state.step < plan.every:
                raise
            _log.warning("stopped; the best weights so far are taken")
    state.end()
    return state.history


def _warn_or_raise(state: _State) -> None:
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


class _State:
    """Where a training stands: weights, their running average, the best so far, the optimizer, the history."""

    def __init__(self, network: Any, optimizer: Any, plan: Plan) -> None:
        self.network, self.optimizer, self._plan = network, optimizer, plan
        optimizer.build(network.trainable_variables)
        self.average = [variable.numpy() for variable in network.trainable_variables]
        self.best: list[Floats] | None = None
        self.waited = 0
        self.step = 0
        self.history: list[Row] = []

    def follow(self) -> None:
        """Moves the average a little towards the weights; faster at first, when there is little to average."""
        self.step += 1
        share = min(self._plan.average, (1 + self.step) / (10 + self.step))
        for kept, variable in zip(self.average, self.network.trainable_variables, strict=True):
            kept += (1 - share) * (variable.numpy() - kept)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """The network with the averaged weights, for as long as the block lasts."""
        own = [variable.numpy() for variable in self.network.trainable_variables]
        _put(self.network.trainable_variables, self.average)
        try:
            yield
        finally:
            _put(self.network.trainable_variables, own)

    def add(self, row: Row) -> None:
        """Takes in what was measured, and the weights where they are the best so far."""
        self.history.append(row)
        if self._plan.watch is None:
            return
        self.waited += 1
        if not self.lost and best_row(self.history, self._plan.watch) is row:
            self.waited = 0
            with self.averaged():
                self.best = [variable.numpy() for variable in self.network.variables]

    @property
    def lost(self) -> bool:
        """Whether the watched figure is no number any more: these weights never come back."""
        return self._plan.watch is not None and not np.isfinite(self.history[-1][self._plan.watch])

    def end(self) -> None:
        """Gives the network the weights that come out."""
        if self.best is None:
            _put(self.network.trainable_variables, self.average)
        else:
            _put(self.network.variables, self.best)

    def take_up(self, kept: Path | None, wanted: dict[str, Any]) -> None:
        """Restores what was kept, if it is of what is wanted."""
        if kept is None or not kept.is_file():
            return
        with np.load(kept) as found:
            facts = json.loads(str(found["facts"]))
            if {name: facts.get(name) for name in wanted} != wanted:
                return
            for name, variables in (
                ("network", self.network.variables),
                ("optimizer", self.optimizer.variables),
            ):
                for number, variable in enumerate(variables):
                    variable.assign(found[f"{name}{number}"])
            for number, value in enumerate(self.average):
                value[...] = found[f"average{number}"]
            if "best0" in found:
                self.best = [found[f"best{number}"] for number in range(len(self.network.variables))]
        self.step, self.history, self.waited = int(facts["step"]), list(facts["history"]), int(facts["waited"])

    def keep(self, kept: Path | None, wanted: dict[str, Any]) -> None:
        """Keeps what there is to go on from."""
        if kept is None:
            return
        arrays = {f"network{i}": variable.numpy() for i, variable in enumerate(self.network.variables)}
        arrays |= {f"optimizer{i}": variable.numpy() for i, variable in enumerate(self.optimizer.variables)}
        arrays |= {f"average{i}": value for i, value in enumerate(self.average)}
        arrays |= {f"best{i}": value for i, value in enumerate(self.best or ())}
        facts = json.dumps({**wanted, "step": self.step, "history": self.history, "waited": self.waited})
        part = kept.with_name(f"{kept.name}.part.npz")
        np.savez(part, facts=np.array(facts), **arrays)
        os.replace(part, kept)


def best_row(history: Sequence[Row], watch: str) -> Row:
    """The row of the smallest figure `watch` that is a number, the first of equals."""
    return min((row for row in history if np.isfinite(row[watch])), key=lambda row: row[watch])


def _optimizer(plan: Plan) -> Any:
    schedules = keras().optimizers.schedules
    warm = min(200, plan.steps // 10)
    rate = schedules.CosineDecay(0.0, plan.steps - warm, warmup_target=plan.learning_rate, warmup_steps=warm)
    return keras().optimizers.AdamW(rate, plan.weight_decay, clipnorm=1.0)


def _put(variables: Sequence[Any], values: Sequence[Floats]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _facts(plan: Plan, key: str) -> dict[str, Any]:
    return {"plan": asdict(plan), "key": key}


def seeded(seed: int) -> None:
    """Makes what follows repeatable on one machine: weights, dropout, and the order of sums."""
    tensorflow().config.experimental.enable_op_determinism()
    keras().utils.set_random_seed(seed)
