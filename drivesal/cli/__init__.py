"""The command line: one file per command. Nothing heavy is imported until a command runs."""

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
    """A group with one command per module of this folder, named after the file with _ as -."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, from the files of the folder."""
        names = (m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
        return sorted(name.replace("_", "-") for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"drivesal.cli.{cmd_name.replace('-', '_')}").command
        _drop_clashing(command, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with the first sentence of their docstrings, read without importing them."""
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_sentence(name, limit)) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as Click does; for an unknown command, suggest the nearest, or `video` if it is a file."""
        name, known = args[0], self.list_commands(ctx)
        if name in known or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name.lower(), known, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else f"The commands are {', '.join(known)}."
        if not near and Path(name).exists():
            advice = f"For a recording: drivesal video {shlex.quote(name)}"
        raise click.UsageError(f"No such command {name!r}. {advice}", ctx)


def _drop_clashing(command: click.Command, name: str) -> None:
    """Remove method options from other packages that clash with the command's own options; warn about each."""
    methods = [each for each in command.params if (each.name or "").startswith("method_")]
    own = {flag for each in command.params if each not in methods for flag in each.opts}
    for option in methods:
        if own & set(option.opts):
            command.params.remove(option)
            _report(f"the method option {option.opts[0]} is ignored: `{name}` has an option of that name", 0)


def _first_sentence(name: str, limit: int) -> str:
    """The first sentence of the docstring of a module's function `command`, at most `limit` characters."""
    path = Path(__file__).with_name(f"{name.replace('-', '_')}.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            return click.Command(name, help=ast.get_docstring(node)).get_short_help_str(limit)
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
    drivesal evaluate my.keras run.mp4          errors against the labels, worst segments
    drivesal fit-settings old.h5 drive/         find the input settings of an old model
    drivesal info drive/                        contents of a recording
    drivesal train run.mp4 --out my.keras       a steering model from recordings
    drivesal model my.keras                     input, output, unit and sign of a model
    drivesal methods                            the attribution methods
    drivesal world --seed 7 --out drive/        a synthetic drive with known steering
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line and exit: one line and code 1 for a user's mistake, 128 + number for a signal."""
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
    """Open the null device for a closed stdin, stdout or stderr: the next file opened would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (open until the process ends)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _run(arguments: list[str] | None) -> int:
    """Run the command line and return the exit code."""
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        code = cli.main(arguments, prog_name="drivesal", standalone_mode=False, obj=arguments) or 0
        sys.stdout.flush()
        return int(code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except DrivesalError as error:
        return _report(str(error), error.exit_code)
    except Stopped as error:
        return _report("stopped; unfinished results were not written", 128 + int(error.args[0]))
    except click.Abort:
        return _report("stopped", 130)
    except ImportError as error:
        reason = " ".join(str(error).split())
        if ".so" not in reason:
            raise
        return _report(
            f"expected every library to load, but a system library is missing ({reason}); "
            "for OpenCV's libGL and libglib: apt-get install libgl1 libglib2.0-0, "
            "or replace opencv-python by opencv-python-headless of the same version",
            1,
        )
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        # the text left in the buffer would fail again when the interpreter exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _report(
            f"expected to write the summary to stdout, but it failed ({error.strerror}); all files are written",
            1,
        )


def _report(text: str, code: int) -> int:
    click.echo(f"drivesal: {text}", err=True)
    return code
