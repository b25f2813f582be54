"""The content of the evaluation figure, read back from its axes, and its image size."""

import cv2
import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.evaluation.figure import _draw, render_png
from drivesal.evaluation.segments import worst_segments
from tests.evaluation.test_metrics import predictions

WHEEL = AngleKind("deg", "steering-wheel")


def drives():
    times = np.arange(100) / 10
    gap = predictions(np.where(times > 4, times + 20, times), np.sin(times) * 30, np.sin(times) * 30 + 2)
    return [gap, predictions(times, np.cos(times) * 10, np.cos(times) * 10 - 1)]


def test_lines_end_at_gaps_and_every_axis_has_its_unit():
    both = drives()
    figure = _draw(both, WHEEL, "my.keras", worst_segments(both, 2))
    first, second, scatter, histogram = figure.axes
    for axis, drive, cuts in ((first, both[0], 1), (second, both[1], 0)):
        truth = next(line for line in axis.lines if len(line.get_xdata()) == 100 + cuts and line.zorder == 2)
        assert np.isnan(truth.get_xdata()).sum() == cuts
        assert axis.get_ylabel() == "angle [°], left +"
        assert axis.get_xlim()[1] == pytest.approx(drive.time_s[-1] + 0.1)
    assert second.get_xlabel() == "time in the recording [m:ss]"
    assert scatter.get_xlim() == scatter.get_ylim()
    assert scatter.collections[0].get_offsets().shape == (200, 2)
    limits = {line.get_xdata()[0] for line in scatter.lines if line.get_linestyle() == ":"}
    assert limits == {-20, -5, 5, 20}
    for axis in (scatter, histogram):
        assert "[°], left +" in axis.get_xlabel()
    assert sum(bar.get_height() for bar in histogram.patches) == 200
    title = figure.texts[0].get_text()
    assert "RMSE 1.58°" in title  # the root of (4 + 1) / 2
    assert "bias +0.50°" in title
    assert "200 frames" in title


def test_norm_is_never_called_degrees():
    figure = _draw(drives(), AngleKind("norm"), "my.keras", [])
    texts = [figure.texts[0].get_text(), *(a.get_xlabel() + a.get_ylabel() for a in figure.axes)]
    assert "°" not in "".join(texts)
    assert "norm" in texts[0]


@pytest.mark.parametrize("count", [1, 2, 70])
def test_any_number_of_recordings_and_unusual_names_make_a_png(count):
    drive = predictions([0], [0], [0])
    object.__setattr__(drive, "name", "caf\udce9 $x 雨.mp4")
    image = cv2.imdecode(np.frombuffer(render_png([drive] * count, WHEEL, "$m.keras", []), np.uint8), 1)
    assert image.shape[1] == 1210
    assert 900 < image.shape[0] < 9000
    assert image.std() > 5


def test_an_error_far_larger_than_the_rest_is_counted_in_the_outermost_bar():
    error = np.full(1000, 0.5)
    error[7] = 90
    figure = _draw([predictions(np.arange(1000) / 10, np.zeros(1000), error)], WHEEL, "m", [])
    histogram = figure.axes[-1]
    assert "(outermost bars: 1 larger)" in histogram.get_xlabel()
    assert sum(bar.get_height() for bar in histogram.patches) == 1000
    assert histogram.get_xlim()[1] < 3
