"""Where a training stands, and keeping it in a file to go on from."""

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
    """Where a training stands: weights, their running average, the best so far, the optimizer, the history."""

    def __init__(self, network: Any, optimizer: Any, plan: TrainingPlan) -> None:
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


def _put(variables: Sequence[Any], values: Sequence[Floats]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
