"""The canvas for every recording size, and text that stays within its region."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesal.angle import AngleKind
from drivesal.errors import OptionError
from drivesal.overlay import footer
from drivesal.overlay.layout import HIGHEST, WIDEST, plan
from drivesal.overlay.legend import arrange
from drivesal.overlay.palette import BACKGROUND
from drivesal.overlay.renderer import Renderer
from drivesal.overlay.style import Style

from .scenes import TEXTS, make_scene, make_shown, no_heat

SIZES = st.tuples(st.integers(16, 4096), st.integers(16, 4096))
LAYOUTS = st.sampled_from(["grid", "row", "single"])


def overlaps(one, other):
    return max(one.left, other.left) < min(one.right, other.right) and max(one.top, other.top) < min(
        one.bottom, other.bottom
    )


def inside(rect, size):
    return rect.left >= 0 and rect.top >= 0 and rect.right <= size[0] and rect.bottom <= size[1]


@given(SIZES, LAYOUTS, st.integers(0, 4), st.none() | st.integers(800, 4000))
@settings(max_examples=80, deadline=None)
def test_the_canvas_is_even_bounded_and_holds_everything_once(size, layout, cases, width):
    scene = make_scene(size, cases, layout=layout, width=width, warnings=("unit and sign assumed",))
    layout_plan = plan(scene)
    across, down = layout_plan.size
    assert across % 2 == down % 4 == 0
    if width is None:
        assert 480 <= across <= WIDEST
        assert down <= HIGHEST
    else:
        assert across == width - width % 2
    rects = [rect for panel in layout_plan.panels for rect in (panel.rect, panel.image)]
    rects += [area.rect for _, area in layout_plan.dashboard] + [layout_plan.footer]
    assert all(inside(rect, layout_plan.size) for rect in rects)
    assert not any(overlaps(a, b) for i, a in enumerate(rects) for b in rects[:i])
    assert len({(panel.image.width, panel.image.height) for panel in layout_plan.panels}) == 1
    assert len(layout_plan.panels) == (1 if layout == "single" else cases + 1)


@given(SIZES, LAYOUTS, st.integers(0, 4), st.booleans(), st.none() | st.integers(800, 4000))
@settings(max_examples=200, deadline=None)
def test_the_height_is_a_multiple_of_4(size, layout, cases, trace, width):
    assert plan(make_scene(size, cases, layout=layout, width=width, trace=trace)).size[1] % 4 == 0


@given(SIZES, LAYOUTS, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_headers_are_arranged_for_their_panels(size, layout, cases):
    scene = make_scene(size, cases, layout=layout)
    layout_plan = plan(scene)
    for panel in layout_plan.panels:
        most = max(len(one.legends) for one in layout_plan.panels)
        assert arrange(layout_plan.style, scene.legends, panel.rect.width, most) == layout_plan.header


@given(SIZES, LAYOUTS, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_images_keep_their_aspect_ratio_and_are_not_enlarged_needlessly(size, layout, cases):
    width, height = plan(make_scene(size, cases, layout=layout)).image_size
    assert width <= max(size[0], 480)
    # Rounding moves either side by at most a pixel.
    assert abs(width * size[1] - height * size[0]) <= max(size) + 2 * max(width, height)


@pytest.mark.parametrize(
    ("size", "cases", "columns"),
    [((1280, 720), 1, 2), ((1280, 720), 2, 3), ((1280, 720), 3, 2), ((640, 480), 4, 3), ((1080, 1920), 3, 4)],
)
def test_the_grid_suits_the_frames_aspect_ratio(size, cases, columns):
    panels = plan(make_scene(size, cases)).panels
    assert len({panel.image.left for panel in panels if panel.image.top == panels[0].image.top}) == columns


@pytest.mark.parametrize("width", [0, 100, 319, 100_000])
def test_an_invalid_width_is_refused(width):
    with pytest.raises(OptionError, match=f"{width} came"):
        Renderer(make_scene(width=width))


@pytest.mark.parametrize("opacity", [-0.1, 1.5, float("nan")])
def test_an_opacity_outside_0_to_1_is_refused(opacity):
    with pytest.raises(OptionError, match="opacity"):
        Renderer(make_scene(opacity=opacity))


@pytest.fixture
def written(monkeypatch):
    """Records every drawn text: (text, left, middle, width, size)."""
    texts = []
    draw = Style.draw

    def spy(self, canvas, text, x, middle, colour, size, weight=400, align="left"):
        width = self.width(text, size, weight)
        left = x - {"left": 0, "right": width, "centre": width // 2}[align]
        if text:
            texts.append((text, left, middle, width, size))
        draw(self, canvas, text, x, middle, colour, size, weight, align)

    monkeypatch.setattr(Style, "draw", spy)
    return texts


def assert_no_overlap(written, layout_plan):
    """Check that every text is inside its region and that no two texts overlap."""
    regions = [panel.rect for panel in layout_plan.panels] + [area.rect for _, area in layout_plan.dashboard]
    regions.append(layout_plan.footer)
    boxes = []
    for text, left, middle, wide, size in written:
        home = [r for r in regions if r.left <= left and left + wide <= r.right and r.top <= middle < r.bottom]
        assert home, text
        half = round(0.4 * size)
        assert home[0].top <= middle - half, text
        assert middle + half <= home[0].bottom, text
        if text != "!":
            boxes.append((text, left, left + wide, middle - half, middle + half))
    for number, (text, left, right, top, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            apart = right <= other[1] or other[2] <= left or bottom <= other[3] or other[4] <= top
            assert apart, (text, other[0])


@pytest.mark.parametrize("width", [None, 320, 414, 480, 640, 700, 960, 1280, 1500, 1920, 3840])
@pytest.mark.parametrize("kind", [AngleKind("deg", "road-wheels"), AngleKind("norm")])
@pytest.mark.parametrize(("predicted", "cases"), [(123.456, 1), (-8.0, 3), (99_999.0, 4), (float("nan"), 2)])
def test_no_text_leaves_its_region_or_touches_another(layout, width, kind, predicted, cases, written):
    if width and width < 160 * (cases + 1):
        layout = "single"
    warnings = ("unit and sign assumed", "no labels for 40 of 1200 frames: the error is over the rest")
    scene = make_scene(
        (160, 120),
        cases,
        layout=layout,
        width=width,
        kind=kind,
        has_truth=True,
        caption="gradient · one scale",
        warnings=warnings,
    )
    renderer = Renderer(scene)
    renderer.draw(make_shown(scene, index=123456, time_s=4000.0, predicted=predicted, truth=-3.0))
    assert_no_overlap(written, renderer.plan)


def test_every_legend_shows_title_meaning_and_full_scale_by_default(layout, written):
    for size in ((160, 120), (320, 160), (640, 480), (1280, 720), (1920, 1080)):
        written.clear()
        Renderer(make_scene(size, layout=layout))
        texts = [text for text, *_ in written]
        for expected in ("increase (left)", "brighter here → more right", "0.031° per 1/255", "relative"):
            assert expected in texts


LONG = (
    ("increase (left)", "brighter here → more left", "0.00031 norm per 1/255"),
    ("decrease (right)", "brighter here → more right", "0.00031 norm per 1/255"),
    ("maintain", "structure the angle does not react to", "relative"),
    ("support", "holds the angle away from the mean picture's", "-0.0021 norm"),
)


@pytest.mark.parametrize("width", [320, 414, 480, 640, 800, 1280, 1920, 3840])
@pytest.mark.parametrize("size", [(160, 120), (1280, 720), (90, 160)])
@pytest.mark.parametrize("words", [LONG, tuple(TEXTS.values())])
def test_every_legend_is_complete_at_every_width(layout, width, size, words, written):
    count = 4 if layout == "grid" else min(4, max(width // 160 - 1, 1))
    scene = make_scene(size, count, layout=layout, width=width)
    long_legends = tuple(
        dataclasses.replace(legend, title=title, meaning=meaning, full=full)
        for legend, (title, meaning, full) in zip(scene.legends, words, strict=False)
    )
    renderer = Renderer(dataclasses.replace(scene, legends=long_legends))
    headers = [panel.rect for panel in renderer.plan.panels if panel.legends]
    for rect in headers:
        inner = [
            text for text in written if rect.left <= text[1] < rect.right and rect.top <= text[2] < rect.bottom
        ]
        all_words = " ".join(text for text, *_ in inner)
        legends = long_legends if layout == "single" else (long_legends[headers.index(rect)],)
        for legend in legends:
            for expected in (legend.title, legend.meaning, legend.full):
                assert expected in all_words
        assert sum(text == "0" for text, *_ in inner) == len(legends)
        assert min(text[-1] for text in inner) >= 12
    assert_no_overlap(written, renderer.plan)


def test_headers_grow_with_the_canvas():
    for layout in ("grid", "row", "single"):
        assert plan(make_scene((1280, 720), 3, layout=layout, width=1920)).style.header == 20
    assert plan(make_scene((160, 120), 3, width=320)).style.header == 12


def test_measured_widths_contain_the_text():
    style = Style.of(960, 480)
    for text in ("12.3° L", "increase (left)", "brighter here → more left", "−10 s"):
        for size, weight in ((12, 400), (17, 600), (38, 600)):
            canvas = np.zeros((80, 600, 3), np.uint8)
            style.draw(canvas, text, 20, 40, (255, 255, 255), size, weight)
            columns = np.flatnonzero(canvas.max(axis=(0, 2)) > 40)
            assert columns[0] >= 19
            assert columns[-1] <= 20 + style.width(text, size, weight)


def test_long_texts_are_wrapped_or_shortened():
    style = Style.of(480, 240)
    for room in (40, 100, 300):
        assert all(
            style.width(line, 12) <= room for line in style.wrap("unit and sign were assumed " * 4, room, 12)
        )
        assert style.width(style.fit("a very long title of a case", room, 12), 12) <= room
    scene = make_scene(warnings=("a", "b " * 200), caption="")
    assert footer.lines(scene, style, 480)[0].x > style.pad
    assert footer.height(dataclasses.replace(scene, warnings=()), style, 480) == 0


def test_warnings_are_amber_and_persist(layout):
    quiet, loud = make_scene(layout=layout), make_scene(layout=layout, warnings=("unit and sign assumed",))
    renderer = Renderer(loud)
    for _ in range(2):
        canvas = renderer.draw(make_shown(loud, heats=no_heat(loud)))
        foot = renderer.plan.footer.of(canvas).astype(int)
        assert ((foot[..., 0] > 200) & (foot[..., 2] < 90)).sum() > 40
    assert Renderer(quiet).plan.footer.height == 0


def test_smooth_reductions_do_not_skip_lines():
    from drivesal.overlay.backdrop import resized

    stripes = np.zeros((1080, 1920, 3), np.uint8)
    stripes[::2] = 200
    small = resized(stripes, (480, 270))
    assert np.abs(small.astype(int) - 100).max() <= 1
    assert cv2.mean(small)[0] == pytest.approx(100, abs=1)


def test_the_background_is_one_colour_around_centred_panels():
    scene = make_scene((640, 480), cases=4)
    renderer = Renderer(scene)
    last = renderer.plan.panels[-1].image
    canvas = renderer.draw(make_shown(scene))
    assert last.right < renderer.size[0] - 100
    assert (canvas[last.top : last.bottom, last.right + 1 :] == BACKGROUND).all()
