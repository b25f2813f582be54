"""The case maintain: structure in the image to which the prediction does not react."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from drivesal.explanation.patches import insensitivity, local_contrast
from drivesal.explanation.registry import Case, Lane, register

if TYPE_CHECKING:
    from drivesal.types import ClipStatistics, Explained, Floats


def _heat(explained: Explained, clip: ClipStatistics) -> Floats:
    return local_contrast(explained.model_input) * insensitivity(explained, clip)


def _contrast(explained: Explained, _: ClipStatistics) -> Floats:
    return local_contrast(explained.model_input)


_PRODUCT = Case(
    name="maintain",
    reads="gradient",
    scale="maintain",
    colour=(90, 215, 110),
    order=30,
    meaning={"": "ignored: small gradient where the image has contrast"},
    heat=_heat,
    shown="signed",
    alone=True,  # its green would cover cars and trees, and look like importance
    relative="contrast × insensitivity",
    lane=Lane(light=(43, 154, 64), dark=(90, 215, 110), order=20, usual=False),
    key="3",
)
_INSENSITIVITY = dataclasses.replace(
    _PRODUCT, meaning={"": "ignored: small gradient"}, heat=insensitivity, relative="insensitivity"
)
_CONTRAST = dataclasses.replace(
    _PRODUCT, meaning={"": "structure, whatever its effect"}, heat=_contrast, relative="contrast"
)
register(
    dataclasses.replace(
        _PRODUCT,
        variants={"product": _PRODUCT, "insensitivity": _INSENSITIVITY, "contrast": _CONTRAST},
    )
)
