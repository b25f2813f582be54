"""The direction of imports, and what may be heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from drivesal.cli import cli

PACKAGE = Path(__file__).parent.parent / "drivesal"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

PARTS = {"recordings", "attribution", "overlay", "video", "scale"}
NOTHING = {"steering", "types", "errors"}
"""They may import one another, and preprocess may import them, nothing else of drivesal."""


def imported(path):
    """Every module that this file imports, without what is for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "drivesal":
                yield from (f"drivesal.{alias.name}" for alias in node.names)


def part(name):
    """ "drivesal.overlay.scene" → "overlay"."""
    return name.split(".")[1] if name.startswith("drivesal.") else None


def own(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_direction(path):
    me = own(path)
    names = set(imported(path))
    others = {part(name) for name in names} - {me, None}
    if me in PARTS:
        assert not others & (PARTS - {me})
        assert not others & {"pipeline", "painter", "explain", "cli"}
    if me in NOTHING:
        assert others <= NOTHING
    if me == "preprocess":
        assert others <= NOTHING
    if me == "world":
        assert others <= {"errors", "outputs", "stages", "video", "preprocess", "__version__"}
    if me == "review":
        assert not others & {"saliency", "training", "world"}
    if me == "training":
        reads = {"recordings", "drives", "types", "preprocess", "steering", "target", "evaluation"}
        assert others <= reads | {"backend", "errors", "outputs", "card", "model"}
    if me == "loading":
        says = {"card", "model", "network", "preprocess", "steering", "target"}
        assert others <= says | {"backend", "errors"}
    if me == "model":
        assert "loading" not in others
    if me == "evaluation":
        assert not others & {"pipeline", "painter", "overlay", "recordings", "training"}
    if me != "cli":
        assert "click" not in {name.split(".")[0] for name in names}
        assert "cli" not in others or me == "__main__"
    if me not in {"backend", "model", "attribution", "training", "saliency"}:
        assert not {"tensorflow", "keras"} & {name.split(".")[0] for name in names}


HEAVY = (
    "tensorflow",
    "keras",
    "cv2",
    "matplotlib",
    "numpy",
    "av",
    "pydantic",
    "h5py",
    "fastapi",
    "uvicorn",
    "bokeh",
)


@pytest.mark.parametrize("command", [[], *([name] for name in cli.list_commands(None))], ids=str)
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        "from drivesal.cli import cli\n"
        f"cli.main({[*command, '--help']!r}, standalone_mode=False)\n"
        f"sys.exit(', '.join(name for name in {HEAVY!r} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout
