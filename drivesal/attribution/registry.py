"""The table of attribution methods, readable without TensorFlow."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from drivesal.errors import OptionError, nearest

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

Kind = Literal["sensitivity", "contribution", "relative"]
"""sensitivity: angle per 1/255 of brightness; contribution: a share of the angle; relative: no unit."""


class Scorable(Protocol):
    """What a method needs of a model: the angle as a differentiable expression.

    score = answer(inputs(pictures)); inputs is linear, and `to_rgb` (C, 3) takes a gradient back through it.
    """

    def score(self, pictures: Any) -> Any:
        """(N, h, w, 3) float tensor RGB 0..255 to (N,) angles."""

    def inputs(self, pictures: Any) -> Any:
        """(N, h, w, 3) float tensor RGB 0..255 to the network's input (N, h, w, C)."""

    def answer(self, values: Any) -> Any:
        """The network's input to (N,) angles."""

    @property
    def to_rgb(self) -> Floats:
        """(C, 3)."""

    def prepare(self, image: Image) -> Image:
        """A frame (H, W, 3) uint8 RGB to the picture (h, w, 3) that the model sees of it."""


@dataclass(frozen=True)
class Attributed:
    """A batch of answers and maps, read-only.

    `angles` (N,) float32; `raw` (N, h, w, C) float32, a map over the network's own channels, which `to_rgb`
    (C, 3) takes to the picture's, None where it is there already; for contributions `baseline_angles` f(x0)
    and `completeness_errors` |Σ − (f(x) − f(x0))|, each (N,) in the angle's unit.
    """

    angles: Floats
    raw: Floats
    to_rgb: Floats | None = None
    baseline_angles: Floats | None = None
    completeness_errors: Floats | None = None

    @functools.cached_property
    def signed(self) -> Floats:
        """(N, h, w, 3) float32: the map at the RGB picture, computed when it is asked for."""
        return self.raw if self.to_rgb is None else self.raw @ self.to_rgb

    @functools.cached_property
    def summed(self) -> Floats:
        """(N, h, w) float32: its signed sum over the channels, what brightening all of them would do."""
        import cv2
        import numpy as np

        count, height, width, channels = self.raw.shape
        weights = np.ones(channels, np.float32) if self.to_rgb is None else self.to_rgb.sum(axis=1)
        # a tenth of what a matrix product takes
        total: Floats = cv2.transform(self.raw.reshape(count * height, width, channels), weights[None])
        return total.reshape(count, height, width)


Attributor = Callable[["Image"], Attributed]
"""(N, h, w, 3) uint8 RGB pictures to their attributions; compiled once, whatever N is."""


@dataclass(frozen=True, slots=True)
class Option:
    """A method's own option: its name as a Python keyword, type, default, and help for people."""

    name: str
    type: type
    default: Any
    help: str

    @staticmethod
    def flag_of(name: str) -> str:
        """The option on the command line."""
        return f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Method:
    """An attribution method as it declares itself.

    `signed`: positive and negative mean opposite pushes; `odd`: the map of −score is −map, so that one pass
    serves increase and decrease; `uses_head`: it depends on the layers behind the convolutions.
    `build(model, mean, **options)` gives the attributor; `mean` is the clip's mean picture (h, w, 3) float32.
    `samples` names the option that counts gradient calls a frame, None where there is one.
    """

    name: str
    title: str
    paper: str
    equation: str
    kind: Kind
    signed: bool
    odd: bool
    uses_head: bool
    build: Callable[..., Attributor]
    options: tuple[Option, ...] = ()
    samples: str | None = None

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options with their defaults filled in. Raises OptionError for one the method does not have."""
        known = {option.name: option.default for option in self.options}
        for name in given:
            if name not in known:
                raise OptionError(
                    f"options of the method {self.name} ({', '.join(known) or 'it has none'})",
                    f"{Option.flag_of(name)} was given",
                    "leave it out or choose a method that has it, see `drivesal methods`",
                )
        return known | dict(given)


_methods: dict[str, Method] = {}


def register(**declaration: Any) -> Callable[[Callable[..., Attributor]], Callable[..., Attributor]]:
    """Registers the decorated builder as a method; the keywords are `Method`'s fields."""

    def enter(build: Callable[..., Attributor]) -> Callable[..., Attributor]:
        method = Method(build=build, **declaration)
        _methods[method.name] = method
        return build

    return enter


def methods() -> dict[str, Method]:
    """All methods by name, in the order of their names."""
    package = importlib.import_module("drivesal.attribution")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"drivesal.attribution.{module.name}")
    return dict(sorted(_methods.items()))


def method(name: str) -> Method:
    """The method of this name. Raises OptionError with the valid names and the nearest one."""
    known = methods()
    if name in known:
        return known[name]
    do = nearest(name, known, "see `drivesal methods`")
    raise OptionError(f"a method among {', '.join(known)}", f"it is {name!r}", do)
