"""The direction of imports, how the top level looks, and what may be heavy."""

import ast
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from drivesal.cli import cli

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "drivesal"
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

MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
SAME = {"__init__", "registry", "facts"}
"""Names that mean the same thing wherever they stand; a command's module is named after the command."""
LONGEST = 300

PLANTED = {
    "layers": ("explanation/registry.py", "import drivesal.evaluation.run"),
    "parts": (
        "overlay/palette.py",
        "def late():\n    from drivesal.recordings import labels\n    return labels",
    ),
    "overlay": ("recordings/sources.py", "from drivesal.model.card import Card"),
    "click": ("rendering/pipeline.py", "import click"),
    "tensorflow": ("explanation/scale.py", "def late():\n    from drivesal.model.backend import keras"),
}
"""For every contract an import that breaks it: where, and how it is written."""


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """import-linter over the package in `folder`, with this checkout's contracts."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", *arguments]
    return subprocess.run(
        [*command, "--config", str(ROOT / "pyproject.toml")],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_of_imports_are_kept():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(PLANTED)} kept, 0 broken." in done.stdout


@pytest.mark.parametrize("contract", PLANTED)
def test_a_contract_can_be_broken(contract, tmp_path):
    for path in MODULES:
        copy = tmp_path / "drivesal" / path.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    where, line = PLANTED[contract]
    with (tmp_path / "drivesal" / where).open("a") as module:
        module.write(f"\n\n{line}\n")
    done = lint(tmp_path, "--contract", contract)
    assert done.returncode == 1, done.stdout
    assert "Contracts: 0 kept, 1 broken." in done.stdout
    assert f"drivesal.{where.removesuffix('.py').replace('/', '.')}" in done.stdout


def test_little_lies_loose_at_the_top():
    assert len([path for path in MODULES if path.parent == PACKAGE]) <= 8


@pytest.mark.parametrize("folder", ["drivesal", "scripts"])
def test_no_module_is_long(folder):
    long = [path for path in (ROOT / folder).rglob("*.py") if len(path.read_text().splitlines()) > LONGEST]
    assert long == []


def test_no_two_modules_of_one_name():
    named = defaultdict(list)
    for path in MODULES:
        if path.stem not in SAME and path.parent != PACKAGE / "cli":
            named[path.stem].append(path.relative_to(PACKAGE))
    assert {name: paths for name, paths in named.items() if len(paths) > 1} == {}


def test_no_two_classes_of_one_name():
    named = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                named[node.name].append(path.relative_to(PACKAGE))
    named["Recording"].remove(Path("api/drive.py"))  # the API's, which is one of the others
    assert {name: paths for name, paths in named.items() if len(paths) > 1} == {}


LIGHT = {
    "drivesal": set(),
    "drivesal.attribution.registry": set(),
    "drivesal.overlay.renderer": {"cv2", "numpy"},
    "drivesal.model.readers": {"numpy"},
    "drivesal.explanation.explainer": {"cv2", "numpy"},
    "drivesal.recordings": {"cv2", "numpy", "av"},
    "drivesal.settings": {"pydantic"},
    "drivesal.rendering.pipeline": {"cv2", "numpy", "av", "pydantic"},
    "drivesal.api": {"cv2", "numpy", "av", "pydantic"},
    "drivesal.synthetic.world": {"cv2", "numpy"},
}
"""What the import of a module may load of what is heavy."""


@pytest.mark.parametrize("module", LIGHT)
def test_an_import_loads_no_more_than_it_needs(module):
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= LIGHT[module]


@pytest.mark.parametrize("command", [[], *([name] for name in cli.list_commands(None))], ids=str)
def test_help_imports_nothing_heavy(command):
    settings = {"pydantic"} if command else set()
    code = (
        "import sys\n"
        "from drivesal.cli import cli\n"
        f"cli.main({[*command, '--help']!r}, standalone_mode=False)\n"
        f"loaded = {{name for name in {HEAVY!r} if name in sys.modules}} - {settings!r}\n"
        "sys.exit(', '.join(loaded) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout
