"""Heat is drawn on the region that the model saw, and nowhere else."""

import cv2
import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.explanation.registry import cases
from drivesal.overlay.backdrop import resized
from drivesal.overlay.geometry import Rect, scaled_box
from drivesal.overlay.palette import own_ramp
from drivesal.overlay.renderer import Renderer

from .scenes import make_scene, make_shown, no_heat, road, spot

CASES = {case.name: case.colour for case in cases().values()}


@pytest.mark.parametrize("size", [(160, 120), (320, 160), (640, 480), (1280, 720), (1081, 607)])
def test_outside_the_box_pixels_equal_the_resized_source(layout, size):
    width, height = size
    scene = make_scene(
        size, layout=layout, box=(width // 8, height // 3, width - width // 8, height - height // 9)
    )
    renderer = Renderer(scene)
    canvas = renderer.draw(make_shown(scene))
    source = resized(road(size), renderer.plan.image_size)
    for panel in renderer.plan.panels:
        shown = panel.image.of(canvas)
        outside = np.ones(shown.shape[:2], bool)
        if panel.legends:
            renderer.plan.box.of(outside)[:] = False
        assert outside.any()
        assert np.array_equal(shown[outside], source[outside])


def test_a_frame_at_its_own_size_is_unchanged():
    scene = make_scene((640, 480), cases=1)
    renderer = Renderer(scene)
    rect = renderer.plan.panels[0].image
    assert (rect.width, rect.height) == (640, 480)
    assert np.array_equal(rect.of(renderer.draw(make_shown(scene))), road((640, 480)))


def test_without_heat_the_box_is_the_dimmed_grey_frame(layout):
    scene = make_scene((640, 360), layout=layout)
    renderer = Renderer(scene)
    canvas = renderer.draw(make_shown(scene, heats=no_heat(scene)))
    grey = cv2.cvtColor(resized(road((640, 360)), renderer.plan.image_size), cv2.COLOR_RGB2GRAY)
    expected = renderer.plan.box.shrunk(2).of(grey).astype(float) * 0.8
    panel = renderer.plan.panels[-1]
    inside = panel.box.shrunk(2).of(canvas)
    assert np.ptp(inside, axis=2).max() == 0
    assert np.abs(inside[..., 0] - expected).max() <= 1


@pytest.mark.parametrize(("x", "y"), [(0.25, 0.3), (0.5, 0.5), (0.8, 0.75)])
def test_heat_is_brightest_at_the_models_pixel(layout, x, y):
    size, box = (640, 480), (40, 160, 600, 430)
    scene = make_scene(size, layout=layout, box=box, cases=1)
    renderer = Renderer(scene)
    image = np.full((480, 640, 3), 40, np.uint8)
    heats = {legend.case: spot(x, y) for legend in scene.legends}
    canvas = renderer.draw(make_shown(scene, image=image, heats=heats)).astype(int)
    panel = renderer.plan.panels[-1].image.of(canvas)
    excess = np.clip(panel.max(axis=2) - 60, 0, None) * (np.ptp(panel, axis=2) > 20)
    rows, columns = np.mgrid[0 : excess.shape[0], 0 : excess.shape[1]]
    scale = panel.shape[1] / 640
    centre = (columns * excess).sum() / excess.sum() + 0.5, (rows * excess).sum() / excess.sum() + 0.5
    assert centre[0] == pytest.approx(scale * (40 + x * 560), abs=1)
    assert centre[1] == pytest.approx(scale * (160 + y * 270), abs=1)
    peak = np.unravel_index(excess.argmax(), excess.shape)
    assert abs(peak[1] - centre[0]) < 4
    assert abs(peak[0] - centre[1]) < 5


def test_full_heat_at_full_opacity_is_the_end_of_the_ramp():
    scene = make_scene(cases=1, opacity=1.0)
    renderer = Renderer(scene)
    canvas = renderer.draw(make_shown(scene, heats={"increase": np.full((66, 200), 7.0, np.float32)}))
    box = renderer.plan.panels[1].box.shrunk(3)
    assert (box.of(canvas) == own_ramp(CASES["increase"])[255]).all()


def test_a_panel_without_heat_states_the_reason_inside_its_box(layout):
    scene = make_scene((640, 360), layout=layout, cases=2)
    renderer = Renderer(scene)
    plain = renderer.draw(make_shown(scene, heats=no_heat(scene))).copy()
    noted = make_shown(scene, heats=no_heat(scene), silent={"decrease": "no heat in this frame"})
    changed = (renderer.draw(noted) != plain).any(axis=2)
    box = renderer.plan.panels[-1].box
    assert box.of(changed).any()
    box.of(changed)[:] = False
    assert not changed.any()
    assert np.array_equal(
        renderer.draw(make_shown(scene, heats=no_heat(scene))), plain
    )  # the text does not persist in the next frame


def test_nan_heat_draws_nothing():
    scene = make_scene(cases=1)
    renderer = Renderer(scene)
    plain = renderer.draw(make_shown(scene, heats=no_heat(scene))).copy()
    broken = np.full((66, 200), np.nan, np.float32)
    assert np.array_equal(renderer.draw(make_shown(scene, heats={"increase": broken})), plain)


def test_in_the_single_layout_every_case_has_its_colour_and_hides_no_other():
    scene = make_scene((640, 360), cases=4, layout="single", box=(0, 0, 640, 360))
    renderer = Renderer(scene)
    positions = dict(zip(list(CASES)[:4], (0.15, 0.4, 0.65, 0.9), strict=True))
    heats = {case: spot(x, 0.5) for case, x in positions.items()}
    image = np.full((360, 640, 3), 50, np.uint8)
    panel = renderer.plan.panels[0].image.of(renderer.draw(make_shown(scene, image=image, heats=heats)))
    for case, x in positions.items():
        seen = panel[180, round(x * 640)].astype(float)
        angles = {name: _between(seen, np.array(colour, float)) for name, colour in CASES.items()}
        assert min(angles, key=angles.__getitem__) == case
    both = {**no_heat(scene), "increase": spot(0.5, 0.5), "decrease": spot(0.5, 0.5)}
    alone = {**no_heat(scene), "increase": spot(0.5, 0.5)}
    seen = [
        renderer.plan.panels[0]
        .image.of(renderer.draw(make_shown(scene, image=image, heats=heats)))[180, 320]
        .copy()
        for heats in (both, alone)
    ]
    assert seen[0][2] > seen[1][2] + 80
    assert seen[0][0] > 180


def _between(one, other):
    return np.arccos(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_a_colormap_replaces_the_colours_and_a_wrong_name_is_refused():
    scene = make_scene(cases=1, colormap="viridis", opacity=1.0)
    renderer = Renderer(scene)
    canvas = renderer.draw(make_shown(scene, heats={"increase": np.ones((66, 200), np.float32)}))
    assert (renderer.plan.panels[1].box.shrunk(3).of(canvas) == (253, 231, 36)).all()
    with pytest.raises(OptionError, match="did you mean viridis"):
        Renderer(make_scene(colormap="virdis"))
    with pytest.raises(OptionError, match="own colours"):
        Renderer(make_scene(colormap="zzzzz"))
    with pytest.raises(OptionError, match="own colours distinguish"):
        Renderer(make_scene(colormap="viridis", layout="single"))
    Renderer(make_scene(colormap="viridis", layout="single", cases=1))


def test_dichromats_can_distinguish_the_cases_and_grey():
    # Viénot, Brettel and Mollon (1999), on linear RGB: deuteranopia, protanopia, normal vision.
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    for matrix in (deutan, protan, np.eye(3)):
        linear = (np.array(list(CASES.values())) / 255.0) ** 2.2
        seen = np.clip(linear @ matrix.T, 0, 1) ** (1 / 2.2)
        lab = cv2.cvtColor(seen[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
        distances = [np.linalg.norm(lab[i] - lab[j]) for i in range(len(CASES)) for j in range(i)]
        assert min(distances) > 20
        assert np.linalg.norm(lab[:, 1:], axis=1).min() > 35


def test_the_scaled_box_has_at_least_a_pixel_and_stays_inside():
    assert scaled_box((0, 0, 640, 480), (640, 480), (957, 718)) == Rect(0, 0, 957, 718)
    assert scaled_box((639, 479, 640, 480), (640, 480), (64, 48)) == Rect(63, 47, 1, 1)


def test_a_frame_of_another_size_is_refused():
    scene = make_scene()
    with pytest.raises(ValueError, match="320x160"):
        Renderer(scene).draw(make_shown(scene, image=road((160, 120))))
