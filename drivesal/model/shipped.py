"""Paths of the shipped model and sample drive, in a wheel and in a checkout."""

from importlib.resources import files
from pathlib import Path

from drivesal.errors import ModelError

DEFAULT_MODEL = "pilotnet.keras"
SHIPPED = "default"
"""Selects the shipped model in place of a model's path; write `./default` for a file of that name."""


def asset(folder: str, name: str) -> Path:
    """Path of the file `name` in a shipped folder ("models" or "data"). Raises ModelError if it is missing."""
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
    """Path of the default steering model; its card is in the same folder."""
    return asset("models", DEFAULT_MODEL)
