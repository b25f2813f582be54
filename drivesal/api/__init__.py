"""The Python API: the functions and classes that `import drivesal` exposes."""

from drivesal.api.drawing import render
from drivesal.api.drive import Recording
from drivesal.api.explaining import attribute, explain
from drivesal.api.models import load_model
from drivesal.attribution.registry import methods

__all__ = ["Recording", "attribute", "explain", "load_model", "methods", "render"]
