"""Keeps account of what could not be read of a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drivesal.errors import DamagedInputError

_MOST_SENTENCES = 10


class Damage:
    """Turns lost frames into sentences, one for each run of them; the same loss met twice counts once.

    `sentences` is kept up to date in place; with `strict` a loss raises `DamagedInputError` instead.
    """

    def __init__(self, path: Path, sentences: list[str], time_of: Callable[[int], float], strict: bool) -> None:
        self._path, self._sentences, self._time_of, self._strict = path, sentences, time_of, strict
        self._runs: list[tuple[int, int]] = []
        self._cut: str | None = None
        self._end: tuple[int, int] | None = None

    def lost(self, start: int, stop: int) -> None:
        """Frames `start` up to `stop` could not be decoded."""
        if start >= stop:
            return
        runs: list[tuple[int, int]] = []
        for first, end in sorted([*self._runs, (start, stop)]):
            if runs and first <= runs[-1][1]:
                runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
            else:
                runs.append((first, end))
        self._runs = runs
        self._report(self._sentence(start, stop))

    def cut(self, sentence: str) -> None:
        """The file ends before it should."""
        self._cut = sentence
        self._report(sentence)

    def cut_after(self, count: int, declared: int) -> None:
        """The file ends after `count` of the `declared` frames, or before, where the last do not decode."""
        self._end = (count, declared)
        self._report(self._ending()[1] or "")

    def _report(self, sentence: str) -> None:
        if self._strict:
            raise DamagedInputError(
                "a whole recording", f"{self._path}: {sentence}", "leave --strict out to keep what can be read"
            )
        runs, cut = self._ending()
        sentences = [self._sentence(*run) for run in runs]
        if len(runs) > _MOST_SENTENCES:
            total = sum(stop - start for start, stop in runs)
            sentences = [
                f"{total} frames in {len(runs)} places from {self._place(runs[0][0])} to "
                f"{self._place(runs[-1][1] - 1)} could not be decoded"
            ]
        self._sentences[:] = sentences + ([cut] if cut else [])

    def _ending(self) -> tuple[list[tuple[int, int]], str | None]:
        """The runs without one that the file's end explains, and the sentence about that end."""
        if self._end is None:
            return self._runs, self._cut
        runs, (count, declared) = self._runs, self._end
        if runs and runs[-1][1] == count:
            runs, count = runs[:-1], runs[-1][0]
        return runs, f"the file is cut short: it ends after {count} of {declared} frames"

    def _sentence(self, start: int, stop: int) -> str:
        count = stop - start
        if count == 1:
            return f"frame {self._place(start)} could not be decoded"
        return f"{count} frames from {self._place(start)} could not be decoded"

    def _place(self, index: int) -> str:
        return f"#{index} ({self._time_of(index):.2f} s)"
