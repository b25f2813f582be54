"""Colours (RGB 0..255) that are distinguishable with colour blindness, after Okabe and Ito (2008)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import OptionError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Image

Colour = tuple[int, int, int]

BACKGROUND: Colour = (17, 19, 23)
SURFACE: Colour = (28, 31, 37)
"""Background of the dashboard's instruments."""
LINE: Colour = (58, 63, 72)
"""Grid lines."""
AXIS: Colour = (96, 102, 112)
DIM: Colour = (158, 165, 175)
"""Explanatory text."""
TEXT: Colour = (232, 235, 239)
PREDICTED: Colour = (250, 250, 250)
TRUTH: Colour = (240, 228, 66)
"""Always dashed or dotted as well, never distinguished by colour alone."""
WARNING: Colour = (255, 184, 28)
GREY_SHARE = 0.8
"""Luminance of the grey image under heat, relative to the frame, so that heat is brightest."""


def own_ramp(colour: Colour, tint: float = 0.45) -> Image:
    """(256, 3) uint8 from a darker shade at heat 0 through `colour` to `tint` of the way to white at heat 1.

    Brightness encodes strength too, so that it can be read without seeing the hue.
    """
    base = np.array(colour, np.float64)
    stops = np.stack([0.75 * base, base, base + tint * (255 - base)])
    heat = np.linspace(0, 1, 256)
    return (
        np.stack([np.interp(heat, (0, 0.65, 1), stops[:, c]) for c in range(3)], axis=1)
        .round()
        .astype(np.uint8)
    )


def named_ramp(name: str) -> Image:
    """(256, 3) uint8 of the Matplotlib colour map `name`. Raises OptionError for an unknown name."""
    import matplotlib  # imported here: it takes 0.1 s, which a run without --colormap saves

    try:
        colours = matplotlib.colormaps[name]
    except KeyError:
        raise OptionError(
            "the name of a Matplotlib colour map (viridis, magma, inferno, turbo, cividis …)",
            f"it is {name!r}",
            nearest(name, matplotlib.colormaps, "leave it out for the cases' own colours"),
        ) from None
    return np.asarray(colours(np.linspace(0, 1, 256), bytes=True)[:, :3], np.uint8).copy()


def ramp(colour: Colour, colormap: str | None, together: int = 1) -> Image:
    """(256, 3) uint8: the case's own ramp, or the Matplotlib colour map that replaces it.

    If several cases are drawn `together` on one image, near-white is reserved for pixels where they overlap.
    """
    if colormap is not None:
        return named_ramp(colormap)
    return own_ramp(colour) if together == 1 else own_ramp(colour, tint=0.1)


def on_paper(colours: Image) -> bool:
    """Whether a ramp (256, 3) starts bright, as for print (gray_r); over an image it would be invisible."""
    return float(colours[0] @ np.array([0.299, 0.587, 0.114])) > 200


def coverage(heat: NDArray[np.float64], curve: float, opacity: float, colours: Image) -> NDArray[np.float64]:
    """Opacity 0..1 of heat 0..1 over the image: `opacity` · heat^`curve`, so that weak heat is visible.

    A ramp for print is opaque. The legend's bar shows the same curve.
    """
    return np.ones_like(heat) if on_paper(colours) else opacity * np.power(heat, curve)
