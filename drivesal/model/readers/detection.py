"""What kind of file a model is, told by its content; what is not read is refused by name, with a way out."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Literal

from drivesal.errors import ModelError

EXPECTED = "a Keras model in a .keras or HDF5 (.h5) file"

UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, EOFError, ValueError)
"""What is raised of an archive that is damaged or made up."""

CONVERT = {
    "a TensorFlow SavedModel": "load it with tf.keras.models.load_model where it was written, save('name.h5')",
    "an ONNX model": "rebuild it in Keras, or convert it with onnx2keras, and save it as name.keras",
    "a PyTorch model": "rebuild it in Keras, copy the weights over, and save it as name.keras",
    "a TensorFlow Lite model": "take the Keras model that it was made of: weights cannot be taken back exactly",
    "a TensorFlow checkpoint": "build the network in Keras, load the checkpoint, and save it as name.keras",
    "a frozen TensorFlow graph": "take the Keras model that it was made of, and save it as name.keras",
    "an architecture without weights": "give the weights (.h5) and keep the .json beside them",
    "a pointer of Git LFS": "fetch the file itself with `git lfs pull`, or from the repository's page",
    "a web page": "download the file itself: on GitHub with Raw",
}
"""What is not read, and the way out of it."""

_ENDINGS = {
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


def kind_of(path: Path) -> Literal["keras", "hdf5"]:
    """Which of the two that are read a file is. Raises ModelError for every other, by name."""
    if not path.exists():
        raise ModelError(EXPECTED, f"{path} does not exist", "check the path given to --model")
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            raise _refused(path, "a TensorFlow SavedModel")
        raise ModelError(EXPECTED, f"{path} is a folder", "save the model with model.save('name.keras')")
    if not path.is_file():
        raise ModelError(EXPECTED, f"{path} is no plain file", "check the path given to --model")
    if path.stat().st_size == 0:
        raise ModelError(EXPECTED, f"{path} is not one: it has 0 bytes", "copy or save it again")
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as file:
                names = file.namelist()
        except UNREADABLE as error:
            raise ModelError(EXPECTED, f"{path} cannot be read ({error})", "copy or save it again") from error
        if any(name.endswith("data.pkl") for name in names):
            raise _refused(path, "a PyTorch model")
        return "keras"
    import h5py

    if h5py.is_hdf5(path):
        return "hdf5"
    with path.open("rb") as opened:
        start = opened.read(64)
    for known, what in _STARTS.items():
        if start.lstrip().lower().startswith(known):
            raise _refused(path, what)
    if start[4:8] == b"TFL3":
        raise _refused(path, "a TensorFlow Lite model")
    if start.startswith(_TORCH):
        raise _refused(path, "a PyTorch model")
    # an ONNX file begins with its version and the name of what wrote it
    if start[:1] == b"\x08" and start[2:3] == b"\x12":
        raise _refused(path, "an ONNX model")
    if ".ckpt.data-" in path.name:
        raise _refused(path, "a TensorFlow checkpoint")
    if path.suffix.lower() in _ENDINGS:
        raise _refused(path, _ENDINGS[path.suffix.lower()])
    raise ModelError(
        EXPECTED, f"{path} is not one", "load it in the Keras that wrote it and save it as name.keras"
    )


def _refused(path: Path, what: str) -> ModelError:
    return ModelError(EXPECTED, f"{path} is {what}, which is not read", CONVERT[what])
