"""The registry of attribution methods, importable without TensorFlow."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from drivesal.errors import OptionError, nearest
from drivesal.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivesal.model.network import Call
    from drivesal.types import Floats, Image

Kind = Literal["sensitivity", "contribution", "relative"]
"""sensitivity: score per 1/255 of brightness; contribution: a share of the score; relative: no unit."""
USUAL = "integrated-gradients"
"""The default method of all figures and videos; docs/methods.md explains the choice."""
HEADLESS = "the map hardly changes when the steering head is random"
"""The caution of methods for which score_methods.py measured this (docs/methods.md)."""
Reduction = Literal["sum", "sum-abs", "max-abs"]
"""Reduction of channels to one number per pixel: signed sum, sum or maximum of absolute values."""


class Scorable(Protocol):
    """The interface of a model that methods use: the score as a differentiable expression.

    `score_of(inputs(images), auxiliary)` is the score. `inputs` is linear, and `to_rgb` (C, 3) maps a gradient
    back through it. If the network's colour space is not linear in RGB, `inputs` returns the RGB image and
    `to_network_input` converts it, so that gradients, paths and noise are in RGB. `auxiliary` (N, numbers)
    float32 are the auxiliary inputs, (N, 0) for most networks.
    """

    network: Any

    def inputs(self, images: Any) -> Any:
        """Convert (N, h, w, 3) float RGB 0..255 to the tensor at which maps are computed, (N, h, w, C)."""

    def to_network_input(self, values: Any) -> Any:
        """Convert the result of `inputs` to the network's image input; identity for linear colours."""

    def score_of(self, values: Any, auxiliary: Any) -> Any:
        """Scores (N,) from the result of `inputs` and the auxiliary inputs."""

    def score_and_calls(self, values: Any, auxiliary: Any, layers: Iterable[Any]) -> tuple[Any, list[Call]]:
        """Scores (N,) from the result of `to_network_input`, with the layers' calls of the same pass."""

    def compiled(self, name: str, make: Callable[[], Any]) -> Any:
        """The result of `make`, cached under this name: compiled once per model, for any options."""

    @property
    def to_rgb(self) -> Floats:
        """Matrix (C, 3) from gradients at `inputs` to gradients at RGB."""

    @property
    def converts(self) -> bool:
        """Whether `to_network_input` is not the identity."""

    @property
    def input_limits(self) -> tuple[Floats, Floats]:
        """Minimum and maximum of each channel of the network's image input, (C,) each."""

    @property
    def explains_prediction(self) -> bool:
        """Whether the score is the network's own prediction, not a layer's activation or a sum of several."""

    def prepare(self, image: Image) -> Image:
        """Convert a frame (H, W, 3) uint8 RGB to the model's input image (h, w, 3)."""


@dataclass(frozen=True)
class ModelInputs:
    """The model's inputs for N frames.

    `images` (N, h, w, 3) uint8 RGB; `indices` (N,) int64, the frame indices, which key the seeds of random
    methods; `auxiliary` (N, numbers) float32, the auxiliary inputs. Methods of many passes call `tick` with the
    number of passes that follow; it may raise, which aborts them.
    """

    images: Image
    indices: NDArray[np.int64]
    auxiliary: Floats
    tick: Callable[[int], object] = lambda passes: None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Context:
    """Context that a method receives before the first frame.

    `mean` (h, w, 3) float32 is the clip's mean image; `images` (M, h, w, 3) uint8 are images spread over the
    clip; `batch` is the maximum number of images per call of the network; `seed` seeds all random numbers.
    """

    mean: Floats
    images: Image
    batch: int = 32
    seed: int = 0


@dataclass(frozen=True)
class Attributed:
    """Scores and maps of a batch, read-only.

    `scores` (N,) float32; `raw` (N, h, w, C) float32, maps over the network's own channels, which `to_rgb`
    (C, 3) converts to RGB; None if they are RGB already or have one channel; for contributions
    `baseline_scores` f(x0) and `completeness_errors` |Σ − (f(x) − f(x0))|, each (N,) in the score's unit.
    """

    scores: Floats
    raw: Floats
    to_rgb: Floats | None = None
    baseline_scores: Floats | None = None
    completeness_errors: Floats | None = None

    @functools.cached_property
    def signed(self) -> Floats:
        """The maps in RGB, (N, h, w, 3 or 1) float32, computed on first use."""
        return self.raw if self.to_rgb is None else self.raw @ self.to_rgb

    @functools.cached_property
    def summed(self) -> Floats:
        """Signed sum over the channels, (N, h, w) float32: the effect of brightening all of them."""
        import cv2
        import numpy as np

        count, height, width, channels = self.raw.shape
        if channels == 1 and self.to_rgb is None:
            return self.raw[..., 0]
        weights = np.ones(channels, np.float32) if self.to_rgb is None else self.to_rgb.sum(axis=1)
        # takes a tenth of the time of a matrix product
        total: Floats = cv2.transform(self.raw.reshape(count * height, width, channels), weights[None])
        return total.reshape(count, height, width)

    def reduced(self, how: Reduction) -> Floats:
        """The channels reduced to one number, (N, h, w) float32."""
        import numpy as np

        if how == "sum":
            return self.summed
        absolute: Floats = np.abs(self.signed)
        reduced: Floats = absolute.sum(axis=3) if how == "sum-abs" else absolute.max(axis=3)
        return reduced


Attributor = Callable[[ModelInputs], Attributed]
"""Function from model inputs to attributions; compiled once for any N."""


@dataclass(frozen=True, slots=True)
class Option:
    """A method's own option: its name as a Python keyword, type, default and help.

    `choices` are the only valid values, if given; `words` are special values of an option that otherwise takes
    the path of a file; `low` and `high` bound a number, both inclusive.
    """

    name: str
    type: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()

    @staticmethod
    def flag_of(name: str) -> str:
        """The option's flag on the command line."""
        return f"--{name.replace('_', '-')}"

    def check(self, value: Any) -> None:
        """Raise OptionError for a value that the option does not accept."""
        flag = self.flag_of(self.name)
        kinds: dict[type, Any] = {int: numbers.Integral, float: numbers.Real, str: str}
        if not isinstance(value, kinds[self.type]) or isinstance(value, bool):
            expected = {int: "a whole number", float: "a number", str: "text"}[self.type]
            raise OptionError(
                f"{flag} as {expected}", f"it is {str(value)[:60]!r}", f"{self.default} is the default"
            )
        if self.choices and value not in self.choices:
            do = nearest(str(value), self.choices, "choose one of them")
            raise OptionError(f"{flag} among {', '.join(self.choices)}", f"it is {value!r}", do)
        low, high = self.low, self.high
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise OptionError(
                f"{flag} from {low:g} to {high:g}" if high is not None else f"{flag} of at least {low:g}",
                f"it is {str(value)[:20]}",
                f"{self.default} is the default",
            )


@dataclass(frozen=True, slots=True)
class Method:
    """The declaration of an attribution method.

    `signed`: positive and negative values have opposite effects on the score; `antisymmetric`: the map of
    −score is −map, so that one pass serves increase and decrease; `uses_head`: it depends on the layers after
    the convolutions. `build(model, context, **options)` returns the attributor. `passes(options, (h, w))` is
    the number of gradient or forward passes per frame, None for one; `maps(model, options, (h, w))` the number
    added by the model's layers. `caution` is a warning to read before trusting the map. `draws`: the method
    samples its baselines from the clip's images; for a single image its baseline is the mean.
    """

    name: str
    title: str
    paper: str
    equation: str
    kind: Kind
    signed: bool
    antisymmetric: bool
    uses_head: bool
    build: Callable[..., Attributor]
    options: tuple[Option, ...] = ()
    passes: Callable[[Mapping[str, Any], tuple[int, int]], int] | None = None
    maps: Callable[[Scorable, Mapping[str, Any], tuple[int, int]], int] | None = None
    aliases: tuple[str, ...] = field(default=())
    caution: str = ""
    draws: bool = False

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options, completed with defaults.

        Raises OptionError for an unknown option or an invalid value.
        """
        known = {option.name: option for option in self.options}
        for name, value in given.items():
            if name not in known:
                raise OptionError(
                    f"options of the method {self.name} ({', '.join(known) or 'it has none'})",
                    f"{Option.flag_of(name)} was given",
                    nearest(name, known, "leave it out or choose a method that has it, see `drivesal methods`"),
                )
            known[name].check(value)
        return {name: option.default for name, option in known.items()} | dict(given)

    def passes_of(
        self, options: Mapping[str, Any], size: tuple[int, int], model: Scorable | None = None
    ) -> int:
        """Passes per frame, at least one; without `model`, those that depend on its layers are not counted.

        Raises ModelError if the model lacks what the method needs.
        """
        passes = self.passes(options, size) if self.passes else 1
        if self.maps and model is not None:
            passes += self.maps(model, options, size)
        return max(passes, 1)


def _check_options(method: Method, others: Iterable[Method]) -> None:
    """Raise ValueError if options of one name, which share a command-line option, differ in type."""
    types = {option.name: (option.type, other.name) for other in others for option in other.options}
    for option in method.options:
        known, owner = types.get(option.name, (option.type, ""))
        if known is not option.type:
            raise ValueError(
                f"the option {option.name} of {method.name} is {option.type.__name__}, "
                f"that of {owner} {known.__name__}"
            )


_registry: Registry[Method] = Registry("drivesal.attribution.methods", "drivesal.methods", _check_options)


def register(**declaration: Any) -> Callable[[Callable[..., Attributor]], Callable[..., Attributor]]:
    """Register the decorated builder as a method; the keywords are `Method`'s fields.

    Raises ValueError if the name or an alias is taken, or if options of one name differ in type.
    """

    def add(build: Callable[..., Attributor]) -> Callable[..., Attributor]:
        method = Method(build=build, **declaration)
        _registry.add(method, build.__module__, method.name, *method.aliases)
        return build

    return add


def methods() -> dict[str, Method]:
    """All methods by name, sorted, including those of other packages."""
    return dict(sorted(_registry.items().items()))


def method(name: str) -> Method:
    """The method of this name or alias. Raises OptionError that lists the valid names."""
    known = methods()
    aliases = {alias: one for one in known.values() for alias in one.aliases}
    found = known.get(name) or aliases.get(name)
    if found is not None:
        return found
    do = nearest(name, [*known, *aliases], "see `drivesal methods`")
    raise OptionError(f"a method among {', '.join(known)}", f"it is {name!r}", do)
