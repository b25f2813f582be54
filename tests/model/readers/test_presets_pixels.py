"""What reaches a network under each preset: the pixels that its family feeds, on a drawn drive."""

import cv2
import numpy as np
import pytest

from drivesal.model.backend import keras
from drivesal.model.presets import PRESETS
from drivesal.model.readers import load_model
from drivesal.settings import ModelSettings
from drivesal.synthetic.world import SyntheticDrive


def simulator(frame):
    """The simulator's pilots: `image[60:-25]`, 200x66, RGB2YUV, x/127.5-1."""
    return cv2.cvtColor(cv2.resize(frame[60:-25], (200, 66)), cv2.COLOR_RGB2YUV) / 127.5 - 1.0


def simulator_2017(frame):
    """The same under OpenCV up to 3.1, whose RGB2YUV was what BGR2YUV is today."""
    return cv2.cvtColor(cv2.resize(frame[60:-25], (200, 66)), cv2.COLOR_BGR2YUV) / 127.5 - 1.0


def sullychen(frame):
    """`imresize(image[-150:], [66, 200]) / 255`."""
    return cv2.resize(frame[-150:], (200, 66)) / 255.0


FED = {
    "pilotnet-udacity": ((320, 160), simulator),
    "pilotnet-udacity-2017": ((320, 160), simulator_2017),
    "donkey": ((160, 120), lambda frame: frame / 255.0),
    "sullychen": ((455, 256), sullychen),
    "comma": ((320, 160), lambda frame: frame / 127.5 - 1.0),
}
"""By preset: the size of its camera's frames (width, height), and what the family's own code makes of one."""


@pytest.mark.parametrize("name", PRESETS)
def test_what_reaches_the_network_is_what_its_family_feeds(tmp_path, name):
    size, fed = FED[name]
    layers = keras().layers
    inputs = layers.Input((None, None, 3))
    path = tmp_path / "m.keras"
    keras().Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(inputs))).save(path)
    model = load_model(path, ModelSettings(preset=name))
    drive = SyntheticDrive(seed=4, seconds=1, size=size)
    frame = drive.world.image(drive.moments[0])
    assert frame.shape[:2] == size[::-1]
    given = np.asarray(model.inputs(model.prepare(frame)[None].astype(np.float32)))[0]
    expected = fed(frame)
    assert given.shape == expected.shape
    level = model.preprocess.scale
    assert np.abs(given - expected).max() <= 1.01 * level  # OpenCV rounds its colours
    assert given.std(axis=1).mean() > 0  # no column is the next one's copy
