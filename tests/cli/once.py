"""Run the command within this process, for fixtures of module scope."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from tests.conftest import Run


def once(folder: Path, *arguments: object) -> Run:
    """Run the command in `folder`."""
    from drivesal.cli import main

    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as stop,
    ):
        main([*map(str, arguments)])
    return Run(stop.value.code, out.getvalue(), err.getvalue())
