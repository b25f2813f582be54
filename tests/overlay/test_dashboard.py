"""The steering wheel, the numbers, the trace, and the registry they stand in."""

import math
from typing import ClassVar

import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.overlay import element
from drivesal.overlay.element import Element
from drivesal.overlay.elements.numbers import angle_parts, clock
from drivesal.overlay.elements.trace import nice_range, with_holes
from drivesal.overlay.elements.wheel import turn_factor
from drivesal.overlay.palette import PREDICTED, TRUTH
from drivesal.overlay.renderer import Renderer

from .drawn import make_scene, make_shown

DEG, NORM = AngleKind("deg", "steering-wheel"), AngleKind("norm")


def part(renderer, name):
    return next(one for one in renderer._instruments if one.name == name)


def near(picture, colour):
    return np.abs(picture.astype(int) - colour).max(axis=2) < 40


def angle_of(mask):
    """Degrees counter-clockwise from straight up of the mask's centre, about the picture's centre."""
    rows, columns = np.nonzero(mask)
    x, y = columns.mean() - mask.shape[1] / 2 + 0.5, rows.mean() - mask.shape[0] / 2 + 0.5
    return math.degrees(math.atan2(-x, -y))


@pytest.mark.parametrize("predicted", [-120.0, -30.0, 0.0, 45.0, 90.0])
def test_the_wheel_turns_counter_clockwise_for_left(predicted):
    scene = make_scene(has_truth=True)
    renderer = Renderer(scene)
    wheel = part(renderer, "wheel").area.rect.of(
        renderer.draw(make_shown(scene, predicted=predicted, truth=150.0))
    )
    assert angle_of(near(wheel, PREDICTED)) == pytest.approx(predicted, abs=2)
    assert angle_of(near(wheel, TRUTH)) == pytest.approx(150, abs=2)


def test_road_wheels_and_norm_turn_by_a_stated_factor():
    assert turn_factor(DEG) == 1
    assert turn_factor(NORM) == 90
    assert turn_factor(AngleKind("deg", "road-wheels")) == 4


def test_labels_of_another_kind_have_scales_of_their_own():
    scene = make_scene(has_truth=True, angle_range=40.0, truth_kind=NORM, truth_range=0.5)
    renderer = Renderer(scene)
    # the label is 0.5 norm: an eighth of a turn on the wheel, and no part of the curve's degrees
    canvas = renderer.draw(make_shown(scene, predicted=10.0, truth=0.5))
    wheel = part(renderer, "wheel")
    (x, y), half = wheel._centre, wheel._side // 2  # a note stands below it
    around = canvas[round(y) - half : round(y) + half, round(x) - half : round(x) + half]
    assert angle_of(near(around, TRUTH)) == pytest.approx(45, abs=2)
    trace = part(renderer, "trace")
    assert (trace._range, trace._own) == (45, 0.6)
    plot = trace._plot
    dots, _ = np.nonzero(near(canvas[:, plot.right - 3 : plot.right + 1], TRUTH))
    assert np.median(dots) == pytest.approx(plot.middle - 0.5 / 0.6 * (plot.height - 1) / 2, abs=2)
    renderer.draw(make_shown(scene, time_s=84.0, predicted=10.0, truth=0.9))
    assert (trace._range, trace._own) == (45, 1.2)


def test_without_truth_there_is_no_mark():
    scene = make_scene(has_truth=True)
    renderer = Renderer(scene)
    for truth in (None, math.nan):
        wheel = part(renderer, "wheel").area.rect.of(renderer.draw(make_shown(scene, truth=truth)))
        assert not near(wheel, TRUTH).any()
    unlabelled = make_scene(has_truth=False)
    renderer = Renderer(unlabelled)
    canvas = renderer.draw(make_shown(unlabelled, truth=20.0))
    assert not any(near(one.area.rect.of(canvas), TRUTH).any() for one in renderer._instruments)


def test_the_clock():
    assert [clock(t) for t in (0, 9.96, 59.96, 83.25, 3723.4, -0.5, -0.01)] == [
        "0:00.0", "0:10.0", "1:00.0", "1:23.2", "1:02:03.4", "−0:00.5", "0:00.0",
    ]  # fmt: skip


def test_digits_stay_in_place_when_the_side_goes():
    assert angle_parts(DEG, 12.34) == ("12.3°", "L")
    assert angle_parts(DEG, -0.01) == ("0.0°", "")
    assert angle_parts(NORM, -0.5) == ("0.500 norm", "R")
    assert angle_parts(DEG, None) == angle_parts(DEG, math.nan) == ("–", "")
    scene = make_scene()
    renderer = Renderer(scene)
    numbers = part(renderer, "numbers")
    rect, middle = numbers.area.rect, numbers._rows()["predicted"]
    split = rect.width - numbers.style.pad - numbers._side_width(numbers.style)
    ends = []
    for predicted in (12.3, 0.0, -102.3):
        row = rect.of(renderer.draw(make_shown(scene, predicted=predicted)))[
            middle - rect.top - 8 : middle - rect.top + 8
        ]
        ends.append(np.flatnonzero(near(row[:, :split], PREDICTED).any(axis=0)).max())
    assert len(set(ends)) == 1


def plot_of(renderer, canvas):
    trace = part(renderer, "trace")
    return trace._plot.of(canvas), trace._plot


def test_the_newest_value_is_at_the_right_edge_and_left_is_up():
    scene = make_scene((640, 360), angle_range=18.0)
    renderer = Renderer(scene)
    plot, rect = plot_of(renderer, renderer.draw(make_shown(scene, predicted=10.0)))
    seen = near(plot, PREDICTED)
    assert seen[:, -1].any()
    assert not seen[:, : rect.width - 8].any()
    rows = np.nonzero(seen)[0]
    assert rows.mean() == pytest.approx(rect.height / 4, abs=1.5)


def test_the_curve_ends_after_ten_seconds():
    scene = make_scene((640, 360), angle_range=20.0)
    renderer = Renderer(scene)
    for step in range(300):
        canvas = renderer.draw(
            make_shown(scene, index=step, time_s=step / 10, predicted=15.0 if step < 150 else -15.0)
        )
    plot, rect = plot_of(renderer, canvas)
    seen = near(plot, PREDICTED)
    assert not seen[: rect.height // 2 - 2].any()
    assert seen[rect.height // 2 :].any(axis=0).all()
    assert len(part(renderer, "trace")._rows) == 101


def test_reset_forgets_and_takes_a_history():
    scene = make_scene((640, 360), has_truth=True)
    renderer = Renderer(scene)
    alone = renderer.draw(make_shown(scene, truth=3.0)).copy()
    for step in range(30):
        renderer.draw(make_shown(scene, time_s=80 + step / 10, predicted=300.0, truth=4.0))
    renderer.reset()
    assert np.array_equal(renderer.draw(make_shown(scene, truth=3.0)), alone)
    rows = [(82.0 + step / 20, 5.0, 2.0) for step in range(25)]
    other = Renderer(scene)
    for time_s, predicted, truth in rows:
        other.draw(make_shown(scene, time_s=time_s, predicted=predicted, truth=truth))
    renderer.reset(rows)
    assert np.array_equal(renderer.draw(make_shown(scene, truth=3.0)), other.draw(make_shown(scene, truth=3.0)))


def test_missing_truth_leaves_a_gap_and_a_lonely_value_is_a_dot():
    scene = make_scene((640, 360), has_truth=True, angle_range=20.0)
    renderer = Renderer(scene)
    known = {*range(0, 30), 50, *range(70, 101)}
    for step in range(101):
        truth = 10.0 if step in known else None if step % 2 else math.nan
        canvas = renderer.draw(make_shown(scene, time_s=step / 10, predicted=-15.0, truth=truth))
    plot, rect = plot_of(renderer, canvas)
    columns = near(plot, TRUTH).any(axis=0)
    scale = (rect.width - 1) / 100

    def within(start, end):
        return columns[round(start * scale) : round(end * scale)]

    assert within(0, 28).any()
    assert not within(31, 48).any()
    assert within(49, 51).any()
    assert not within(52, 68).any()
    assert within(71, 100).any()
    assert not within(0, 28).all()  # dashed


def test_the_range_grows_in_nice_steps_and_never_shrinks():
    given = (0.3, 5, 5.5, 46, 200, 800, 1e9)
    assert [nice_range(value, "deg") for value in given] == [1, 6, 8, 60, 270, 1080, 2880]
    assert [nice_range(value, "norm") for value in (0.02, 0.4, 1.0, 1.1, 5)] == [0.05, 0.6, 1.2, 1.5, 8]
    scene = make_scene(angle_range=12.0)
    renderer = Renderer(scene)
    trace = part(renderer, "trace")
    seen = []
    for step, predicted in enumerate((5.0, -33.0, 2.0, math.nan, 100.0, 0.0)):
        renderer.draw(make_shown(scene, time_s=float(step), predicted=predicted))
        seen.append(trace._range)
    assert seen == [15, 45, 45, 45, 120, 120]


@pytest.mark.parametrize("largest", [1.0, 5.0, 25.0, 45.0, 90.0, 360.0])
def test_the_curve_keeps_clear_of_the_border(largest):
    scene = make_scene((640, 360), angle_range=largest)
    renderer = Renderer(scene)
    for step in range(101):
        predicted = largest * (-1) ** (step // 25)
        canvas = renderer.draw(make_shown(scene, time_s=step / 10, predicted=predicted))
    plot, rect = plot_of(renderer, canvas)
    rows = np.nonzero(near(plot, PREDICTED))[0]
    assert rows.min() > 0.03 * rect.height
    assert rows.max() < 0.97 * rect.height


@pytest.mark.parametrize("interval", [0.05, 0.5])
def test_a_hole_in_time_breaks_the_curves(interval):
    scene = make_scene((640, 360), has_truth=True, angle_range=20.0)
    renderer = Renderer(scene)
    for step in range(round(10 / interval) + 1):
        if not 3.0 < step * interval < 7.0:
            shown = make_shown(scene, time_s=step * interval, predicted=15.0, truth=-15.0)
            canvas = renderer.draw(shown)
    plot, rect = plot_of(renderer, canvas)
    for colour in (PREDICTED, TRUTH):
        columns = near(plot, colour).any(axis=0)
        assert columns[: round(0.28 * rect.width)].any()
        assert not columns[round(0.32 * rect.width) : round(0.68 * rect.width)].any()
        assert columns[round(0.72 * rect.width) :].any()


def test_times_that_jitter_or_miss_a_few_frames_leave_the_curve_whole():
    rows = np.zeros((100, 3))
    rows[:, 0] = np.cumsum(np.resize([0.04, 0.06, 0.2], 100))
    assert with_holes(rows) is rows
    assert len(with_holes(rows[:1])) == 1
    assert len(with_holes(rows[[*range(30), *range(60, 100)]])) == 71


def test_a_scene_without_history_has_no_trace_and_a_photograph_no_time():
    scene = make_scene(trace=False)
    renderer = Renderer(scene)
    assert [one.name for one in renderer._instruments] == ["wheel", "numbers"]
    timed = renderer.draw(make_shown(scene)).copy()
    timeless = renderer.draw(make_shown(scene, time_s=math.nan)).copy()
    assert not np.array_equal(timed, timeless)
    assert np.array_equal(renderer.draw(make_shown(scene, time_s=math.nan, index=99)), timeless)


def test_a_frame_leaves_nothing_of_the_one_before():
    scene = make_scene(has_truth=True)
    renderer = Renderer(scene)
    first = renderer.draw(make_shown(scene)).copy()
    renderer.draw(make_shown(scene, index=88_888, predicted=-177.7, truth=123.4, heats={
        legend.case: np.ones((66, 200), np.float32) for legend in scene.legends
    }))  # fmt: skip
    renderer.reset()
    assert np.array_equal(renderer.draw(make_shown(scene)), first)


@pytest.mark.parametrize("slot", ["dashboard", "panel"])
def test_a_new_registered_element_appears(monkeypatch, slot):
    element.registered(slot)
    monkeypatch.setattr(element._registry, "_items", element._registry._items.copy())

    @element.register
    class Lamp(Element):
        name: ClassVar[str] = "lamp"
        order: ClassVar[int] = 15

        @classmethod
        def width(cls, scene, style, height):
            return 40, 40

        def draw(self, canvas, moment):
            area = self.area.rect if slot == "dashboard" else self.area.box
            area.shrunk(10).of(canvas)[:] = (1, 2, 3)

    Lamp.slot = slot
    scene = make_scene()
    renderer = Renderer(scene)
    canvas = renderer.draw(make_shown(scene))
    lamps = [one for one in renderer._elements if one.name == "lamp"]
    assert len(lamps) == (1 if slot == "dashboard" else 4)
    for lamp in lamps:
        area = lamp.area.rect if slot == "dashboard" else lamp.area.box
        if slot == "panel" and not lamp.area.legends:
            continue
        assert (area.shrunk(12).of(canvas) == (1, 2, 3)).mean() > 0.8
