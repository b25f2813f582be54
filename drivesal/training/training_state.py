"""The state of a training run, and its checkpoints."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from drivesal.training.fit import Row, TrainingPlan
    from drivesal.types import Floats


class TrainingState:
    """The state of a training run: weights, their running average, the best so far, optimizer and history."""

    def __init__(self, network: Any, optimizer: Any, plan: TrainingPlan) -> None:
        self.network, self.optimizer, self._plan = network, optimizer, plan
        optimizer.build(network.trainable_variables)
        self.average = [variable.numpy() for variable in network.trainable_variables]
        self.best: list[Floats] | None = None
        self.waited = 0
        self.step = 0
        self.history: list[Row] = []

    def update_average(self) -> None:
        """Count a step and move the average towards the weights; faster in the first steps."""
        self.step += 1
        decay = min(self._plan.average, (1 + self.step) / (10 + self.step))
        for mean, variable in zip(self.average, self.network.trainable_variables, strict=True):
            mean += (1 - decay) * (variable.numpy() - mean)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the averaged weights in the network within the block."""
        own = [variable.numpy() for variable in self.network.trainable_variables]
        _assign(self.network.trainable_variables, self.average)
        try:
            yield
        finally:
            _assign(self.network.trainable_variables, own)

    def add(self, row: Row) -> None:
        """Add a row of metrics, and keep the weights if they are the best so far."""
        self.history.append(row)
        if self._plan.watch is None:
            return
        self.waited += 1
        if not self.diverged and best_row(self.history, self._plan.watch) is row:
            self.waited = 0
            with self.averaged():
                self.best = [variable.numpy() for variable in self.network.variables]

    @property
    def diverged(self) -> bool:
        """Whether the watched metric is no longer finite: such weights do not recover."""
        return self._plan.watch is not None and not np.isfinite(self.history[-1][self._plan.watch])

    def end(self) -> None:
        """Set the network to the resulting weights: the best, or the average if nothing is watched."""
        if self.best is None:
            _assign(self.network.trainable_variables, self.average)
        else:
            _assign(self.network.variables, self.best)

    def restore(self, checkpoint: Path | None, identity: dict[str, Any]) -> None:
        """Restore the checkpoint if it exists and its facts match `identity`."""
        if checkpoint is None or not checkpoint.is_file():
            return
        with np.load(checkpoint) as arrays:
            facts = json.loads(str(arrays["facts"]))
            if {name: facts.get(name) for name in identity} != identity:
                return
            for name, variables in (
                ("network", self.network.variables),
                ("optimizer", self.optimizer.variables),
            ):
                for number, variable in enumerate(variables):
                    variable.assign(arrays[f"{name}{number}"])
            for number, value in enumerate(self.average):
                value[...] = arrays[f"average{number}"]
            if "best0" in arrays:
                self.best = [arrays[f"best{number}"] for number in range(len(self.network.variables))]
        self.step, self.history, self.waited = int(facts["step"]), list(facts["history"]), int(facts["waited"])

    def save(self, checkpoint: Path | None, identity: dict[str, Any]) -> None:
        """Write a checkpoint to resume from; it replaces an older one only when complete."""
        if checkpoint is None:
            return
        arrays = {f"network{i}": variable.numpy() for i, variable in enumerate(self.network.variables)}
        arrays |= {f"optimizer{i}": variable.numpy() for i, variable in enumerate(self.optimizer.variables)}
        arrays |= {f"average{i}": value for i, value in enumerate(self.average)}
        arrays |= {f"best{i}": value for i, value in enumerate(self.best or ())}
        facts = json.dumps({**identity, "step": self.step, "history": self.history, "waited": self.waited})
        partial = checkpoint.with_name(f"{checkpoint.name}.part.npz")
        np.savez(partial, facts=np.array(facts), **arrays)
        os.replace(partial, checkpoint)


def best_row(history: Sequence[Row], watch: str) -> Row:
    """The row with the smallest finite value of the metric `watch`, the first of equal ones."""
    return min((row for row in history if np.isfinite(row[watch])), key=lambda row: row[watch])


def _assign(variables: Sequence[Any], values: Sequence[Floats]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
