"""Where the shipped model and sample drive are, from a wheel and from a checkout."""

from importlib.resources import files
from pathlib import Path

from drivesal.errors import ModelError

DEFAULT_MODEL = "pilotnet.keras"
SHIPPED = "default"
"""The word that stands for the shipped model where a model's path goes; `./default` is a file of that name."""


def asset(folder: str, name: str) -> Path:
    """The file `name` of the shipped folder ("models" or "data"). Raises ModelError where it is missing."""
    checkout = Path(__file__).resolve().parents[2] / folder / name
    if checkout.is_file():
        return checkout
    try:
        packaged = Path(str(files(f"drivesal.assets.{folder}"))) / name
    except ModuleNotFoundError:
        packaged = checkout
    if not packaged.is_file():
        raise ModelError(f"the shipped file {folder}/{name}", "it is missing", "install drivesal again")
    return packaged


def default_model() -> Path:
    """The default steering model's weights; its card lies beside it."""
    return asset("models", DEFAULT_MODEL)
