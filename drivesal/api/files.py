"""The files that a run reads, which no output may replace, and the names of those that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.errors import OptionError
from drivesal.export.animation import KINDS
from drivesal.model.card import card_path
from drivesal.recordings import beside

if TYPE_CHECKING:
    from drivesal.rendering.request import Request
    from drivesal.settings import RecordingSettings
    from drivesal.types import Recording


def files_read(
    paths: Sequence[Path],
    recordings: Sequence[Recording],
    opened_with: RecordingSettings,
    model: Path | None,
    *,
    request: Request | None = None,
    imports: Sequence[Path] = (),
) -> list[Path]:
    """Every file that a run reads. The recordings were named by `paths`, `model` is None for one in memory."""
    read: list[Any] = [*paths, *(file for one in recordings for file in one.info.files), *imports]
    read += [opened_with.labels or (None if opened_with.no_labels else beside(path)) for path in paths]
    if model is not None:
        read += [model, card_path(model)]
    if request is not None:
        read += [request.look.scale_from, request.explain.options.get("baseline")]
    return [Path(one) for one in read if isinstance(one, str | Path)]


def video_paths(video: Path, name: str = "out") -> dict[str, Path]:
    """Where a video, its table and its facts go. Raises OptionError, with the option's `name`, for another
    ending.
    """
    if video.suffix.lower() not in (".mp4", *KINDS):
        raise OptionError(f"{name} to end in .mp4, {' or '.join(KINDS)}", f"it is {video}", "name it so")
    return {"video": video, "table": video.with_suffix(".csv"), "facts": video.with_suffix(".json")}
