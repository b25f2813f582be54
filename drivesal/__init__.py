"""drivesal shows what a steering network looks at.

    import drivesal

    model = drivesal.load_model("my.keras")               # or the shipped PilotNet without a path
    with drivesal.Recording("run.mp4") as run:            # frames with index, time, image and label
        heat = drivesal.attribute(model, run, method="gradient", case="increase")
    drivesal.render("run.mp4", model, "overlay.mp4")      # like `drivesal video`

`methods()` returns the attribution methods by name; `target` defines what can be explained other than the
steering angle; `saliency` supports code written for keras-vis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import drivesal.model.target as target
    import drivesal.saliency as saliency
    from drivesal.api import Recording, attribute, explain, load_model, methods, render
    from drivesal.errors import DrivesalError

__version__ = "0.1.0"
__all__ = [
    "DrivesalError",
    "Recording",
    "attribute",
    "explain",
    "load_model",
    "methods",
    "render",
    "saliency",
    "target",
]
_MODULES = {"saliency": "drivesal.saliency", "target": "drivesal.model.target"}


def __getattr__(name: str) -> Any:
    """Import the names of the API on first use, so that `import drivesal` is cheap."""
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name == "DrivesalError":
        return import_module("drivesal.errors").DrivesalError
    if name in __all__:
        return getattr(import_module("drivesal.api"), name)
    raise AttributeError(f"module 'drivesal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
