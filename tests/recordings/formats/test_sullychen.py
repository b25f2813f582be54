from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivesal.angle import AngleKind
from drivesal.errors import LabelError
from drivesal.recordings import open_recording
from tests.clips import number
from tests.recordings.drives import save, sully


@pytest.mark.parametrize("dated", [False, True])
def test_both_versions_of_the_dataset(tmp_path: Path, dated: bool) -> None:
    with open_recording(sully(tmp_path / "s", 12, dated)) as recording:
        info = recording.info
        assert (info.format, info.length, info.rate) == ("sullychen", 12, 20)
        assert info.angle == AngleKind("deg", "steering-wheel")
        frames = list(recording.frames())
        assert [number(frame.image) for frame in frames] == list(range(12))
        # clockwise is positive: -20 is 20 degrees to the left
        assert [frame.steering for frame in frames] == pytest.approx([20 - 10 * i for i in range(12)])
        assert [frame.time_s for frame in frames] == pytest.approx([i / 20 for i in range(12)])


def test_images_in_data_and_malformed_lines(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    for i in range(5):
        save(folder / "data" / f"{i}.jpg", i)
    lines = "\ufeff0.jpg 1.5\n1.jpg nan\n2.jpg inf,2018-07-01 17:09:44:912\nnonsense\n"
    lines += "3.jpg left\n4.jpg -2,5\n9.jpg 1"
    (folder / "data.txt").write_text(lines, encoding="utf-8")
    with open_recording(folder / "data.txt") as recording:
        assert [frame.steering for frame in recording.frames()] == [-1.5, None, None, None, 2.5]
        assert recording.losses == [
            "1 of 7 lines of data.txt cannot be read",
            "1 image is missing (first #5, 9.jpg)",
        ]
        assert any("3 of 6 images have no finite angle" in note for note in recording.info.notes)
    (folder / "data.txt").write_text("0.jpg x\n1.jpg y\n")
    with pytest.raises(LabelError, match="none of its 2 rows"):
        open_recording(folder)


def test_through_the_command(tmp_path: Path, inside: Callable[..., Any], model_path: Path) -> None:
    sully(tmp_path / "s", 6)
    result = inside("video", "s", "--model", model_path, "--quiet", "--json", "--rate", "10")
    assert result.code == 0, result
    assert json.loads(result.out)["labelled_frames"] == 6
    rows = (tmp_path / "s.saliency.csv").read_text().splitlines()
    assert [float(row.split(",")[1]) for row in rows[1:]] == pytest.approx([i / 10 for i in range(6)])
