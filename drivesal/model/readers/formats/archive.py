"""Reading a `.keras` file: validate its configuration against the allowlist, rebuild it, set its weights.

Keras's own reader is used only if the user trusts the file (`unsafe`), because it calls functions that the file
names.
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
from drivesal.model.readers import registry, replacement_layers
from drivesal.model.readers.building import build
from drivesal.model.readers.checking import check, cleaned
from drivesal.model.readers.hdf5_checks import check_contained
from drivesal.model.readers.registry import ModelContents

_EXPECTED = "a Keras model in a .keras file"
_UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, EOFError, ValueError)
"""Exceptions raised for a damaged or forged archive."""
_MAX_CONFIG_BYTES = 16 * 2**20
_MAX_EXPANSION = 16
"""Limit of unpacked size / file size: weights compress little."""
_MAX_MEMBERS = 10_000
_WEIGHTS = "model.weights.h5"
_AGAIN = "save it again with model.save('name.keras')"
_DAMAGED = "the file is damaged or was tampered with: get it again from its source"


def _recognises(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return "config.json" in file.namelist()
    except _UNREADABLE:
        return False


@registry.register(".keras", _recognises, suffixes=(".keras",), holds_code=True)
def read(path: Path, lambdas: Mapping[str, str], *, unsafe: bool = False) -> ModelContents:
    """The network of a `.keras` file, and which of `lambdas`, formulas by layer, were used.

    With `unsafe`, Keras's own reader opens the file and runs its code; formulas are not used. Raises
    ModelError.
    """
    try:
        with zipfile.ZipFile(path) as file:
            _check_members(path, file)
            if unsafe:
                return ModelContents(_read_by_keras(path))
            configuration, version = _configuration(path, file)
            configuration = cleaned(configuration)
            check(configuration, lambdas)
            rebuilt = build(configuration, lambdas, version=version, turned=False)
            _set_weights(path, file, rebuilt.network)
            return ModelContents(rebuilt.network, rebuilt.used)
    except _UNREADABLE as error:
        raise ModelError(_EXPECTED, f"{path} cannot be read ({error})", _AGAIN) from error


def _check_members(path: Path, file: zipfile.ZipFile) -> None:
    """Raise ModelError unless Keras could have written the archive; no member may have an outside path."""
    members = file.infolist()
    names = [one.filename for one in members]
    if len(members) > _MAX_MEMBERS or len(set(names)) != len(names):
        raise ModelError(_EXPECTED, f"{path} holds {len(names)} files, some of the same name", _DAMAGED)
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0] or stat.S_ISLNK(member.external_attr >> 16):
            raise ModelError(
                _EXPECTED, f"{path} holds {member.filename[:80]!r}, which is not a path inside it", _DAMAGED
            )
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others are unbounded
            came = f"{path} uses another compression"
            raise ModelError("an archive that is stored or deflated", came, _AGAIN)
    whole = sum(member.file_size for member in members)
    if whole > _MAX_CONFIG_BYTES + _MAX_EXPANSION * path.stat().st_size:
        raise ModelError(
            f"a model that unpacks to at most {_MAX_EXPANSION} times its size",
            f"{path} unpacks to {whole / 2**20:.0f} MiB",
            _DAMAGED,
        )


def _configuration(path: Path, file: zipfile.ZipFile) -> tuple[Any, str]:
    """The content of config.json, and the version of the Keras that wrote it ("" if not stated)."""
    if "config.json" not in file.namelist():
        raise ModelError(_EXPECTED, f"{path} holds no config.json", _AGAIN)
    if file.getinfo("config.json").file_size > _MAX_CONFIG_BYTES:
        size = file.getinfo("config.json").file_size / 2**20
        limit = _MAX_CONFIG_BYTES / 2**20
        raise ModelError(
            f"a config.json of at most {limit:.0f} MiB", f"that of {path} has {size:.0f}", _DAMAGED
        )
    try:
        configuration = json.loads(file.read("config.json"))
        metadata = json.loads(file.read("metadata.json")) if "metadata.json" in file.namelist() else {}
    except (ValueError, RecursionError) as error:
        raise ModelError(_EXPECTED, f"{path} holds no readable config.json", _AGAIN) from error
    return configuration, str(metadata.get("keras_version", "")) if isinstance(metadata, dict) else ""


def _set_weights(path: Path, file: zipfile.ZipFile, network: Any) -> None:
    """Set the weights, which Keras assigns by the classes and the order of the layers."""
    import h5py

    if _WEIGHTS not in file.namelist():
        raise ModelError(_EXPECTED, f"{path} holds no {_WEIGHTS}", _AGAIN)
    handle, name = tempfile.mkstemp(".weights.h5", "drivesal-")
    os.close(handle)
    try:
        with file.open(_WEIGHTS) as source, open(name, "wb") as sink:
            shutil.copyfileobj(source, sink, 2**20)
        with h5py.File(name, "r") as opened:
            check_contained(opened, path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras warns of weights that keep their initial values
            warnings.simplefilter("ignore", DeprecationWarning)
            network.load_weights(name)
    except DrivesalError:
        raise
    except Exception as error:  # h5py and Keras raise many types for weights that do not fit
        reason = str(error)[:200]
        if "Skipping nested container" in reason:
            reason = "some are missing"
        raise ModelError("weights that fit the layers", f"those in {path} do not ({reason})", _AGAIN) from error
    finally:
        Path(name).unlink()


def _read_by_keras(path: Path) -> Any:
    """The network of a trusted file, loaded by Keras; code from the file may run."""
    replacement_layers.register()
    try:
        return keras().saving.load_model(path, compile=False, safe_mode=False)
    except Exception as error:  # Keras raises many types for a file that it cannot rebuild
        # Keras repeats the whole configuration before the reason
        text = " ".join(str(error).split("Exception encountered:")[-1].split()) or type(error).__name__
        reason = text.split(". ")[0][:200]
        do = "save it again with Keras 3"
        if "Could not locate" in reason:
            do = "give the file that defines it with --import my_layers.py"
        raise ModelError("a model that Keras can rebuild", f"{path} cannot be loaded ({reason})", do) from error
