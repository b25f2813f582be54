"""Signatures and layers of networks, and the intermediate tensors of a forward pass."""

import threading

import numpy as np
import pytest

from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.network import before, find_layer, forward, layers, signature
from tests.models import (
    SIZE,
    categorical,
    classifier,
    convolutional,
    linear,
    nested,
    pictures,
    subclassed,
    two_inputs,
)

LARGE = (24, 32)


def run(network, values, observed=()):
    """`forward` in a compiled function, as NumPy: outputs, and (layer, input, output) of each call."""
    tf = tensorflow()
    held = []

    def inside(*given):
        outputs, calls = forward(network, given, observed)
        held[:] = [call.layer for call in calls]
        return outputs, [(call.input, call.output) for call in calls]

    outputs, calls = tf.function(inside, autograph=False)(*[tf.constant(one, tf.float32) for one in values])
    return [one.numpy() for one in outputs], [
        (layer, tf.nest.map_structure(lambda t: t.numpy(), given), out.numpy())
        for layer, (given, out) in zip(held, calls, strict=True)
    ]


def images(count=3, size=LARGE):
    return pictures(count, size).astype(np.float32) / 255


def test_signatures():
    assert signature(linear()).shape == (*SIZE, 3)
    found = signature(categorical())
    assert (found.image_index, found.auxiliary) == (0, ())
    assert found.outputs == (("angle", (5,)), ("throttle", (1,)))
    assert signature(convolutional()).outputs == (("steering", (1,)),)


@pytest.mark.parametrize(("order", "place"), [("picture first", 0), ("picture last", 1), ("dict", 0)])
def test_the_image_is_found_among_the_inputs(order, place):
    found = signature(two_inputs(order=order))
    assert found.image_index == place
    assert found.shape == (*LARGE, 3)
    assert found.auxiliary == (("speed", 1),)


@pytest.mark.parametrize("order", ["picture first", "picture last", "dict"])
def test_inputs_reach_the_network_in_its_order(order):
    network = two_inputs(order=order)
    values = {"picture": images(), "speed": np.array([[1.0], [20.0], [40.0]], np.float32)}
    by_place = [values["picture"], values["speed"]]
    (found,), _ = run(network, by_place[::-1] if signature(network).image_index else by_place)
    direct = values if order == "dict" else [values[one.name] for one in network.inputs]
    assert found == pytest.approx(network(direct).numpy(), rel=1e-4)
    # the prediction depends on the speed, so that a wrong value would be noticed
    slower = {"picture": values["picture"], "speed": values["speed"] / 2}
    other = slower if order == "dict" else [slower[one.name] for one in network.inputs]
    assert not np.allclose(network(other).numpy(), found)


def test_dict_inputs_in_another_order():
    kinds = keras().layers
    picture, speed = kinds.Input((*SIZE, 3), name="view"), kinds.Input((1,), name="a_speed")
    x = kinds.Concatenate()([kinds.Flatten()(picture), speed])
    network = keras().Model({"view": picture, "a_speed": speed}, kinds.Dense(1)(x))
    assert signature(network).image_index == 1
    given = {"view": images(2, SIZE), "a_speed": np.array([[5.0], [9.0]], np.float32)}
    (found,), _ = run(network, [given["a_speed"], given["view"]])
    assert found == pytest.approx(network(given).numpy(), rel=1e-4)


def test_outputs_in_a_dict_keep_their_names():
    kinds = keras().layers
    inputs = kinds.Input((*SIZE, 3))
    flat = kinds.Flatten()(inputs)
    heads = {"zeta": kinds.Dense(1, name="zeta")(flat), "alpha": kinds.Dense(2, name="alpha")(flat)}
    network = keras().Model(inputs, heads)
    names = [name for name, _ in signature(network).outputs]
    assert sorted(names) == ["alpha", "zeta"]
    found, _ = run(network, [images(2, SIZE)])
    direct = network(images(2, SIZE))
    for name, one in zip(names, found, strict=True):
        assert one == pytest.approx(direct[name].numpy(), rel=1e-4)


def test_a_subclassed_models_outputs_are_found_by_calling_it():
    found = signature(subclassed(), (*LARGE, 3))
    assert found.outputs == (("output_0", (1,)),)
    assert found.shape == (*LARGE, 3)
    # also where it was never called before
    assert signature(subclassed(built=False), (*LARGE, 3)).outputs == found.outputs
    with pytest.raises(ModelError, match="give the input's size and colour"):
        signature(subclassed())


@pytest.mark.parametrize("how", ["dict", "list"])
def test_a_subclassed_model_with_several_outputs(how):
    kinds = keras().layers

    class Two(keras().Model):
        def __init__(self):
            super().__init__()
            self.flat, self.one, self.two = kinds.Flatten(), kinds.Dense(1), kinds.Dense(2)

        def call(self, x):
            x = self.flat(x)
            one, two = self.one(x), self.two(x)
            return {"steer": one, "gas": two} if how == "dict" else [one, two]

    network = Two()
    found = signature(network, (*SIZE, 3))
    expected = {"dict": (("gas", (2,)), ("steer", (1,))), "list": (("output_0", (1,)), ("output_1", (2,)))}
    assert found.outputs == expected[how]
    outputs, _ = run(network, [images(2, SIZE)])
    assert [one.shape for one in outputs] == [(2, *shape) for _, shape in found.outputs]


def test_a_subclassed_model_that_cannot_be_called_is_refused():
    class Wrong(keras().Model):
        def call(self, x):
            raise ValueError("the lidar\nis missing")

    with pytest.raises(
        ModelError, match=r"image \(6, 8, 3\), but the call fails .*the lidar is missing"
    ) as error:
        signature(Wrong(), (*SIZE, 3))
    assert "\n" not in str(error.value)


def test_layers_are_listed_by_path_including_nested_ones():
    named = [path for path in layers(nested()) if not path.startswith("flatten")]
    assert named == ["backbone", "backbone/conv1", "backbone/conv2", "dense1", "steering"]
    assert list(layers(subclassed())) == ["conv1", "flat", "dense1", "steering"]


def test_layers_are_found_by_name_path_and_index():
    network = nested()
    conv = network.get_layer("backbone").get_layer("conv2")
    assert find_layer(network, "backbone/conv2") is conv
    assert find_layer(network, "conv2") is conv
    assert find_layer(network, "backbone") is network.get_layer("backbone")
    assert find_layer(network, 1) is network.layers[1]
    assert find_layer(network, "1") is network.layers[1]
    assert find_layer(network, -1) is find_layer(network, "-1") is network.get_layer("steering")


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("backbone/conv3", "did you mean backbone/conv2"),
        ("dense", "did you mean dense1"),
        ("zzzzzz", "see `drivesal model`"),
        (99, "from 0 to 4, but it is 99"),
        ("-7", "from 0 to 4, but it is -7"),
    ],
)
def test_a_missing_layer_is_refused(which, message):
    with pytest.raises(ModelError, match=message):
        find_layer(nested(), which)


def two_backbones():
    kinds = keras().layers

    def backbone(name):
        inner = kinds.Input((*SIZE, 3))
        return keras().Model(inner, kinds.Conv2D(2, 3, name="conv")(inner), name=name)

    inputs = kinds.Input((*SIZE, 3))
    x = kinds.Add()([backbone("left")(inputs), backbone("right")(inputs)])
    return keras().Model(inputs, kinds.Dense(1)(kinds.Flatten()(x)))


def test_an_ambiguous_name_needs_its_path():
    network = two_backbones()
    with pytest.raises(ModelError, match="'conv' is the name of left/conv, right/conv; give the whole path"):
        find_layer(network, "conv")
    assert find_layer(network, "right/conv") is network.get_layer("right").get_layer("conv")


@pytest.mark.parametrize("make", [convolutional, nested, subclassed])
def test_calls_record_inputs_and_outputs(make):
    network = make()
    every = [one for one in layers(network).values() if not isinstance(one, keras().Model)]
    (answer,), calls = run(network, [images()], every)
    assert answer == pytest.approx(network(images()).numpy(), rel=1e-4, abs=1e-6)
    assert [layer for layer, _, _ in calls] == every
    value = images()
    for layer, given, out in calls:
        assert given == pytest.approx(value, rel=1e-4, abs=1e-5)
        value = layer(given).numpy()
        assert out == pytest.approx(value, rel=1e-4, abs=1e-5)


def test_an_inner_layers_output_matches_a_truncated_model():
    network = nested()
    backbone = network.get_layer("backbone")
    cut = keras().Model(backbone.inputs, backbone.get_layer("conv1").output)
    _, ((_, _, found),) = run(network, [images()], [find_layer(network, "backbone/conv1")])
    assert found == pytest.approx(cut(images()).numpy(), rel=1e-4, abs=1e-6)


def test_calls_come_in_order_and_a_shared_layer_has_several():
    kinds = keras().layers
    inputs = kinds.Input((*SIZE, 3))
    shared, other = kinds.Conv2D(3, 3, padding="same", name="shared"), kinds.ReLU(name="between")
    x = shared(other(shared(inputs)))
    network = keras().Model(inputs, kinds.Dense(1)(kinds.Flatten()(x)))
    _, calls = run(network, [images(2, SIZE)], [other, shared, other])
    assert [layer for layer, _, _ in calls] == [shared, other, shared]
    assert np.array_equal(calls[1][1], calls[0][2])


def test_gradients_pass_through_recorded_tensors():
    tf, network = tensorflow(), convolutional()
    conv = network.layers[0]

    @tf.function(autograph=False)
    def slopes(x):
        (answer,), (call,) = forward(network, [x], [conv])
        return answer, call.output, tf.gradients(answer, call.output)[0]

    answer, inner, slope = slopes(images(1))
    rest = keras().Sequential(network.layers[1:])
    where = np.unravel_index(np.argmax(np.abs(slope)), slope.shape)
    change = np.zeros(slope.shape, np.float32)
    change[where] = 1e-2
    difference = (rest(inner + change) - rest(inner - change)).numpy() / 2e-2
    assert difference[0, 0] == pytest.approx(slope.numpy()[where], rel=0.02)
    assert rest(inner).numpy() == pytest.approx(answer.numpy(), rel=1e-4)


def state(network):
    every = {"": network} | layers(network)
    return {path: {name: id(value) for name, value in vars(one).items()} for path, one in every.items()}


@pytest.mark.parametrize("make", [convolutional, nested, subclassed])
def test_the_network_is_restored(make):
    network = make()
    network(images())
    before_it, weights = state(network), [one.numpy() for one in network.weights]
    nodes = {path: len(one._inbound_nodes) for path, one in layers(network).items()}
    run(network, [images()], layers(network).values())
    assert state(network) == before_it
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(weights, network.weights, strict=True))
    assert {path: len(one._inbound_nodes) for path, one in layers(network).items()} == nodes


def test_layers_are_restored_when_the_trace_fails():
    network = convolutional()
    with pytest.raises(Exception, match=r"(?i)shape|incompatible|dimension"):
        run(network, [np.zeros((2, 5, 5, 3), np.float32)], network.layers)
    assert not any("call" in vars(one) for one in network.layers)
    assert run(network, [images()], [network.layers[0]])[0][0] == pytest.approx(
        network(images()).numpy(), rel=1e-4
    )


def test_layers_are_restored_when_a_layer_itself_raises():
    class Fails(keras().layers.Layer):
        def call(self, x):
            if self.broken:
                raise RuntimeError("broken now")
            return x

    fails = Fails()
    fails.broken = False
    kinds = keras().layers
    inputs = kinds.Input((*SIZE, 3))
    conv = kinds.Conv2D(2, 3, name="conv")
    network = keras().Model(inputs, kinds.Dense(1)(kinds.Flatten()(fails(conv(inputs)))))
    fails.broken = True
    with pytest.raises(Exception, match="broken now"):
        run(network, [images(1, SIZE)], [conv, fails])
    assert "call" not in vars(conv)
    assert "call" not in vars(fails)


def test_a_layer_keeps_a_call_that_was_set_by_hand():
    network = convolutional()
    layer = network.layers[1]
    original = layer.call
    by_hand = lambda x: 2 * original(x)  # noqa: E731
    object.__setattr__(layer, "call", by_hand)
    expected = network(images()).numpy()
    run(network, [images()], [layer])
    assert vars(layer).get("call") is by_hand
    assert network(images()).numpy() == pytest.approx(expected, rel=1e-5)


def test_two_threads_can_observe_layers_at_once():
    network = convolutional()
    first, second = network.layers[:2]
    meet = threading.Barrier(2, timeout=30)
    found = {}

    def look(name, layer):
        meet.wait()
        found[name] = [run(network, [images()], [layer])[1] for _ in range(4)]

    threads = [threading.Thread(target=look, args=one) for one in (("a", first), ("b", second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    expected = {"a": (first, first(images()).numpy()), "b": (second, second(first(images())).numpy())}
    for name, (layer, out) in expected.items():
        assert len(found[name]) == 4
        for calls in found[name]:
            assert [one for one, _, _ in calls] == [layer]
            assert calls[0][2] == pytest.approx(out, rel=1e-3, abs=1e-5)
    assert not any("call" in vars(one) for one in network.layers)


def without_activation(make, activations, values):
    """`before` in a graph, as NumPy; None if it finds no activation."""
    tf = tensorflow()
    none = []

    @tf.function(autograph=False)
    def inside(x):
        found = before(make(x), activations)
        none.append(found is None)
        return x if found is None else found

    answer = inside(tf.constant(values, tf.float32)).numpy()
    return None if none[0] else answer


def test_an_activation_is_removed_and_later_linear_operations_are_kept():
    tf = tensorflow()
    x = np.array([[-2.0, 0.5, 3.0]])
    heads = ("Tanh", "Atan")
    assert without_activation(lambda t: tf.tanh(3 * t), heads, x) == pytest.approx(3 * x)
    assert without_activation(lambda t: 2 * tf.atan(t), heads, x) == pytest.approx(2 * x)
    assert without_activation(lambda t: 1 - tf.reshape(-tf.tanh(t), [3, 1]) / 4, heads, x) == pytest.approx(
        1 + x.T / 4
    )
    assert without_activation(lambda t: tf.identity(tf.tanh(t))[0] * 1.0, heads, x) is None
    assert without_activation(lambda t: 3 * t, heads, x) is None
    assert without_activation(lambda t: tf.tanh(t), ("Softmax",), x) is None
    assert without_activation(lambda t: tf.nn.relu(tf.tanh(t)), heads, x) is None


def test_a_sum_of_two_activations_is_removed_entirely_or_not_at_all():
    tf = tensorflow()
    x = np.array([[-2.0, 0.5, 3.0]])
    found = without_activation(lambda t: 0.5 * tf.tanh(t) + 0.5 * tf.tanh(2 * t), ("Tanh",), x)
    assert found is None or found == pytest.approx(1.5 * x)


def test_an_activation_before_nonlinear_operations_is_not_removed():
    tf = tensorflow()
    x = np.array([[-2.0, 0.5, 3.0]])
    assert without_activation(lambda t: tf.tanh(t) * tf.sigmoid(t), ("Tanh",), x) is None
    assert without_activation(lambda t: 1 / tf.tanh(t), ("Tanh",), x) is None


def test_observing_a_classifier_does_not_change_it():
    network = classifier()
    expected = network(images(2, SIZE)).numpy()
    run(network, [images(2, SIZE)], network.layers[1:])
    assert network(images(2, SIZE)).numpy() == pytest.approx(expected)
