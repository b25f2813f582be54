"""Where networks run: the processor or a GPU."""

from __future__ import annotations

from drivesal.errors import OptionError
from drivesal.model.backend import tensorflow


def use_device(device: str | None) -> None:
    """Chooses "cpu" or "gpu" (None: a GPU where there is one); call before any model is loaded.

    Raises OptionError where a GPU was asked for and none is there.
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
    """Computes something, which makes TensorFlow start its threads: they inherit this thread's niceness."""
    return float(tensorflow().constant(value) + 1.0)
