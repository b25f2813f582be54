"""Conversion of arguments to a recording and a model."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal import types
from drivesal.api.drive import Recording
from drivesal.api.models import load_model
from drivesal.errors import InputError
from drivesal.explanation.reference import with_available_baseline
from drivesal.model.steering_model import SteeringModel
from drivesal.recordings.in_memory import MemoryRecording
from drivesal.settings import ExplainSettings
from drivesal.types import Frame

if TYPE_CHECKING:
    from drivesal.types import Image

    Frames = types.Recording | str | Path | Frame | Image | Iterable[Image] | Iterable[Frame]

_log = logging.getLogger(__name__)


def model_of(model: SteeringModel | str | Path | Any) -> SteeringModel:
    """The model, loaded unless it is a SteeringModel already. Raises ModelError, OptionError."""
    return model if isinstance(model, SteeringModel) else load_model(model)


def recording_of(frames: Frames, stack: ExitStack) -> types.Recording:
    """The frames as a recording; a recording opened here is closed with the stack."""
    if isinstance(frames, types.Recording):
        return frames
    if isinstance(frames, str | Path):
        return stack.enter_context(Recording(frames))
    if isinstance(frames, SteeringModel) or hasattr(frames, "predict"):
        raise InputError("frames or a recording", "a model was given in their place", "swap the arguments")
    images: Any = [frames] if isinstance(frames, Frame) else frames
    if hasattr(frames, "__array__"):
        array = np.asarray(frames)
        images = [array] if array.ndim == 3 and array.shape[2] == 3 else array
    numbered = [item if isinstance(item, Frame) else Frame(i, i / 20, item) for i, item in enumerate(images)]
    return MemoryRecording([replace(frame, image=_checked_image(frame)) for frame in numbered])


def _checked_image(frame: Frame) -> Image:
    """The frame's image as an array. Raises InputError unless it is (H, W, 3) uint8."""
    image = np.asarray(frame.image)
    if image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8:
        return image
    do = "convert them, for floats in 0..1 with (255 * x).astype('uint8')"
    if image.dtype == np.uint8:
        do = "repeat a grey channel with np.repeat(x[..., None], 3, -1); drop an alpha channel"
    raise InputError("frames as (H, W, 3) uint8 RGB", f"frame {frame.index} is {image.shape} {image.dtype}", do)


def adapted_settings(
    recording: types.Recording, model: SteeringModel, settings: ExplainSettings
) -> ExplainSettings:
    """The settings, adapted with a warning if the recording is a single image."""
    if recording.info.length != 1:
        return settings
    settings, warning = with_available_baseline(model, settings)
    if warning is not None:
        _log.warning("%s", warning)
    return settings
