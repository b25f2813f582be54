"""The device that networks run on: CPU or GPU."""

from __future__ import annotations

from drivesal.errors import OptionError
from drivesal.model.backend import tensorflow


def use_device(device: str | None) -> None:
    """Select "cpu" or "gpu" (None: a GPU if there is one). Call it before any model is loaded.

    Raises OptionError if "gpu" is requested and TensorFlow has none.
    """
    tf = tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise OptionError(
            "a GPU that TensorFlow can use", "none was found", "leave --device out or use --device cpu"
        )
    if device == "cpu" and gpus:
        tf.config.set_visible_devices([], "GPU")


def first_computation(value: float) -> float:
    """Run one operation, so that TensorFlow starts its threads now; they inherit this thread's niceness."""
    return float(tensorflow().constant(value) + 1.0)
