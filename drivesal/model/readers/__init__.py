"""Reading a model file into a `SteeringModel`: file formats, old versions of Keras, the user's declarations.

No code of a model file runs, unless it is a `.keras` file and `unsafe` is set.
"""

from drivesal.model.readers.reading import join, load_model

__all__ = ["join", "load_model"]
