"""Detection of a model file's format; known but unsupported formats are rejected with advice."""

from __future__ import annotations

import zipfile
from pathlib import Path

from drivesal.errors import ModelError
from drivesal.model.readers.registry import ModelFormat, formats

_ADVICE = {
    "a TensorFlow SavedModel": "load it with tf.keras.models.load_model where it was written, save('name.h5')",
    "an ONNX model": "rebuild it in Keras, or convert it with onnx2keras, and save it as name.keras",
    "a PyTorch model": "rebuild it in Keras, copy the weights over, and save it as name.keras",
    "a TensorFlow Lite model": "use the Keras model it was converted from: weights cannot be recovered exactly",
    "a TensorFlow checkpoint": "build the network in Keras, load the checkpoint, and save it as name.keras",
    "a frozen TensorFlow graph": "use the Keras model that it was made from, and save it as name.keras",
    "an architecture without weights": "give the weights (.h5) and keep the .json beside them",
    "a pointer of Git LFS": "fetch the file itself with `git lfs pull`, or from the repository's page",
    "a web page": "download the file itself: on GitHub with Raw",
}
"""Advice by unsupported kind of file."""

_SUFFIXES = {
    ".onnx": "an ONNX model",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".tflite": "a TensorFlow Lite model",
    ".ckpt": "a TensorFlow checkpoint",
    ".index": "a TensorFlow checkpoint",
    ".meta": "a TensorFlow checkpoint",
    ".pb": "a frozen TensorFlow graph",
    ".json": "an architecture without weights",
}
_STARTS = {
    b"version https://git-lfs": "a pointer of Git LFS",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
}
_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def format_of(path: Path) -> ModelFormat:
    """The format of a file, detected from its content. Raises ModelError for other files."""
    expected = _expected()
    if not path.exists():
        raise ModelError(expected, f"{path} does not exist", "check the path given to --model")
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            raise _unsupported(path, "a TensorFlow SavedModel")
        raise ModelError(expected, f"{path} is a folder", "save the model with model.save('name.keras')")
    if not path.is_file():
        raise ModelError(expected, f"{path} is not a regular file", "check the path given to --model")
    if path.stat().st_size == 0:
        raise ModelError(expected, f"{path} is not one: it has 0 bytes", "copy or save it again")
    found = next((one for one in formats() if one.recognises(path)), None)
    if found is None:
        raise _rejection(path)
    return found


def _expected() -> str:
    *first, last = (one.name for one in formats())
    return f"a model in a {', '.join(first)} or {last} file"


def _rejection(path: Path) -> ModelError:
    """The error for a file of no registered format."""
    if zipfile.is_zipfile(path):
        return _archive_rejection(path)
    with path.open("rb") as opened:
        start = opened.read(64)
    for known, kind in _STARTS.items():
        if start.lstrip().lower().startswith(known):
            return _unsupported(path, kind)
    if start[4:8] == b"TFL3":
        return _unsupported(path, "a TensorFlow Lite model")
    if start.startswith(_TORCH):
        return _unsupported(path, "a PyTorch model")
    # an ONNX file begins with its version and its producer's name
    if start[:1] == b"\x08" and start[2:3] == b"\x12":
        return _unsupported(path, "an ONNX model")
    if ".ckpt.data-" in path.name:
        return _unsupported(path, "a TensorFlow checkpoint")
    if path.suffix.lower() in _SUFFIXES:
        return _unsupported(path, _SUFFIXES[path.suffix.lower()])
    return ModelError(
        _expected(), f"{path} is not one", "load it in the Keras that wrote it and save it as name.keras"
    )


def _archive_rejection(path: Path) -> ModelError:
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except Exception as error:  # zipfile raises many types for a damaged or forged archive
        return ModelError(_expected(), f"{path} cannot be read ({error})", "copy or save it again")
    if any(name.endswith("data.pkl") for name in names):
        return _unsupported(path, "a PyTorch model")
    came = f"{path} is an archive without a config.json"
    return ModelError(_expected(), came, "save it again with model.save('name.keras')")


def _unsupported(path: Path, kind: str) -> ModelError:
    return ModelError(_expected(), f"{path} is {kind}, which is not read", _ADVICE[kind])
