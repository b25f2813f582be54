"""What goes wrong because of what a person gave us, said in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

DAMAGED = 3
"""Exit code of a run whose input was damaged but partly readable: its results are whole for what was read."""
_LONGEST = 1000


def printable(text: str) -> str:
    """The text in one line of at most 1000 characters, without what a terminal would act upon."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return "".join(one if one.isprintable() else " " if one.isspace() else "?" for one in short)


class DrivesalError(Exception):
    """A person's mistake or a damaged input: what was expected, what came, what to do.

    The command line prints it as one line and exits with `exit_code`.
    """

    exit_code = 1

    def __init__(self, expected: str, came: str, do: str) -> None:
        expected, came, do = (printable(part) for part in (expected, came, do))
        super().__init__(f"expected {expected}, but {came}; {do}")
        self.expected, self.came, self.do = expected, came, do


class InputError(DrivesalError):
    """The recording, picture or range cannot be used."""


class LabelError(DrivesalError):
    """The steering labels cannot be used."""


class ModelError(DrivesalError):
    """The model or its card cannot be used."""


class IncompleteError(ModelError):
    """A network is sound and something about it is not known, or it is of a kind that is not supported.

    `network` is the network, where it came from a file that was read.
    """

    network: Any = None


class LambdaError(ModelError):
    """A model's file holds code of Lambda layers, `names`; `command` says their formula where it is known.

    `more` is what else can be done, behind it.
    """

    def __init__(
        self, expected: str, came: str, names: Sequence[str], more: str = "", command: str | None = None
    ) -> None:
        say = command or f"--lambda {names[0]}=x/127.5-1"
        super().__init__(expected, came, f"if it only scales, say what it computes: {say}{more}")
        self.names, self.more = tuple(names), more

    def with_command(self, command: str) -> LambdaError:
        """The same with the whole command to type."""
        return LambdaError(self.expected, self.came, self.names, self.more, command)


class OptionError(DrivesalError):
    """An option's value, or a combination of options, cannot be used."""


class OutputError(DrivesalError):
    """The result cannot be written where it was asked for."""


class DamagedInputError(DrivesalError):
    """The input is damaged and `--strict` asked for a whole one."""


class Stopped(BaseException):
    """A signal arrived (its number is the argument): unwinds every stage. Training alone catches Ctrl+C.

    `received` is the last signal's number: what TensorFlow's own code calls may swallow the exception.
    """

    received: ClassVar[int | None] = None

    @classmethod
    def check(cls) -> None:
        """Raises Stopped where a signal arrived; for loops that call TensorFlow in the main thread."""
        if cls.received is not None:
            raise cls(cls.received)


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """ "did you mean X?" for a misspelt name, or `otherwise` where nothing is near."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else otherwise
