"""Hostile files that pass the first checks: what a reader passes on, allocates memory for, or prints."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from drivesal.angle import AngleSpec
from drivesal.errors import DrivesalError, ModelError
from drivesal.model.backend import keras
from drivesal.model.card import Card, card_path, card_text, encode_image
from drivesal.model.preprocess import Preprocess
from drivesal.model.readers import load_model
from drivesal.model.readers.formats import archive, hdf5
from drivesal.model.target import Target
from tests.model.readers import hostile
from tests.model.readers.hostile import entry, layer
from tests.model.readers.legacy import files
from tests.model.readers.test_hostile import LOADER, SWITCH, copied, refused

Config = dict[str, Any]
SHAPE = (8, 12, 3)


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Config:
    return hostile.good(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def bait(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bait")
    h5py.File(folder / "other.h5", "w").close()
    return folder


def sequential(**more: Any) -> Config:
    config = {"name": "inner", "layers": []}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None, **more}


def as_layer(inner: Any) -> Config:
    config = {"name": "a", "activation": inner}
    return {"module": "keras.layers", "class_name": "Activation", "config": config, "registered_name": None}


INNER = {
    "a model's compilation": sequential(compile_config={"loss": LOADER}),
    "a model's building": sequential(build_config=LOADER),
    "a layer that is not allowed": {
        "module": "keras.layers",
        "class_name": "Hashing",
        "config": {"num_bins": 3},
    },
    "an operation": SWITCH,
}


@pytest.mark.parametrize("kind", ["keras", "hdf5"])
@pytest.mark.parametrize("inner", INNER)
def test_an_activation_layer_passes_nothing_on(good, bait, tmp_path, kind, inner):
    if kind == "keras":
        content = copied(good)
        layer(content["config.json"], "conv")["config"]["activation"] = as_layer(INNER[inner])
        path = hostile.written(tmp_path / "m.keras", content)
    else:
        config = files.sequential("2.4.0")
        config["config"]["layers"][1]["config"]["activation"] = as_layer(INNER[inner])
        path = files.write(tmp_path / "m.h5", config, files.keras2_weights())
    refused(path, bait)


@pytest.mark.parametrize("kind", ["Switch", "Cond", "DotProductAttention"])
def test_operations_in_hdf5_are_refused(bait, tmp_path, kind):
    config = files.sequential("2.4.0")
    module = "keras.src.ops.nn" if kind[0] == "D" else "keras.src.ops.core"
    config["config"]["layers"][2] = {"module": module, "class_name": kind, "config": {"name": "evil"}}
    path = files.write(tmp_path / "m.h5", config, files.keras2_weights())
    assert "evil is a " in refused(path, bait)


def test_a_custom_model_gets_only_what_was_checked(good, bait, tmp_path, request):
    @keras().saving.register_keras_serializable("mine")
    class Whole(keras().Model):  # type: ignore[misc]
        pass

    request.addfinalizer(lambda: keras().saving.get_custom_objects().pop("mine>Whole"))
    content = copied(good)
    whole = content["config.json"]
    whole |= {"module": "tests", "class_name": "Whole", "registered_name": "mine>Whole"}
    whole["config"]["compile_config"] = {"loss": LOADER}
    load_model(hostile.written(tmp_path / "m.keras", content))
    code = {"function": {"class_name": "__lambda__", "config": {"code": "x"}}}
    whole["config"]["layers"].append(entry("Lambda", "keras.layers", code))
    path = hostile.written(tmp_path / "m.keras", content)
    assert "Lambda code in evil" in refused(path, bait, lambdas={"evil": "x/2"})


def test_a_link_named_like_a_path_is_not_followed(bait, tmp_path):
    path = files.write(tmp_path / "m.h5", files.sequential("2.4.0"), files.keras2_weights())
    with h5py.File(path, "a") as file:
        file["zz"] = h5py.ExternalLink(str(bait / "other.h5"), "/")
        file["QzzQy"] = np.ones(3)
    data = path.read_bytes()
    assert data.count(b"QzzQy") == 1
    path.write_bytes(data.replace(b"QzzQy", b"/zz/y"))
    assert "link named '/zz/y'" in refused(path, bait)


def test_an_attribute_of_another_type_is_not_read(bait, tmp_path):
    path = files.write(tmp_path / "m.h5", files.sequential("2.4.0"), files.keras2_weights())
    with h5py.File(path, "a") as file:
        del file.attrs["model_config"]
        kind = h5py.h5t.vlen_create(h5py.h5t.NATIVE_INT32)
        h5py.h5a.create(file.id, b"model_config", kind, h5py.h5s.create_simple((2,)))
    assert "model_config of / is not" in refused(path, bait)


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_bounded_compression_methods_are_opened(good, bait, tmp_path, how):
    assert "uses another compression" in refused(hostile.written(tmp_path / "m.keras", good, how), bait)


def test_a_chunk_is_counted_whole(good, bait, tmp_path):
    def change(file):
        del file["layers/dense/vars/1"]
        file["layers/dense/vars"].create_dataset("1", (1,), "float32", chunks=(2**28,), maxshape=(None,))

    content = good | {"model.weights.h5": hostile.weights(change, good)}
    assert "unpacks" in refused(hostile.written(tmp_path / "m.keras", content), bait)


MEANS = {"axis": [1, 2, 3], "mean": 0, "variance": 1}
DILATED = {"kernel_size": [3, 3], "dilation_rate": [4096, 4096]}
LARGE = {
    "means for every position": [entry("Normalization", "keras.layers", MEANS, takes="up")],
    "a tensor for every row": [
        entry("Unstack", "keras.src.ops.core", {"axis": 1}, registered="Unstack", takes="up")
    ],
    "many branches": [
        entry("UpSampling2D", "keras.layers", {"size": [300, 200]}, name=f"b{number}") for number in range(40)
    ],
    "windows far apart": [entry("DepthwiseConv2D", "keras.layers", DILATED)],
}


@pytest.mark.parametrize("name", LARGE)
def test_small_files_cannot_request_much_memory(good, bait, tmp_path, name):
    content = copied(good)
    first = entry("UpSampling2D", "keras.layers", {"size": [600, 10]}, name="up")
    content["config.json"]["config"]["layers"] += [first, *json.loads(json.dumps(LARGE[name]))]
    refused(hostile.written(tmp_path / "m.keras", content), bait)


def test_an_attention_counts_its_value_positions(tmp_path):
    layers = keras().layers
    inputs = layers.Input(SHAPE)
    query = layers.Reshape((-1, 3))(inputs)
    value = layers.Reshape((-1, 3))(layers.UpSampling2D(60)(inputs))
    x = layers.MultiHeadAttention(2, 600)(query, value)
    network = keras().Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))
    network.save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="relates 96 positions to 345600"):
        archive.read(tmp_path / "m.keras", {})


def test_enlarging_an_unspecified_size_is_refused(tmp_path):
    layers = keras().layers
    parts = [layers.Input((None, None, 3)), layers.UpSampling2D(4000, name="up"), layers.GlobalMaxPooling2D()]
    keras().Sequential([*parts, layers.Dense(1)]).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="up enlarges"):
        archive.read(tmp_path / "m.keras", {})


def test_the_order_of_layers_in_the_file_does_not_matter(good, tmp_path):
    content = copied(good)
    content["config.json"]["config"]["layers"].reverse()
    x = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    expected, found = (
        archive.read(hostile.written(tmp_path / "m.keras", one), {})[0](x) for one in (good, content)
    )
    assert np.asarray(found) == pytest.approx(np.asarray(expected), rel=1e-6)


def saved(network, path):
    network.save(path)
    return (archive.read(path, {}) if path.suffix == ".keras" else hdf5.read(path, {}))[0]


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_an_adapted_normalisation_computes_with_its_weights(tmp_path, ending):
    layers = keras().layers
    normal = layers.Normalization()
    normal.adapt(np.random.default_rng(1).uniform(0, 255, (4, *SHAPE)))
    network = keras().Sequential([layers.Input(SHAPE), normal, layers.Flatten(), layers.Dense(1)])
    x = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    found = saved(network, tmp_path / f"m.{ending}")(x)
    assert np.asarray(found) == pytest.approx(np.asarray(network(x)), rel=1e-5, abs=1e-5)


def test_masks_and_states_of_recurrent_layers_are_kept(tmp_path):
    layers = keras().layers
    inputs = layers.Input(SHAPE)
    x = layers.Masking(0.5)(layers.Reshape((8, 36))(inputs))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x, state = layers.GRU(4, return_state=True)(x)
    x = layers.GRU(4)(layers.Reshape((8, 36))(inputs), initial_state=state)
    network = keras().Model(inputs, layers.Dense(1)(x))
    values = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    values[:, 2] = 0.5
    found = saved(network, tmp_path / "m.keras")(values)
    assert np.asarray(found) == pytest.approx(np.asarray(network(values)), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("made", ["Softmax", "PReLU", "ReLU"])
def test_a_layer_of_keras_as_an_activation(tmp_path, made):
    layers = keras().layers
    dense = layers.Dense(4, activation=getattr(layers, made)())
    network = keras().Sequential([layers.Input(SHAPE), layers.Flatten(), dense, layers.Dense(1)])
    for weight in network.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    x = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    found = saved(network, tmp_path / "m.keras")(x)
    assert np.asarray(found) == pytest.approx(np.asarray(network(x)), rel=1e-5, abs=1e-6)


def test_an_output_for_the_whole_batch_is_refused(tmp_path):
    layers, ops = keras().layers, keras().ops
    inputs = layers.Input(SHAPE)
    out = ops.mean(layers.Dense(1)(layers.Flatten()(inputs)), axis=0, keepdims=True)
    keras().Model(inputs, out).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="for the whole batch"):
        archive.read(tmp_path / "m.keras", {})


def test_unsupported_call_arguments_are_not_dropped(tmp_path):
    config = files.functional(
        [
            files.node(files.start()),
            files.node(files.conv2(), "img_in"),
            files.node(files.plain("Flatten", "flatten_1"), "conv2d_1"),
            files.node(files.dense2(), "flatten_1"),
        ],
        ["dense_1"],
    )
    config["config"]["layers"][3]["inbound_nodes"] = [[["flatten_1", 0, 0, {"use_causal_mask": True}]]]
    path = files.write(tmp_path / "m.h5", config, files.keras2_weights())
    with pytest.raises(ModelError, match="dense_1 is called with use_causal_mask"):
        hdf5.read(path, {})


def test_channels_first_softmax_is_refused(tmp_path):
    layers = keras().layers
    parts = [layers.Input((3, 8, 12)), layers.Conv2D(2, 3, data_format="channels_first", activation="softmax")]
    network = keras().Sequential([*parts, layers.Flatten(), layers.Dense(1)])
    network.save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match="under a softmax"):
        hdf5.read(tmp_path / "m.h5", {})
    network.save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"save it as name\.h5"):
        archive.read(tmp_path / "m.keras", {})


def test_text_of_a_file_is_printed_without_control_characters(tmp_path):
    config = files.sequential("2.4.0")
    config["config"]["layers"][2]["class_name"] = "\x1b[2J\nall fine" * 5000
    with pytest.raises(ModelError) as error:
        hdf5.read(files.write(tmp_path / "m.h5", config, files.keras2_weights()), {})
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 3000


def card(tmp_path, **changed):
    text = json.loads(card_text(Card(Preprocess((8, 12)), Target(AngleSpec("deg", "steering-wheel")))))
    path = card_path(tmp_path / "m.keras")
    path.write_text(json.dumps(text | changed))
    return path


def test_a_card_is_bounded(good, tmp_path):
    hostile.written(tmp_path / "m.keras", good)
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    card(tmp_path, training={"seed": deep})
    with pytest.raises(ModelError, match="nested more than 20 levels deep"):
        load_model(tmp_path / "m.keras")
    path = card(tmp_path)
    path.write_text("[" * 100_000)
    with pytest.raises(ModelError, match="a JSON card"):
        load_model(tmp_path / "m.keras")
    card(tmp_path, preprocess={"size": [10**6, 10**6]})
    with pytest.raises(ModelError, match="at most 8192x8192"):
        load_model(tmp_path / "m.keras")


def test_a_mean_image_is_measured_before_it_is_decoded():
    import base64

    data = bytearray(base64.b64decode(encode_image(np.zeros((8, 12, 3), np.uint8))))
    data[16:24] = struct.pack(">2I", 60_000, 60_000)
    made = Card(Preprocess((8, 12)), Target(AngleSpec("deg")), base64.b64encode(data).decode())
    with pytest.raises(DrivesalError, match="a base64 PNG of 12x8"):
        made.mean()


def test_only_plain_files_beside_weights_are_read(tmp_path):
    import os

    path = files.write(tmp_path / "m.h5", None, files.KERAS1_WEIGHTS)
    os.mkfifo(tmp_path / "waits.json")
    with pytest.raises(ModelError, match="no architecture"):
        hdf5.read(path, {})


def test_a_damaged_archive_gives_one_line(good, tmp_path):
    path = hostile.written(tmp_path / "m.keras", good, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(path)
