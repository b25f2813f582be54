"""What the shared options turn into: a model, a recording, a request."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.errors import LabelError, OptionError

if TYPE_CHECKING:
    from fractions import Fraction

    from drivesal.loading import Declared
    from drivesal.model import SteeringModel
    from drivesal.painter import Request
    from drivesal.recordings import LabelTrack
    from drivesal.target import Explainable
    from drivesal.types import Recording, Span


def declared(given: Mapping[str, Any], has_card: bool) -> Declared:
    """What was said of the model; `--angle-unit` and `--positive` count only where there is no card."""
    from drivesal.loading import Declared
    from drivesal.preprocess import Crop, scale_from_range

    unit, side = given["model_angle_unit"], given["model_positive"]
    return Declared(
        crop=Crop.parse(given["crop"]) if given["crop"] is not None else None,
        interpolation=given["interpolation"],
        colour=given["colour"],
        size=size(given["input_size"]),
        input_scale=scale_from_range(given["input_scale"]) if given["input_scale"] is not None else None,
        output=given["output"],
        bins=_bins(given["bins"]),
        pre_activation=given["pre_activation"],
        unit=unit if unit or has_card else given["angle_unit"],
        turns=given["turns"],
        positive=side if side or has_card else given["positive"],
        full_lock_deg=given["full_lock"],
    )


def size(text: str | None) -> tuple[int, int] | None:
    """(height, width) [px] as a person writes it, HEIGHTxWIDTH. Raises OptionError."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if found is None:
        raise OptionError("--input-size as HEIGHTxWIDTH like 66x200", f"it is {text!r}", "mend it")
    return int(found[1]), int(found[2])


def _bins(text: str | None) -> tuple[float, float] | None:
    from drivesal.preprocess import numbers_from_range

    if text is None:
        return None
    return numbers_from_range(text, "bins LOW..HIGH like -1..1", "say the angles of the first and the last bin")


def say_enlarged(recordings: Sequence[Recording], model: SteeringModel) -> None:
    """Says on stderr where the model is shown more pixels than its crop leaves of a recording's frames."""
    for recording in recordings:
        info = recording.info
        enlarged = model.preprocess.enlarged(info.width, info.height)
        if enlarged is not None:
            click.echo(f"drivesal: {info.path.name}: {enlarged.sentence}", err=True)


def target(given: Mapping[str, Any]) -> Explainable | None:
    """What is explained in place of the steering answer, None for that."""
    from drivesal.target import Class, Filters, Weighted

    layer, filters, classes = given.get("layer"), given.get("filters", ()), given.get("classes", ())
    if filters and layer is None:
        raise OptionError("--layer for --filter", "it was not given", "name the layer, see `drivesal model`")
    if layer is not None and classes:
        raise OptionError("one thing to explain", "--layer and --class were both given", "leave one out")
    if layer is not None:
        return Filters(layer, tuple(filters))
    if classes:
        named = [Class(index, given["output"]) for index in classes]
        return named[0] if len(named) == 1 else Weighted(tuple((1.0, one) for one in named))
    return None


def feed(given: Mapping[str, Any]) -> dict[str, float | str]:
    """Where the model's inputs beside the picture come from: numbers or names of what the recording carries."""
    found: dict[str, float | str] = {}
    for text in given.get("feed", ()):
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise OptionError("--feed as INPUT=NUMBER or INPUT=COLUMN", f"it is {text!r}", "mend it")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found


def lambdas(given: Mapping[str, Any]) -> dict[str, str]:
    """What Lambda layers compute, by their names, as the options say it."""
    found: dict[str, str] = {}
    for text in given.get("lambdas", ()):
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise OptionError("--lambda as LAYER=FORMULA like lambda_1=x/127.5-1", f"it is {text!r}", "mend it")
        found[name.strip()] = value.strip()
    return found


def load(given: Mapping[str, Any], recording: Recording | None = None) -> SteeringModel:
    """The model that the options name, on the device that they name.

    A full lock that the labels of the `recording` took is the model's too only where its unit is norm.
    TensorFlow's threads are started from a stage's thread, so that they too stand back for the encoder.
    """
    from drivesal.assets import default_model
    from drivesal.backend import first_computation, use_device
    from drivesal.card import card_path
    from drivesal.loading import load_model
    from drivesal.loading.imports import import_file
    from drivesal.stages import Ahead

    path = given["model_path"] or default_model()
    said = declared(given, card_path(path).is_file())
    use_device(given.get("device"))
    with Ahead(map(first_computation, [0.0])) as started:
        list(started)
    for file in given.get("imports", ()):
        import_file(file)
    if (
        recording is not None
        and recording.info.full_lock_deg is not None
        and _unit(path, said, given) != "norm"
    ):
        said = dataclasses.replace(said, full_lock_deg=None)
    if given.get("classes") and card_path(path).is_file():
        said = dataclasses.replace(said, output=None)  # it names where the class is; the card's output steers
    return load_model(
        path,
        said,
        unsafe=given["unsafe"],
        target=target(given),
        feed=feed(given),
        lambdas=lambdas(given),
        preset=given.get("preset"),
    )


def _unit(path: Path, said: Declared, given: Mapping[str, Any]) -> str:
    """The unit in which the model answers, as options, card and preset say it."""
    from drivesal.card import card_path, read_card
    from drivesal.loading.presets import preset

    if said.unit is not None:
        return said.unit
    if card_path(path).is_file():
        return read_card(card_path(path)).target.angle.unit
    return "norm" if given.get("preset") is None else preset(given["preset"]).unit


def request(given: Mapping[str, Any], span: Span) -> Request:
    """What to explain and how to show it, checked as far as it can be without a model."""
    from drivesal.attribution.registry import method
    from drivesal.cases import SIGNED, UNSIGNED, choose
    from drivesal.explainer import Question, check_cases
    from drivesal.painter import Look, Request

    options = {
        n.removeprefix("method_"): v for n, v in given.items() if n.startswith("method_") and v is not None
    }
    chosen = method(given["method"])
    chosen.settings(options)
    if given["scale_from"] is not None and given["scale"] == "frame":
        raise OptionError("one scale", "--scale frame and --scale-from were both given", "leave one out")
    look = Look(
        layout=given["layout"],
        width=given["width"],
        opacity=given["opacity"],
        colormap=given["colormap"],
        smooth=given["smooth"],
        per_frame=given["scale"] == "frame",
        scale=_facts(given["scale_from"]),
    )
    names: Sequence[str] = SIGNED if chosen.signed and given["reduce"] == "sum" else UNSIGNED
    if given["cases"] is not None:
        names = [name.strip() for name in given["cases"].split(",") if name.strip()]
    question = Question(
        choose(names, given["maintain"]),
        chosen.name,
        options,
        given["reduce"],
        given["batch_size"],
        given["seed"],
    )
    check_cases(question)
    return Request(question, look, span, given["steering_ratio"])


def _facts(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(
            "the facts (.json) of another run", f"{path} cannot be read ({error})", "check the path"
        ) from None


def name_of(path: Path) -> str:
    """What outputs are named after: a file's name without its ending, a folder's, a pattern's folder's."""
    from drivesal.recordings.images import is_pattern

    if is_pattern(path):
        path = next(folder for folder in path.parents if folder.is_dir())
    if path.is_dir():
        return path.resolve().name or "drive"
    return path.stem


def files_read(recordings: Sequence[Recording], paths: Sequence[Path], given: Mapping[str, Any]) -> list[Path]:
    """Every file that a run reads, so that no output replaces one; the recordings were named by `paths`."""
    from drivesal.assets import default_model
    from drivesal.card import card_path
    from drivesal.recordings import beside

    model = given["model_path"] or default_model()
    labels = [given["labels"] or (None if given["no_labels"] else beside(path)) for path in paths]
    others = [*labels, given.get("scale_from"), given.get("method_baseline")]
    images = [file for one in recordings for file in one.info.files]
    read = [*paths, *images, model, card_path(model), *given["imports"]]
    return [*read, *(Path(one) for one in others if one is not None)]


def open_drive(path: Path, given: Mapping[str, Any]) -> Recording:
    """The recording with the labels that the options name, those of the same name beside it, or its own.

    A table beside it that turns out to hold no usable labels is left, with a line on stderr.
    """
    from drivesal.comparing import with_full_lock
    from drivesal.recordings import beside, open_recording

    said: dict[str, Any] = {"rate": rate(given["rate"]), "strict": given["strict"]}
    said |= {"format": given["format"], "camera": given["camera"]}
    if given["labels"] is not None and given["no_labels"]:
        raise OptionError("labels or none", "--labels and --no-labels were both given", "leave one out")
    if given["labels"] is not None:
        return open_recording(path, **said, labels=_labels(given["labels"], given))
    without = given["no_labels"]
    found = None if without else beside(path)
    if found is not None:
        try:
            return open_recording(path, **said, labels=_labels(found, given), named=False)
        except LabelError as error:
            click.echo(f"drivesal: {found} beside the video is not used: {error}", err=True)
    recording = open_recording(path, **said, labels=False if without else None)
    recording = with_full_lock(recording, given["full_lock"])
    try:
        _check_label_options(recording, given)
    except BaseException:
        recording.close()
        raise
    return recording


def open_drives(
    stack: contextlib.ExitStack, paths: Sequence[Path], given: Mapping[str, Any]
) -> list[Recording]:
    """The recordings, each like `open_drive`, open until the stack is left."""
    if len(paths) > 1 and given["labels"] is not None:
        raise OptionError("--labels with one recording", f"there are {len(paths)}", "put a table beside each")
    return [stack.enter_context(open_drive(path, given)) for path in paths]


def _check_label_options(recording: Recording, given: Mapping[str, Any]) -> None:
    """Options of a table of labels must not be taken to change a recording's own. Raises OptionError."""
    own = recording.info.own_labels
    for name in ("angle_column", "label_offset", "label_turns"):
        if given[name] is not None:
            flag = f"--{name.replace('_', '-')}"
            came = f"{recording.info.format} brings its own, whose unit is known" if own else "there are none"
            raise OptionError(f"a table of labels for {flag}", came, "name one with --labels")
    names = ("angle_unit", "positive", *(() if recording.info.full_lock_deg else ("full_lock",)))
    flags = [name for name in names if given[name] is not None]
    if own and flags:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in flags)
        whose = f"the own labels of {recording.info.path} have theirs"
        click.echo(f"drivesal: {told}: not for the labels, {whose}", err=True)


def rate(text: str | None) -> Fraction | None:
    """Frames a second as a person writes them. Raises OptionError."""
    from fractions import Fraction

    try:
        found = Fraction(text) if text is not None else None
        if found is not None and found <= 0:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise OptionError("--rate as 20, 29.97 or 30000/1001", f"it is {text!r}", "mend it") from None
    return found


def _labels(path: Path, given: Mapping[str, Any]) -> LabelTrack:
    from drivesal.recordings import read_labels

    return read_labels(
        path,
        angle_column=given["angle_column"],
        unit=given["angle_unit"],
        positive=given["positive"],
        full_lock_deg=given["full_lock"],
        turns=given["label_turns"] or "unknown",
        offset_s=given["label_offset"] or 0.0,
    )
