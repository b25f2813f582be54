"""The keras-vis formulas, each against an independent computation."""

import gc
import weakref

import numpy as np
import pytest

from drivesal.compat import differentiating
from drivesal.compat import keras_vis as saliency
from drivesal.compat.keras_vis import (
    ActivationMaximization,
    Loss,
    visualize_cam,
    visualize_cam_with_losses,
    visualize_saliency,
    visualize_saliency_with_losses,
)
from drivesal.compat.spline import zoomed
from drivesal.errors import InputError, ModelError, OptionError
from drivesal.model.backend import keras, tensorflow
from tests.models import SIZE, linear, linear_weights

EPSILON = np.float32(1e-7)


def normalized(values):
    return (values - values.min()) / (values.max() - values.min() + EPSILON)


def seed(shape=(12, 16, 3), number=3):
    return np.random.default_rng(number).normal(size=shape).astype(np.float32)


def raw(visualize, *arguments, **options):
    """The gradient (N, …) that `visualize` passes to the grad_modifier."""
    gradients = []
    visualize(*arguments, grad_modifier=lambda g: gradients.append(g.copy()) or g, **options)
    return gradients[0]


def taped(score, network, x):
    """Gradient of the score at x, and the network's outputs, by a gradient tape."""
    tf = tensorflow()
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = network(x, training=False)
        value = score(outputs)
    return tape.gradient(value, x).numpy(), outputs


@pytest.fixture(scope="module")
def network():
    """Two convolutions with a pooling between, three outputs."""
    keras().utils.set_random_seed(5)
    layers = keras().layers
    x = inputs = layers.Input((12, 16, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="first")(x)
    x = layers.MaxPooling2D(name="pooling")(x)
    x = layers.Conv2D(5, 3, activation="elu", name="second")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(6, activation="relu", name="hidden")(x)
    return keras().Model(inputs, layers.Dense(3, name="out")(x))


FORMULAS = {
    "negate": lambda g: -g,
    "absolute": np.abs,
    "invert": lambda g: 1 / (g + EPSILON),
    "relu": lambda g: np.where(g > 0, g, 0),
    "small_values": lambda g: np.abs(1 / (g + EPSILON)),
    None: lambda g: g,
    np.square: np.square,
}


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("modifier", FORMULAS, ids=str)
def test_every_modifier_on_a_linear_model(modifier, keepdims):
    shown = visualize_saliency(linear(), -1, 0, seed((*SIZE, 3)), grad_modifier=modifier, keepdims=keepdims)
    changed = FORMULAS[modifier](linear_weights())
    expected = normalized(changed if keepdims else changed.max(axis=2))
    assert shown.dtype == np.float32
    assert shown.shape == (SIZE if not keepdims else (*SIZE, 3))
    assert shown == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_absolute_is_the_default():
    shown = visualize_saliency(linear(), -1, 0, seed((*SIZE, 3)))
    assert shown == pytest.approx(normalized(np.abs(linear_weights()).max(axis=2)), abs=1e-6)


def test_the_pole_of_small_values_is_not_at_0():
    weights = np.full((*SIZE, 3), 1, np.float32)
    weights[1, 2], weights[3, 4] = 0, -1.01e-7
    shown = visualize_saliency(linear(weights), -1, 0, seed((*SIZE, 3)), grad_modifier="small_values")
    assert shown[3, 4] == pytest.approx(1)
    assert shown[1, 2] < 0.02


@pytest.mark.parametrize(
    ("filters", "score"),
    [
        (1, lambda y: y[:, 1]),
        ([0, 2], lambda y: y[:, 0] + y[:, 2]),
        (np.array([-1]), lambda y: y[:, 2]),
        (None, lambda y: (y[:, 0] + y[:, 1] + y[:, 2]) / 3),
    ],
    ids=["one", "several", "negative", "all"],
)
def test_outputs_of_a_dense_layer(network, filters, score):
    x = seed()
    result = raw(visualize_saliency, network, -1, filters, x)
    expected, _ = taped(score, network, x[None])
    assert result.shape == (1, 12, 16, 3)
    assert result == pytest.approx(expected, rel=1e-4, abs=1e-6)
    shown = visualize_saliency(network, len(network.layers) - 1, filters, x, grad_modifier="relu")
    assert shown == pytest.approx(normalized(np.maximum(expected, 0).max(axis=3))[0], abs=1e-4)


@pytest.mark.parametrize(
    ("filters", "score"),
    [
        (2, lambda y: y[..., 2]),
        ([0, 3], lambda y: y[..., 0] + y[..., 3]),
        (None, lambda y: tensorflow().reduce_mean(y, -1)),
    ],
    ids=["one", "several", "all"],
)
def test_filters_of_a_convolution(network, filters, score):
    x = seed()
    inner = keras().Model(network.input, network.get_layer("second").output)
    expected, _ = taped(lambda y: tensorflow().reduce_mean(score(y)), inner, x[None])
    assert raw(visualize_saliency, network, 3, filters, x) == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_mean_and_normalisation_include_the_whole_batch(network):
    x = seed((2, 12, 16, 3))
    x[1] *= 5
    expected, _ = taped(lambda y: tensorflow().reduce_mean(y[:, 0]), network, x)
    assert raw(visualize_saliency, network, -1, 0, x) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    shown = visualize_saliency(network, -1, 0, x)
    assert shown == pytest.approx(normalized(np.abs(expected).max(axis=3))[0], abs=1e-4)


def test_a_custom_modifier_gets_the_batch_axis():
    summed = visualize_saliency(
        linear(), -1, 0, seed((*SIZE, 3)), grad_modifier=lambda g: g.sum(axis=3, keepdims=True)
    )
    assert summed == pytest.approx(normalized(linear_weights().sum(axis=2)), abs=1e-5)


def three_neurons(activation):
    """For x = (1, 2) the neurons are (3, −1, 4) before activation; their output weights are (2, 3, −5)."""
    layers = keras().layers
    network = keras().Sequential(
        [layers.Input((1, 1, 2)), layers.Flatten(), layers.Dense(3, activation=activation), layers.Dense(1)]
    )
    hidden = np.array([[1, 1, 2], [1, -1, 1]], np.float32)
    network.set_weights([hidden, np.zeros(3), np.array([[2], [3], [-5]]), np.zeros(1)])
    return network


@pytest.mark.parametrize("activation", ["relu", "elu"])
@pytest.mark.parametrize(
    ("modifier", "expected"),
    [
        # each neuron's weights (1, 1), (1, −1), (2, 1), times the gradient that it passes back
        (None, [2 - 5 * 2, 2 - 5]),
        ("guided", [2, 2]),
        ("rectified", [2 + 3, 2 - 3]),
        ("relu", [5, -1]),
        ("deconv", [5, -1]),
    ],
)
def test_backprop_modifiers_against_hand_calculation(activation, modifier, expected):
    if activation == "elu" and modifier is None:
        expected = [expected[0] + 3 * np.exp(-1), expected[1] - 3 * np.exp(-1)]
    x = np.array([1, 2], np.float32).reshape(1, 1, 2)
    result = raw(visualize_saliency, three_neurons(activation), -1, 0, x, backprop_modifier=modifier)
    assert result.ravel() == pytest.approx(expected, rel=1e-5)


def test_the_grad_modifier_applies_after_the_backprop_modifier():
    x = np.array([1, 2], np.float32).reshape(1, 1, 2)
    shown = visualize_saliency(
        three_neurons("relu"), -1, 0, x, backprop_modifier="relu", grad_modifier=None, keepdims=True
    )
    assert shown.ravel() == pytest.approx([1, 0], abs=1e-6)


def test_a_custom_backprop_modifier_returns_the_model_to_use(network):
    other = keras().models.clone_model(network)
    x = seed()
    received = []
    result = raw(
        visualize_saliency, network, -1, 0, x, backprop_modifier=lambda model: received.append(model) or other
    )
    assert received == [network]
    assert np.array_equal(result, raw(visualize_saliency, other, -1, 0, x))
    assert not np.allclose(result, raw(visualize_saliency, network, -1, 0, x), atol=1e-4)


class MeanSquare(Loss):
    """The mean square of a layer's output."""

    name = "mean square"

    def __init__(self, layer):
        self.layer = layer

    def build_loss(self):
        return keras().ops.mean(keras().ops.square(self.layer.output))


def test_weighted_and_custom_losses(network):
    tf = tensorflow()
    x = seed()
    second, out = network.get_layer("second"), network.get_layer("out")
    losses = [(ActivationMaximization(out, [0, 1]), -2), (MeanSquare(second), 0.5), (MeanSquare(out), 0)]
    both = keras().Model(network.input, [second.output, out.output])
    expected, _ = taped(
        lambda y: 2 * (y[1][:, 0] + y[1][:, 1]) + 0.5 * tf.reduce_mean(y[0] ** 2), both, x[None]
    )
    result = raw(visualize_saliency_with_losses, network.input, losses, x)
    assert result == pytest.approx(expected, rel=1e-4, abs=1e-6)
    shown = visualize_saliency_with_losses(network.inputs, losses, x)
    assert shown == pytest.approx(normalized(np.abs(expected).max(axis=3))[0], abs=1e-4)


def test_activation_maximization_is_the_negated_mean_activation(network):
    x = seed((2, 12, 16, 3))
    loss = ActivationMaximization(network.get_layer("second"), [1, 4]).build_loss()
    both = keras().Model(network.input, [network.get_layer("second").output, loss])
    values, result = both(x)
    assert tuple(loss.shape) == ()
    assert float(result) == pytest.approx(
        -(values[..., 1].numpy().mean() + values[..., 4].numpy().mean()), rel=1e-5
    )


def test_gradient_with_respect_to_an_intermediate_tensor(network):
    x = seed()
    second = network.get_layer("second").output
    rest = keras().Model(second, network.output)
    values = keras().Model(network.input, second)(x[None]).numpy()
    expected, _ = taped(lambda y: y[:, 1], rest, values)
    assert raw(visualize_saliency, network, -1, 1, x, wrt_tensor=second) == pytest.approx(
        expected, rel=1e-4, abs=1e-6
    )
    shown = visualize_saliency(network, -1, 1, x, wrt_tensor=second, keepdims=True)
    assert shown == pytest.approx(normalized(np.abs(expected))[0], abs=1e-4)
    losses = [(ActivationMaximization(network.layers[-1], 1), -1)]
    again = visualize_saliency_with_losses(network.input, losses, x, wrt_tensor=second, keepdims=True)
    assert again == pytest.approx(shown, abs=1e-6)


def layer_by_layer():
    """A Sequential that calls its first layers again each time a layer is added."""
    layers = keras().layers
    network = keras().Sequential()
    for layer in (layers.Input((12, 16, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)):
        network.add(layer)
    return network


def test_a_sequential_built_layer_by_layer():
    network, x = layer_by_layer(), seed()
    maps = network.layers[0].output
    result = raw(visualize_saliency, network, -1, 1, x, wrt_tensor=maps)
    expected = network.layers[-1].kernel.numpy()[:, 1].reshape(result.shape)
    assert result == pytest.approx(expected, rel=1e-5)
    losses = [(ActivationMaximization(network.layers[-1], 1), -1)]
    again = visualize_cam_with_losses(network.inputs[0], losses, x, network.layers[0])
    assert again == pytest.approx(visualize_cam(network, -1, 1, x), abs=1e-6)


@pytest.mark.parametrize("shape", [(12, 16), (12, 16, 1), (1, 12, 16, 1)])
def test_grey_images_with_or_without_batch_and_channel_axis(shape):
    layers = keras().layers
    keras().utils.set_random_seed(1)
    network = keras().Sequential(
        [layers.Input((12, 16, 1)), layers.Conv2D(2, 3, activation="relu"), layers.Flatten(), layers.Dense(1)]
    )
    x = seed((1, 12, 16, 1))
    expected, _ = taped(lambda y: y[:, 0], network, x)
    result = raw(visualize_saliency, network, -1, 0, x.reshape(shape).astype(np.float64))
    assert result == pytest.approx(expected, rel=1e-4, abs=1e-6)


def cam_by_hand(network, layer, score, x, modify=lambda g: g):
    maps = network.get_layer(layer).output
    values = keras().Model(network.input, maps)(x[None]).numpy()
    gradient, _ = taped(score, keras().Model(maps, network.output), values)
    gradient = modify(gradient)
    gradient = gradient / (gradient.max() + EPSILON)
    heat = np.zeros(values.shape[1:3])
    for k in range(values.shape[3]):
        heat += gradient[..., k].mean() * values[0, ..., k]
    return np.maximum(heat, 0)


@pytest.mark.parametrize("modify", [None, "negate", "relu"])
@pytest.mark.parametrize(
    ("number", "layer"), [(None, "second"), (3, "second"), (2, "pooling"), (-5, "pooling")][:3]
)
def test_cam_before_and_after_the_zoom(network, monkeypatch, number, layer, modify):
    x, before = seed(), []
    monkeypatch.setattr(saliency, "zoomed", lambda heat, size: before.append(heat) or zoomed(heat, size))
    shown = visualize_cam(network, -1, [0, 2], x, penultimate_layer_idx=number, grad_modifier=modify)
    expected = cam_by_hand(network, layer, lambda y: y[:, 0] + y[:, 2], x, FORMULAS[modify])
    assert expected.max() > 0
    assert before[0] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert shown.shape == (12, 16)
    assert shown == pytest.approx(normalized(zoomed(expected, (12, 16))), abs=1e-4)
    assert (shown.min(), shown.max()) == (0, pytest.approx(1, abs=1e-4))


def test_a_cam_of_negative_gradients_is_inverted_as_published():
    features = seed((1, 3, 4, 2)) ** 2
    result = saliency._class_activation(features, np.full_like(features, -3))
    assert result == pytest.approx(features[0].sum(axis=2), rel=1e-5)


def test_cam_with_losses_equals_cam(network):
    x = seed()
    losses = [(ActivationMaximization(network.layers[-1], [0, 2]), -1)]
    result = visualize_cam_with_losses(network.input, losses, x, network.get_layer("second"))
    assert result == pytest.approx(visualize_cam(network, -1, [0, 2], x), abs=1e-6)


def test_zoomed_equals_the_cubic_spline_of_scipy():
    heat = np.array([[0, 1, 0, 2], [3, 0, 0, 1], [0, 0, 5, 0]], np.float32)
    # scipy.ndimage.zoom(heat, (6 / 3, 7 / 4)) of SciPy 1.17.1
    expected = [
        [0, 0.525, 1, 0.375, 0, 1.1, 2],
        [1.056, 1.0564, 0.72, -0.131, -0.36, 0.8586, 1.792],
        [2.688, 1.7882, 0.2, -0.673, -0.48, 0.5968, 1.296],
        [2.688, 1.4848, -0.096, 0.141, 1, 0.9742, 0.704],
        [1.056, 0.2446, -0.072, 2.047, 3.6, 1.8684, 0.208],
        [0, -0.5, 0, 3.125, 5, 2.375, 0],
    ]
    assert zoomed(heat, (6, 7)) == pytest.approx(np.array(expected), abs=1e-6)


def test_zoomed_on_a_single_row_and_to_the_same_size():
    row = np.arange(5, dtype=np.float32)[None]
    assert zoomed(row, (4, 5)) == pytest.approx(np.repeat(row, 4, axis=0), abs=1e-6)
    assert zoomed(row, (1, 5)) == pytest.approx(row, abs=1e-6)


def test_cam_finds_a_nested_model_that_ends_in_feature_maps():
    keras().utils.set_random_seed(2)
    layers = keras().layers
    inner = keras().Sequential(
        [layers.Input((12, 16, 3)), layers.Conv2D(3, 3, activation="relu")], name="inner"
    )
    inputs = layers.Input((12, 16, 3))
    maps = inner(inputs)
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(layers.Activation("relu")(maps))))
    x = seed()
    values = inner(x[None]).numpy()
    kernel = network.layers[-1].kernel.numpy().reshape(values.shape)
    gradient = kernel * (values > 0)
    heat = np.maximum(values[0] @ (gradient / (gradient.max() + EPSILON)).mean(axis=(0, 1, 2)), 0)
    expected = normalized(zoomed(heat, (12, 16)))
    assert visualize_cam(network, -1, 0, x) == pytest.approx(expected, abs=1e-4)
    assert visualize_cam(network, -1, 0, x, 1) == pytest.approx(expected, abs=1e-4)


def state(network):
    counts = [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in network.layers]
    return counts, network.get_config(), [weight.numpy().copy() for weight in network.weights]


def test_the_model_is_not_changed(network):
    x = seed()
    before = state(network)
    losses = [(ActivationMaximization(network.layers[-1], 0), -1), (MeanSquare(network.layers[-2]), 1)]
    for rule in (None, "guided", "rectified"):
        visualize_saliency(network, -1, 0, x, backprop_modifier=rule)
        visualize_cam(network, -1, 1, x, backprop_modifier=rule)
    visualize_saliency_with_losses(network.input, losses, x)
    visualize_cam_with_losses(network.input, losses, x, network.layers[3])
    with pytest.raises(ModelError):
        visualize_saliency_with_losses(network.input, [(Custom(network, lambda y: y), 1)], x)
    after = state(network)
    assert after[:2] == before[:2]
    assert all(np.array_equal(a, b) for a, b in zip(after[2], before[2], strict=True))


def test_a_loss_may_call_a_layer_again(network):
    x, before = seed(), state(network)[0]
    again = Custom(network, lambda y: keras().ops.mean(network.layers[-1](network.layers[-2].output)))
    result = raw(visualize_saliency_with_losses, network.input, [(again, 3)], x)
    assert result == pytest.approx(raw(visualize_saliency, network, -1, None, x) * 3, rel=1e-4, abs=1e-6)
    assert state(network)[0] == before


def test_dropout_is_inactive():
    layers = keras().layers
    network = keras().Sequential(
        [layers.Input((4, 4, 3)), layers.Dropout(0.5), layers.Flatten(), layers.Dense(1)]
    )
    expected = network.layers[-1].kernel.numpy().reshape(1, 4, 4, 3)
    assert raw(visualize_saliency, network, -1, 0, seed((4, 4, 3))) == pytest.approx(expected, rel=1e-5)


def test_a_changed_activation_takes_effect():
    layers = keras().layers
    network = keras().Sequential(
        [layers.Input((2, 2, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    )
    x = seed((2, 2, 1))
    kernel = network.layers[-1].kernel.numpy()
    assert not np.allclose(raw(visualize_saliency, network, -1, 0, x).ravel(), kernel[:, 0])
    network.layers[-1].activation = keras().activations.linear
    assert raw(visualize_saliency, network, -1, 0, x).ravel() == pytest.approx(kernel[:, 0])


def test_changed_weights_take_effect():
    network, x = linear(), seed((*SIZE, 3))
    raw(visualize_saliency, network, -1, 0, x)
    network.layers[-1].set_weights([2 * linear_weights().reshape(-1, 1), np.zeros(1)])
    assert raw(visualize_saliency, network, -1, 0, x)[0] == pytest.approx(2 * linear_weights(), rel=1e-5)


def test_compiled_once_and_freed_with_the_model(monkeypatch):
    compiled, count = differentiating.compiled_function, []
    monkeypatch.setattr(
        differentiating, "compiled_function", lambda *arguments: count.append(1) or compiled(*arguments)
    )
    network, x = linear(), seed((*SIZE, 3))
    for modifier in FORMULAS:
        visualize_saliency(network, -1, 0, x, grad_modifier=modifier)
        visualize_saliency(network, -1, [0], np.stack([x, x]), grad_modifier=modifier)
    assert len(count) == 1
    reference = weakref.ref(network)
    del network
    gc.collect()
    assert reference() is None


def graphs():
    """Number of TensorFlow graphs and Keras models that are alive."""
    gc.collect()
    kinds = (tensorflow().Graph, keras().Model)
    return sum(issubclass(type(item), kinds) for item in gc.get_objects())


def test_repeated_calls_do_not_accumulate_graphs():
    network, x = linear(np.ones((*SIZE, 12), np.float32)), seed((*SIZE, 12))
    wide = keras().Model(network.input, keras().layers.Dense(20)(network.outputs[0]))
    losses = [(ActivationMaximization(wide.layers[-1], 0), -1)]
    for i in range(10):
        visualize_saliency(wide, -1, i, x)
        visualize_saliency_with_losses(wide.input, losses, x)
    before = graphs()
    for i in range(10):
        visualize_saliency(wide, -1, 10 + i, x)
        visualize_saliency_with_losses(wide.input, losses, x)
    assert graphs() == before


class Custom(Loss):
    """Any function of the last layer's output."""

    def __init__(self, network, function):
        self.network, self.function = network, function

    def build_loss(self):
        return self.function(self.network.layers[-1].output)


def two_inputs():
    layers = keras().layers
    a, b = layers.Input((12, 16, 3)), layers.Input((1,), name="speed")
    joined = layers.Concatenate()([layers.Flatten()(a), b])
    return keras().Model([a, b], layers.Dense(1)(joined))


X = seed()
MISTAKES = [
    (OptionError, "negate, absolute, invert.*did you mean absolute", {"grad_modifier": "absolut"}),
    (OptionError, "as many axes as", {"grad_modifier": lambda g: None}),
    (OptionError, "guided, rectified.*did you mean guided", {"backprop_modifier": "guidd"}),
    (ModelError, "no fixed inputs", {"backprop_modifier": lambda model: None}),
    (OptionError, "layer_idx from 0 to 6.*it is 7", {"layer_idx": 7}),
    (OptionError, "layer_idx from 0 to 6.*it is -8", {"layer_idx": -8}),
    (OptionError, "layer_idx from 0 to 6.*'out'", {"layer_idx": "out"}),
    (OptionError, "filter_indices from 0 to 2.*it is 3", {"filter_indices": [0, 3]}),
    (OptionError, "filter_indices from 0 to 2.*it is -4", {"filter_indices": -4}),
    (OptionError, "a number, several or None", {"filter_indices": []}),
    (OptionError, "a number, several or None", {"filter_indices": "first"}),
    (InputError, r"\(12, 16, 3\).*\(16, 12, 3\)", {"seed_input": seed((16, 12, 3))}),
    (InputError, r"it is \(0, 12, 16, 3\)", {"seed_input": seed((0, 12, 16, 3))}),
    (InputError, r"it is \(12, 16\)", {"seed_input": seed((12, 16))}),
    (InputError, "array of numbers", {"seed_input": "frame.png"}),
    (ModelError, "to differentiate by", {"wrt_tensor": np.zeros(3)}),
    (ModelError, "to differentiate by", {"wrt_tensor": lambda model: keras().Input((2,))}),
    (ModelError, "to differentiate by", {"wrt_tensor": lambda model: model.output, "layer_idx": 1}),
]


@pytest.mark.parametrize(("error", "message", "changes"), MISTAKES, ids=range(len(MISTAKES)))
def test_invalid_arguments_are_refused(network, error, message, changes):
    arguments = {"layer_idx": -1, "filter_indices": 0, "seed_input": X} | changes
    if callable(arguments.get("wrt_tensor")):
        arguments["wrt_tensor"] = arguments["wrt_tensor"](network)
    with pytest.raises(error, match=message):
        visualize_saliency(network, **arguments)


def test_unsuitable_networks_are_refused(network):
    with pytest.raises(ModelError, match="one input"):
        visualize_saliency(two_inputs(), -1, 0, X)
    with pytest.raises(ModelError, match="no fixed inputs"):
        visualize_saliency(keras().Sequential([keras().layers.Dense(1)]), -1, 0, X)
    with pytest.raises(ModelError, match="leave backprop_modifier out"):
        visualize_saliency(linear(), -1, 0, seed((*SIZE, 3)), backprop_modifier="guided")
    with pytest.raises(ModelError, match="convolution or pooling layer"):
        visualize_cam(linear(), -1, 0, seed((*SIZE, 3)))
    with pytest.raises(ModelError, match="none leads to first"):
        visualize_cam(network, 1, 0, X)


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (4, ModelError, r"feature maps.*flat gives \(None, 75\)"),
        (6, ModelError, "depends on exactly once, but 'out' occurs 0 times"),
        (9, OptionError, "penultimate_layer_idx from 0 to 6"),
    ],
)
def test_invalid_penultimate_layers_are_refused(network, number, error, message):
    with pytest.raises(error, match=message):
        visualize_cam(network, 5, 0, X, penultimate_layer_idx=number)


@pytest.mark.parametrize(
    ("losses", "error", "message"),
    [
        (lambda n: [], OptionError, "at least one loss"),
        (lambda n: [(MeanSquare(n.layers[1]), 0)], OptionError, "at least one loss"),
        (lambda n: [MeanSquare(n.layers[1])], OptionError, r"\[\(loss, weight\)"),
        (lambda n: [(Custom(n, lambda y: 1.0), 1)], ModelError, "symbolic scalar"),
        (lambda n: [(Custom(n, lambda y: y), 1)], ModelError, "symbolic scalar"),
        (
            lambda n: [(Custom(n, lambda y: keras().ops.mean(keras().ops.argmax(y))), 1)],
            ModelError,
            "has a gradient",
        ),
        (lambda n: [(MeanSquare(layer_by_layer().layers[0]), 1)], ModelError, "only on the input"),
        (
            lambda n: [(ActivationMaximization(keras().layers.Dense(1), 0), 1)],
            ModelError,
            "a layer of a network",
        ),
        (lambda n: [(ActivationMaximization(n.layers[-1], 3), 1)], OptionError, "filter_indices from 0 to 2"),
    ],
)
def test_invalid_losses_are_refused(network, losses, error, message):
    with pytest.raises(error, match=message):
        visualize_saliency_with_losses(network.input, losses(network), X)


def test_an_invalid_input_tensor_is_refused(network):
    losses = [(ActivationMaximization(network.layers[-1], 0), -1)]
    for wrong in (X, network.layers[2].output, network.inputs * 2):
        with pytest.raises(ModelError, match="symbolic input"):
            visualize_saliency_with_losses(wrong, losses, X)
