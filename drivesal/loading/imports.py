"""Running the user's own file, which the user names, so that the classes it registers are known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from drivesal.backend import keras
from drivesal.errors import ModelError


def import_file(path: Path) -> None:
    """Runs a Python file; what it decorates with `keras.saving.register_keras_serializable` can then be loaded.

    Raises ModelError where it is not there or fails.
    """
    keras()  # with drivesal's backend, before the file imports it
    if not path.is_file():
        raise ModelError(
            "a Python file with layers", f"{path} is not there", "check the path given to --import"
        )
    name = f"drivesal_import_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError("a Python file with layers", f"{path} does not end in .py", "rename it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises
        del sys.modules[name]
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            "a Python file that runs", f"{path} fails ({type(error).__name__}: {reason})", "mend it"
        ) from error
