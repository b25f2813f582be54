"""Domain shift: whether a drive's images differ from the training images, by camera, lens or mounting.

The card stores a small statistical model of the training images: the principal components, and the residual
variance, of edge strength in each cell of a coarse grid. The median distance of a drive's images is compared
with that of the training drives' own segments, each measured by a model fitted without it.
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
"""Rows and columns of the grid. Of the sizes 4x4 to 8x16 it separates cameras best (docs/models.md)."""
CELLS = 2 * GRID[0] * GRID[1]
"""Length of an image's descriptor."""
COMPONENTS = 20
_MIN_VARIANCE = 1e-6
FLOOR = 4.0
"""Grey levels per pixel that are added before the logarithm: weaker edges are camera noise."""
MIN_DRIVE_IMAGES = 8
"""A drive with fewer images is not judged by its distance."""
MIN_SEGMENTS, MIN_TRAINING_IMAGES = 5, 100
"""Fewer training segments or images cannot establish the usual spread of distances."""
SEGMENT_S = 10.0
MOST = 1600
"""Largest number of training images that are used, spread evenly."""
MAX_SEGMENTS = 200
"""Largest number of segments that are measured leave-one-out."""
LIMIT_QUANTILE, LIMIT_FACTOR = 0.95, 1.2
"""The limit is LIMIT_FACTOR times this quantile of the segments' distances."""
MIN_DRIVE_S, SHORT_FACTOR = 6.0, 1.1
"""A drive shorter than this [s] is not judged by its distance; below SEGMENT_S the limit is SHORT_FACTOR times
as high, since a short clip may look unusual. Of 5 s clips of the real drive 5 % exceed the limit itself, of 15
s clips none."""
MAX_ASPECT_FACTOR = 1.15
"""The model's view has another aspect ratio if its width over height differs by more than this factor."""


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """A card's description of the images that a model was trained on.

    `frames` are the frame sizes (width, height) [px] of the recordings, and `shapes` the aspect ratio (width
    over height) of the model's view of each. A drive whose median distance exceeds `limit` has shifted. `model`
    is an `_ImageModel` as base64 of little-endian float32. Raises ValueError if any of them is invalid.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    frames: tuple[tuple[int, int], ...]
    shapes: tuple[float, ...]
    limit: float
    model: str

    def __post_init__(self) -> None:
        numbers = [self.limit, *self.shapes, *(side for size in self.frames for side in size)]
        if not (np.isfinite(numbers).all() and min(numbers) > 0 and len(self.shapes) == len(self.frames)):
            raise ValueError("expected frame sizes, a shape for each, and a limit above 0")
        _ImageModel.read(self.model)

    def distances(self, images: Sequence[Image] | Image) -> Doubles:
        """(N,) distances of images (N, h, w, 3) uint8 RGB of the model's size; training images average 1."""
        return _ImageModel.read(self.model).distances(descriptors(images))


@dataclass(frozen=True, slots=True)
class _ImageModel:
    """Gaussian model of descriptors of length D.

    `mean` (D,), `components` (COMPONENTS, D), their `variances`, and `residual`, the variance in every other
    direction.
    """

    mean: Doubles
    components: Doubles
    variances: Doubles
    residual: float

    @classmethod
    def fit(cls, values: Doubles) -> _ImageModel:
        """Fit to descriptors (N, D), N at least COMPONENTS."""
        mean = values.mean(axis=0)
        _, sizes, directions = np.linalg.svd(values - mean, full_matrices=False)
        variances = sizes**2 / len(values)
        remaining = values.shape[1] - COMPONENTS
        residual = max(float(variances[COMPONENTS:].sum()) / remaining, _MIN_VARIANCE)
        return cls(mean, directions[:COMPONENTS], np.maximum(variances[:COMPONENTS], residual), residual)

    @classmethod
    def read(cls, text: str) -> _ImageModel:
        """Decode the value of `text`. Raises ValueError."""
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
        """Base64 encoding for a card."""
        numbers = (self.mean, self.components.ravel(), self.variances, np.array([self.residual]))
        return base64.b64encode(np.concatenate(numbers).astype("<f4").tobytes()).decode("ascii")

    def distances(self, values: Doubles) -> Doubles:
        """(N,) squared Mahalanobis distances of descriptors (N, D), divided by D."""
        centred = values - self.mean
        projected = centred @ self.components.T
        rest = np.maximum((centred**2).sum(axis=1) - (projected**2).sum(axis=1), 0)
        distances: Doubles = ((projected**2 / self.variances).sum(axis=1) + rest / self.residual) / CELLS
        return distances


@dataclass(frozen=True, slots=True)
class DomainShift:
    """A drive whose images differ from the training images in content, aspect ratio, or both.

    `distance` is the images' median distance if it exceeds `limit`, None if it does not or was not measured.
    `squeezed` is the factor by which the model's view is horizontally stretched or compressed compared with
    training, 1 if it is not. `frame` is the drive's frame size and `frames` those of training, (width, height)
    [px].
    """

    distance: float | None
    limit: float
    squeezed: float
    frame: tuple[int, int]
    frames: tuple[tuple[int, int], ...]

    @property
    def short(self) -> str:
        """Short form for the overlay."""
        if self.distance is None:
            return f"the model was trained on frames of another aspect ratio: {self._sizes}"
        return "these images differ from the model's training images"

    @property
    def sentence(self) -> str:
        """What was compared, by how much it differs and what follows, in one line."""
        consequence = "its angles and maps may be unreliable here"
        squeezed = (
            f"{self._sizes}: its view is squeezed by a factor of {self.squeezed:.2g} compared with training"
        )
        if self.distance is None:
            return f"the model was trained on frames of another aspect ratio, {squeezed}; {consequence}"
        sizes = f"; {squeezed}" if self.squeezed > MAX_ASPECT_FACTOR else ""
        return (
            "the images of this drive differ from the model's training images "
            f"(distance {self.distance:.2f}, limit {self.limit:.2f}{sizes}): "
            f"another camera, mounting or crop? {consequence}"
        )

    def as_json(self) -> dict[str, Any]:
        """All figures as plain JSON values."""
        sizes = {"frame": list(self.frame), "training_frames": [list(size) for size in self.frames]}
        return {"distance": self.distance, "limit": self.limit, "squeezed": self.squeezed, **sizes}

    @property
    def _sizes(self) -> str:
        trained = " and ".join(f"{w}x{h}" for w, h in self.frames[:3])
        return f"{trained}, these are {self.frame[0]}x{self.frame[1]}"


def detect_domain_shift(
    card: Card, images: Sequence[Image] | Image, times_s: Sequence[float], info: RecordingInfo
) -> DomainShift | None:
    """Compare a drive's N images (h, w, 3) uint8 RGB of the model's size, at `times_s`, with training.

    None if they do not differ, or if the card has no training images. With fewer than MIN_DRIVE_IMAGES images,
    or less than MIN_DRIVE_S, only the aspect ratio of the model's view is compared.
    """
    training = card.images
    if training is None:
        return None
    frame = (info.width, info.height)
    aspect = _aspect_ratio(card.preprocess.crop, frame)
    squeezed = min((max(aspect / other, other / aspect) for other in training.shapes), default=1.0)
    distance, limit = None, training.limit
    duration_s = max(times_s) - min(times_s) if len(images) >= MIN_DRIVE_IMAGES else 0.0
    if duration_s >= MIN_DRIVE_S:
        limit *= 1.0 if duration_s >= SEGMENT_S else SHORT_FACTOR
        distance = float(np.median(training.distances(images)))
    if distance is not None and distance <= limit:
        distance = None
    if distance is None and squeezed <= MAX_ASPECT_FACTOR:
        return None
    return DomainShift(distance, limit, squeezed, frame, training.frames)


def _aspect_ratio(crop: Crop, frame: tuple[int, int]) -> float:
    """Width over height of the model's view of frames of this size (width, height)."""
    left, top, right, bottom = crop.box(*frame)
    return (right - left) / (bottom - top)


def descriptors(images: Sequence[Image] | Image) -> Doubles:
    """(N, D): the logarithm of the mean |horizontal| and |vertical| gradient of grey in each cell of GRID."""
    import cv2

    values = np.empty((len(images), CELLS))
    for index, image in enumerate(images):
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        edges = [np.abs(cv2.Sobel(grey, cv2.CV_32F, *order)) for order in ((1, 0), (0, 1))]
        cells = cv2.resize(np.dstack(edges), GRID[::-1], interpolation=cv2.INTER_AREA)
        values[index] = np.log(cells + FLOOR).ravel()
    return values


def training_images(
    images: Image, segments: NDArray[np.intp], frames: Sequence[tuple[int, int]], crop: Crop
) -> TrainingImages | None:
    """Summarise training images (N, h, w, 3) uint8 RGB for a card; `segments` (N,) is each image's segment.

    `frames` are the recordings' frame sizes, `crop` the model's view of them. None with fewer than MIN_SEGMENTS
    segments or MIN_TRAINING_IMAGES images.
    """
    chosen = np.unique(np.linspace(0, len(images) - 1, MOST).round().astype(np.intp))
    segments = segments[chosen]
    numbers = np.unique(segments)
    if len(numbers) < MIN_SEGMENTS or len(chosen) < MIN_TRAINING_IMAGES:
        return None
    values = np.concatenate([descriptors(images[chunk]) for chunk in np.array_split(chosen, 16)])
    held_out = numbers[np.unique(np.linspace(0, len(numbers) - 1, MAX_SEGMENTS).round().astype(np.intp))]
    splits = [(values[segments == number], values[segments != number]) for number in held_out]
    distances = [float(np.median(_ImageModel.fit(rest).distances(segment))) for segment, rest in splits]
    limit = LIMIT_FACTOR * float(np.quantile(distances, LIMIT_QUANTILE))
    sizes = tuple(dict.fromkeys(frames))
    aspects = tuple(_aspect_ratio(crop, size) for size in sizes)
    return TrainingImages(sizes, aspects, limit, _ImageModel.fit(values).text)


def in_segments(times_s: Doubles, drives: NDArray[np.intp]) -> NDArray[np.intp]:
    """(N,) index of each image's segment of SEGMENT_S, from its time [s] and its drive's index."""
    pairs = np.stack([drives, (times_s // SEGMENT_S).astype(np.intp)], axis=1)
    return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
