"""The command line: one file a command. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import ast
import difflib
import errno
import importlib
import os
import pkgutil
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import click

from drivesal import __version__
from drivesal.errors import DrivesalError, Stopped


class Commands(click.Group):
    """Every module of this folder that has a `command` is one, named after the file, _ as -."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, from the folder."""
        names = (m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
        return sorted(name.replace("_", "-") for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"drivesal.cli.{cmd_name.replace('-', '_')}").command
        _drop_clashing(command, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with the first sentence of their docstrings, read without importing any of them."""
        names = self.list_commands(ctx)
        room = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_sentence(name, room)) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As Click has it; what is no command's name is told with the nearest, or what to do with a drive."""
        name, known = args[0], self.list_commands(ctx)
        if name in known or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name.lower(), known, n=1)
        do = f"Did you mean {near[0]!r}?" if near else f"The commands are {', '.join(known)}."
        if not near and Path(name).exists():
            do = f"For a recording: drivesal video {shlex.quote(name)}"
        raise click.UsageError(f"No such command {name!r}. {do}", ctx)


def _drop_clashing(command: click.Command, name: str) -> None:
    """Removes the options of methods of other packages whose names are the command's own, with a warning."""
    methods = [one for one in command.params if (one.name or "").startswith("method_")]
    own = {flag for one in command.params if one not in methods for flag in one.opts}
    for one in methods:
        if own & set(one.opts):
            command.params.remove(one)
            _say(f"the method option {one.opts[0]} is left out: `{name}` has another of that name", 0)


def _first_sentence(name: str, room: int) -> str:
    """What the function `command` of a command's module says of itself, cut to `room` characters."""
    path = Path(__file__).with_name(f"{name.replace('-', '_')}.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            return click.Command(name, help=ast.get_docstring(node)).get_short_help_str(room)
    return ""


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='Completion in bash (zsh, fish): eval "$(_DRIVESAL_COMPLETE=bash_source drivesal)"',
)
@click.version_option(__version__, prog_name="drivesal")
def cli() -> None:
    """Show what a steering network looks at.

    \b
    drivesal video run.mp4                      overlay video, table and facts
    drivesal review run.mp4                     frame by frame in the browser
    drivesal image run.mp4 --at 1:13            one frame as a figure
    drivesal evaluate my.keras run.mp4          its errors, and where it is worst
    drivesal fit-settings old.h5 drive/         how an old model wants to be fed
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
        words = sys.argv[1:] if arguments is None else arguments
        code = cli.main(words, prog_name="drivesal", standalone_mode=False, obj=words) or 0
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
