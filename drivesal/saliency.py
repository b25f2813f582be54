"""The keras-vis functions of `drivesal.compat.keras_vis`, under the name that keras-vis users expect."""

from drivesal.compat.keras_vis import *  # noqa: F403
from drivesal.compat.keras_vis import __all__ as __all__
