"""Custom Keras objects: runs a Python file that the user names, and looks up what it registered."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drivesal.errors import ModelError
from drivesal.model.backend import keras
from drivesal.model.readers.allowlist import LAYERS


def import_file(path: Path) -> None:
    """Run a Python file, so that its `keras.saving.register_keras_serializable` classes can be loaded.

    Raises ModelError if the file is missing or fails.
    """
    keras()  # selects drivesal's backend before the file imports Keras
    if not path.is_file():
        raise ModelError(
            "a Python file with layers", f"{path} does not exist", "check the path given to --import"
        )
    name = f"drivesal_import_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError("a Python file with layers", f"{path} does not end in .py", "rename it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code may raise anything
        del sys.modules[name]
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            "a Python file that runs", f"{path} fails ({type(error).__name__}: {reason})", "fix the error"
        ) from error


def registered(name: str) -> Any:
    """The object that the user's code registered under this name, with or without its package, or None."""
    known = {key: value for key, value in keras().saving.get_custom_objects().items() if key[:9] != "drivesal>"}
    for key in (name, f"Custom>{name}"):
        if key in known:
            return known[key]
    return next((value for key, value in known.items() if key.split(">")[-1] == name.split(">")[-1]), None)


def registered_by(entry: Mapping[str, Any]) -> Any:
    """The user's registered class or function that a serialised object refers to, or None."""
    kind, named = entry.get("class_name"), entry.get("registered_name")
    if not isinstance(named, str):
        module = str(entry.get("module") or "").split(".")[0]
        named = entry.get("config") if kind == "function" else kind
        if not isinstance(named, str) or module in ("keras", "tf_keras") or named in LAYERS:
            return None
    return None if named.startswith("drivesal>") else registered(named)
