"""Explained scores and their gradients, against the network's own outputs in NumPy."""

import numpy as np
import pytest

from drivesal.angle import AngleSpec
from drivesal.attribution.engine.activation_rules import override_gradients
from drivesal.attribution.registry import method
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.card import Card
from drivesal.model.preprocess import Preprocess
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Bins, Class, Filters, Function, Target, Weighted
from tests.models import (
    DEGREES,
    SIZE,
    categorical,
    classifier,
    context,
    nested,
    pictures,
    seen,
    steering,
    subclassed,
    two_inputs,
)

LARGE = (24, 32)


def score(model, images, others=None):
    """Scores of images (N, h, w, 3) of any dtype, and their gradients, as NumPy arrays."""
    tf = tensorflow()

    def inside(x, beside):
        found = model.score(x, beside)
        return found, tf.gradients(found, x)[0]

    beside = np.zeros((len(images), 0), np.float32) if others is None else others
    found, slope = tf.function(inside, autograph=False)(tf.cast(images, tf.float32), tf.constant(beside))
    return found.numpy(), slope.numpy()


def model_of(network, target, size=SIZE, scale=1.0):
    return SteeringModel(network, Card(Preprocess(size, scale=scale), target))


def by_differences(model, images, step):
    """For each image, the gradient at its largest element, and the finite difference there."""
    _, slope = score(model, images)
    for i in range(len(images)):
        where = np.unravel_index(np.argmax(np.abs(slope[i])), slope[i].shape)
        up, down = images[i : i + 1].astype(np.float64), images[i : i + 1].astype(np.float64)
        up[0][where] += step
        down[0][where] -= step
        yield slope[i][where], (score(model, up)[0][0] - score(model, down)[0][0]) / (2 * step)


# outputs


def three_outputs():
    keras().utils.set_random_seed(3)
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    flat = layers.Flatten()(inputs)
    heads = [layers.Dense(1, name="left"), layers.Dense(1, name="right"), layers.Dense(2, name="both")]
    return keras().Model(inputs, [head(flat) for head in heads])


@pytest.mark.parametrize(
    ("output", "weights"),
    [
        ("left", (1, 0, 0, 0)),
        ("right", (0, 1, 0, 0)),
        (1, (0, 1, 0, 0)),
        ("both[0]", (0, 0, 1, 0)),
        ("both[1]", (0, 0, 0, 1)),
        ("2[1]", (0, 0, 0, 1)),
        ("0.5*left+0.5*right", (0.5, 0.5, 0, 0)),
        ("left+-2*both[1]", (1, 0, 0, -2)),
        ("0.25*0+3*2[0]", (0.25, 0, 3, 0)),
        ("-right", (0, -1, 0, 0)),
    ],
)
def test_outputs_by_name_number_element_and_sum(output, weights):
    network, images = three_outputs(), pictures(3, SIZE)
    model = model_of(network, Target(AngleSpec("rad", positive="right"), output))
    numbers = np.concatenate([one.numpy() for one in network(images.astype(np.float32))], axis=1)
    expected = -np.degrees(numbers @ np.array(weights, np.float64))
    found, slope = score(model, images)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert model.predict(images) == pytest.approx(expected, rel=1e-3, abs=1e-3)
    kernels = np.concatenate([network.get_layer(n).get_weights()[0] for n in ("left", "right", "both")], axis=1)
    linear = -np.degrees(kernels @ np.array(weights, np.float64)).reshape(*SIZE, 3)
    assert np.allclose(slope, linear[None], rtol=1e-3, atol=1e-4)


def test_numbers_of_a_single_vector_by_number_and_sum():
    layers = keras().layers
    network = keras().Sequential([layers.Input((*SIZE, 3)), layers.Flatten(), layers.Dense(3, name="both")])
    images = pictures(2, SIZE)
    numbers = network(images.astype(np.float32)).numpy()
    for output, expected in (
        (2, numbers[:, 2]),
        ("1", numbers[:, 1]),
        ("both[0]", numbers[:, 0]),
        ("0.5*0+0.5*2", numbers[:, [0, 2]].mean(axis=1)),
    ):
        found, _ = score(model_of(network, Target(DEGREES, output)), images)
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (None, "none is chosen of 0: left"),
        ("middle", r"no output 'middle' among 0: left \(1,\), 1: right \(1,\), 2: both \(2,\)"),
        (3, "no output 3"),
        ("both", "both has 2 elements"),
        ("both[2]", "an element of both from 0 to 1, but it is 2"),
        ("left+middle", "no output 'middle'"),
    ],
)
def test_missing_outputs_are_refused(output, message):
    with pytest.raises(ModelError, match=message):
        model_of(three_outputs(), Target(DEGREES, output))


# distributions


def test_the_expected_angle_of_a_distribution():
    network, images = categorical(), pictures(4, SIZE)
    model = model_of(network, Target(DEGREES, "angle", Bins(-40.0, 20.0)))
    probabilities = network(images.astype(np.float32))[0].numpy().astype(np.float64)
    found, _ = score(model, images)
    assert found == pytest.approx(probabilities @ np.linspace(-40, 20, 5), rel=1e-4)
    assert model.predict(images) == pytest.approx(found, rel=1e-5)
    assert model.unit == "deg"


def test_the_expected_angle_is_converted_to_degrees_left_positive():
    network, images = categorical(), pictures(2, SIZE)
    spec = AngleSpec("norm", "road-wheels", "right", 25.0)
    found, _ = score(model_of(network, Target(spec, 0, Bins(-1.0, 1.0))), images)
    probabilities = network(images.astype(np.float32))[0].numpy()
    assert found == pytest.approx(-25 * probabilities @ np.linspace(-1, 1, 5), rel=1e-4)


def test_the_gradient_of_an_expected_angle_by_differences():
    model = model_of(categorical(), Target(DEGREES, "angle", Bins(-40.0, 20.0)))
    for slope, difference in by_differences(model, pictures(2, SIZE), 2.0):
        assert slope != 0
        assert difference == pytest.approx(slope, rel=0.02)


def test_a_distribution_needs_its_output():
    with pytest.raises(ModelError, match="none is chosen of 0: angle"):
        model_of(categorical(), Target(DEGREES, None, Bins(-1, 1)))


# heads


def headed(kind):
    """A network with a saturating head, the head's function, and the function without its activation."""
    keras().utils.set_random_seed(4)
    layers = keras().layers
    inputs = layers.Input((*LARGE, 3))
    x = layers.Conv2D(3, 5, strides=3, activation="elu")(layers.Rescaling(1 / 255)(inputs))
    x = layers.Dense(1, activation="tanh" if "tanh" in kind else None, name="steering")(layers.Flatten()(x))
    if kind == "2 atan":
        return keras().Model(inputs, keras().ops.arctan(x) * 2), lambda z: 2 * np.arctan(z), lambda z: 2 * z
    if kind == "tanh layer":
        return keras().Model(inputs, x), np.tanh, lambda z: z
    if kind == "activation layer tanh":
        return keras().Model(inputs, layers.Activation("tanh")(x)), np.tanh, lambda z: z
    if kind == "scaled tanh":
        return keras().Model(inputs, layers.Rescaling(25.0)(x)), lambda z: 25 * np.tanh(z), lambda z: 25 * z
    return keras().Model(inputs, x), lambda z: z, lambda z: z


@pytest.mark.parametrize("kind", ["tanh layer", "2 atan", "scaled tanh"])
def test_pre_activation_changes_the_score_and_not_the_prediction(kind):
    network, answer, linear = headed(kind)
    images = pictures(4, LARGE)
    plain = steering(network)
    model = steering(network, target=Target(DEGREES, pre_activation=True))
    found, slope = score(model, images)
    real, real_slope = score(plain, images)
    pre_activation = {
        "tanh layer": np.arctanh(real),
        "2 atan": np.tan(real / 2),
        "scaled tanh": np.arctanh(real / 25),
    }[kind]
    assert found == pytest.approx(linear(pre_activation), rel=1e-3)
    assert real == pytest.approx(answer(pre_activation), rel=1e-4)
    assert model.predict(images) == pytest.approx(plain.predict(images), rel=1e-6)
    assert plain.predict(images) == pytest.approx(real, rel=1e-5)
    # derivative of the head: 1 - y² for tanh, 1/(1 + z²) for atan
    factor = 1 / (1 + pre_activation**2) if kind == "2 atan" else 1 - np.tanh(pre_activation) ** 2
    assert np.abs(factor - 1).max() > 0.01
    assert np.allclose(
        real_slope, factor[:, None, None, None] * slope, rtol=1e-3, atol=1e-5 * np.abs(slope).max()
    )


def test_a_separate_tanh_layer_is_removed():
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    x = layers.Dense(1, name="before")(layers.Flatten()(layers.Rescaling(1 / 255)(inputs)))
    network = keras().Model(inputs, layers.Activation("tanh")(x))
    found, _ = score(steering(network, target=Target(DEGREES, pre_activation=True)), pictures(3, SIZE))
    cut = keras().Model(inputs, x)
    assert found == pytest.approx(cut(pictures(3, SIZE).astype(np.float32)).numpy()[:, 0], rel=1e-4)


def test_pre_activation_of_a_vector_element_and_of_a_sum():
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    flat = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    heads = [layers.Dense(2, activation="tanh", name="both"), layers.Dense(1, activation="tanh", name="one")]
    network = keras().Model(inputs, [head(flat) for head in heads])
    images = pictures(3, SIZE)
    both, one = (np.arctanh(out.numpy().astype(np.float64)) for out in network(images.astype(np.float32)))
    for output, expected in (("both[1]", both[:, 1]), ("0.5*both[0]+2*one", both[:, 0] / 2 + 2 * one[:, 0])):
        found, _ = score(model_of(network, Target(DEGREES, output, pre_activation=True)), images)
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_pre_activation_needs_a_tanh_or_atan_head():
    model = steering(headed("linear")[0], target=Target(DEGREES, pre_activation=True))
    with pytest.raises(
        ModelError, match="ends in tanh or atan, for --pre-activation, but steering does not"
    ) as e:
        score(model, pictures(1, LARGE))
    assert "\n" not in str(e.value)


def test_an_error_inside_a_compiled_method_is_one_line():
    model = steering(headed("linear")[0], target=Target(DEGREES, pre_activation=True))
    images = pictures(2, LARGE)
    with pytest.raises(ModelError, match="for --pre-activation") as error:
        method("gradient").build(model, context(images))(seen(images))
    assert "\n" not in str(error.value)


# classes


@pytest.mark.parametrize(
    ("ending", "activation"),
    [
        ("argument", "softmax"),
        ("layer", "softmax"),
        ("activation layer", "softmax"),
        ("argument", "sigmoid"),
        ("activation layer", "sigmoid"),
        ("argument", None),
    ],
)
@pytest.mark.parametrize("index", [0, 3])
def test_a_class_is_its_logit(ending, activation, index):
    network, images = classifier(ending, activation), pictures(3, SIZE)
    model = steering(network, target=Class(index))
    conv, last = network.get_layer("conv1"), network.get_layer("classes")
    inner = conv(images.astype(np.float32) / 255).numpy().reshape(3, -1)
    kernel, bias = last.get_weights()
    logits = inner.astype(np.float64) @ kernel + bias
    found, slope = score(model, images)
    assert found == pytest.approx(logits[:, index], rel=1e-4, abs=1e-5)
    assert slope.any()
    # without an angle, predict returns the score
    assert model.predict(images) == pytest.approx(found, rel=1e-4, abs=1e-6)
    # the logits reproduce the network's own probabilities
    if activation:
        every = np.stack([score(steering(network, target=Class(i)), images)[0] for i in range(4)], axis=1)
        probabilities = np.exp(every) / (
            np.exp(every).sum(axis=1, keepdims=True) if activation == "softmax" else 1
        )
        probabilities = probabilities if activation == "softmax" else 1 / (1 + np.exp(-every))
        assert network(images.astype(np.float32)).numpy() == pytest.approx(probabilities, rel=1e-3)


@pytest.mark.parametrize("index", [-1, 4])
def test_a_missing_class_is_refused(index):
    with pytest.raises(ModelError, match=f"a class from 0 to 3, but it is {index}"):
        steering(classifier(), target=Class(index))


def test_a_class_of_one_output_among_several():
    network, images = categorical(), pictures(2, SIZE)
    found, _ = score(steering(network, target=Class(2, "angle")), images)
    last = network.get_layer("angle")
    kernel, bias = last.get_weights()
    logits = (images.reshape(2, -1) / 255) @ kernel + bias
    assert found == pytest.approx(logits[:, 2], rel=1e-4)
    with pytest.raises(ModelError, match="none is chosen"):
        steering(network, target=Class(2))


# layers


@pytest.mark.parametrize(
    ("layer", "filters"),
    [
        ("conv2", (1,)),
        ("backbone/conv2", (0, 2)),
        ("conv1", ()),
        (1, (2,)),
        ("backbone", (0,)),
        ("dense1", (3,)),
    ],
)
def test_a_layers_activation_matches_a_truncated_model(layer, filters):
    network, images = nested(), pictures(3, LARGE)
    backbone = network.get_layer("backbone")
    places = {
        "conv1": keras().Model(backbone.inputs, backbone.get_layer("conv1").output),
        "dense1": keras().Model(network.inputs, network.get_layer("dense1").output),
    }
    cut = places.get(layer, backbone)
    values = cut(images.astype(np.float32)).numpy().astype(np.float64)
    chosen = values[..., list(filters)].sum(axis=-1) if filters else values.mean(axis=-1)
    expected = chosen.mean(axis=tuple(range(1, chosen.ndim))) if chosen.ndim > 1 else chosen
    model = steering(network, target=Filters(layer, filters))
    found, _ = score(model, images)
    assert found == pytest.approx(expected, rel=1e-3)
    assert model.unit == "score"
    assert model.predict(images) == pytest.approx(network(images.astype(np.float32)).numpy()[:, 0], rel=1e-4)


def test_the_gradient_of_a_filter_by_differences():
    model = steering(nested(), target=Filters("conv2", (0, 1)), scale=1 / 255)
    for slope, difference in by_differences(model, pictures(2, LARGE), 0.5):
        assert slope != 0
        assert difference == pytest.approx(slope, rel=0.03)


def test_a_filter_of_a_subclassed_model():
    network, images = subclassed(), pictures(2, LARGE)
    model = steering(network, size=LARGE, target=Filters("conv1", (2,)))
    inner = network.conv1(images.astype(np.float32)).numpy()
    assert score(model, images)[0] == pytest.approx(inner[..., 2].mean(axis=(1, 2)), rel=1e-4)


@pytest.mark.parametrize("wanted", [4, -1])
def test_a_missing_filter_is_refused(wanted):
    with pytest.raises(ModelError, match=f"a filter of conv1 from 0 to 3, but it is {wanted}"):
        steering(nested(), target=Filters("conv1", (wanted,)))


@pytest.mark.parametrize("wanted", [4, -1])
def test_a_missing_filter_of_a_subclassed_model_is_refused(wanted):
    with pytest.raises(ModelError, match=f"a filter of conv1 from 0 to 3, but it is {wanted}"):
        score(steering(subclassed(), size=LARGE, target=Filters("conv1", (wanted,))), pictures(1, LARGE))


def test_a_layer_that_is_called_twice_is_refused():
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(shared(shared(inputs)))))
    model = steering(network, target=Filters("shared", (0,)))
    with pytest.raises(ModelError, match="to explain shared, but it is called 2 times"):
        score(model, pictures(1, SIZE))


def test_a_layer_that_gives_several_tensors_is_refused():
    layers = keras().layers
    inner = layers.Input((*SIZE, 3))
    flat = layers.Flatten()(inner)
    forked = keras().Model(inner, [layers.Dense(2)(flat), layers.Dense(3)(flat)], name="forked")
    inputs = layers.Input((*SIZE, 3))
    network = keras().Model(inputs, layers.Dense(1)(layers.Concatenate()(forked(inputs))))
    with pytest.raises(ModelError, match="forked"):
        score(steering(network, target=Filters("forked")), pictures(1, SIZE))


# functions and sums


def test_any_function_of_the_outputs():
    network, images = three_outputs(), pictures(3, SIZE)
    model = steering(network, target=Function(lambda outputs: outputs[0] * outputs[2][:, 1:], "product"))
    left, _, both = (one.numpy() for one in network(images.astype(np.float32)))
    assert score(model, images)[0] == pytest.approx(left[:, 0] * both[:, 1], rel=1e-4)


def test_a_function_without_one_number_per_image_is_refused():
    model = steering(three_outputs(), target=Function(lambda outputs: outputs[2]))
    with pytest.raises(ModelError, match="function"):
        score(model, pictures(3, SIZE))


def test_a_weighted_sum_of_scores():
    network, images = classifier(), pictures(3, SIZE)
    parts = [Class(0), Class(2), Filters("conv1", (1,))]
    each = [score(steering(network, target=one), images) for one in parts]
    weights = (1.0, -0.5, 3.0)
    model = steering(network, target=Weighted(tuple(zip(weights, parts, strict=True))))
    found, slope = score(model, images)
    assert found == pytest.approx(sum(w * one for w, (one, _) in zip(weights, each, strict=True)), rel=1e-4)
    expected = sum(w * one for w, (_, one) in zip(weights, each, strict=True))
    assert np.allclose(slope, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_a_weighted_sum_of_the_same_layers_filters():
    network, images = nested(), pictures(2, LARGE)
    parts = tuple((weight, Filters("conv1", (i,))) for i, weight in enumerate((2.0, -1.0)))
    found, _ = score(steering(network, target=Weighted(parts)), images)
    both = [score(steering(network, target=Filters("conv1", (i,))), images)[0] for i in (0, 1)]
    assert found == pytest.approx(2 * both[0] - both[1], rel=1e-4, abs=1e-4)


def test_an_angle_of_weighted_angles_is_an_angle():
    network = three_outputs()
    target = Weighted(((0.5, Target(DEGREES, "left")), (0.5, Target(DEGREES, "right"))))
    model = SteeringModel(network, Card(Preprocess(SIZE), Target(DEGREES, "left")), target=target)
    assert model.unit == "deg"
    assert not model.explains_prediction
    left, right, _ = (one.numpy()[:, 0] for one in network(pictures(2, SIZE).astype(np.float32)))
    assert score(model, pictures(2, SIZE))[0] == pytest.approx((left + right) / 2, rel=1e-4, abs=1e-4)
    assert model.predict(pictures(2, SIZE)) == pytest.approx(left, rel=1e-4)


@pytest.mark.parametrize(
    "target", [Weighted(((1.0, Class(9)),)), Weighted(((1.0, Class(0)), (1.0, Filters("nowhere"))))]
)
def test_a_sum_with_missing_terms_is_refused(target):
    with pytest.raises(ModelError, match=r"it is 9|no layer 'nowhere'"):
        steering(classifier(), target=target)


@pytest.mark.parametrize("order", ["picture first", "picture last", "dict"])
def test_scores_with_an_auxiliary_input(order):
    network = two_inputs(order=order)
    images, speeds = pictures(3, LARGE), np.array([[1.0], [30.0], [90.0]], np.float32)
    named = {"picture": images.astype(np.float32), "speed": speeds}
    expected = network(named if order == "dict" else [named[one.name] for one in network.inputs])
    found, slope = score(steering(network), images, speeds)
    assert found == pytest.approx(expected.numpy()[:, 0], rel=1e-4)
    assert slope.any()
    inner = score(steering(network, target=Filters("conv1", (0,))), images, speeds)[0]
    conv = network.get_layer("conv1")(images.astype(np.float32)).numpy()
    assert inner == pytest.approx(conv[..., 0].mean(axis=(1, 2)), rel=1e-4)


# other rules for the gradient


KERNEL = np.array([[0.02, -0.03, 0.01], [0.01, 0.02, 0.03], [-0.01, 0.01, 0.02]], np.float32)  # (input, neuron)
BIAS = np.array([0.0, -4.0, 0.5], np.float32)
OUT = np.array([2.0, 3.0, -1.0], np.float32)
IMAGE = np.array([[[[100, 50, 10]]]], np.uint8)
"""Pre-activations of the three neurons are 2.4, -5.9 and 3.2. The first supports the output, the second would
but is inactive, the third opposes it."""


def three_neurons(activation, how="argument"):
    layers = keras().layers
    made = layers.Dense(3, activation if how == "argument" else None, name="neurons")
    inputs = layers.Input((1, 1, 3))
    out = layers.Dense(1, name="steering")
    x = layers.Flatten()(inputs)
    if how == "nested":
        within = layers.Input((3,))
        x = keras().Model(within, layers.Activation(activation)(made(within)), name="within")(x)
    else:
        x = made(x)
        x = {"layer": _layer(activation), "argument": lambda x: x}[how](x)
    network = keras().Model(inputs, out(x))
    made.set_weights([KERNEL, BIAS])
    out.set_weights([OUT[:, None], np.zeros(1, np.float32)])
    return network


def _layer(name):
    layers = keras().layers
    known = {
        "relu": layers.ReLU,
        "relu6": lambda: layers.ReLU(max_value=6.0),
        "elu": layers.ELU,
        "leaky_relu": layers.LeakyReLU,
    }
    return known.get(name, lambda: layers.Activation(name))()


def slope_under(rule, network, images=IMAGE):
    """Scores and gradients (N, h, w, 3) under the rule, and the plain gradients."""
    tf = tensorflow()
    model = steering(network)

    def inside(x):
        with override_gradients(rule, network):
            found = model.score_of(x)
        plain = model.score_of(x)
        return found, tf.gradients(found, x)[0], tf.gradients(plain, x)[0]

    return [one.numpy() for one in tf.function(inside, autograph=False)(images.astype(np.float32))]


SLOPES = {"relu": 1.0, "relu6": 1.0, "elu": 1.0, "leaky_relu": 1.0, "selu": 1.0507009873554805}
"""Slopes of the activations for positive inputs."""


@pytest.mark.parametrize("how", ["argument", "layer", "nested"])
@pytest.mark.parametrize("activation", SLOPES)
def test_guided_and_rectified_match_a_manual_computation(activation, how):
    network = three_neurons(activation, how)
    inside = IMAGE.reshape(3) @ KERNEL + BIAS
    assert inside == pytest.approx([2.4, -5.9, 3.2], rel=1e-5)
    # guided passes positive gradients through positive activations: the first neuron only
    answer, guided, plain = slope_under("guided", network)
    slope = SLOPES[activation]
    assert guided.reshape(3) == pytest.approx(KERNEL[:, 0] * OUT[0] * slope, rel=1e-5)
    # rectified passes positive gradients, whatever the activation: the first and the second
    same, rectified, _ = slope_under("rectified", network)
    assert rectified.reshape(3) == pytest.approx(KERNEL[:, :2] @ OUT[:2], rel=1e-5)
    # the score is the network's own, and so is the plain gradient computed in the same function
    direct = network(IMAGE.astype(np.float32)).numpy()[:, 0]
    assert answer == pytest.approx(direct, rel=1e-5)
    assert same == pytest.approx(direct, rel=1e-5)
    below = {"elu": np.exp(-5.9), "selu": SLOPES["selu"] * 1.6732632423543772 * np.exp(-5.9)}.get(
        activation, 0.0
    )
    if activation == "leaky_relu":
        below = _layer(activation).negative_slope if how == "layer" else 0.2
    through = np.array([slope, below, slope]) * OUT
    assert plain.reshape(3) == pytest.approx(KERNEL @ through, rel=1e-4, abs=1e-7)


def test_guided_does_not_pass_a_relu6_that_is_full():
    # the first neuron saturates at 6.2; the third opposes the output
    bright = np.array([[[[255, 0, 0]]]], np.uint8)
    network = three_neurons("relu6")
    network.get_layer("neurons").set_weights([KERNEL, np.array([1.1, 10.0, 0.0], np.float32)])
    inside = bright.reshape(3) @ KERNEL + network.get_layer("neurons").get_weights()[1]
    assert inside == pytest.approx([6.2, 2.35, 2.55], rel=1e-4)
    _, guided, _ = slope_under("guided", network, bright)
    assert guided.reshape(3) == pytest.approx(KERNEL[:, 1] * OUT[1], rel=1e-5)


def test_the_rules_hold_at_every_depth():
    keras().utils.set_random_seed(0)
    layers = keras().layers
    network = keras().Sequential(
        [
            layers.Input((1, 1, 3)),
            layers.Flatten(),
            layers.Dense(5, activation="relu"),
            layers.Dense(4, activation="elu"),
            layers.Dense(1),
        ]
    )
    (w1, b1), (w2, b2), (w3, _) = (one.get_weights() for one in network.layers[1:])
    x = IMAGE.reshape(3).astype(np.float64)
    y1 = np.maximum(x @ w1 + b1, 0)
    z2 = y1 @ w2 + b2
    relevance = w3[:, 0]
    guided = w2 @ (np.maximum(relevance, 0) * (z2 > 0))
    guided = w1 @ (np.maximum(guided, 0) * (y1 > 0))
    rectified = w1 @ np.maximum(w2 @ np.maximum(relevance, 0), 0)
    assert guided.any()
    assert not np.allclose(guided, rectified)
    assert slope_under("guided", network)[1].reshape(3) == pytest.approx(guided, rel=1e-4)
    assert slope_under("rectified", network)[1].reshape(3) == pytest.approx(rectified, rel=1e-4)


def test_an_elu_with_another_alpha():
    network = three_neurons("relu")
    layers = keras().layers
    inputs = layers.Input((1, 1, 3))
    x = layers.ELU(alpha=0.5)(layers.Dense(3, name="neurons")(layers.Flatten()(inputs)))
    other = keras().Model(inputs, layers.Dense(1)(x))
    other.set_weights(network.get_weights())
    assert slope_under("guided", other)[1].reshape(3) == pytest.approx(KERNEL[:, 0] * OUT[0], rel=1e-5)


def _ending(layer):
    """A network with a ReLU, so that there is something to override, followed by this layer."""
    layers = keras().layers
    inputs = layers.Input((1, 1, 3))
    x = layers.Dense(3, activation="relu")(layers.Flatten()(inputs))
    return keras().Model(inputs, layers.Dense(1)(layer(layers.Dense(3)(x))))


def _of_its_own():
    tf = tensorflow()

    class Own(keras().layers.Layer):
        @tf.function
        def call(self, x):
            return tf.nn.relu(x)

    return Own(name="own")


UNDEFINED = {
    "gelu": (lambda: keras().layers.Activation("gelu"), "GELU"),
    "tanh gelu": (
        lambda: keras().layers.Lambda(lambda x: keras().activations.gelu(x, approximate=True)),
        "GELU",
    ),
    "gelu of the ops": (lambda: keras().ops.gelu, "GELU"),
    "swish": (lambda: keras().layers.Activation("swish"), "swish"),
    "silu of the ops": (lambda: keras().ops.silu, "swish"),
    "mish": (lambda: keras().layers.Activation("mish"), "mish"),
    "celu": (lambda: keras().layers.Activation("celu"), "CELU"),
    "prelu": (lambda: keras().layers.PReLU(), "PReLU"),
    "threshold": (lambda: keras().layers.ReLU(threshold=1.0), "threshold"),
    "leaky threshold": (lambda: keras().layers.ReLU(negative_slope=0.1, threshold=1.0), "threshold"),
    "hard swish": (lambda: keras().layers.Activation("hard_swish"), "hard swish"),
    "softplus": (lambda: keras().layers.Activation("softplus"), "softplus"),
    "dense gelu": (lambda: keras().layers.Dense(3, activation="gelu"), "GELU"),
    "function": (_of_its_own, "a nested tf.function"),
}


@pytest.mark.parametrize("rule", ["guided", "rectified"])
@pytest.mark.parametrize("kind", UNDEFINED)
def test_activations_without_a_rule_are_refused_by_name(kind, rule):
    make, named = UNDEFINED[kind]
    with pytest.raises(ModelError) as error:
        slope_under(rule, _ending(make()))
    assert named in error.value.came
    assert "\n" not in str(error.value)
    assert "gradient" in error.value.do


def test_an_activation_without_a_rule_is_found_in_a_model_inside():
    layers = keras().layers
    within = layers.Input((3,))
    inner = keras().Model(within, layers.Dense(3, activation="gelu", name="soft")(within), name="within")
    with pytest.raises(ModelError, match="GELU in within/soft"):
        slope_under("guided", _ending(inner))


@pytest.mark.parametrize("rule", ["guided", "rectified"])
def test_a_network_without_rectifiers_is_refused(rule):
    with pytest.raises(
        ModelError, match=r"the explained number depends on none; use gradient, which would give the same map"
    ):
        slope_under(rule, three_neurons("tanh"))


@pytest.mark.parametrize("rule", ["guided", "rectified"])
def test_a_target_before_every_rectifier_is_refused(rule):
    layers = keras().layers
    inputs = layers.Input((*SIZE, 3))
    x = layers.ReLU()(layers.Conv2D(2, 3, name="bare")(inputs))
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    images = pictures(1, SIZE)
    method(rule).build(steering(network), context(images))
    with pytest.raises(ModelError, match="the explained number depends on none"):
        method(rule).build(steering(network, target=Filters("bare", (0,))), context(images))
