"""A `.keras` file: its configuration checked against the list and rebuilt, then its weights set.

Keras's own reader is asked only where the user trusts the file (`unsafe`): it calls what a file names.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drivesal.errors import DrivesalError, ModelError
from drivesal.model.backend import keras
from drivesal.model.readers import registry, stand_in
from drivesal.model.readers.building import build
from drivesal.model.readers.checking import check, cleaned
from drivesal.model.readers.contained import check_contained
from drivesal.model.readers.registry import ModelContents

EXPECTED = "a Keras model in a .keras file"
UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, EOFError, ValueError)
"""What is raised of an archive that is damaged or made up."""
_LONGEST_CONFIG = 16 * 2**20
_MOST_UNPACKED = 16
"""Weights shrink little when they are packed."""
_MOST_MEMBERS = 10_000
_WEIGHTS = "model.weights.h5"
_AGAIN = "save it again with model.save('name.keras')"
_MADE_UP = "the file is damaged or made up: take it from where it was written"


def _recognises(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return "config.json" in file.namelist()
    except UNREADABLE:
        return False


@registry.register(".keras", _recognises, suffixes=(".keras",), holds_code=True)
def read(path: Path, lambdas: Mapping[str, str], *, unsafe: bool = False) -> ModelContents:
    """The network of a `.keras` file, and which of `lambdas`, formulas by layer, were used.

    With `unsafe` it is Keras's own reader that opens the file and runs what it holds; formulas are not used.
    Raises ModelError.
    """
    try:
        with zipfile.ZipFile(path) as file:
            _check_members(path, file)
            if unsafe:
                return ModelContents(_read_by_keras(path))
            configuration, version = _configuration(path, file)
            configuration = cleaned(configuration)
            check(configuration, lambdas)
            made = build(configuration, lambdas, version=version, turned=False)
            _set_weights(path, file, made.network)
            return ModelContents(made.network, made.used)
    except UNREADABLE as error:
        raise ModelError(EXPECTED, f"{path} cannot be read ({error})", _AGAIN) from error


def _check_members(path: Path, file: zipfile.ZipFile) -> None:
    """Raises ModelError where the archive is not what Keras writes: nothing in it has a path to elsewhere."""
    members = file.infolist()
    names = [one.filename for one in members]
    if len(members) > _MOST_MEMBERS or len(set(names)) != len(names):
        raise ModelError(EXPECTED, f"{path} holds {len(names)} files, some of the same name", _MADE_UP)
    for one in members:
        parts = one.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0] or stat.S_ISLNK(one.external_attr >> 16):
            raise ModelError(EXPECTED, f"{path} holds {one.filename[:80]!r}, which lies elsewhere", _MADE_UP)
        if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a bound
            raise ModelError("an archive that is stored or deflated", f"{path} is packed otherwise", _AGAIN)
    whole = sum(one.file_size for one in members)
    if whole > _LONGEST_CONFIG + _MOST_UNPACKED * path.stat().st_size:
        raise ModelError(
            f"a model that unpacks to at most {_MOST_UNPACKED} times its size",
            f"{path} unpacks to {whole / 2**20:.0f} MiB",
            _MADE_UP,
        )


def _configuration(path: Path, file: zipfile.ZipFile) -> tuple[Any, str]:
    """What config.json says, and the version of the Keras that wrote it, "" where nothing says it."""
    if "config.json" not in file.namelist():
        raise ModelError(EXPECTED, f"{path} holds no config.json", _AGAIN)
    if file.getinfo("config.json").file_size > _LONGEST_CONFIG:
        size = file.getinfo("config.json").file_size / 2**20
        most = _LONGEST_CONFIG / 2**20
        raise ModelError(f"a config.json of at most {most:.0f} MiB", f"that of {path} has {size:.0f}", _MADE_UP)
    try:
        configuration = json.loads(file.read("config.json"))
        about = json.loads(file.read("metadata.json")) if "metadata.json" in file.namelist() else {}
    except (ValueError, RecursionError) as error:
        raise ModelError(EXPECTED, f"{path} holds no readable config.json", _AGAIN) from error
    return configuration, str(about.get("keras_version", "")) if isinstance(about, dict) else ""


def _set_weights(path: Path, file: zipfile.ZipFile, network: Any) -> None:
    """Sets the weights, which Keras finds by the classes and the order of the layers."""
    import h5py

    if _WEIGHTS not in file.namelist():
        raise ModelError(EXPECTED, f"{path} holds no {_WEIGHTS}", _AGAIN)
    handle, name = tempfile.mkstemp(".weights.h5", "drivesal-")
    os.close(handle)
    try:
        with file.open(_WEIGHTS) as source, open(name, "wb") as sink:
            shutil.copyfileobj(source, sink, 2**20)
        with h5py.File(name, "r") as opened:
            check_contained(opened, path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras warns of weights that it leaves as they were drawn
            warnings.simplefilter("ignore", DeprecationWarning)
            network.load_weights(name)
    except DrivesalError:
        raise
    except Exception as error:  # whatever h5py and Keras raise of weights that do not fit
        reason = str(error)[:200]
        if "Skipping nested container" in reason:
            reason = "some are missing"
        raise ModelError("weights that fit the layers", f"those in {path} do not ({reason})", _AGAIN) from error
    finally:
        Path(name).unlink()


def _read_by_keras(path: Path) -> Any:
    """What Keras makes of a file that the user trusts; code of the file may run."""
    stand_in.register()
    try:
        return keras().saving.load_model(path, compile=False, safe_mode=False)
    except Exception as error:  # whatever Keras raises of a file that it cannot rebuild
        # Keras repeats the whole configuration before the reason
        text = " ".join(str(error).split("Exception encountered:")[-1].split()) or type(error).__name__
        reason = text.split(". ")[0][:200]
        do = "save it again with Keras 3"
        if "Could not locate" in reason:
            do = "give the file that defines it with --import my_layers.py"
        raise ModelError("a model that Keras can rebuild", f"{path} cannot be loaded ({reason})", do) from error
