"""`drivesal fit-settings`, and what the first run of a network without a card ends with."""

import dataclasses
import json
import shlex

import cv2
import numpy as np
import pytest

from drivesal.evaluation.candidates import declared
from drivesal.model.backend import keras
from drivesal.model.card import card_path, read_card
from drivesal.model.readers import load_model
from tests.cli.once import once
from tests.evaluation.test_setting_search import road

SIZE = (66, 200)
COUNT = 150


def pilot(path, colour="RGB", factor=1.0, crop="0.42:0.92", outputs=1):
    """A network that outputs the position of red in the crop, for images of these colours in 0..1."""
    layers = keras().layers
    weights = np.zeros((12, 24, 3), np.float32)
    weights[..., ["RGB", "BGR"].index(colour) * 2] = -np.linspace(-1, 1, 24) / 12
    inputs = layers.Input((12, 24, 3))
    dense = layers.Dense(outputs, name="out")
    network = keras().Model(inputs, dense(layers.Flatten()(inputs)))
    kernel = np.zeros((12 * 24 * 3, outputs), np.float32)
    kernel[:, -1] = 32.7 * factor * weights.reshape(-1)
    dense.set_weights([kernel, np.zeros(outputs, np.float32)])
    network.save(path)
    return path


def driven():
    """`road` before a background that moves as the car turns."""
    frames = road(COUNT, every_s=0.5)
    texture = np.random.default_rng(3).integers(0, 60, frames[0].image.shape).astype(np.int16)
    texture[:] = texture.mean(axis=2, keepdims=True)
    moved = np.cumsum([round(frame.steering / 4) for frame in frames])
    found = []
    for frame, shift in zip(frames, moved, strict=True):
        image = np.clip(frame.image.astype(np.int16) - 50, 0, 200) + np.roll(texture, int(shift), axis=1)
        found.append(dataclasses.replace(frame, image=image.astype(np.uint8)))
    return found


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """Images with a red bar where the label steers, half a second apart, and their labels in degrees."""
    folder = tmp_path_factory.mktemp("drive")
    (folder / "images").mkdir()
    frames = driven()
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / "images" / f"{i:03d}.png"), frame.image[..., ::-1])
    lines = ["frame,steering_angle_deg", *(f"{i},{one.steering}" for i, one in enumerate(frames))]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    pilot(folder / "my.keras")
    pilot(folder / "several.keras", outputs=3)
    pilot(folder / "radians.keras", factor=np.pi / 180)
    return folder


def given(drive, model="my.keras", *more):
    labels = ("--labels", drive / "labels.csv", "--positive", "left", "--angle-unit", "deg", "--rate", "2")
    return ("fit-settings", drive / model, drive / "images", *labels, "--quiet", *more)


def test_the_table_and_the_commands_of_a_wrong_declaration(drive):
    ran = once(drive, *given(drive, "my.keras", "--crop", "0:16", "--color", "bgr", "--input-scale", "0..1"))
    assert ran.code == 0, ran
    lines = ran.out.splitlines()
    assert lines[0].startswith("my.keras on ")
    assert "150 labels" in lines[0]
    (best,) = [line for line in lines if line.endswith("<- fits")]
    assert "--crop 0.42:0.92 --color RGB" in best
    assert any("as declared" in line for line in lines)
    assert any(line.startswith("fits: --crop 0.42:0.92 --color RGB") for line in lines)
    shown, measured = (line for line in lines if line.startswith("drivesal "))
    for line, name in ((shown, "video"), (measured, "evaluate")):
        words = shlex.split(line)
        assert words[1] == name
        assert words.count("--crop") == words.count("--color") == 1
        assert words[words.index("--crop") + 1] == "0.42:0.92"
        assert words[words.index("--labels") + 1] == str(drive / "labels.csv")
    # the printed command runs and gives the expected result
    ran = once(drive, *shlex.split(measured)[1:], "--quiet", "--json", "--overwrite")
    assert ran.code == 0, ran
    facts = json.loads(ran.out)
    assert facts["errors"]["correlation"] > 0.9
    assert facts["better_setting"] is None


def test_as_json_and_the_card_that_it_writes(drive):
    card = card_path(drive / "my.keras")
    ran = once(drive, *given(drive, "my.keras", "--write-card", "--json"))
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    assert found["wrote"] == str(card)
    assert found["search"]["rows"][0]["correlation"] > 0.9
    assert found["search"]["winner"]["behind"] is None
    assert len(found["commands"]) == 2
    written = read_card(card)
    assert written.preprocess.colour == "RGB"
    assert written.preprocess.crop.text == "0.42:0.92"
    assert written.target.angle.positive == "left"
    assert "settings found by fit-settings" in written.training
    assert load_model(drive / "my.keras").assumed == ()
    ran = once(drive, *given(drive, "my.keras", "--write-card"))
    assert ran.code == 1
    assert "--overwrite" in ran.err
    ran = once(drive, *given(drive, "my.keras"))
    assert "the declared setting fits" in ran.out
    card.unlink()


def test_a_wrong_unit_is_part_of_the_command_and_of_the_card(drive):
    ran = once(drive, *given(drive, "radians.keras", "--write-card", "--json"))
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    assert found["options"][-2:] == ["--model-angle-unit", "rad"]
    assert found["search"]["size"]["times"] == pytest.approx(180 / np.pi, rel=0.2)
    assert load_model(drive / "radians.keras").card.target.angle.unit == "rad"
    card_path(drive / "radians.keras").unlink()


def test_the_steering_output_is_found_among_several(drive):
    ran = once(drive, *given(drive, "several.keras", "--json"))
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    assert found["options"][found["options"].index("--output") + 1] == "out[2]"
    assert "--output 'out[2]'" in found["commands"][1]


def test_no_card_is_written_if_nothing_fits(drive):
    rng = np.random.default_rng(5)
    noise = drive / "noise.csv"
    noise.write_text(
        "\n".join(["frame,steering_angle_deg", *(f"{i},{rng.normal(0, 9)}" for i in range(COUNT))])
    )
    options = list(given(drive, "my.keras"))
    options[options.index("--labels") + 1] = noise
    ran = once(drive, *options)
    assert ran.code == 0, ran
    assert "no result: the labels hardly match the images" in ran.out
    assert "drivesal video" not in ran.out
    ran = once(drive, *options, "--write-card")
    assert ran.code == 1
    assert "expected a setting that clearly fits, for --write-card, but no result" in ran.err
    assert not card_path(drive / "my.keras").exists()


def simulator_log(folder, frames, factor=-1 / 25):
    """The frames as the simulator writes them: 320x160, road wheels, right positive."""
    (folder / "IMG").mkdir(parents=True)
    rows = []
    for i, frame in enumerate(frames):
        ms = 500 * i
        name = f"center_2017_05_20_10_{ms // 60000:02d}_{ms // 1000 % 60:02d}_{ms % 1000:03d}.jpg"
        image = cv2.resize(frame.image, (320, 160))
        cv2.imwrite(str(folder / "IMG" / name), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        rows.append(f"IMG/{name},IMG/{name},IMG/{name},{frame.steering * factor:.5f},0.5,0,20")
    (folder / "driving_log.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A simulator drive, and an old network of 66x200 without a card, made for the preprocessing of 2017."""
    folder = tmp_path_factory.mktemp("first")
    simulator_log(folder / "drive", driven())
    layers = keras().layers
    # Y + U / 0.492 is red in that YUV, and blue in today's
    weights = (
        np.linspace(-1, 1, SIZE[1])[None, :, None] / SIZE[0] * np.array([1, 1 / 0.492, 0]) * np.ones((*SIZE, 1))
    )
    inputs = layers.Input((*SIZE, 3))
    dense = layers.Dense(1, name="steering")
    network = keras().Model(inputs, dense(layers.Flatten()(inputs)))
    dense.set_weights([0.08 * weights.reshape(-1, 1).astype(np.float32), np.zeros(1, np.float32)])
    network.save(folder / "old.keras")
    return folder


@pytest.mark.usefixtures("quick_search")
@pytest.mark.parametrize("options", [(), ("--full-lock", "25"), ("--positive", "left")])
def test_a_first_run_on_a_simulator_log_ends_with_the_command_that_works(first, options):
    ran = once(
        first, "evaluate", "old.keras", "drive", "--worst", "0", "--quiet", "--overwrite", *options, "--json"
    )
    assert ran.code == 0, ran
    assert len(ran.err.splitlines()) <= 2
    facts = json.loads(ran.out)
    (line,) = [one for one in facts["notes"] if "drivesal evaluate" in one]
    command = shlex.split(line[line.index("drivesal evaluate") :])
    assert command[command.index("--preset") + 1] == "pilotnet-udacity-2017"
    ran = once(first, *command[1:])
    assert ran.code == 0, ran
    facts = json.loads(ran.out)
    assert facts["errors"]["correlation"] > 0.8
    assert facts["unit"] == "deg"


@pytest.mark.usefixtures("quick_search")
def test_video_suggests_the_setting_and_without_labels_a_preset_with_reason(first):
    common = (
        "video",
        "drive",
        "--model",
        "old.keras",
        "--quiet",
        "--overwrite",
        "--json",
        "--cases",
        "increase",
        "--method",
        "gradient",
    )
    ran = once(first, *common)
    assert ran.code == 0, ran
    (line,) = [one for one in json.loads(ran.out)["notes"] if "drivesal video" in one]
    assert "--preset pilotnet-udacity-2017" in line
    assert "another setting fits much better" in ran.err or "steers opposite to the labels" in ran.err
    ran = once(first, *common, "--no-labels", "--end", "1")
    (line,) = [one for one in json.loads(ran.out)["notes"] if "drivesal video" in one]
    assert "a network with 66x200x3 input and a udacity-simulator recording" in line
    assert (
        line.endswith("--no-labels --preset pilotnet-udacity --overwrite")
        or "--preset pilotnet-udacity" in line
    )
    ran = once(first, *common, "--no-labels", "--end", "1", "--preset", "pilotnet-udacity")
    assert not any("drivesal video" in one for one in json.loads(ran.out)["notes"])


def test_settings_that_the_frames_do_not_distinguish_are_undecided(first):
    """The bar is in several crops, and scaling the input of a linear network only scales its predictions."""
    ran = once(first, "fit-settings", "old.keras", "drive", "--quiet")
    assert ran.code == 0, ran
    lines = ran.out.splitlines()
    place = lines.index("undecided on these frames:")
    assert lines[place - 1].startswith("fits: ")
    assert lines[place - 1].endswith("the setting of the preset pilotnet-udacity-2017")
    crops = next(line for line in lines[place:] if line.startswith("  crop: 60:-25"))
    assert "0.42:0.92" in crops
    assert lines[-1] == "drivesal evaluate old.keras drive --preset pilotnet-udacity-2017"


def test_model_names_the_presets_of_its_input(first):
    ran = once(first, "model", "old.keras")
    assert "--preset pilotnet-udacity or --preset pilotnet-udacity-2017" in ran.out
    assert "drivesal fit-settings old.keras DRIVE finds the settings of this network" in ran.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--crop", "60:-25"), "--crop 0.42:0.92"),
        (("--color", "rgb"), "--color YUV"),
    ],
)
def test_a_better_setting_on_a_real_drive_is_reported(shared, tmp_path, options, words):
    """r is 0.67 and 0.59: too high for a diagnosis, but another setting fits much better."""
    drive = shared / "udacity_ch2" / "run.mp4"
    ran = once(
        tmp_path, "evaluate", "default", drive, "--every", "12", "--quiet", "--worst", "0", "--json", *options
    )
    assert ran.code == 0, ran
    facts = json.loads(ran.out)
    assert any(words in one for one in facts["notes"]), facts["notes"]
    assert words in ran.err


def test_the_row_that_fits_is_always_listed():
    from drivesal.angle import AngleKind
    from drivesal.cli.fit_settings import _table
    from drivesal.evaluation.ranking import RankedSetting, Ranking
    from drivesal.recordings.inspection.label_check import Fit
    from tests.evaluation.test_setting_search import red_follower

    own = declared(red_follower())
    rows = tuple(
        RankedSetting(dataclasses.replace(own, output=f"out[{i}]"), (f"--output out[{i}]",), 0.9, 0.8, 1.0, 1.0)
        for i in range(6)
    )
    found = Ranking(rows[2], rows, 6, 64, 0.0, rows[4], None, 3.0, Fit(None, 0, None))
    lines = list(_table(found, 2, AngleKind("deg")))
    assert [line.split()[0] for line in lines[1:-1]] == ["1", "2", "3", "5"]
    assert lines[-2].endswith("<- fits")


@pytest.mark.parametrize("sure", [True, False])
def test_labels_are_reported_to_fit_only_if_conclusive(sure):
    from drivesal.angle import AngleKind
    from drivesal.evaluation.drive_search import FoundSettings
    from drivesal.recordings.inspection.label_check import Fit

    found = FoundSettings(None, 9, Fit(0.1, 99, None, (-0.2, 0.4), 0.9, sure), None, AngleKind("deg"), False)
    assert ("which fit" in found.fits) == sure


@pytest.mark.usefixtures("quick_search")
def test_labels_can_be_smoothed_as_evaluate_does(drive):
    ran = once(drive, *given(drive, "my.keras", "--smooth-labels", "2"))
    assert ran.code == 0, ran
    assert ran.out.splitlines()[-1].count("--smooth-labels 2") == 1
    assert "--smooth-labels" not in ran.out.splitlines()[-2]


@pytest.mark.usefixtures("quick_search")
def test_a_full_lock_for_the_model_only_is_reported(first):
    ran = once(first, "fit-settings", "old.keras", "drive", "--quiet", "--full-lock", "25")
    assert ran.code == 0, ran
    assert ran.err.count("applied to the model only, the labels in") == 1


@pytest.mark.usefixtures("quick_search")
def test_the_expected_error_of_a_preset_is_in_its_unit(first):
    """The network outputs -1..1 for 25 degrees, and labels and model are declared in degrees."""
    rows = [f"{i},{one.steering}" for i, one in enumerate(driven())]
    (first / "deg.csv").write_text("\n".join(["frame,angle", *rows]) + "\n")
    more_options = ("--labels", "deg.csv", "--positive", "left", "--angle-unit", "deg", "--rate", "2")
    images = first / "drive" / "IMG"
    ran = once(
        first, "fit-settings", "old.keras", images, *more_options, "--format", "images", "--quiet", "--json"
    )
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    assert found["options"][0] == "--preset"
    promised = float(found["verdict"].split("RMSE ")[1].split("°")[0])
    command = shlex.split(found["commands"][1])[1:]
    assert command[command.index("--model-angle-unit") + 1] == "norm"
    ran = once(first, *command, "--quiet", "--json", "--overwrite")
    assert ran.code == 0, ran
    assert json.loads(ran.out)["errors"]["rmse"] == pytest.approx(promised, rel=0.05)


@pytest.mark.usefixtures("quick_search")
def test_a_positive_that_inverts_the_labels_is_reported(drive):
    options = list(given(drive))
    options[options.index("left")] = "right"
    ran = once(drive, *options)
    assert "correct the labels first" in ran.out
    assert "--positive right sets the sign of the labels: leave it out or give the other side" in ran.err
    assert "--positive" not in once(drive, *given(drive)).err
