"""The files that a run reads are never overwritten, however they are named."""

from pathlib import Path

import pytest

import drivesal
from drivesal.api.files import files_read, video_paths
from drivesal.errors import DrivesalError, OptionError
from drivesal.recordings import open_recording
from drivesal.rendering.render_request import request_of
from drivesal.settings import ExplainSettings, LookSettings, RecordingSettings
from tests.clips import make_clip

TABLE = "time_s,steering\n0.0,1.0\n1.0,2.0\n"


def test_all_files_that_a_run_reads(tmp_path: Path) -> None:
    clip, labels, image = make_clip(tmp_path / "run.mp4", 3), tmp_path / "run.csv", tmp_path / "dark.png"
    labels.write_text(TABLE)
    model, own = tmp_path / "m.keras", tmp_path / "own.py"
    request = request_of(
        ExplainSettings(method="integrated-gradients", options={"baseline": str(image)}), LookSettings()
    )
    with open_recording(clip, labels=False) as run:
        read = files_read([clip], [run], RecordingSettings(), model, request=request, imports=[own])
        assert set(read) == {clip, labels, image, model, tmp_path / "m.keras.card.json", own}
        assert labels not in files_read([clip], [run], RecordingSettings(no_labels=True), None)
        other = RecordingSettings(labels=tmp_path / "other.csv")
        assert set(files_read([clip], [run], other, None)) == {clip, tmp_path / "other.csv"}


def test_a_label_table_given_in_python_is_not_overwritten(tmp_path: Path, model_path: Path) -> None:
    clip, labels = make_clip(tmp_path / "run.mp4", 3), tmp_path / "out.csv"
    labels.write_text(TABLE)
    with drivesal.Recording(clip, labels=labels) as run, pytest.raises(DrivesalError, match=r"out\.csv"):
        drivesal.render(run, model_path, tmp_path / "out.mp4", method="gradient", overwrite=True)
    assert labels.read_text() == TABLE


def test_the_files_written_next_to_a_video() -> None:
    assert {name: path.name for name, path in video_paths(Path("a/b.GIF")).items()} == {
        "video": "b.GIF",
        "table": "b.csv",
        "facts": "b.json",
    }
    with pytest.raises(OptionError, match=r"--out to end in \.mp4, \.gif or \.webp, but it is b\.avi"):
        video_paths(Path("b.avi"), name="--out")
