"""Completion in the shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("drivesal")
DOCS = Path(__file__).parents[2] / "docs" / "command-line.md"


def completed(*words, shell="bash"):
    """The completions of the last word."""
    variables = {"_DRIVESAL_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(["drivesal", *words])}
    variables["COMP_CWORD"] = str(len(words))
    done = subprocess.run(
        [COMMAND], env={**os.environ, **variables}, capture_output=True, text=True, check=True, timeout=60
    )
    return [line.split(",", 1)[1] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_line_prints_the_completion_script(shell):
    assert f"_DRIVESAL_COMPLETE={shell}_source drivesal" in DOCS.read_text()
    done = subprocess.run(
        [COMMAND],
        env={**os.environ, "_DRIVESAL_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.search(rf"_DRIVESAL_COMPLETE={shell}_complete", done.stdout)


def test_commands_options_methods_and_cases():
    assert completed("vi") == ["video"]
    assert "--model-positive" in completed("video", "--model")
    assert completed("image", "--method", "grad-cam") == ["grad-cam", "grad-cam++"]
    assert completed("video", "--cases", "increase,su") == ["increase,support"]
    assert completed("evaluate", "de") == ["default", "de"]  # the shell completes the second as a file
