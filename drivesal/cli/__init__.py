"""The command line: one file a command. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import errno
import importlib
import os
import pkgutil
import signal
import sys
from types import FrameType
from typing import Any

import click

from drivesal import __version__
from drivesal.errors import DrivesalError, Stopped


class Commands(click.Group):
    """Every module of this folder that has a `command` is one, named after the file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, from the folder."""
        return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"drivesal.cli.{cmd_name}").command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="drivesal")
def cli() -> None:
    """Show what a steering network looks at.

    \b
    drivesal video run.mp4                      overlay video, table and facts
    drivesal review run.mp4                     frame by frame in the browser
    drivesal image run.mp4 --at 1:13            one frame as a figure
    drivesal evaluate my.keras run.mp4          its errors, and where it is worst
    drivesal info drive/                        what a recording holds
    drivesal train run.mp4 --out my.keras       a steering model from recordings
    drivesal model my.keras                     what a model expects and gives
    drivesal methods                            the attribution methods
    drivesal world --seed 7 --out drive/        a drawn drive with known steering
    """


def main(arguments: list[str] | None = None) -> Any:
    """Runs the command line and exits: one line and 1 for a person's mistake, 128 + its number for a signal."""
    _open_standard_streams()
    Stopped.received = None
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, _stop)
    sys.exit(_run(arguments))


def _stop(number: int, _frame: FrameType | None) -> None:
    Stopped.received = number
    raise Stopped(number)


def _open_standard_streams() -> None:
    """Puts nothing where a closed stdin, stdout or stderr was, or the next file opened would take its place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _run(arguments: list[str] | None) -> int:
    """Runs the command line; the exit code."""
    try:
        code = cli.main(arguments, prog_name="drivesal", standalone_mode=False) or 0
        sys.stdout.flush()
        return int(code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except DrivesalError as error:
        return _say(str(error), error.exit_code)
    except Stopped as error:
        return _say("stopped; what was under way was not written", 128 + int(error.args[0]))
    except click.Abort:
        return _say("stopped", 130)
    except ImportError as error:
        reason = " ".join(str(error).split())
        if ".so" not in reason:
            raise
        return _say(
            f"expected every library to load, but a system library is missing ({reason}); "
            "for OpenCV's libGL and libglib: apt-get install libgl1 libglib2.0-0, "
            "or put opencv-python-headless of the same version in place of opencv-python",
            1,
        )
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        # what was printed last stays in the buffer, and would fail again when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _say(
            f"expected to write the summary to stdout, but it failed ({error.strerror}); results are kept", 1
        )


def _say(text: str, code: int) -> int:
    click.echo(f"drivesal: {text}", err=True)
    return code
