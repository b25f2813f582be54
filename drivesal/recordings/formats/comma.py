"""comma2k19 segments: video.hevc, with the CAN log and the frame times as NumPy files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drivesal.angle import AngleSpec
from drivesal.errors import InputError, LabelError
from drivesal.recordings.labels.labelled import LabelledRecording
from drivesal.recordings.labels.track import LabelTrack
from drivesal.recordings.registry import OpenOptions, register
from drivesal.recordings.video_recording import VideoRecording
from drivesal.types import Recording

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPEC = AngleSpec("deg", "steering-wheel", "left")
_VIDEO, _TIMES = Path("video.hevc"), Path("global_pose", "frame_times")
_FOLDERS = ("processed_log", "global_pose")
_CAN = Path("processed_log", "CAN")
_MAX_GAP_S = 0.5
"""Signals are not interpolated across longer gaps in the log."""


@register(
    "comma2k19",
    lambda path: path.joinpath(_VIDEO).is_file() and any((path / name).is_dir() for name in _FOLDERS),
    looks_for="a segment with video.hevc, processed_log/CAN/steering_angle and global_pose/frame_times",
)
def _open(path: Path, asked: OpenOptions) -> Recording:
    if not path.joinpath(_VIDEO).is_file():
        raise InputError("a segment of comma2k19", f"{path} has no {_VIDEO}", "give the segment's folder")
    clock = _array(path / _TIMES)
    if clock is None:
        raise InputError(
            "the frame times of the segment",
            f"{path / _TIMES} is missing",
            "restore it, or give video.hevc itself",
        )
    if len(clock) < 2 or not np.isfinite(clock).all() or (np.diff(clock) <= 0).any():
        raise InputError("increasing frame times", f"{path / _TIMES} has others", "give video.hevc itself")
    times = None if asked.rate is not None else clock
    video = VideoRecording(path / _VIDEO, rate=asked.rate, strict=asked.strict, times=times)
    try:
        video.present_as(path, "comma2k19", _notes(video, clock))
        track = _track(path, clock[: video.info.length]) if asked.labels else None
        if track is None:
            return video
        if asked.smooth_s is not None:
            track = track.smoothed(asked.smooth_s, float(video.info.rate))
        return LabelledRecording(video, track, own=True)
    except BaseException:
        video.close()
        raise


def _notes(video: VideoRecording, clock: NDArray[np.float64]) -> tuple[str, ...]:
    count = video.info.length or 0
    return (f"{len(clock)} frame times for {count} frames of video",) if len(clock) != count else ()


def _track(path: Path, clock: NDArray[np.float64]) -> LabelTrack:
    """The steering angles and the speed at the frame times. Raises LabelError."""
    folder = path / _CAN / "steering_angle"
    angles = _interpolated(folder, clock)
    if angles is None:
        raise LabelError(
            "the steering angles of the segment",
            f"{folder} has no t and value of equal length",
            "restore them, or ignore them with --no-labels",
        )
    good = np.isfinite(angles)
    if not good.any():
        raise LabelError(
            "steering angles at the frame times",
            f"{folder} has none there",
            "check the segment, or ignore them with --no-labels",
        )
    speed = _interpolated(path / _CAN / "speed", clock)
    extras = {} if speed is None else {"speed": speed[good]}
    frames = np.flatnonzero(good).astype(np.float64)
    bad = len(good) - len(frames)
    notes = (f"{bad} frames have no logged angle near their time",) if bad else ()
    return LabelTrack(folder, "frame", frames, angles[good] * _SPEC.factor, _SPEC.kind, bad, notes, extras)


def _interpolated(folder: Path, clock: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(N,) float64: a logged signal at these times, NaN in gaps; None if the signal is missing or malformed."""
    times, values = _array(folder / "t"), _array(folder / "value")
    if times is None or values is None or len(times) != len(values):
        return None
    good = np.isfinite(times) & np.isfinite(values)
    order = np.argsort(times[good], kind="stable")
    times, values = times[good][order], values[good][order]
    if not len(times):
        return np.full(len(clock), np.nan)
    after = np.clip(np.searchsorted(times, clock), 1, max(len(times) - 1, 1)) % len(times)
    near = times[after] - times[after - 1] <= _MAX_GAP_S
    exact = np.isin(clock, times)
    signal = np.interp(clock, times, values, left=np.nan, right=np.nan)
    return np.where(near | exact, signal, np.nan)


def _array(path: Path) -> NDArray[np.float64] | None:
    """The values of a NumPy file, flattened; None if there is no file. Loads no pickles. Raises InputError."""
    if not path.is_file():
        return None
    try:
        return np.load(path, allow_pickle=False).astype(np.float64).ravel()  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            "a NumPy file with an array of numbers", f"{path}: {reason}", "check the file"
        ) from error
