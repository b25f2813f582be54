"""The warning of a wrongly declared input scaling, through the command."""

import json
from pathlib import Path

import cv2
import pytest

import drivesal as api
from drivesal.model.shipped import asset
from drivesal.types import Frame
from tests.evaluation.test_input_scaling import network, road

QUICK = ("--method", "gradient")


def doubts(text):
    return [line for line in text.splitlines() if line.startswith("input scaling ")]


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """A folder of 40 images with labels in degrees, and a network without a card that expects -1..1."""
    folder = tmp_path_factory.mktemp("drive")
    images, truth = road(40)
    (folder / "images").mkdir()
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / "images" / f"{i:03d}.png"), image[..., ::-1])
    lines = ["frame,steering_angle_deg", *(f"{i},{90 * angle}" for i, angle in enumerate(truth))]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    network("-1..1", factor=90.0).save(folder / "my.keras")
    return folder


def given(drive, *more):
    options = ("--model", drive / "my.keras", "--color", "RGB", "--angle-unit", "deg", "--positive", "left")
    return ("video", drive / "images", "--rate", "20", *options, *QUICK, "--quiet", "--overwrite", *more)


def test_the_installed_command_warns_of_a_wrong_assumption(drivesal, inside, drive, tmp_path):
    done = drivesal(*given(drive, "--labels", drive / "labels.csv"))
    assert done.returncode == 0, done.stderr
    (warning,) = doubts(done.stdout)
    assert "assumed of the model: input scaling 0..255" in done.stdout
    assert warning.startswith(
        "input scaling 0..255, which was assumed, looks wrong: against 40 labels its RMSE is "
    )
    assert "use --input-scale -1..1 (" in warning
    facts = json.loads((tmp_path / "images.saliency.json").read_text())
    assert warning in facts["notes"]
    assert facts["scaling_doubt"]["reason"] == "labels"
    # a run with the suggested scaling has the error that the note states
    ran = inside(*given(drive, "--labels", drive / "labels.csv", "--input-scale", "-1..1"))
    assert ran.code == 0, ran
    assert doubts(ran.out) == []
    better = facts["scaling_doubt"]["better"][0]
    facts = json.loads((tmp_path / "images.saliency.json").read_text())
    assert facts["scaling_doubt"] is None
    assert better["input_scale"] == "-1..1"
    assert better["rmse"] == pytest.approx(facts["errors"]["rmse"], rel=1e-3)


def test_without_labels_and_in_json(inside, drive):
    ran = inside(*given(drive, "--no-labels", "--input-scale", "0..255", "--json"))
    assert ran.code == 0, ran
    (warning,) = [note for note in json.loads(ran.out)["notes"] if note.startswith("input scaling")]
    assert "the prediction is more than 900°" in warning
    assert "assumed" not in warning
    ran = inside(*given(drive, "--no-labels", "--input-scale", "-1..1", "--json"))
    assert not any(note.startswith("input scaling") for note in json.loads(ran.out)["notes"])


@pytest.fixture
def sample():
    return asset("data", "run.mp4")


def test_an_image_of_a_video(inside, sample, tmp_path):
    ran = inside("image", sample, "--at", "3.0", *QUICK, "--input-scale", "0..255", "--out", "wrong.png")
    assert ran.code == 0, ran
    (note,) = doubts(ran.out)
    assert "use --input-scale -1..1, " in note  # from a probe spread over the clip
    assert note.endswith("or correct 0..255 in the model card")
    ran = inside(
        "image", sample, "--at", "3.0", *QUICK, "--input-scale", "0..255", "--out", "again.png", "--json"
    )
    assert note in json.loads(ran.out)["notes"]
    ran = inside("image", sample, "--at", "3.0", *QUICK, "--out", "right.png")
    assert ran.code == 0, ran
    assert doubts(ran.out) == []
    assert [warned(tmp_path / name) for name in ("wrong.png", "right.png")] == [True, False]


def warned(path):
    """Whether the last line of the image has the colour of warnings."""
    red, green, blue = cv2.imread(str(path))[-40:, :, ::-1].reshape(-1, 3).T.astype(int)
    return bool(((red > 200) & (green > 120) & (green < 210) & (blue < 90)).sum() > 50)


def test_no_warning_for_a_single_image(inside, drive):
    options = ("--model", drive / "my.keras", "--color", "RGB", "--input-scale", "0..255")
    ran = inside("image", drive / "images" / "003.png", *options, "--no-labels")
    assert ran.code == 0, ran
    assert doubts(ran.out) == []


@pytest.mark.parametrize(
    ("scaling", "labels", "doubted"),
    [(None, True, False), ("0..1", True, True), ("0..255", True, True), (None, False, False)],
)
def test_a_real_drive(inside, shared, scaling, labels, doubted):
    run = shared / "udacity_ch2" / "run.mp4"
    more = () if scaling is None else ("--input-scale", scaling)
    ran = inside(
        "image", run, "--at", "#200", "--out", "a.png", *QUICK, *more, *(() if labels else ("--no-labels",))
    )
    assert ran.code == 0, ran
    assert len(doubts(ran.out)) == doubted
    if doubted:
        assert "use --input-scale -1..1" in ran.out


def test_real_drives_of_other_kinds(inside, shared, tmp_path):
    ran = inside("image", shared / "highway.mp4", "--at", "1.0", "--out", "a.png", *QUICK)
    assert ran.code == 0, ran
    assert doubts(ran.out) == []


def test_from_python(tmp_path):
    images, truth = road(24)
    frames = [
        Frame(i, i / 20, image, 90 * angle) for i, (image, angle) in enumerate(zip(images, truth, strict=True))
    ]
    fitted = network("0..1", factor=90.0)
    for scaling, better in (("-1..1", ["0..1"]), ("0..1", None)):
        model = api.load_model(fitted, input_scale=scaling, angle_unit="deg")
        doubt = api.render(frames, model, tmp_path / "o.mp4", overwrite=True)["scaling_doubt"]
        assert (doubt and [one["input_scale"] for one in doubt["better"]]) == better


def evaluated(inside, recording, *more):
    """The text and JSON output of `evaluate` for the default model."""
    ran = inside("evaluate", "default", recording, "--out", "found", "--overwrite", "--quiet", *more)
    assert ran.code == 0, ran
    facts = json.loads(Path("found.json").read_text())
    assert doubts(ran.out) == facts["notes"]
    return facts


def test_evaluate_warns_on_the_sample(inside, sample):
    facts = evaluated(inside, sample, "--input-scale", "0..1")
    (note,) = facts["notes"]
    assert note.startswith("input scaling 0..1 looks wrong: against 40 labels its RMSE is ")
    assert "use --input-scale -1..1, or correct" in note
    doubt = facts["scaling_doubt"]
    assert doubt["reason"] == "labels"
    assert doubt["declared"]["rmse"] == pytest.approx(facts["errors"]["rmse"], rel=0.1)
    right = evaluated(inside, sample)
    assert right["scaling_doubt"] is None
    assert right["notes"] == []
    assert doubt["better"][0]["rmse"] == pytest.approx(right["errors"]["rmse"], rel=0.1)


@pytest.mark.parametrize(("more", "doubted"), [(("--input-scale", "0..1"), 1), ((), 0)])
def test_evaluate_warns_on_a_real_drive(inside, shared, more, doubted):
    facts = evaluated(
        inside, shared / "udacity_ch2" / "run.mp4", "--start", "2:00", "--end", "2:40", "--every", "8", *more
    )
    assert len(facts["notes"]) == doubted
    assert all("use --input-scale -1..1," in one for one in facts["notes"])
