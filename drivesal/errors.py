"""Errors caused by user input, each with a one-line message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

DAMAGED = 3
"""Exit code for damaged but partly readable input: the results are complete for the readable frames."""
_MAX_LENGTH = 1000


def printable(text: str) -> str:
    """The text on one line of at most 1000 characters, with control characters replaced by "?" or a space."""
    short = text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"
    return "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in short)


class DrivesalError(Exception):
    """A user error or damaged input: what was expected, what came instead, what to do.

    The command line prints the message on one line and exits with `exit_code`.
    """

    exit_code = 1

    def __init__(self, expected: str, came: str, do: str) -> None:
        expected, came, do = (printable(part) for part in (expected, came, do))
        super().__init__(f"expected {expected}, but {came}; {do}")
        self.expected, self.came, self.do = expected, came, do


class InputError(DrivesalError):
    """The recording, image or range cannot be used."""


class LabelError(DrivesalError):
    """The steering labels cannot be used."""


class ModelError(DrivesalError):
    """The model or its card cannot be used."""


class IncompleteError(ModelError):
    """The network is valid, but a required property is not known or its type is not supported.

    `network` is the loaded network, if it was read from a file.
    """

    network: Any = None


class LambdaError(ModelError):
    """The model file contains code of Lambda layers, called `names`.

    `command` is the suggested option or command that gives their formula; `more` is further advice, appended.
    """

    def __init__(
        self, expected: str, came: str, names: Sequence[str], more: str = "", command: str | None = None
    ) -> None:
        suggestion = command or f"--lambda {names[0]}=x/127.5-1"
        super().__init__(expected, came, f"if it only scales, say what it computes: {suggestion}{more}")
        self.names, self.more = tuple(names), more

    def with_command(self, command: str) -> LambdaError:
        """The same error with the full command to type."""
        return LambdaError(self.expected, self.came, self.names, self.more, command)


class OptionError(DrivesalError):
    """An option value or a combination of options is invalid."""


class OutputError(DrivesalError):
    """The result cannot be written to the requested path."""


class DamagedInputError(DrivesalError):
    """The input is damaged and `--strict` was given."""


class Stopped(BaseException):
    """A signal arrived (its number is the argument). Unwinds every stage; only training catches Ctrl+C.

    `received` is the number of the last signal: TensorFlow may swallow an exception raised in its callbacks.
    """

    received: ClassVar[int | None] = None

    @classmethod
    def check(cls) -> None:
        """Raise Stopped if a signal arrived; for loops that call TensorFlow in the main thread."""
        if cls.received is not None:
            raise cls(cls.received)


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """ "did you mean X?" for a misspelt name, or `otherwise` if no known name is similar."""
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"did you mean {matches[0]}?" if matches else otherwise
