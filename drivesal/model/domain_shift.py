"""Whether a drive's images are like those that a model was trained on: another camera, lens or mounting shows.

The card keeps a small model of the training images: of how strong edges are in each cell of a coarse grid, the
principal components and what is left of them. A drive is compared by the median of its images' distances, which
is held against that of training's own segments, each measured without itself.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.model.card import Card
    from drivesal.model.preprocess import Crop
    from drivesal.types import Doubles, Image, RecordingInfo

GRID = (4, 10)
"""Cells of the grid, rows and columns. Of 4x4 to 8x16 it sets another camera apart best (docs/models.md)."""
CELLS = 2 * GRID[0] * GRID[1]
"""Numbers that describe an image."""
COMPONENTS = 20
_LEAST_VARIANCE = 1e-6
FLOOR = 4.0
"""Grey levels a pixel that are added before the logarithm: less is noise of the camera."""
LEAST = 8
"""Fewer images of a drive say nothing."""
LEAST_SEGMENTS, LEAST_IMAGES = 5, 100
"""Fewer segments or images of training do not tell how much a drive may differ."""
SEGMENT_S = 10.0
MOST = 1600
"""Images of training that are looked at, spread evenly."""
MOST_SEGMENTS = 200
"""Segments that are measured without themselves."""
USUAL, BEYOND = 0.95, 1.2
"""The limit is BEYOND times the distance that this share of the segments stays below."""
LEAST_S, SHORT = 6.0, 1.1
"""A shorter part of a drive [s] says nothing; under SEGMENT_S the limit is SHORT times as high: a moment may
look like no other. Of pieces of the real drive of 5 s 5 % are beyond the limit itself, of 15 s none."""
SQUEEZED = 1.15
"""What the model sees is of another shape where its width over height differs by more than this factor."""


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """What a card says of the images that a model was trained on.

    `frames` are the sizes (width, height) [px] of the recordings' frames, `shapes` the width over height of
    what the model saw of each; a drive with a median distance above `limit` is unlike them; `model` is a
    `_Model` as base64 of little-endian float32. Raises ValueError where it is none.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    frames: tuple[tuple[int, int], ...]
    shapes: tuple[float, ...]
    limit: float
    model: str

    def __post_init__(self) -> None:
        numbers = [self.limit, *self.shapes, *(size for one in self.frames for size in one)]
        if not (np.isfinite(numbers).all() and min(numbers) > 0 and len(self.shapes) == len(self.frames)):
            raise ValueError("expected sizes, as many shapes and a limit above 0")
        _Model.read(self.model)

    def distances(self, images: Sequence[Image] | Image) -> Doubles:
        """(N,) of images (N, h, w, 3) uint8 RGB of the model's size; 1 is usual in training."""
        return _Model.read(self.model).distances(described(images))


@dataclass(frozen=True, slots=True)
class _Model:
    """`mean` (D,), `components` (COMPONENTS, D), their `variances` and the `residual` one of all others."""

    mean: Doubles
    components: Doubles
    variances: Doubles
    residual: float

    @classmethod
    def of(cls, values: Doubles) -> _Model:
        """Of descriptions (N, D), N at least K."""
        mean = values.mean(axis=0)
        _, sizes, directions = np.linalg.svd(values - mean, full_matrices=False)
        variances = sizes**2 / len(values)
        others = values.shape[1] - COMPONENTS
        residual = max(float(variances[COMPONENTS:].sum()) / others, _LEAST_VARIANCE)
        return cls(mean, directions[:COMPONENTS], np.maximum(variances[:COMPONENTS], residual), residual)

    @classmethod
    def read(cls, text: str) -> _Model:
        """Of what `text` gave. Raises ValueError."""
        data = base64.b64decode(text, validate=True)
        if len(data) != 4 * ((COMPONENTS + 1) * CELLS + COMPONENTS + 1):
            raise ValueError(f"expected {COMPONENTS} components of {CELLS} numbers")
        numbers = np.frombuffer(data, "<f4").astype(np.float64)
        mean, components, rest = np.split(numbers, [CELLS, CELLS * (COMPONENTS + 1)])
        if not np.isfinite(numbers).all() or rest.min() <= 0:
            raise ValueError("expected finite numbers, and variances above 0")
        return cls(mean, components.reshape(COMPONENTS, CELLS), rest[:-1], float(rest[-1]))

    @property
    def text(self) -> str:
        """For a card."""
        numbers = (self.mean, self.components.ravel(), self.variances, np.array([self.residual]))
        return base64.b64encode(np.concatenate(numbers).astype("<f4").tobytes()).decode("ascii")

    def distances(self, values: Doubles) -> Doubles:
        """(N,) the squared Mahalanobis distances of descriptions (N, D) over D."""
        away = values - self.mean
        along = away @ self.components.T
        left = np.maximum((away**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        found: Doubles = ((along**2 / self.variances).sum(axis=1) + left / self.residual) / CELLS
        return found


@dataclass(frozen=True, slots=True)
class Unlike:
    """A drive whose images are unlike the training's: in what is seen, in shape, or both.

    `distance` is their median distance, above `limit`, None where it is not or nothing can be told; `squeezed`
    how many times narrower or wider what the model sees is squeezed than in training, 1 where it is not.
    `frame` is the size of the drive's frames and `frames` those of training, (width, height) [px].
    """

    distance: float | None
    limit: float
    squeezed: float
    frame: tuple[int, int]
    frames: tuple[tuple[int, int], ...]

    @property
    def short(self) -> str:
        """For the picture."""
        if self.distance is None:
            return f"the model was trained on frames of another shape: {self._sizes}"
        return "these images are unlike those that the model was trained on"

    @property
    def sentence(self) -> str:
        """What was compared, by how much it differs and what that means, in one line."""
        little = "its angles and maps may mean little here"
        squeezed = f"{self._sizes}: what it sees is squeezed {self.squeezed:.2g} times against training"
        if self.distance is None:
            return f"the model was trained on frames of another shape, {squeezed}; {little}"
        sizes = f"; {squeezed}" if self.squeezed > SQUEEZED else ""
        return (
            "the images of this drive are unlike those that the model was trained on "
            f"(distance {self.distance:.2f}, the limit is {self.limit:.2f}{sizes}): "
            f"another camera, mounting or crop? {little}"
        )

    def as_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        sizes = {"frame": list(self.frame), "training_frames": [list(one) for one in self.frames]}
        return {"distance": self.distance, "limit": self.limit, "squeezed": self.squeezed, **sizes}

    @property
    def _sizes(self) -> str:
        trained = " and ".join(f"{w}x{h}" for w, h in self.frames[:3])
        return f"{trained}, these are {self.frame[0]}x{self.frame[1]}"


def unlike_training(
    card: Card, images: Sequence[Image] | Image, times_s: Sequence[float], info: RecordingInfo
) -> Unlike | None:
    """Whether a drive's N images (h, w, 3) uint8 RGB of the model's size, at `times_s`, are unlike training's.

    None where they are not and where the card does not say. Of fewer than LEAST images, or of less than
    LEAST_S, only the shape of what the model sees is compared.
    """
    known = card.images
    if known is None:
        return None
    frame = (info.width, info.height)
    own = _shape(card.preprocess.crop, frame)
    squeezed = min((max(own / one, one / own) for one in known.shapes), default=1.0)
    distance, limit = None, known.limit
    reach_s = max(times_s) - min(times_s) if len(images) >= LEAST else 0.0
    if reach_s >= LEAST_S:
        limit *= 1.0 if reach_s >= SEGMENT_S else SHORT
        distance = float(np.median(known.distances(images)))
    if distance is not None and distance <= limit:
        distance = None
    if distance is None and squeezed <= SQUEEZED:
        return None
    return Unlike(distance, limit, squeezed, frame, known.frames)


def _shape(crop: Crop, frame: tuple[int, int]) -> float:
    """Width over height of what the model sees of frames of this size (width, height)."""
    left, top, right, bottom = crop.box(*frame)
    return (right - left) / (bottom - top)


def described(images: Sequence[Image] | Image) -> Doubles:
    """(N, D): the logarithm of the mean |horizontal| and |vertical| gradient of grey in each cell of GRID."""
    import cv2

    found = np.empty((len(images), CELLS))
    for at, image in enumerate(images):
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        edges = [np.abs(cv2.Sobel(grey, cv2.CV_32F, *along)) for along in ((1, 0), (0, 1))]
        cells = cv2.resize(np.dstack(edges), GRID[::-1], interpolation=cv2.INTER_AREA)
        found[at] = np.log(cells + FLOOR).ravel()
    return found


def training_images(
    images: Image, segments: NDArray[np.intp], frames: Sequence[tuple[int, int]], crop: Crop
) -> TrainingImages | None:
    """What a card says of training images (N, h, w, 3) uint8 RGB; `segments` (N,) says what goes together.

    `frames` are the sizes of the recordings' frames, `crop` what the model sees of them. None where there is
    too little to tell.
    """
    chosen = np.unique(np.linspace(0, len(images) - 1, MOST).round().astype(np.intp))
    segments = segments[chosen]
    numbers = np.unique(segments)
    if len(numbers) < LEAST_SEGMENTS or len(chosen) < LEAST_IMAGES:
        return None
    values = np.concatenate([described(images[part]) for part in np.array_split(chosen, 16)])
    tried = numbers[np.unique(np.linspace(0, len(numbers) - 1, MOST_SEGMENTS).round().astype(np.intp))]
    apart = [(values[segments == one], values[segments != one]) for one in tried]
    distances = [float(np.median(_Model.of(others).distances(own))) for own, others in apart]
    limit = BEYOND * float(np.quantile(distances, USUAL))
    sizes = tuple(dict.fromkeys(frames))
    return TrainingImages(sizes, tuple(_shape(crop, one) for one in sizes), limit, _Model.of(values).text)


def in_segments(times_s: Doubles, drives: NDArray[np.intp]) -> NDArray[np.intp]:
    """(N,) the number of each image's segment of SEGMENT_S, from its time [s] and its drive's number."""
    pairs = np.stack([drives, (times_s // SEGMENT_S).astype(np.intp)], axis=1)
    return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
