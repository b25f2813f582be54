"""Packages that add methods, recording formats and model formats through entry points."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drivesal.registry import Registry

PACKAGE = Path(__file__).parent / "plugin_package"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that tests/plugin_package is installed in."""
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("plugin") / "source")
    target = source.with_name("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--target", target, source], check=True)
    return target


@pytest.fixture
def with_plugin(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepend_to_path(installed, monkeypatch)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A drive of 8 frames in the format of tests/plugin_package."""
    path = tmp_path / "run.npz"
    frames = np.random.default_rng(0).integers(0, 256, (8, 24, 32, 3), np.uint8)
    np.savez(path, frames=frames, angles=np.linspace(-2, 5, 8))
    return path


def prepend_to_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a folder of packages first on the path of processes that a test starts."""
    entries = [str(folder), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, entries)))


@pytest.mark.usefixtures("with_plugin")
def test_the_command_uses_the_packages_method_and_format(
    drivesal: Command, drive: Path, model_path: Path, tmp_path: Path
) -> None:
    listing = drivesal("methods", "--json")
    (method,) = [one for one in json.loads(listing.stdout) if one["name"] == "power-gradient"]
    assert method["options"]["power"]["default"] == 0.5
    assert "--power FLOAT" in drivesal("video", "--help").stdout
    info = json.loads(drivesal("info", drive, "--json").stdout)
    assert (info["format"], info["frames"], info["angles"]["highest"]) == ("npz-drive", 8, 5)
    ran = drivesal("video", tmp_path, "--model", model_path)
    assert "1 recording (npz-drive): run.npz" in ran.stderr
    ran = drivesal("video", drive, "--model", model_path, "--method", "power-gradient", "--power", 0.25)
    assert (ran.returncode, ran.stderr.count("drivesal:")) == (0, 0), ran.stderr
    facts = json.loads((tmp_path / "run.saliency.json").read_text())
    assert facts["method"]["name"] == "power-gradient"
    assert facts["method"]["options"] == {"power": 0.25}
    assert (facts["input"]["format"], facts["labelled_frames"]) == ("npz-drive", 8)
    rejected = drivesal("image", drive, "--at", "#1", "--method", "power-gradient", "--power", 9)
    assert rejected.returncode == 1
    assert "expected --power from 0.1 to 2" in rejected.stderr


REVIEW = """
import json, sys
from pathlib import Path
from drivesal.model.readers import load_model
from drivesal.recordings import open_recording
from drivesal.review.compute.session import Session
from drivesal.review.notes import Notes
from drivesal.review.server.endpoints import create_app
from drivesal.review.server.serving import listen, run_server
from tests.review.server.test_server import asker
drive, model, notes = sys.argv[1:]
with open_recording(drive) as recording, Session(recording, Notes.load(Path(notes), "run", 8)) as session:
    session.begin([load_model(Path(model))])
    listening = listen("127.0.0.1", 0)
    with run_server(create_app(session), listening):
        ask = asker(listening.getsockname()[1])
        views = [{"method": "power-gradient", "options": {"power": power}} for power in (0.25, 1.5)]
        heats = [ask("/api/heat/3", case="increase", **view).data for view in views]
        print(json.dumps([ask("/api/drive").json["methods"], heats[0] != heats[1]]))
"""


@pytest.mark.usefixtures("with_plugin")
def test_the_review_page_uses_the_packages_method(drive: Path, model_path: Path, tmp_path: Path) -> None:
    root = str(Path(__file__).parent.parent)
    ran = subprocess.run(
        [sys.executable, "-c", REVIEW, str(drive), str(model_path), str(tmp_path / "notes.json")],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], root])},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    methods, differ = json.loads(ran.stdout)
    (method,) = [one for one in methods if one["name"] == "power-gradient"]
    assert (method["title"], method["passes"], method["refused"]) == ("Gradient to a power", 1, None)
    (option,) = method["options"]
    assert (option["name"], option["type"], option["low"], option["high"]) == ("power", "float", 0.1, 2.0)
    assert differ


def make_package(folder: Path, group: str, code: str) -> None:
    """Create a package "faulty" 2.1 as pip would install it, with one entry point."""
    metadata = folder / "faulty-2.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 2.1\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\nnew = faulty_module\n")
    (folder / "faulty_module.py").write_text(code)


METHOD = """
from drivesal.attribution.registry import Option, register
declared = dict(title="", paper="", equation="", kind="relative", signed=True, antisymmetric=True)
declared.update(uses_head=True)
register(name="fresh", **declared)(lambda model, context: None)
"""
FORMAT = "from drivesal.recordings.registry import register\n"
MODEL = "from drivesal.model.readers.registry import register\n"


@pytest.mark.parametrize(
    ("group", "code", "reason"),
    [
        ("methods", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("methods", "1 / 0", "ZeroDivisionError: division by zero"),
        (
            "methods",
            METHOD + "register(name='gradient', **declared)(lambda: None)",
            "the name gradient is taken by drivesal.attribution.methods.gradient",
        ),
        (
            "methods",
            METHOD + "register(name='other', aliases=('deconv',), **declared)(lambda: None)",
            "the name deconv is taken by drivesal.attribution.methods.backprop",
        ),
        (
            "methods",
            METHOD
            + "register(name='other', options=(Option('steps', str, '', ''),), **declared)(lambda: None)",
            "the option steps of other is str, that of integrated-gradients int",
        ),
        (
            "recordings",
            FORMAT + "register('donkeycar', lambda path: False, looks_for='')(lambda path, asked: None)",
            "the name donkeycar is taken by drivesal.recordings.formats.donkeycar",
        ),
        (
            "models",
            MODEL + "register('.keras', lambda path: False, suffixes=())(lambda path, lambdas, unsafe: None)",
            "the name .keras is taken by drivesal.model.readers.formats.archive",
        ),
    ],
)
def test_a_package_that_fails_to_load_is_skipped_with_one_warning(
    drivesal: Command,
    tmp_path: Path,
    drive: Path,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    code: str,
    reason: str,
) -> None:
    (tmp_path / "packages").mkdir()
    make_package(tmp_path / "packages", f"drivesal.{group}", code)
    prepend_to_path(tmp_path / "packages", monkeypatch)
    command = {"methods": ["methods"], "recordings": ["info", drive], "models": ["model"]}[group]
    ran = drivesal(*command)
    lines = [line for line in ran.stderr.splitlines() if "faulty" in line]
    assert lines == [
        f"drivesal: expected the plug-in new of faulty 2.1 to load, but {reason}; it is left out: "
        "update or uninstall the package"
    ]
    if group == "methods":
        assert ran.returncode == 0
        assert "\ngradient\n" in ran.stdout
        assert "fresh" not in ran.stdout
    assert drivesal("--help").stderr == ""


def test_a_method_option_that_clashes_with_a_command_option_is_left_out(
    drivesal: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clashing = METHOD.replace('name="fresh"', 'name="fresh", options=(Option("smooth", float, 1.0, "how"),)')
    make_package(tmp_path, "drivesal.methods", clashing)
    prepend_to_path(tmp_path, monkeypatch)
    ran = drivesal("video", "--help")
    assert ran.returncode == 0
    assert ran.stdout.count("--smooth ") == 1
    assert "Blur of the heat" in ran.stdout
    assert ran.stderr == (
        "drivesal: the method option --smooth is ignored: `video` has an option of that name\n"
    )


def test_a_name_is_unique_but_its_module_may_register_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_items").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "no_items" / "__init__.py").touch()
    registry: Registry[int] = Registry("no_items")
    registry.add(1, "a", "one", "uno")
    registry.add(2, "a", "one", "uno")
    assert dict(registry.items()) == {"one": 2}
    with pytest.raises(ValueError, match="the name uno is taken by a"):
        registry.add(3, "b", "uno")
    assert dict(registry.items()) == {"one": 2}
