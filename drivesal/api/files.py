"""The files that a run reads, which no output may overwrite, and the paths that it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.errors import OptionError
from drivesal.export.exporter import result_paths, video_exporter, video_suffixes
from drivesal.model.card import card_path
from drivesal.recordings import beside

if TYPE_CHECKING:
    from drivesal.rendering.render_request import Request
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
    """All files that a run reads. `paths` are the recordings' paths; `model` is None for one in memory."""
    read: list[Any] = [*paths, *(file for one in recordings for file in one.info.files), *imports]
    read += [opened_with.labels or (None if opened_with.no_labels else beside(path)) for path in paths]
    if model is not None:
        read += [model, card_path(model)]
    if request is not None:
        read += [request.look.scale_from, request.explain.options.get("baseline")]
    return [Path(path) for path in read if isinstance(path, str | Path)]


def video_paths(
    video: Path, asked: Mapping[str, Path | None] | None = None, *, name: str = "out"
) -> dict[str, Path]:
    """Paths of a video, the files next to it, and the results that `asked` names; see `result_paths`.

    Raises OptionError, which names the option `name`, for a suffix that is no video's.
    """
    if video_exporter(video) is None:
        *first, last = video_suffixes()
        raise OptionError(f"{name} to end in {', '.join(first)} or {last}", f"it is {video}", "name it so")
    return result_paths(video, asked or {})
