"""The command line: one file a command. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import importlib
import pkgutil
import signal
import sys
from types import FrameType
from typing import Any

import click

from drivesal import __version__
from drivesal.errors import DrivesalError, Stopped

STOPPED = "drivesal: stopped; what was under way was not written"


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
    drivesal image run.mp4 --at 1:13            one frame as a figure
    drivesal model my.keras                     what a model expects and gives
    drivesal methods                            the attribution methods
    """


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped


def main(arguments: list[str] | None = None) -> Any:
    """Runs the command line. One line and exit 1 for a person's mistake, 130 and 143 for a stop."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(cli.main(arguments, prog_name="drivesal", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except DrivesalError as error:
        click.echo(f"drivesal: {error}", err=True)
        sys.exit(error.exit_code)
    except ImportError as error:
        reason = " ".join(str(error).split())
        if ".so" not in reason:
            raise
        click.echo(
            f"drivesal: expected every library to load, but a system library is missing ({reason}); "
            "for OpenCV's libGL and libglib: apt-get install libgl1 libglib2.0-0, "
            "or put opencv-python-headless of the same version in place of opencv-python",
            err=True,
        )
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo(STOPPED, err=True)
        sys.exit(130)
    except Stopped:
        click.echo(STOPPED, err=True)
        sys.exit(143)
