"""A steering model from a file, from memory, or the shipped one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.api.keywords import takes
from drivesal.errors import OptionError
from drivesal.model.readers import join
from drivesal.model.readers import load_model as read_model
from drivesal.model.readers.stated import stated
from drivesal.model.steering_model import SteeringModel
from drivesal.settings import ModelSettings, taken

if TYPE_CHECKING:
    from drivesal.model.card import Card
    from drivesal.model.target import Explainable


@takes(ModelSettings)
def load_model(
    model: str | Path | Any = None,
    *,
    card: Card | None = None,
    target: Explainable | None = None,
    feed: Mapping[str, float | str] | None = None,
    unsafe: bool = False,
    lambdas: Mapping[str, str] | None = None,
    preset: str | None = None,
    **given: Any,
) -> SteeringModel:
    """A steering model from a `.keras` or HDF5 file with its card, a Keras model in memory, or the shipped one.

    None and the text "default" are the shipped one; a file of that name is Path("default") or "./default".
    `target` is what is explained in place of the steering angle (see `drivesal.target`), `feed` where auxiliary
    inputs come from, `lambdas` what Lambda layers compute ({"lambda_1": "x/127.5-1"}), `preset` a family as
    with `--preset`. The rest are `ModelSettings`, which go before the card: `crop` "60:-25", `color` "YUV",
    `input_scale` "-1..1" or (-1, 1), `input_size` (height, width) and so on; `angle_unit` and `positive` are
    the model's own, as `--model-angle-unit` and `--model-positive`. Raises ModelError, OptionError.
    """
    from drivesal.model.shipped import SHIPPED, default_model

    declared = stated(taken(ModelSettings, given))
    if model is None or isinstance(model, str | Path):
        path = default_model() if model in (None, SHIPPED) else Path(model)
        return read_model(
            path, declared, unsafe=unsafe, target=target, feed=feed, lambdas=lambdas, preset=preset
        )
    if lambdas or preset is not None or unsafe:
        raise OptionError(
            "lambdas, preset and unsafe for a model in a file", "the model is in memory", "leave them out"
        )
    return join(model, card, declared, target=target, feed=feed)
