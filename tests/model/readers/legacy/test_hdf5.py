"""Old files answer as their networks did."""

from __future__ import annotations

import json
import pickle

import h5py
import numpy as np
import pytest

from drivesal.errors import ModelError
from drivesal.model.readers.formats import hdf5
from tests.model.readers.legacy import files
from tests.model.readers.legacy.files import (
    CONV,
    DENSE,
    H,
    W,
    answer,
    conv2,
    dense2,
    functional,
    node,
    plain,
    start,
)

SCALING = {"lambda_1": "x/127.5-1"}
GENERATIONS = ("2.0.8", "2.1.6-tf", "2.2.4-tf", "2.4.0")


def answers(path, pictures, **lambdas):
    return [np.asarray(one) for one in as_list(hdf5.read(path, lambdas)[0](pictures))]


def as_list(value):
    return value if isinstance(value, list | tuple) else [value]


def test_keras_1_with_a_lambda_first(tmp_path):
    path = files.write(
        tmp_path / "model.h5", files.keras1(), files.KERAS1_WEIGHTS, version="1.2.1", backend=None
    )
    x = files.inputs()
    assert answers(path, x, **SCALING)[0] == pytest.approx(answer(x), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("backend", ["tensorflow", "theano", None])
def test_keras_1_with_channels_first(tmp_path, backend):
    kernel = CONV[0].transpose(3, 2, 0, 1)
    ending = ":0" if backend == "tensorflow" else ""
    if backend != "tensorflow":  # Theano turns kernels round
        kernel = kernel[:, :, ::-1, ::-1]
    order = DENSE[0].reshape(3, 5, 4, 1).transpose(2, 0, 1, 3).reshape(-1, 1)  # flattened channels first
    stored = files.KERAS1_WEIGHTS | {
        "convolution2d_1": [(f"convolution2d_1_W{ending}", kernel), (f"convolution2d_1_b{ending}", CONV[1])],
        "dense_1": [(f"dense_1_W{ending}", order), (f"dense_1_b{ending}", DENSE[1])],
    }
    path = files.write(tmp_path / "model.h5", files.keras1("th"), stored, version="1.1.0", backend=backend)
    x = files.inputs()
    assert answers(path, x, **SCALING)[0] == pytest.approx(answer(x), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("size", "stride"), [((3, 3), 1), ((3, 5), 2), ((4, 2), 1), ((4, 6), 2), ((8, 4), 4)])
@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
def test_border_mode_same_is_where_the_backend_had_it(tmp_path, backend, size, stride):
    kernel, bias = files.drawn(*size, 3, 4), files.drawn(4)
    out = [-(-side // stride) for side in (H, W)]
    pair = (files.drawn(out[0] * out[1] * 4, 1), files.drawn(1))
    config = files.keras1()
    config["config"][1]["config"] |= {"nb_row": size[0], "nb_col": size[1], "border_mode": "same"}
    config["config"][1]["config"]["subsample"] = [stride, stride]
    ending = ":0" if backend == "tensorflow" else ""
    kept = kernel if backend == "tensorflow" else kernel[::-1, ::-1]
    stored = files.KERAS1_WEIGHTS | {
        "convolution2d_1": [(f"convolution2d_1_W{ending}", kept), (f"convolution2d_1_b{ending}", bias)],
        "dense_1": [(f"dense_1_W{ending}", pair[0]), (f"dense_1_b{ending}", pair[1])],
    }
    path = files.write(tmp_path / "m.h5", config, stored, version="1.1.0", backend=None)
    x = files.inputs()
    if backend == "theano":  # half a kernel on either side, then as many as there are steps
        before = [side // 2 for side in size]
        after = before
    else:
        lacks = [(n - 1) * stride + k - side for n, k, side in zip(out, size, (H, W), strict=True)]
        before = [max(one, 0) // 2 for one in lacks]
        after = [max(one, 0) - start for one, start in zip(lacks, before, strict=True)]
    padded = np.pad(x / 127.5 - 1, ((0, 0), *zip(before, after, strict=True), (0, 0)))
    hidden = files.elu(files.convolved(padded, kernel, bias, stride=stride))[:, : out[0], : out[1]]
    expected = files.flat(hidden) @ pair[0] + pair[1]
    assert answers(path, x, **SCALING)[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_pooling_that_theano_padded_is_named(tmp_path):
    config = files.keras1()
    config["config"][2] = plain("MaxPooling2D", "pool", pool_size=[2, 2], border_mode="same", dim_ordering="tf")
    path = files.write(tmp_path / "m.h5", config, files.KERAS1_WEIGHTS, backend="theano")
    refused(path, "layer pool is a MaxPooling2D", "border_mode same", **SCALING)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", ["model.h5", "model"])
def test_sequential_models_of_keras_2(tmp_path, generation, name):
    as_bytes = generation != "2.4.0"
    path = files.write(
        tmp_path / name,
        files.sequential(generation),
        files.keras2_weights(),
        version=generation,
        as_bytes=as_bytes,
    )
    x = files.inputs()
    assert answers(path, x / 127.5 - 1)[0] == pytest.approx(answer(x), rel=1e-4, abs=1e-4)


def two_outputs(kind):
    layers = [
        node(start()),
        node(conv2("conv2d_1"), "img_in"),
        node(plain("Flatten", "flattened"), "conv2d_1"),
        node(dense2("angle_out", 15, "softmax"), "flattened"),
        node(dense2("throttle_out", 1, "relu"), "flattened"),
    ]
    return functional(layers, ["angle_out", "throttle_out"], kind)


@pytest.mark.parametrize("kind", ["Model", "Functional"])
def test_two_outputs(tmp_path, kind):
    angle, throttle = (files.drawn(60, 15), files.drawn(15)), (files.drawn(60, 1), files.drawn(1))
    stored = {
        "img_in": [],
        "conv2d_1": files.weights("conv2d_1", CONV),
        "flattened": [],
        "angle_out": files.weights("angle_out", angle),
        "throttle_out": files.weights("throttle_out", throttle),
    }
    path = files.write(tmp_path / "pilot.h5", two_outputs(kind), stored, version="2.2.4-tf")
    x = files.inputs() / 255
    hidden = files.flat(files.elu(files.convolved(x, *CONV, stride=2)))
    scores = np.exp(hidden @ angle[0] + angle[1])
    found = answers(path, x)
    assert found[0] == pytest.approx(scores / scores.sum(axis=1, keepdims=True), rel=1e-3, abs=1e-5)
    assert found[1] == pytest.approx(files.relu(hidden @ throttle[0] + throttle[1]), rel=1e-4, abs=1e-4)


def nested_config():
    batch = plain("BatchNormalization", "norm", axis=[3], momentum=0.99, epsilon=0.001, center=True, scale=True)
    inside = functional(
        [
            node(start("inner_in")),
            node(conv2("inner_1"), "inner_in"),
            node(batch, "inner_1"),
            node(conv2("inner_2", kernel_size=[1, 1], strides=[1, 1], activation="relu"), "norm"),
        ],
        ["inner_2"],
        name="backbone",
    )
    layers = [
        node(start()),
        node(inside, "img_in"),
        node(plain("Flatten", "flatten_1"), "backbone"),
        node(dense2(), "flatten_1"),
    ]
    return functional(layers, ["dense_1"])


@pytest.mark.parametrize("named", [True, False])
def test_a_model_inside_another(tmp_path, named):
    second = (files.drawn(1, 1, 4, 4, seed=9), files.drawn(4, seed=9))
    norm = [files.drawn(4, seed=1), files.drawn(4, seed=2), files.drawn(4, seed=3), np.full(4, 0.7, np.float32)]
    trained = [*CONV, *norm[:2], *second]
    titles = ["inner_1/kernel:0", "inner_1/bias:0", "norm/gamma:0", "norm/beta:0", "inner_2/kernel:0"]
    titles += ["inner_2/bias:0", "norm/moving_mean:0", "norm/moving_variance:0"]
    if not named:
        titles = [f"weight_{number}" for number in range(8)]
    stored = {
        "img_in": [],
        "backbone": list(zip(titles, [*trained, *norm[2:]], strict=True)),
        "flatten_1": [],
        "dense_1": files.weights("dense_1", DENSE),
    }
    path = files.write(tmp_path / "nested.h5", nested_config(), stored, version="2.2.4")
    x = files.inputs() / 255
    hidden = files.elu(files.convolved(x, *CONV, stride=2))
    hidden = (hidden - norm[2]) / np.sqrt(norm[3] + 0.001) * norm[0] + norm[1]
    expected = files.flat(files.relu(files.convolved(hidden, *second))) @ DENSE[0] + DENSE[1]
    assert answers(path, x)[0] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_arithmetic_of_tf_keras_is_read_without_asking(tmp_path):
    def operation(name, function, y, source):
        entry = {"class_name": "TFOpLambda", "config": {"name": name, "function": function}, "name": name}
        return entry | {"inbound_nodes": [[source, 0, 0, {"y": y, "name": None}]]}

    layers = [
        node(start()),
        operation("tf.math.truediv", "math.truediv", 127.5, "img_in"),
        operation("tf.math.subtract", "math.subtract", 1.0, "tf.math.truediv"),
        node(conv2(), "tf.math.subtract"),
        node(plain("Flatten", "flatten_1"), "conv2d_1"),
        node(dense2(), "flatten_1"),
    ]
    path = files.write(tmp_path / "m.h5", functional(layers, ["dense_1"], "Functional"), files.keras2_weights())
    x = files.inputs()
    assert answers(path, x)[0] == pytest.approx(answer(x), rel=1e-4, abs=1e-4)


def test_a_layer_used_twice_and_merged(tmp_path):
    shared = dense2("dense_1") | {"name": "dense_1", "inbound_nodes": [[["a", 0, 0]], [["b", 0, 0]]]}
    merge = plain("Merge", "merge_1", mode="concat", concat_axis=-1) | {"name": "merge_1"}
    layers = [
        node(start()),
        node(plain("Flatten", "flatten_1"), "img_in"),
        node(plain("Activation", "a", activation="relu"), "flatten_1"),
        node(plain("Activation", "b", activation="tanh"), "flatten_1"),
        shared,
        merge | {"inbound_nodes": [[["dense_1", 0, 0], ["dense_1", 1, 0]]]},
    ]
    pair = (files.drawn(H * W * 3, 1), files.drawn(1))
    path = files.write(
        tmp_path / "m.h5", functional(layers, ["merge_1"]), {"dense_1": files.weights("dense_1", pair)}
    )
    x = files.inputs() / 127.5 - 1
    expected = np.concatenate([f(files.flat(x)) @ pair[0] + pair[1] for f in (files.relu, np.tanh)], axis=1)
    assert answers(path, x)[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_keras_3_reads_its_own_hdf5(tmp_path):
    from tests.models import convolutional, nested

    x = np.random.default_rng(0).uniform(0, 1, (2, 24, 32, 3)).astype(np.float32)
    for network in (convolutional(), nested()):
        network.save(tmp_path / "m.h5")
        assert answers(tmp_path / "m.h5", x)[0] == pytest.approx(np.asarray(network(x)), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", ["model.json", "other.json"])
def test_weights_with_the_architecture_beside_them(tmp_path, times, name):
    text = json.dumps(files.keras1())
    for _ in range(times - 1):
        text = json.dumps(text)
    (tmp_path / name).write_text(text)
    (tmp_path / "model.h5.card.json").write_text("{}")
    (tmp_path / "log.json").write_text("[1, 2]")
    path = files.write(tmp_path / "model.h5", None, files.KERAS1_WEIGHTS, version="1.1.0")
    x = files.inputs()
    assert answers(path, x, **SCALING)[0] == pytest.approx(answer(x), rel=1e-4, abs=1e-4)


def refused(path, *says, **lambdas):
    with pytest.raises(ModelError) as error:
        hdf5.read(path, lambdas)
    for part in says:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_alone(tmp_path):
    path = files.write(tmp_path / "model.h5", None, files.KERAS1_WEIGHTS)
    refused(path, "no architecture .json", "model.json")
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(files.keras1()))
    refused(path, "2 .json files")


def test_hdf5_that_is_no_model(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros(3)
    refused(path, "no configuration")


def test_weights_of_keras_3_are_refused_by_name(tmp_path):
    from tests.models import convolutional

    convolutional().save_weights(tmp_path / "m.weights.h5")
    refused(tmp_path / "m.weights.h5", "weights file of Keras 3", "name.keras")


def test_a_damaged_configuration(tmp_path):
    config = files.sequential("2.4.0")
    refused(files.write(tmp_path / "a.h5", json.dumps(config)[:-9], files.keras2_weights()), "damaged")
    refused(files.write(tmp_path / "b.h5", "[1]", files.keras2_weights()), "it is none")
    config["config"]["layers"][1]["config"]["kernel_size"] = "wide"
    refused(files.write(tmp_path / "c.h5", config, files.keras2_weights()), "conv2d_1 has kernel_size 'wide'")


def test_a_cut_file(tmp_path):
    path = files.write(tmp_path / "m.h5", files.sequential("2.4.0"), files.keras2_weights())
    path.write_bytes(path.read_bytes()[:3000])
    refused(path, "HDF5")


def test_a_weight_of_the_wrong_shape(tmp_path):
    stored = files.keras2_weights() | {"dense_1": files.weights("dense_1", (files.drawn(59, 1), DENSE[1]))}
    path = files.write(tmp_path / "m.h5", files.sequential("2.4.0"), stored)
    refused(path, "layer dense_1", "(60, 1)", "(59, 1)")


def test_weights_that_are_missing(tmp_path):
    stored = files.keras2_weights()
    del stored["dense_1"]
    path = files.write(tmp_path / "m.h5", files.sequential("2.4.0"), stored)
    refused(path, "weights for layer dense_1", "holds none")
    stored = files.keras2_weights() | {"dense_1": files.weights("dense_1", DENSE)[:1]}
    refused(files.write(tmp_path / "n.h5", files.sequential("2.4.0"), stored), "2 weights for layer dense_1")


def test_weights_under_other_names_go_by_order(tmp_path):
    path = files.write(
        tmp_path / "m.h5", files.sequential("2.4.0"), files.keras2_weights("conv2d_7", "dense_9")
    )
    x = files.inputs()
    assert answers(path, x / 127.5 - 1)[0] == pytest.approx(answer(x), rel=1e-4, abs=1e-4)


def test_weights_in_another_file_are_not_followed(tmp_path):
    path = files.write(tmp_path / "m.h5", files.sequential("2.4.0"), files.keras2_weights())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["bias"] = DENSE[1]
    with h5py.File(path, "a") as file:
        group = file["model_weights/dense_1"]
        del group["dense_1/bias:0"]
        group["dense_1/bias:0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "bias")
    refused(path, "dense_1/bias:0")


@pytest.mark.parametrize("version", ["1.2.1", "2.4.0", "3.5.0"])
def test_the_hard_sigmoid_is_that_of_the_version(tmp_path, version):
    config = files.sequential("2.4.0")
    config["config"]["layers"][-1]["config"]["activation"] = "hard_sigmoid"
    path = files.write(tmp_path / "m.h5", config, files.keras2_weights(), version=version)
    x = files.inputs()
    slope = 1 / 6 if version[0] == "3" else 0.2
    assert answers(path, x / 127.5 - 1)[0] == pytest.approx(np.clip(slope * answer(x) + 0.5, 0, 1), abs=1e-5)


def test_an_unknown_layer_is_named(tmp_path):
    config = files.sequential("2.4.0")
    config["config"]["layers"][2]["class_name"] = "Mystery"
    refused(
        files.write(tmp_path / "m.h5", config, files.keras2_weights()), "flatten_1 is a Mystery", "--import"
    )


@pytest.mark.parametrize("kind", ["TorchModuleWrapper", "TFSMLayer", "StringLookup", "JaxLayer", "__init__"])
def test_layers_that_run_code_or_read_files_are_unknown(tmp_path, kind):
    config = files.sequential("2.4.0")
    config["config"]["layers"][2]["class_name"] = kind
    refused(files.write(tmp_path / "m.h5", config, files.keras2_weights()), f"is a {kind}")


@pytest.mark.parametrize("name", ["get", "deserialize", "__import__", "os.system", "mystery"])
def test_an_unknown_activation_is_named(tmp_path, name):
    config = files.sequential("2.4.0")
    config["config"]["layers"][1]["config"]["activation"] = name
    refused(files.write(tmp_path / "m.h5", config, files.keras2_weights()), "conv2d_1", name)


def test_code_in_the_file_is_never_run(tmp_path):
    import base64
    import marshal

    marker = tmp_path / "ran"
    text = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    code = base64.b64encode(marshal.dumps(compile(text, "file", "eval"))).decode()

    class Runs:
        def __reduce__(self):
            return exec, (text,)

    config = files.keras1()
    config["config"][0] = files.lambda_1((code, None, None))
    path = files.write(tmp_path / "m.h5", config, files.KERAS1_WEIGHTS)
    with h5py.File(path, "a") as file:
        file.attrs["training_config"] = np.void(pickle.dumps(Runs()))
    refused(path, "lambda_1", "--lambda lambda_1=x/127.5-1", "not with --unsafe either")
    hdf5.read(path, SCALING)[0](files.inputs())
    assert not marker.exists()


@pytest.mark.parametrize(("shape", "many"), [((None, 5, H, W, 3), "(5)"), ((None, H, W, 9), "(3)")])
def test_several_frames_are_refused_by_name(tmp_path, shape, many):
    layers = [node(start("frames", shape)), node(plain("Flatten", "flatten_1"), "frames")]
    path = files.write(tmp_path / "m.h5", functional(layers, ["flatten_1"]), {})
    refused(path, "one frame at a time", "frames", many)


def test_an_argument_that_would_change_the_answer_is_not_left_out(tmp_path):
    config = files.sequential("2.4.0")
    config["config"]["layers"][1]["config"]["swirl"] = 3
    refused(files.write(tmp_path / "m.h5", config, files.keras2_weights()), "conv2d_1 has swirl")


def test_batch_normalization_of_another_mode(tmp_path):
    config = files.keras1()
    config["config"][2] = plain("BatchNormalization", "norm", mode=1, axis=-1, epsilon=1e-3)
    refused(files.write(tmp_path / "m.h5", config, files.KERAS1_WEIGHTS), "norm has mode 1", **SCALING)


@pytest.mark.parametrize(
    ("text", "head"), [("2*atan(x)", lambda y: 2 * np.arctan(y)), ("tanh(x/3)", lambda y: np.tanh(y / 3))]
)
def test_a_lambda_that_is_the_head(tmp_path, text, head):
    """Ports of SullyChen's network end in a function of their own."""
    config = files.keras1()
    last = files.lambda_1("atan_layer")["config"] | {"name": "prediction", "function_type": "function"}
    del last["batch_input_shape"]
    config["config"].append({"class_name": "Lambda", "config": last})
    path = files.write(tmp_path / "m.h5", config, files.KERAS1_WEIGHTS | {"prediction": []}, version="1.2.1")
    refused(path, "layer prediction is a Lambda", **SCALING)
    x = files.inputs()
    said = SCALING | {"prediction": text}
    assert answers(path, x, **said)[0] == pytest.approx(head(answer(x)), rel=1e-4, abs=1e-4)
