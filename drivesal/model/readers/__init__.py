"""From a person's file to a `SteeringModel`: formats, old generations of Keras, what a person says of it.

No code of a model's file runs, unless it is a `.keras` file and `unsafe` is said.
"""

from drivesal.model.readers.reading import join, load_model

__all__ = ["join", "load_model"]
