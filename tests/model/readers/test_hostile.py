"""Hostile files are refused in one line, and nothing outside them is opened, started or looked up meanwhile."""

from __future__ import annotations

import base64
import json
import marshal
import random
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import drivesal.model.presets  # noqa: F401  (loaded on demand otherwise, which would look like a file opened)
from drivesal.errors import DrivesalError, ModelError
from drivesal.model.backend import keras
from drivesal.model.readers import load_model
from drivesal.settings import ModelSettings
from tests.model.readers import hostile
from tests.model.readers.hostile import entry, function, layer
from tests.model.readers.legacy import files
from tests.models import two_inputs

Config = dict[str, Any]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Config:
    return hostile.good(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def bait(tmp_path_factory) -> Path:
    """A folder with the files that hostile models refer to; the kernel reports when one is opened."""
    folder = tmp_path_factory.mktemp("bait")
    (folder / "vocabulary.txt").write_text("a\nb\n")
    with h5py.File(folder / "other.h5", "w") as file:
        file["x"] = np.ones(1, np.float32)
        file.create_group("layers/dense/vars")["1"] = np.ones(1, np.float32)
    (folder / "values.bin").write_bytes(bytes(64))
    (folder / "saved_model").mkdir()
    return folder


def copied(content: Config) -> Config:
    return content | {"config.json": json.loads(json.dumps(content["config.json"]))}


def with_layer(*made: Config) -> Callable[[Config, Path], None]:
    """Add layers to the network."""

    def change(content: Config, bait: Path) -> None:
        content["config.json"]["config"]["layers"] += [json.loads(json.dumps(one)) for one in made]

    return change


def with_file_layer(kind: str, key: str, name: str) -> Callable[[Config, Path], None]:
    """Add a layer with the path of a file as its argument."""

    def change(content: Config, bait: Path) -> None:
        made = entry(kind, "keras.layers", {key: str(bait / name)})
        content["config.json"]["config"]["layers"].append(made)

    return change


def setting(name: str, key: str, value: Any) -> Callable[[Config, Path], None]:
    """Change an argument of a layer."""

    def change(content: Config, bait: Path) -> None:
        layer(content["config.json"], name)["config"][key] = value

    return change


def at_top(**values: Any) -> Callable[[Config, Path], None]:
    """Change the entry of the whole model."""
    return lambda content, bait: content["config.json"].update(values)


def weights(name: str, make: Any) -> Callable[[Config, Path], None]:
    """Replace one array of weights; `make` may be a function of the bait folder."""

    def change(content: Config, bait: Path) -> None:
        put = make(bait) if getattr(make, "of_bait", False) else make
        content["model.weights.h5"] = hostile.weights(hostile.replaced(name, put), content)

    return change


def link(how: Callable[[Path], Any]) -> Any:
    def of(bait: Path) -> Callable[[Any, str], None]:
        return lambda group, last: group.__setitem__(last, how(bait))

    of.of_bait = True  # type: ignore[attr-defined]
    return of


def of_bait(make: Callable[[Path], Any]) -> Any:
    make.of_bait = True  # type: ignore[attr-defined]
    return make


def member(name: str, data: bytes = b"x") -> Callable[[Config, Path], None]:
    return lambda content, bait: content.update({name: data})


def nested(content: Config, bait: Path) -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    layer(content["config.json"], "conv")["config"]["kernel_size"] = deep


def deeper_than_json(content: Config, bait: Path) -> None:
    content["config.json"] = b"[" * 200_000 + b"]" * 200_000


def calls_without_end(content: Config, bait: Path) -> None:
    """Nested models, each called ten times: 10^12 calls of the innermost layer."""
    model: Any = None
    for depth in range(12):
        source = {
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": {"batch_shape": [None, 4], "name": f"in{depth}"},
            "name": f"in{depth}",
            "inbound_nodes": [],
        }
        inner = model or entry("Identity", "keras.layers", {}, name="inner")
        inner["name"] = "inner"
        inner["inbound_nodes"] = []
        before = f"in{depth}"
        for number in range(10):
            tensor = {"shape": [None, 4], "dtype": "float32", "keras_history": [before, max(number - 1, 0), 0]}
            inner["inbound_nodes"].append(
                {"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}}
            )
            before = "inner"
        model = {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "config": {
                "name": f"m{depth}",
                "layers": [source, inner],
                "input_layers": [[f"in{depth}", 0, 0]],
                "output_layers": [["inner", 9, 0]],
            },
            "registered_name": "Functional",
        }
    content["config.json"] = model


LOADER = function("keras.datasets.mnist", "load_data")
SWITCH = entry(
    "Switch",
    "keras.src.ops.core",
    {},
    registered="Switch",
    kwargs={"branches": [function("keras.datasets.mnist", "load_data")]},
)
CODE = base64.b64encode(marshal.dumps(compile("__import__('os').system('true')", "x", "eval"))).decode()
LAMBDA = {"function": {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}}
COND = entry(
    "Cond", "keras.src.ops.core", {}, registered="Cond",
    kwargs={"true_fn": LOADER, "false_fn": function("builtins", "print")},
)  # fmt: skip

HOSTILE: dict[str, Callable[[Config, Path], None]] = {
    # functions and classes by name
    "cond calls a data set's loader": with_layer(COND),
    "switch calls its branches": with_layer(SWITCH),
    "a while loop": with_layer(entry("WhileLoop", "keras.src.ops.core", {}, registered="WhileLoop",
        kwargs={"cond": function("os", "system"), "body": function("os", "system")})),
    "map over a function": with_layer(entry("Map", "keras.src.ops.core", {}, registered="Map",
        kwargs={"f": function("keras.utils", "get_file")})),
    "a function among the arguments of a known operation": with_layer(entry("Add", "keras.src.ops.numpy", {},
        registered="Add", kwargs={"x2": function("keras.config", "enable_unsafe_deserialization")})),
    "an activation that is a function": setting("conv", "activation", LOADER),
    "an activation of another module": setting("conv", "activation", function("os", "system", "relu")),
    "an activation that is a word of Keras": setting("conv", "activation", "deserialize"),
    "an initialiser that is a function": setting("conv", "kernel_initializer", LOADER),
    "a regulariser that is a function": setting("steering", "kernel_regularizer", LOADER),
    "a constraint that is a class of another module": setting("conv", "kernel_constraint",
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}, "registered_name": None}),
    "unsafe loading switched on by name": with_layer(entry("function", "keras.config",
        "enable_unsafe_deserialization", registered="enable_unsafe_deserialization")),
    "a type policy that is none": setting("conv", "dtype",
        {"module": "os", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}),
    "a quantised type policy": setting("conv", "dtype", {"module": "keras.dtype_policies",
        "class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}, "registered_name": None}),
    "a class under a name that the file registers": with_layer(entry("Conv2D", "keras.layers", {"filters": 1},
        registered="evil>Thing")),
    "a type specification": setting("conv", "extra",
        {"class_name": "__typespec__", "spec_name": "tf.TensorSpec", "module": "os", "config": []}),
    "bytes": setting("conv", "extra", {"class_name": "__bytes__", "config": {"value": "x"}}),
    # code
    "a Lambda": with_layer(entry("Lambda", "keras.layers", LAMBDA)),
    "a Lambda by its other path": with_layer(entry("Lambda", "keras.src.layers.core.lambda_layer", LAMBDA)),
    "a Lambda as an activation": setting("conv", "activation", LAMBDA["function"]),
    "a Lambda inside a wrapper": with_layer(entry("TimeDistributed", "keras.layers",
        {"layer": entry("Lambda", "keras.layers", LAMBDA)})),
    "a registered Lambda": with_layer(entry("Lambda", "keras.layers", LAMBDA, registered="drivesal>Head")),
    "a layer of PyTorch": with_layer(entry("TorchModuleWrapper", "keras.layers", {"module": "gASVAA=="})),
    "a layer of JAX": with_layer(entry("JaxLayer", "keras.layers", {"call_fn": LAMBDA["function"]})),
    "a layer of Flax": with_layer(entry("FlaxLayer", "keras.layers", {"module": LAMBDA["function"]})),
    "code under a name of drivesal's": with_layer(entry("Head", "drivesal",
        {"formula_of_x": "__import__('os')"}, registered="drivesal>Head")),
    # files and addresses
    "a saved model": with_file_layer("TFSMLayer", "filepath", "saved_model"),
    "a saved model by another path": with_layer(entry("TFSMLayer", "keras.src.export.tfsm_layer",
        {"filepath": "/bait"})),
    "a vocabulary of words": with_file_layer("TextVectorization", "vocabulary", "vocabulary.txt"),
    "a vocabulary of strings": with_file_layer("StringLookup", "vocabulary", "vocabulary.txt"),
    "a vocabulary of numbers": with_file_layer("IntegerLookup", "vocabulary", "vocabulary.txt"),
    "an index lookup by its inner path": with_layer(entry("IndexLookup",
        "keras.src.layers.preprocessing.index_lookup", {"vocabulary": "/etc/hostname"})),
    "weights for an embedding by a path": with_file_layer("Embedding", "embeddings", "other.h5"),
    # sizes
    "a tile of petabytes": with_layer(entry("Tile", "keras.src.ops.numpy", {"repeats": [1, 4000, 4000, 400]},
        registered="Tile")),
    "a repeat": with_layer(entry("Repeat", "keras.src.ops.numpy", {"repeats": 10**9, "axis": 1},
        registered="Repeat")),
    "a pad": with_layer(entry("Pad", "keras.src.ops.numpy", {"pad_width": [[0, 0], [0, 10**7], [0, 9], [0, 0]],
        "mode": "constant"}, registered="Pad")),
    "many small pads": with_layer(*(entry("Pad", "keras.src.ops.numpy",
        {"pad_width": [[0, 0], [4000, 4000], [4000, 4000], [0, 0]], "mode": "constant"}, registered="Pad",
        takes="picture" if not i else f"pad{i - 1}", name=f"pad{i}") for i in range(4))),
    "an upsampling": with_layer(entry("UpSampling2D", "keras.layers", {"size": [4000, 4000]})),
    "a padded batch": with_layer(entry("ZeroPadding2D", "keras.layers", {"padding": [10**6, 10**6]})),
    "a resize": with_layer(entry("Resizing", "keras.layers", {"height": 10**6, "width": 10**6})),
    "a depthwise convolution that blows up inside": with_layer(entry("SeparableConv2D", "keras.layers",
        {"filters": 1, "kernel_size": [1, 1], "depth_multiplier": 2**20})),
    "an attention over every pixel of a large picture": with_layer(
        entry("UpSampling2D", "keras.layers", {"size": [60, 60]}, name="up"),
        entry("Reshape", "keras.layers", {"target_shape": [-1, 3]}, takes="up", name="flatter"),
        entry("Attention", "keras.layers", {"score_mode": "dot"}) | {"inbound_nodes": [{"kwargs": {}, "args": [[
            {"class_name": "__keras_tensor__", "config": {"keras_history": ["flatter", 0, 0]}}] * 2]}]}),
    "more weights than the file can hold": setting("steering", "units", 2**20),
    "an input of terabytes": setting("picture", "batch_shape", [None, 2**20, 2**20, 3]),
    "a unit count that is text": setting("steering", "units", "os.system('true')"),
    "not a number": lambda content, bait: layer(content["config.json"], "conv")["config"].update(
        extra=1, strides=float("nan")),
    "calls without end": calls_without_end,
    "deep nesting": nested,
    "deeper than JSON is read": deeper_than_json,
    # the archive
    "a path upwards": member("../../evil.txt"),
    "an absolute path": member("/tmp/evil.txt"),
    "a path of Windows": member("..\\..\\evil.txt"),
    "a drive's path": member("C:\\evil.txt"),
    "no configuration": lambda content, bait: content.pop("config.json"),
    "no weights": lambda content, bait: content.pop("model.weights.h5"),
    "a list for a configuration": lambda content, bait: content.update({"config.json": b"[1, 2]"}),
    "a bomb": member("assets/zeros", bytes(120 * 2**20)),
    "a configuration that is a bomb": member("config.json", b" " * (40 * 2**20)),
    # HDF5 in it
    "an external link": weights("layers/dense/vars/1",
        link(lambda bait: h5py.ExternalLink(str(bait / "other.h5"), "x"))),
    "an external link for a group": weights("layers/dense",
        link(lambda bait: h5py.ExternalLink(str(bait / "other.h5"), "layers/dense"))),
    "an external link for everything": weights("layers",
        link(lambda bait: h5py.ExternalLink(str(bait / "other.h5"), "layers"))),
    "a soft link": weights("layers/dense/vars/1", link(lambda bait: h5py.SoftLink("/layers/conv2d/vars/1"))),
    "external values": weights("layers/dense/vars/1", of_bait(lambda bait: hostile.external_values(
        bait / "values.bin"))),
    "virtual values": weights("layers/dense/vars/1", of_bait(lambda bait: hostile.virtual(bait / "other.h5"))),
    "object references": weights("layers/dense/vars/1", hostile.reference_to),
    "values that were never written": weights("layers/dense/vars/1", hostile.blown),
    "values that unpack to a gigabyte": weights("layers/dense/vars/1", hostile.packed),
    "weights that are no HDF5": lambda content, bait: content.update({"model.weights.h5": b"nothing"}),
    "weights that were cut": lambda content, bait: content.update(
        {"model.weights.h5": content["model.weights.h5"][:3000]}),
    # what the whole model says of itself
    "a model of another module": at_top(module="os"),
    "a model that is a function": at_top(class_name="function", module="builtins", config="print"),
    "a model that is no model": at_top(class_name="Popen", module="subprocess", config={"args": ["true"]}),
}  # fmt: skip


def refused(path: Path, bait: Path, **given: Any) -> str:
    """The error with which a file is refused, after checking that nothing outside the file was touched."""
    own = (str(path), "drivesal-")
    allowed: Callable[[str], bool] = lambda event: any(one in event for one in own)  # noqa: E731
    with hostile.watched(bait, allowed) as seen, pytest.raises(DrivesalError) as error:
        load_model(path, ModelSettings(**given))
    assert seen == []
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_touches_nothing(good, bait, tmp_path, name):
    content = copied(good)
    HOSTILE[name](content, bait)
    how = zipfile.ZIP_DEFLATED if "bomb" in name else zipfile.ZIP_STORED
    refused(hostile.written(tmp_path / "m.keras", content, how), bait)


def test_the_good_file_opens_and_touches_nothing(good, bait, tmp_path):
    path = hostile.written(tmp_path / "m.keras", good)
    with hostile.watched(bait, lambda event: str(path) in event or "drivesal-" in event) as seen:
        load_model(path)
    assert seen == []


def test_the_watch_detects_file_and_socket_access(bait):
    import socket

    with hostile.watched(bait, lambda event: False) as seen:
        (bait / "vocabulary.txt").read_text()
        h5py.File(bait / "other.h5").close()  # opened by HDF5's own code, which raises no Python audit event
        socket.socket().close()
    assert any(one.startswith("open ") for one in seen)
    assert any("socket" in one for one in seen)
    assert any("the kernel opened 'other.h5'" in one for one in seen)


def test_two_members_of_one_name_are_refused(good, bait, tmp_path):
    path = hostile.written(tmp_path / "m.keras", good)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("config.json", "{}")
    assert "same name" in refused(path, bait)


def test_a_link_in_the_archive_is_refused(good, bait, tmp_path):
    path = hostile.written(tmp_path / "m.keras", good)
    with zipfile.ZipFile(path, "a") as file:
        info = zipfile.ZipInfo("assets")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, str(bait))
    assert "which is not a path inside it" in refused(path, bait)


def test_build_and_compile_configurations_are_ignored(good, bait, tmp_path):
    content = copied(good)
    evil = LOADER
    content["config.json"]["compile_config"] = {"loss": evil, "optimizer": evil}
    layer(content["config.json"], "conv")["build_config"] = {"input_shape": evil}
    path = hostile.written(tmp_path / "m.keras", content)
    with hostile.watched(bait, lambda event: str(path) in event or "drivesal-" in event) as seen:
        load_model(path)
    assert seen == []


@pytest.mark.parametrize(
    "where", ["model_weights", "model_weights/dense_1", "model_weights/dense_1/dense_1/bias:0"]
)
@pytest.mark.parametrize("kind", ["external link", "soft link"])
def test_links_in_an_hdf5_model_are_refused(bait, tmp_path, where, kind):
    path = files.write(tmp_path / "m.h5", files.sequential("2.4.0"), files.keras2_weights())
    with h5py.File(path, "a") as file:
        del file[where]
        file[where] = h5py.ExternalLink(str(bait / "other.h5"), "x") if kind[0] == "e" else h5py.SoftLink("/")
    assert "is a link" in refused(path, bait)


@pytest.mark.parametrize(
    "make", [hostile.reference_to, hostile.blown, hostile.external_values, hostile.virtual]
)
def test_values_outside_an_hdf5_model_are_refused(bait, tmp_path, make):
    path = files.write(tmp_path / "m.h5", files.sequential("2.4.0"), files.keras2_weights())
    put = make(bait / "other.h5") if make in (hostile.external_values, hostile.virtual) else make
    with h5py.File(path, "a") as file:
        hostile.replaced("model_weights/dense_1/dense_1/bias:0", put)(file)
    refused(path, bait)


def mutated(value: Any, chance: random.Random, words: list[Any]) -> Any:
    """The configuration with some values replaced, removed or copied from elsewhere."""
    places: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        part = waiting.pop()
        keys = part.keys() if isinstance(part, dict) else range(len(part))
        places += [(part, key) for key in keys]
        waiting += [part[key] for key in keys if isinstance(part[key], dict | list)]
    for _ in range(chance.choice((1, 1, 2, 4))):
        part, key = chance.choice(places)
        try:
            part[key]
        except (KeyError, IndexError):
            continue
        match chance.randrange(4):
            case 0:
                del part[key]
            case 1:
                other, which = chance.choice(places)
                part[key] = json.loads(json.dumps(other[which])) if _has(other, which) else None
            case _:
                part[key] = chance.choice(words)
    return value


def _has(part: Any, key: Any) -> bool:
    return key in part if isinstance(part, dict) else key < len(part)


@pytest.mark.parametrize("many", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_mutant_either_opens_or_is_refused(bait, tmp_path, tmp_path_factory, many):
    chance = random.Random(12)
    words = [None, True, 0, -1, 3, 10**9, 10**30, 1e308, float("nan"), float("inf"), [], {}, [3, 3]]
    words += ["", "relu", "x" * 5000, "Lambda", "function", "keras.datasets.mnist", "load_data", "__lambda__"]
    words += [LOADER, LAMBDA["function"], str(bait / "vocabulary.txt"), {"class_name": "__slice__"}]
    words += [["picture", 0, 0], [None, 8, 12, 3]]
    sources = [
        hostile.good(tmp_path_factory.mktemp("first")),
        hostile.members(two_inputs((8, 12)), tmp_path_factory.mktemp("second")),
    ]
    path = tmp_path / "m.keras"
    opened, lines = 0, []
    with hostile.watched(bait, lambda event: str(path) in event or "drivesal-" in event) as seen:
        for number in range(many):
            content = copied(sources[number % len(sources)])
            content["config.json"] = mutated(content["config.json"], chance, words)
            hostile.written(path, content)
            try:
                load_model(path)
                opened += 1
            except DrivesalError as error:
                lines.append(str(error))
    assert seen == []
    assert not [one for one in lines if "\n" in one]
    assert opened > many // 50


def test_a_custom_class_is_allowed_by_its_registered_name_only(good, bait, tmp_path, request):
    layers = keras().layers

    @keras().saving.register_keras_serializable("mine")
    class Tripled(layers.Layer):  # type: ignore[misc]
        def call(self, x):
            return 3 * x

    content = copied(good)
    made = entry("Tripled", "tests", {}, registered="mine>Tripled", takes="steering", name="tripled")
    content["config.json"]["config"]["layers"].append(made)
    content["config.json"]["config"]["output_layers"] = [["tripled", 0, 0]]
    request.addfinalizer(lambda: keras().saving.get_custom_objects().pop("mine>Tripled"))
    path = hostile.written(tmp_path / "m.keras", content)
    x = np.ones((1, 8, 12, 3), np.float32)
    plain = load_model(hostile.written(tmp_path / "plain.keras", good)).network(x)
    assert np.asarray(load_model(path).network(x)) == pytest.approx(3 * np.asarray(plain))
    made |= {"registered_name": "mine>Other", "class_name": "Other"}
    content["config.json"]["config"]["layers"][-1] = made
    with pytest.raises(ModelError, match="layer tripled has Other"):
        load_model(hostile.written(path, content))
