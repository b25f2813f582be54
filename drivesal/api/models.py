"""Loading a steering model: from a file, from memory, or the shipped one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.api.keywords import takes
from drivesal.errors import OptionError
from drivesal.model.readers import join
from drivesal.model.readers import load_model as read_model
from drivesal.model.steering_model import SteeringModel
from drivesal.settings import ModelSettings, taken

if TYPE_CHECKING:
    from drivesal.model.card import Card
    from drivesal.model.target import Explainable


@takes(ModelSettings, without=("device",))
def load_model(
    model: str | Path | Any = None,
    *,
    card: Card | None = None,
    target: Explainable | None = None,
    **given: Any,
) -> SteeringModel:
    """Load a steering model from a `.keras` or HDF5 file with its card, or from memory, or the shipped one.

    None and the text "default" load the shipped model; for a file of that name, give Path("default") or
    "./default". `target` is explained in place of the steering angle (see `drivesal.target`). The other
    keywords are `ModelSettings`, which override the card: `crop` "60:-25", `color` "YUV", `input_scale` "-1..1"
    or (-1, 1), `input_size` (height, width), `feed` {"speed": 5.0}, `lambdas` {"lambda_1": "x/127.5-1"},
    `preset` and so on; `angle_unit` and `positive` apply to the model, like `--model-angle-unit` and
    `--model-positive`. Raises ModelError, OptionError.
    """
    from drivesal.model.shipped import SHIPPED, default_model

    settings = taken(ModelSettings, given)
    if model is None or isinstance(model, str | Path):
        path = default_model() if model in (None, SHIPPED) else Path(model)
        return read_model(path, settings, target=target)
    if settings.lambdas or settings.imports or settings.preset is not None or settings.unsafe:
        expected = "lambdas, imports, preset and unsafe only for a model in a file"
        raise OptionError(expected, "the model is in memory", "leave them out")
    return join(model, card, settings, target=target)
