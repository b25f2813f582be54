"""TensorFlow and Keras, imported on first use and without their start-up messages."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what C++ libraries write to file descriptor 2, and print it only if the block fails."""
    with tempfile.TemporaryFile() as captured:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(saved, 2)
            captured.seek(0)
            sys.stderr.write(captured.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@functools.cache
def tensorflow() -> Any:
    """The tensorflow module, with GPU memory allocated on demand."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet_stderr():
        import tensorflow as tf

        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)
    tf.get_logger().setLevel("ERROR")
    return tf


@functools.cache
def keras() -> Any:
    """The keras module on the TensorFlow backend."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    tensorflow()
    with _quiet_stderr():
        import keras as module
    return module
