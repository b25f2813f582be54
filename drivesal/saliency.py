"""keras-vis's functions under the name that its users look for: what `drivesal.compat.keras_vis` has."""

from drivesal.compat.keras_vis import *  # noqa: F403
from drivesal.compat.keras_vis import __all__ as __all__
