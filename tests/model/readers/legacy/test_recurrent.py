"""Recurrent layers over the rows of one picture answer as they did, whoever wrote them."""

import numpy as np
import pytest

from drivesal.errors import ModelError
from drivesal.model.readers.formats import hdf5
from tests.model.readers.legacy import files
from tests.model.readers.legacy.files import H, W, dense2, drawn, functional, node, plain, start

UNITS, WIDTH = 4, W * 3
LAST = (drawn(UNITS, 1), drawn(1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def lstm(x, kernel, recurrent, bias, gate=sigmoid):
    """(N, T, in) to the last (N, units), by the equations; gates in the order i, f, c, o."""
    h = c = np.zeros((len(x), UNITS))
    for step in range(x.shape[1]):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
    return h


def gru(x, kernel, recurrent, bias, gate=sigmoid, after=False):
    """(N, T, in) to the last (N, units); gates in the order z, r, h; `after`: reset after the product."""
    h = np.zeros((len(x), UNITS))
    own, again = bias if after else (bias, np.zeros_like(bias))
    for step in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, step] @ kernel + own, 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + again, 3, axis=1)
        z, r = gate(xz + hz), gate(xr + hr)
        inner = r * hh if after else (r * h) @ recurrent[:, 2 * UNITS :]
        h = z * h + (1 - z) * np.tanh(xh + inner)
    return h


def arrays(gates, rows=1):
    bias = drawn(gates * UNITS, seed=3) if rows == 1 else drawn(rows, gates * UNITS, seed=3)
    return drawn(WIDTH, gates * UNITS, seed=1), drawn(UNITS, gates * UNITS, seed=2), bias


def network(layer, *between):
    """The rows of the picture one after the other through the layer, then one number."""
    name = layer["config"]["name"]
    layers = [
        node(start()),
        node(plain("Reshape", "rows", target_shape=[H, WIDTH]), "img_in"),
        *between,
        node(layer, between[-1]["name"] if between else "rows"),
        node(dense2(), name),
    ]
    return functional(layers, ["dense_1"])


def answers(tmp_path, config, stored, version):
    stored = {"img_in": [], **stored, "dense_1": files.weights("dense_1", LAST)}
    path = files.write(tmp_path / "m.h5", config, stored, version=version)
    x = files.inputs() / 255
    return np.asarray(hdf5.read(path, {})[0](x)), x.reshape(len(x), H, WIDTH)


def named(values, titles=("kernel", "recurrent_kernel", "bias"), layer="rnn"):
    return [(f"{layer}/{title}:0", value) for title, value in zip(titles, values, strict=True)]


@pytest.mark.parametrize(
    ("version", "word", "gate"),
    [
        ("2.2.4", "hard_sigmoid", hard),  # what Keras 2 took unless told otherwise
        ("2.4.0", "sigmoid", sigmoid),
        ("3.5.0", "hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    ],
)
def test_lstm_of_keras_2_and_3(tmp_path, version, word, gate):
    weights = arrays(4)
    layer = plain("LSTM", "rnn", units=UNITS, activation="tanh", recurrent_activation=word, use_bias=True,
                  unit_forget_bias=True, dropout=0.2, recurrent_dropout=0.1, implementation=1,
                  return_sequences=False, go_backwards=False, stateful=False, unroll=False)  # fmt: skip
    found, x = answers(tmp_path, network(layer), {"rnn": named(weights)}, version)
    assert found == pytest.approx(lstm(x, *weights, gate) @ LAST[0] + LAST[1], rel=1e-4, abs=1e-5)


KERAS1 = {"output_dim": UNITS, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": "tanh",
          "inner_activation": "hard_sigmoid", "W_regularizer": None, "dropout_W": 0.2, "dropout_U": 0.0,
          "return_sequences": False, "go_backwards": False, "stateful": False, "unroll": False,
          "consume_less": "cpu", "input_dim": WIDTH, "input_length": None}  # fmt: skip


def split(weights, order):
    """As Keras 1 keeps them: three arrays a gate, its gates in another order."""
    parts = [np.split(one, len(order), axis=-1) for one in weights]
    return [(f"rnn_{which}_{gate}:0", parts[which][gate]) for gate in order for which in range(3)]


def test_lstm_of_keras_1(tmp_path):
    weights = arrays(4)
    layer = plain("LSTM", "rnn", **KERAS1, forget_bias_init="one")
    stored = split(weights, (0, 2, 1, 3))  # i, c, f, o
    found, x = answers(tmp_path, network(layer), {"rnn": stored}, None)
    assert found == pytest.approx(lstm(x, *weights, hard) @ LAST[0] + LAST[1], rel=1e-4, abs=1e-5)


def test_gru_of_keras_1(tmp_path):
    weights = arrays(3)
    found, x = answers(
        tmp_path, network(plain("GRU", "rnn", **KERAS1)), {"rnn": split(weights, (0, 1, 2))}, None
    )
    assert found == pytest.approx(gru(x, *weights, hard) @ LAST[0] + LAST[1], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("after", [None, False, True])
def test_gru_of_keras_2(tmp_path, after):
    weights = arrays(3, 2 if after else 1)
    more = {} if after is None else {"reset_after": after}
    layer = plain("GRU", "rnn", units=UNITS, activation="tanh", recurrent_activation="sigmoid", **more)
    found, x = answers(tmp_path, network(layer), {"rnn": named(weights)}, "2.1.0")
    expected = gru(x, *weights, after=bool(after))
    assert found == pytest.approx(expected @ LAST[0] + LAST[1], rel=1e-4, abs=1e-5)


def test_simple_rnn_behind_a_dense_layer_of_every_step(tmp_path):
    inner = plain("Dense", "dense_9", units=WIDTH, activation="tanh")
    each = plain("TimeDistributed", "each", layer=inner) | {
        "name": "each",
        "inbound_nodes": [[["rows", 0, 0, {}]]],
    }
    weights, pair = arrays(1), (drawn(WIDTH, WIDTH, seed=8), drawn(WIDTH, seed=8))
    layer = plain("SimpleRNN", "rnn", units=UNITS, activation="tanh")
    stored = {"each": named(pair, ("kernel", "bias"), "each"), "rnn": named(weights)}
    found, x = answers(tmp_path, network(layer, each), stored, "2.2.4")
    h = np.zeros((len(x), UNITS))
    for step in range(H):
        h = np.tanh(np.tanh(x[:, step] @ pair[0] + pair[1]) @ weights[0] + h @ weights[1] + weights[2])
    assert found == pytest.approx(h @ LAST[0] + LAST[1], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("generation", [1, 2])
def test_both_ways(tmp_path, generation):
    there, back = arrays(4), tuple(one[::-1].copy() for one in arrays(4))
    if generation == 1:
        inner = plain("LSTM", "lstm_1", **KERAS1)
        stored = split(there, (0, 2, 1, 3))
        stored += [(f"back_{title}", value) for title, value in split(back, (0, 2, 1, 3))]
    else:
        inner = plain("LSTM", "lstm_1", units=UNITS, activation="tanh", recurrent_activation="hard_sigmoid")
        stored = named(there) + named(back, layer="rnn/backward")
    layer = plain("Bidirectional", "rnn", layer=inner, merge_mode="sum")
    found, x = answers(tmp_path, network(layer), {"rnn": stored}, "2.2.4" if generation == 2 else None)
    expected = lstm(x, *there, hard) + lstm(x[:, ::-1], *back, hard)
    assert found == pytest.approx(expected @ LAST[0] + LAST[1], rel=1e-4, abs=1e-5)


def refused(path, *says):
    with pytest.raises(ModelError) as error:
        hdf5.read(path, {})
    assert all(part in str(error.value) for part in says), error.value
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["CuDNNLSTM", "CuDNNGRU", "ConvLSTM2D", "LocallyConnected1D", "Conv3D"])
def test_what_is_not_rebuilt_is_named(tmp_path, kind):
    path = files.write(tmp_path / "m.h5", network(plain(kind, "rnn", units=UNITS)), {})
    refused(path, f"layer rnn is a {kind}, which it does not", "build it of other layers")


def test_a_layer_that_remembers_is_named(tmp_path):
    path = files.write(tmp_path / "m.h5", network(plain("LSTM", "rnn", units=UNITS, stateful=True)), {})
    refused(path, "layer rnn keeps its state", "stateful")


def test_a_model_inside_a_wrapper_is_named(tmp_path):
    inner = {"class_name": "Sequential", "config": [dense2()]}
    path = files.write(tmp_path / "m.h5", network(plain("TimeDistributed", "rnn", layer=inner)), {})
    refused(path, "layer rnn works on a Sequential")


@pytest.mark.parametrize("kind", ["ConvLSTM2D", "Conv3D", "TimeDistributed"])
def test_several_frames_go_before_the_layer(tmp_path, kind):
    first = plain(kind, "first", batch_input_shape=[None, 5, H, W, 3])
    path = files.write(tmp_path / "m.h5", {"class_name": "Sequential", "config": [first, dense2()]}, {})
    refused(path, "takes several frames (5)", "one frame at a time")


def test_a_gate_of_another_size_is_named(tmp_path):
    stored = split(arrays(4), (0, 2, 1, 3))
    stored[3] = (stored[3][0], drawn(WIDTH + 1, UNITS))
    path = files.write(
        tmp_path / "m.h5", network(plain("LSTM", "rnn", **KERAS1)),
        {"rnn": stored, "dense_1": files.weights("dense_1", LAST)},
    )  # fmt: skip
    refused(path, "layer rnn", str((WIDTH, 4 * UNITS)))
