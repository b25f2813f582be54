"""The table of attribution methods, readable without TensorFlow."""

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
"""The method of every picture where nobody names one, with its own usual options; docs/methods.md says why."""
HEADLESS = "the map hardly changes when the steering head is random"
"""The caution of methods that score_methods.py found so (docs/methods.md)."""
Reduction = Literal["sum", "sum-abs", "max-abs"]
"""From channels to one number a pixel: signed sum, sum of absolute values, largest absolute value."""


class Scorable(Protocol):
    """What a method needs of a model: the explained number as a differentiable expression.

    answer(inputs(pictures), others) is the score; inputs is linear, and `to_rgb` (C, 3) takes a gradient back
    through it. Where the network is fed colours that are no linear map of RGB, inputs is the picture itself and
    `given` makes those colours of it, so that gradients, paths and noise are at RGB. `others` (N, numbers)
    float32 is what goes beside the picture, (N, 0) for most networks.
    """

    network: Any

    def inputs(self, pictures: Any) -> Any:
        """(N, h, w, 3) float tensor RGB 0..255 to what maps are taken at (N, h, w, C)."""

    def given(self, values: Any) -> Any:
        """What `inputs` gives to the network's picture input: the same but for colours that are not linear."""

    def answer(self, values: Any, others: Any) -> Any:
        """What `inputs` gives and what goes beside it to (N,) scores."""

    def inside(self, values: Any, others: Any, layers: Iterable[Any]) -> tuple[Any, list[Call]]:
        """What `given` gives to (N,) scores, with the calls of these layers in the same forward pass."""

    def compiled(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gave when first asked under this name: compiled once a model, whatever the options."""

    @property
    def to_rgb(self) -> Floats:
        """(C, 3)."""

    @property
    def converts(self) -> bool:
        """Whether `given` does anything."""

    @property
    def input_limits(self) -> tuple[Floats, Floats]:
        """The least and the most that each channel of the network's picture input can be, (C,) each."""

    @property
    def explains_its_answer(self) -> bool:
        """Whether the score is the network's own answer, not a layer's activation or a sum of several."""

    def prepare(self, image: Image) -> Image:
        """A frame (H, W, 3) uint8 RGB to the picture (h, w, 3) that the model sees of it."""


@dataclass(frozen=True)
class Seen:
    """What the model is given of N frames.

    `pictures` (N, h, w, 3) uint8 RGB; `indices` (N,) int64, the frames' own, which key the seeds of noisy
    methods; `others` (N, numbers) float32, what goes beside the picture.
    """

    pictures: Image
    indices: NDArray[np.int64]
    others: Floats

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True)
class Context:
    """What a method may know beforehand.

    `mean` (h, w, 3) float32, the clip's mean picture; `pictures` (M, h, w, 3) uint8 spread over the clip;
    `batch` the most pictures in one call of the network; `seed` of everything random. Methods of many passes
    call `tick` with how many passes of the network come next; it may raise, which ends them.
    """

    mean: Floats
    pictures: Image
    batch: int = 32
    seed: int = 0
    tick: Callable[[int], object] = lambda passes: None


@dataclass(frozen=True)
class Attributed:
    """A batch of scores and maps, read-only.

    `scores` (N,) float32; `raw` (N, h, w, C) float32, a map over the network's own channels, which `to_rgb`
    (C, 3) takes to the picture's, None where it is there already or has one channel; for contributions
    `baseline_scores` f(x0) and `completeness_errors` |Σ − (f(x) − f(x0))|, each (N,) in the score's unit.
    """

    scores: Floats
    raw: Floats
    to_rgb: Floats | None = None
    baseline_scores: Floats | None = None
    completeness_errors: Floats | None = None

    @functools.cached_property
    def signed(self) -> Floats:
        """(N, h, w, 3 or 1) float32: the map at the RGB picture, computed when it is asked for."""
        return self.raw if self.to_rgb is None else self.raw @ self.to_rgb

    @functools.cached_property
    def summed(self) -> Floats:
        """(N, h, w) float32: its signed sum over the channels, what brightening all of them would do."""
        import cv2
        import numpy as np

        count, height, width, channels = self.raw.shape
        if channels == 1 and self.to_rgb is None:
            return self.raw[..., 0]
        weights = np.ones(channels, np.float32) if self.to_rgb is None else self.to_rgb.sum(axis=1)
        # a tenth of what a matrix product takes
        total: Floats = cv2.transform(self.raw.reshape(count * height, width, channels), weights[None])
        return total.reshape(count, height, width)

    def reduced(self, how: Reduction) -> Floats:
        """(N, h, w) float32: the channels as one number."""
        import numpy as np

        if how == "sum":
            return self.summed
        absolute: Floats = np.abs(self.signed)
        reduced: Floats = absolute.sum(axis=3) if how == "sum-abs" else absolute.max(axis=3)
        return reduced


Attributor = Callable[[Seen], Attributed]
"""What the model is given of some frames to their attributions; compiled once, whatever N is."""


@dataclass(frozen=True, slots=True)
class Option:
    """A method's own option: its name as a Python keyword, type, default, and help for people.

    `choices` where only these are valid; `words` where every other text is the path of a file; `low` and `high`
    bound a number, both inclusive.
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
        """The option on the command line."""
        return f"--{name.replace('_', '-')}"

    def check(self, value: Any) -> None:
        """Raises OptionError where the value is none that the option takes."""
        flag = self.flag_of(self.name)
        kinds: dict[type, Any] = {int: numbers.Integral, float: numbers.Real, str: str}
        if not isinstance(value, kinds[self.type]) or isinstance(value, bool):
            what = {int: "a whole number", float: "a number", str: "text"}[self.type]
            raise OptionError(
                f"{flag} as {what}", f"it is {str(value)[:60]!r}", f"{self.default} is the default"
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
    """An attribution method as it declares itself.

    `signed`: positive and negative mean opposite pushes; `odd`: the map of −score is −map, so that one pass
    serves increase and decrease; `uses_head`: it depends on the layers behind the convolutions.
    `build(model, context, **options)` gives the attributor. `passes(options, (h, w))` is how many gradient or
    forward passes a frame takes, None for one; `maps(model, options, (h, w))` how many more it takes because of
    the model's own layers. `caution` is what a person should know before believing the map. `draws`: it takes
    its baselines from the clip's pictures; of one picture alone its baseline is the mean.
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
    passes: Callable[[Mapping[str, Any], tuple[int, int]], int] | None = None
    maps: Callable[[Scorable, Mapping[str, Any], tuple[int, int]], int] | None = None
    aliases: tuple[str, ...] = field(default=())
    caution: str = ""
    draws: bool = False

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options with their defaults filled in.

        Raises OptionError for one the method does not have, or a value that it does not take.
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
        """How many passes one frame takes under these options, at least one; without the model those that its
        layers cost are left out. Raises ModelError where the model does not have what the method needs.
        """
        passes = self.passes(options, size) if self.passes else 1
        if self.maps and model is not None:
            passes += self.maps(model, options, size)
        return max(passes, 1)


def _check_options(method: Method, others: Iterable[Method]) -> None:
    """Options of one name are one option of the command line: raises ValueError where their types differ."""
    types = {option.name: (option.type, other.name) for other in others for option in other.options}
    for option in method.options:
        known, whose = types.get(option.name, (option.type, ""))
        if known is not option.type:
            raise ValueError(
                f"the option {option.name} of {method.name} is {option.type.__name__}, "
                f"that of {whose} {known.__name__}"
            )


_registry: Registry[Method] = Registry("drivesal.attribution.methods", "drivesal.methods", _check_options)


def register(**declaration: Any) -> Callable[[Callable[..., Attributor]], Callable[..., Attributor]]:
    """Register the decorated builder as a method; the keywords are `Method`'s fields.

    Raises ValueError where the name or an alias is taken, or an option has another type elsewhere.
    """

    def enter(build: Callable[..., Attributor]) -> Callable[..., Attributor]:
        method = Method(build=build, **declaration)
        _registry.add(method, build.__module__, method.name, *method.aliases)
        return build

    return enter


def methods() -> dict[str, Method]:
    """All methods by name, in the order of their names, those of other packages included."""
    return dict(sorted(_registry.items().items()))


def method(name: str) -> Method:
    """The method of this name or alias. Raises OptionError with the valid names and the nearest one."""
    known = methods()
    aliases = {alias: one for one in known.values() for alias in one.aliases}
    found = known.get(name) or aliases.get(name)
    if found is not None:
        return found
    do = nearest(name, [*known, *aliases], "see `drivesal methods`")
    raise OptionError(f"a method among {', '.join(known)}", f"it is {name!r}", do)
