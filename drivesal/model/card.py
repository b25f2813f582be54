"""The card beside a model's weights: what the network was trained on and what its answer means.

`<weights file name>.card.json`, checked field by field when it is read.
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
    """What a model's file does not say of itself.

    `mean_picture` is the training data's mean as a base64 PNG at the model's size, RGB; `training` keeps what
    was done (data, seed, errors) for people to read. `lambdas` says what Lambda layers compute, by their names
    ("x/127.5-1"): their code in the file is not run. `images` is what a drive's images are compared with.
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
        """The mean picture, (h, w, 3) uint8 RGB, or None. Raises ModelError where it cannot be read."""
        if self.mean_picture is None:
            return None
        import cv2
        import numpy as np

        size = self.preprocess.size
        try:
            data = np.frombuffer(base64.b64decode(self.mean_picture, validate=True), np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if _is_png(data.tobytes(), size) else None
        except (ValueError, cv2.error):
            picture = None
        if picture is None or picture.shape[:2] != self.preprocess.size:
            height, width = self.preprocess.size
            raise ModelError(
                f"mean_picture in the card to be a base64 PNG of {width}x{height}",
                "it is none" if picture is None else f"it is {picture.shape[1]}x{picture.shape[0]}",
                "remove the field",
            )
        return picture  # type: ignore[no-any-return]


def _is_png(data: bytes, size: tuple[int, int]) -> bool:
    """Whether these are the bytes of a PNG of this (height, width), told before anything is unpacked."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">2I", data[16:24]) == size[::-1]


def encode_picture(picture: Image) -> str:
    """(h, w, 3) uint8 RGB to a base64 PNG for `Card.mean_picture`."""
    import cv2

    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return base64.b64encode(data.tobytes()).decode("ascii")


def card_path(weights: Path) -> Path:
    """Where the card of this weights file lies."""
    return weights.with_name(weights.name + ".card.json")


def read_card(path: Path) -> Card:
    """Reads and checks a card. Raises ModelError that names the field."""
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
            f"a JSON card in {path}", f"it cannot be read ({error})", "mend or remove it"
        ) from error
    if isinstance(data, dict):
        data = migrated(data, SCHEMA, path.name, ModelError, "drivesal_card")
        _name_colour(data)
    try:
        return TypeAdapter(Card).validate_python(data)
    except ValidationError as error:
        raise _refusal(path, error) from error


_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "dict": "an object {...}",
    "dataclass": "an object {...}",
}
"""What a field of a card should be, by how pydantic's kinds of errors begin."""


def _refusal(path: Path, error: ValidationError) -> ModelError:
    """What is wrong with the first field that is, in words."""
    first = error.errors(include_url=False)[0]
    kind, parts = first["type"], [str(part) for part in first["loc"]]
    either = len(parts) > 1 and parts[-1] in ("str", "int")  # of a field that may be either
    where = ".".join(parts[:-1] if either else parts) or "the card"
    do = "mend the field, or remove the card and write it again with `drivesal model --write-card`"
    if kind == "missing":
        return ModelError(f"{where} in {path.name}", "it is missing", do)
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return ModelError(f"fields of a card in {path.name} (docs/models.md)", f"{where} is none", do)
    came = f"it is {repr(first['input'])[:60]}"
    if kind == "value_error":
        came += f" ({first['msg'].removeprefix('Value error, ')})"
        return ModelError(f"a valid {where} in {path.name}", came, do)
    wanted = "a name or a number" if either else _WANTED.get(kind.split("_")[0], "another value")
    if kind == "literal_error":
        wanted = str(first["ctx"]["expected"])
    return ModelError(f"{where} in {path.name} to be {wanted}", came, do)


def _name_colour(data: dict[str, Any]) -> None:
    """The colour as drivesal spells it, whatever the case of its letters."""
    preprocess = data.get("preprocess")
    if isinstance(preprocess, dict) and isinstance(preprocess.get("colour"), str):
        preprocess["colour"] = colour_named(preprocess["colour"])


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(_DEEPEST):
        level = [
            one
            for part in level
            if isinstance(part, dict | list)
            for one in (part.values() if isinstance(part, dict) else part)
        ]
    if level:
        raise ValueError(f"it is more than {_DEEPEST} deep")


def card_text(card: Card) -> str:
    """The card as JSON for its file."""
    return json.dumps(dataclasses.asdict(card), indent=2) + "\n"
