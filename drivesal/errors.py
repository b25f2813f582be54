"""What goes wrong because of what a person gave us, said in one line."""


class DrivesalError(Exception):
    """A person's mistake or a damaged input: what was expected, what came, what to do.

    The command line prints it as one line and exits with `exit_code`.
    """

    exit_code = 1

    def __init__(self, expected: str, came: str, do: str) -> None:
        super().__init__(f"expected {expected}, but {came}; {do}")
        self.expected, self.came, self.do = expected, came, do


class InputError(DrivesalError):
    """The recording, picture or range cannot be used."""


class LabelError(DrivesalError):
    """The steering labels cannot be used."""


class ModelError(DrivesalError):
    """The model or its card cannot be used."""


class OptionError(DrivesalError):
    """An option's value, or a combination of options, cannot be used."""


class OutputError(DrivesalError):
    """The result cannot be written where it was asked for."""


class DamagedInputError(DrivesalError):
    """The input is damaged and `--strict` asked for a whole one."""


class Stopped(BaseException):
    """SIGTERM arrived: unwinds every stage like KeyboardInterrupt does."""
