"""The card of a model: how its input is made, what its output means and how it was trained.

The file is `<weights file name>.card.json`, next to the weights; every field is validated when it is read.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from drivesal.errors import ModelError
from drivesal.io.schema import migrated
from drivesal.model.colours import colour_named
from drivesal.model.domain_shift import TrainingImages
from drivesal.model.preprocess import Preprocess
from drivesal.model.target import Target

if TYPE_CHECKING:
    from pydantic import ValidationError

    from drivesal.types import Image

SCHEMA = 2
_LONGEST = 16 * 2**20
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Card:
    """Information about a model that its file does not contain.

    `mean_picture` is the mean image of the training data as a base64 PNG at the model's input size, RGB;
    `training` records the training (data, seed, errors) for users to read. `lambdas` maps Lambda layers to
    formulas ("x/127.5-1"), because their code in the file is not run. `images` describes the training images,
    to compare a drive's images with.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    preprocess: Preprocess
    target: Target
    mean_picture: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    lambdas: dict[str, str] = field(default_factory=dict)
    images: TrainingImages | None = None
    schema: int = SCHEMA

    def mean(self) -> Image | None:
        """The mean image, (h, w, 3) uint8 RGB, or None. Raises ModelError if it cannot be read."""
        if self.mean_picture is None:
            return None
        import cv2
        import numpy as np

        size = self.preprocess.size
        try:
            data = np.frombuffer(base64.b64decode(self.mean_picture, validate=True), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if _is_png(data.tobytes(), size) else None
        except (ValueError, cv2.error):
            image = None
        if image is None or image.shape[:2] != self.preprocess.size:
            height, width = self.preprocess.size
            raise ModelError(
                f"mean_picture in the card to be a base64 PNG of {width}x{height}",
                "it is not one" if image is None else f"it is {image.shape[1]}x{image.shape[0]}",
                "remove the field",
            )
        return image  # type: ignore[no-any-return]


def _is_png(data: bytes, size: tuple[int, int]) -> bool:
    """Whether the bytes are a PNG of this (height, width), checked before anything is decompressed."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">2I", data[16:24]) == size[::-1]


def encode_image(image: Image) -> str:
    """Encode (h, w, 3) uint8 RGB as a base64 PNG for `Card.mean_picture`."""
    import cv2

    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return base64.b64encode(data.tobytes()).decode("ascii")


def card_path(weights: Path) -> Path:
    """Path of the card for a weights file."""
    return weights.with_name(weights.name + ".card.json")


def read_card(path: Path) -> Card:
    """Read and validate a card. Raises ModelError that names the field."""
    from pydantic import TypeAdapter, ValidationError

    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST // 2**20} MiB")
        data = json.loads(text)
        _check_depth(data)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"a JSON card in {path}", f"it cannot be read ({error})", "fix or remove it"
        ) from error
    if isinstance(data, dict):
        data = migrated(data, SCHEMA, path.name, ModelError, "drivesal_card")
        _name_colour(data)
    try:
        return TypeAdapter(Card).validate_python(data)
    except ValidationError as error:
        raise _validation_error(path, error) from error


_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "dict": "an object {...}",
    "dataclass": "an object {...}",
}
"""Expected values of a card's fields, by the prefix of pydantic's error type."""


def _validation_error(path: Path, error: ValidationError) -> ModelError:
    """An error that describes the first invalid field."""
    first = error.errors(include_url=False)[0]
    kind, keys = first["type"], [str(key) for key in first["loc"]]
    is_union = len(keys) > 1 and keys[-1] in ("str", "int")  # pydantic appends the union's member
    where = ".".join(keys[:-1] if is_union else keys) or "the card"
    do = "fix the field, or remove the card and write it again with `drivesal model --write-card`"
    if kind == "missing":
        return ModelError(f"{where} in {path.name}", "it is missing", do)
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return ModelError(f"fields of a card in {path.name} (docs/models.md)", f"{where} is not one", do)
    came = f"it is {repr(first['input'])[:60]}"
    if kind == "value_error":
        came += f" ({first['msg'].removeprefix('Value error, ')})"
        return ModelError(f"a valid {where} in {path.name}", came, do)
    expected = "a name or a number" if is_union else _EXPECTED.get(kind.split("_")[0], "another value")
    if kind == "literal_error":
        expected = str(first["ctx"]["expected"])
    return ModelError(f"{where} in {path.name} to be {expected}", came, do)


def _name_colour(data: dict[str, Any]) -> None:
    """Replace the colour by drivesal's spelling; its case is ignored."""
    preprocess = data.get("preprocess")
    if isinstance(preprocess, dict) and isinstance(preprocess.get("colour"), str):
        preprocess["colour"] = colour_named(preprocess["colour"])


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(_DEEPEST):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    if level:
        raise ValueError(f"it is nested more than {_DEEPEST} levels deep")


def card_text(card: Card) -> str:
    """The card as JSON for its file."""
    return json.dumps(dataclasses.asdict(card), indent=2) + "\n"
