"""The wheel holds what the program needs, the default model and the sample included, and runs from anywhere."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("drivesal", "models", "data", "pyproject.toml", "setup.py", "README.md", "LICENSE")


def test_a_wheel_is_whole(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, source / part)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "-w", tmp_path / "dist", source], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        file.extractall(installed)
    modules = {
        f"drivesal/{path.relative_to(ROOT / 'drivesal').as_posix()}" for path in ROOT.glob("drivesal/**/*.py")
    }
    assert modules <= names
    places = "a.__file__, a.default_model(), a.asset('data', 'run.csv')"
    code = f"import drivesal.model.shipped as a; print({places}, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(Path(line).is_relative_to(installed) for line in done.stdout.split())
