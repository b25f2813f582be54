"""The case magnitude: the strength of the attribution in either direction, for unsigned maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivesal.explanation.registry import Case, Lane, register

if TYPE_CHECKING:
    from drivesal.types import ClipStatistics, Explained, Floats


def _heat(explained: Explained, _: ClipStatistics) -> Floats:
    import numpy as np

    return np.abs(explained.attribution)


register(
    Case(
        name="magnitude",
        reads="map",
        scale="magnitude",
        colour=(255, 245, 20),
        order=50,
        meaning={
            "sensitivity": "brightness matters here, either way",
            "contribution": "contributes, either way",
            "": "matters, either way",
        },
        heat=_heat,
        shown="unsigned",
        lane=Lane(light=(138, 109, 0), dark=(240, 208, 96), order=10),
        key="5",
    )
)
