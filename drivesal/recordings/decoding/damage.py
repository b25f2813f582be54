"""Reports of the frames of a recording that could not be decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drivesal.errors import DamagedInputError

_MAX_MESSAGES = 10


class Damage:
    """Collects lost frames into messages, one per run of consecutive frames. Repeated losses count once.

    `messages` is updated in place; with `strict` a loss raises `DamagedInputError` instead.
    """

    def __init__(self, path: Path, messages: list[str], time_of: Callable[[int], float], strict: bool) -> None:
        self._path, self._messages, self._time_of, self._strict = path, messages, time_of, strict
        self._runs: list[tuple[int, int]] = []
        self._truncation: str | None = None
        self._counts: tuple[int, int] | None = None

    def lost(self, start: int, stop: int) -> None:
        """Report that frames `start` up to `stop` (exclusive) could not be decoded."""
        if start >= stop:
            return
        runs: list[tuple[int, int]] = []
        for first, end in sorted([*self._runs, (start, stop)]):
            if runs and first <= runs[-1][1]:
                runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
            else:
                runs.append((first, end))
        self._runs = runs
        self._report(self._message(start, stop))

    def truncated(self, message: str) -> None:
        """Report that the file is truncated."""
        self._truncation = message
        self._report(message)

    def truncated_after(self, count: int, declared: int) -> None:
        """Report that the file ends after `count` of the `declared` frames, or earlier if the last are lost."""
        self._counts = (count, declared)
        self._report(self._merge_truncation()[1] or "")

    def _report(self, message: str) -> None:
        if self._strict:
            raise DamagedInputError(
                "an undamaged recording",
                f"{self._path}: {message}",
                "leave --strict out to use the readable frames",
            )
        runs, truncated = self._merge_truncation()
        messages = [self._message(*run) for run in runs]
        if len(runs) > _MAX_MESSAGES:
            total = sum(stop - start for start, stop in runs)
            messages = [
                f"{total} frames in {len(runs)} places from {self._position(runs[0][0])} to "
                f"{self._position(runs[-1][1] - 1)} could not be decoded"
            ]
        self._messages[:] = messages + ([truncated] if truncated else [])

    def _merge_truncation(self) -> tuple[list[tuple[int, int]], str | None]:
        """Runs of lost frames, without a run at the truncated end of the file, and the truncation message."""
        if self._counts is None:
            return self._runs, self._truncation
        runs, (count, declared) = self._runs, self._counts
        if runs and runs[-1][1] == count:
            runs, count = runs[:-1], runs[-1][0]
        return runs, f"the file is cut short: it ends after {count} of {declared} frames"

    def _message(self, start: int, stop: int) -> str:
        count = stop - start
        if count == 1:
            return f"frame {self._position(start)} could not be decoded"
        return f"{count} frames from {self._position(start)} could not be decoded"

    def _position(self, index: int) -> str:
        return f"#{index} ({self._time_of(index):.2f} s)"
