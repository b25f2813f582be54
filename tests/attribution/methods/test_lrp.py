"""Layer-wise relevance propagation: closed forms, conservation, and the networks that are refused."""

import dataclasses

import numpy as np
import pytest

from drivesal.attribution.registry import method
from drivesal.errors import ModelError, OptionError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.card import Card
from drivesal.model.preprocess import Preprocess
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Class, Filters, Target
from tests.models import DEGREES, SIZE, context, convolutional, linear, linear_weights, pictures, seen, steering

LARGE = (24, 32)


def explain(model, images, **options):
    lrp = method("lrp")
    return lrp.build(model, context(images), **lrp.settings(options))(seen(images))


def close(result, expected, share=1e-3):
    return np.allclose(result, expected, rtol=share, atol=share * np.abs(expected).max())


def chained(*stack, size=LARGE, channels=3, seed=0):
    """A Sequential with random weights, including biases and normalization, which Keras starts at 0 or 1."""
    keras().utils.set_random_seed(seed)
    network = keras().Sequential([keras().layers.Input((*size, channels)), *stack])
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras().layers.BatchNormalization):
            n = layer.gamma.shape[0]
            signs = np.where(np.arange(n) % 2, -1, 1)
            layer.set_weights(
                [signs * rng.uniform(0.5, 1.5, n), *rng.normal(size=(2, n)), rng.uniform(0.5, 2, n)]
            )
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(0.3 * rng.normal(size=layer.bias.shape))
    return network


def rectifying(bias):
    layers = keras().layers
    return chained(
        layers.Conv2D(4, 5, strides=2, activation="relu", use_bias=bias),
        layers.MaxPooling2D(2),
        layers.Conv2D(6, 3, padding="same", use_bias=bias),
        layers.ReLU(),
        layers.AveragePooling2D((1, 2)),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(8, activation="relu", use_bias=bias),
        layers.Dense(1, use_bias=bias),
    )


@pytest.mark.parametrize("rule", ["z-plus", "epsilon"])
def test_a_linear_model_gives_weights_times_input(rule):
    model, images = steering(linear(bias=0), scale=1 / 255), pictures(3, SIZE)
    result = explain(model, images, rule=rule, epsilon=1e-9)
    assert close(result.raw, images / 255 * linear_weights())
    assert result.scores == pytest.approx(model.predict(images), rel=1e-5)
    assert result.completeness_errors.max() < 1e-4
    assert not result.baseline_scores.any()


def test_the_stabiliser_is_a_share_of_the_mean_preactivation():
    images = pictures(3, SIZE)
    # with a single output the mean |z| is |z|, so that the relevance is divided by 1 + epsilon
    result = explain(steering(linear(bias=0), scale=1 / 255), images, epsilon=0.25)
    assert close(result.raw, images / 255 * linear_weights() / 1.25)
    assert result.completeness_errors == pytest.approx(np.abs(result.scores) * 0.2, rel=1e-3)


def test_a_bias_absorbs_relevance():
    images = pictures(3, SIZE)
    result = explain(steering(linear(bias=0.5), scale=1 / 255), images, epsilon=1e-9)
    assert result.completeness_errors == pytest.approx(np.full(3, 0.5), rel=1e-3)


@pytest.mark.parametrize("rule", ["z-plus", "epsilon"])
def test_relevance_is_conserved_without_biases(rule):
    model, images = steering(rectifying(bias=False), scale=1 / 255), pictures(4, LARGE)
    result = explain(model, images, rule=rule, epsilon=1e-9)
    assert result.summed.sum(axis=(1, 2)) == pytest.approx(result.scores, rel=2e-3)
    assert np.abs(result.scores).min() > 1e-3


def test_the_relevance_absorbed_by_biases_is_the_completeness_error():
    model, images = steering(rectifying(bias=True), scale=1 / 255), pictures(4, LARGE)
    result = explain(model, images)
    missing = np.abs(result.raw.sum(axis=(1, 2, 3)) - model.predict(images))
    assert missing.min() > 1e-3
    assert result.completeness_errors == pytest.approx(missing, rel=1e-3)


def test_the_epsilon_rule_under_relu_is_gradient_times_network_input():
    tf = tensorflow()
    model, images = (
        steering(rectifying(bias=True), colour="YUV", scale=1 / 127.5, offset=-1),
        pictures(3, LARGE),
    )
    x = model.inputs(tf.constant(images, tf.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = model.score_of(x)
    expected = (x * tape.gradient(score, x)).numpy().sum(axis=3, keepdims=True)  # over YUV
    assert close(explain(model, images, rule="epsilon", epsilon=1e-9).raw, expected)


def test_z_plus_by_hand():
    """Two 1x1 convolutions of one pixel and a dense layer: z^B rule, sign rule with ELU, epsilon rule."""
    layers, rng = keras().layers, np.random.default_rng(3)
    network = keras().Sequential(
        [
            layers.Input((1, 1, 3)),
            layers.Conv2D(4, 1, activation="elu"),
            layers.Conv2D(5, 1, activation="elu"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    weights = [rng.normal(size=size).astype(np.float32) for size in ((3, 4), (4,), (4, 5), (5,), (5, 1), (1,))]
    network.set_weights([w if w.ndim == 1 or i == 4 else w[None, None] for i, w in enumerate(weights)])
    images = pictures(6, (1, 1))
    result = explain(steering(network, scale=1 / 127.5, offset=-1), images, epsilon=1e-9)
    w1, b1, w2, b2, w3, _ = (w.astype(float) for w in weights)
    negative = 0
    for image, raw in zip(images, result.raw, strict=True):
        x = image.reshape(3) / 127.5 - 1
        z1 = x @ w1 + b1
        a1 = np.where(z1 < 0, np.expm1(z1), z1)
        z2 = a1 @ w2 + b2
        a2 = np.where(z2 < 0, np.expm1(z2), z2)
        r2 = a2 * w3[:, 0]
        r1, r0 = np.zeros(4), np.zeros(3)
        for j in range(5):
            shares = np.maximum(a1 * w2[:, j] * (1 if z2[j] >= 0 else -1), 0)
            r1 += r2[j] * shares / shares.sum() if shares.sum() else 0
        for j in range(4):
            ends = np.array([-w1[:, j], w1[:, j]])
            shares = x * w1[:, j] - ends.min(axis=0) if z1[j] >= 0 else ends.max(axis=0) - x * w1[:, j]
            r0 += r1[j] * shares / shares.sum()
        negative += (z1 < 0).sum() + (z2 < 0).sum()
        assert close(raw[0, 0], r0)
    assert negative > 5


def test_z_plus_of_a_convolution_by_hand():
    """A 2x2 convolution with stride 2 after a ReLU; its windows do not overlap."""
    layers = keras().layers
    kernel = np.array([[1, -2], [3, 0.5]], np.float32)
    first, second = layers.Conv2D(1, 1, use_bias=False, activation="relu"), layers.Conv2D(1, 2, strides=2)
    network = chained(first, second, layers.ReLU(), layers.Flatten(), layers.Dense(1), size=(4, 4), channels=1)
    first.set_weights([np.ones((1, 1, 1, 1))])
    second.set_weights([kernel[..., None, None], np.array([20.0])])
    dense = network.layers[-1]
    dense.set_weights([np.array([[1.0], [-2], [3], [4]]), np.zeros(1)])
    images = pictures(1, (4, 4))
    model = steering(network, colour="GREY")
    result = explain(model, images, epsilon=1e-9)
    x = model.inputs(images.astype(np.float32)).numpy()[0, ..., 0]
    expected = np.zeros((4, 4))
    for i, weight in enumerate((1.0, -2, 3, 4)):
        rows, columns = slice(i // 2 * 2, i // 2 * 2 + 2), slice(i % 2 * 2, i % 2 * 2 + 2)
        z = (x[rows, columns] * kernel).sum() + 20
        shares = x[rows, columns] * np.maximum(kernel, 0)
        expected[rows, columns] = max(z, 0) * weight * shares / shares.sum()
    # the first convolution's window is one pixel of one channel, which gets all of the relevance
    assert close(result.raw[0, ..., 0], expected)


def folded(convolution, norm, first):
    """Weights of the convolution with a normalization after it, or before it (`first`), folded in."""
    gamma, beta, mean, variance = norm.get_weights()
    kernel, bias = convolution.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    shift = beta - mean * scale
    if first:
        return kernel * scale[:, None], bias + np.einsum("hwio,i->o", kernel, shift)
    return kernel * scale, bias * scale + shift


@pytest.mark.parametrize("rule", ["z-plus", "epsilon"])
@pytest.mark.parametrize("first", [True, False])
def test_normalization_is_folded(rule, first):
    layers = keras().layers
    norm, convolution = layers.BatchNormalization(), layers.Conv2D(4, 3, strides=2)
    rest = [layers.ELU(), layers.Flatten(), layers.Dense(1)]
    network = chained(*((norm, convolution) if first else (convolution, norm)), *rest)
    assert norm.gamma.numpy().min() < 0
    plain = chained(layers.Conv2D(4, 3, strides=2), layers.ELU(), layers.Flatten(), layers.Dense(1))
    plain.set_weights([*folded(convolution, norm, first), *rest[-1].get_weights()])
    images = pictures(3, LARGE)
    result, expected = (explain(steering(n, scale=1 / 255), images, rule=rule) for n in (network, plain))
    assert result.scores == pytest.approx(expected.scores, rel=1e-4)
    assert close(result.raw, expected.raw)


@pytest.mark.parametrize("rule", ["z-plus", "epsilon"])
def test_rescaling_before_cropping_is_folded(rule):
    layers = keras().layers
    rest = [
        layers.Cropping2D(((4, 2), (0, 0))),
        layers.Conv2D(4, 3),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(1),
    ]
    inner, images = chained(*rest), pictures(3, LARGE)
    outer = keras().Sequential([layers.Input((*LARGE, 3)), layers.Rescaling(1 / 255), inner])
    result, expected = (
        explain(steering(outer), images, rule=rule),
        explain(steering(inner, scale=1 / 255), images, rule=rule),
    )
    assert close(result.raw, expected.raw)
    assert not result.raw[:, :4].any()


def normalized():
    layers = keras().layers
    return chained(
        layers.Conv2D(4, 5, strides=2, activation="relu"),
        layers.BatchNormalization(),
        layers.ZeroPadding2D(1),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.Conv2D(6, 3, groups=2, activation="elu"),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(1),
    )


def nested():
    layers = keras().layers
    inputs = layers.Input((*LARGE, 3))
    x = layers.Conv2D(4, 5, strides=2, activation="relu")(inputs)
    x = chained(layers.Conv2D(3, 3, dilation_rate=2), layers.ELU(), size=x.shape[1:3], channels=4)(x)
    return keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))


@pytest.mark.parametrize("rule", ["z-plus", "epsilon"])
@pytest.mark.parametrize(
    ("make", "colour"),
    [
        (normalized, "RGB"),
        (nested, "BGR"),
        (convolutional, "YUV"),
        (
            lambda: chained(*rectifying(True).layers[:1], keras().layers.Flatten(), keras().layers.Dense(1)),
            "RGB",
        ),
        (
            lambda: chained(
                keras().layers.Conv2D(3, 5), keras().layers.Flatten(), keras().layers.Dense(1), channels=1
            ),
            "GREY",
        ),
    ],
)
def test_the_completeness_error_is_exact(make, colour, rule):
    images = pictures(3, LARGE)
    model = steering(make(), colour=colour, scale=1 / 255)
    result = explain(model, images, rule=rule)
    assert result.raw.shape == (3, *LARGE, 3 if colour in ("RGB", "BGR") else 1)
    assert result.raw.dtype == np.float32
    assert np.isfinite(result.raw).all()
    assert (np.abs(result.raw) > 0).any(axis=(1, 2, 3)).all()
    missing = np.abs(result.raw.sum(axis=(1, 2, 3)) - result.scores)
    assert result.completeness_errors == pytest.approx(missing, abs=1e-4)
    alone = np.concatenate([explain_one(model, images, i, rule).raw for i in range(3)])
    assert close(alone, result.raw)


def explain_one(model, images, i, rule):
    lrp = method("lrp")
    return lrp.build(model, context(images), **lrp.settings({"rule": rule}))(seen(images[i : i + 1]))


@pytest.mark.parametrize("rule", ["z-plus", "epsilon"])
def test_the_map_is_antisymmetric(rule):
    model, images = steering(convolutional(head="tanh"), scale=1 / 255), pictures(3, LARGE)
    result, negated = explain(model, images, rule=rule), explain(model.negated, images, rule=rule)
    assert negated.scores == pytest.approx(-result.scores)
    assert close(negated.raw, -result.raw, 1e-5)


def test_relevance_starts_from_the_angle_after_a_tanh():
    network = rectifying(False)
    plain, images = steering(network, scale=1 / 255), pictures(3, LARGE)
    layers = keras().layers
    head = keras().Model(network.inputs, layers.Activation("tanh")(network.outputs[0]))
    a, b = explain(plain, images, epsilon=1e-9), explain(steering(head, scale=1 / 255), images, epsilon=1e-9)
    assert b.scores == pytest.approx(np.tanh(a.scores), rel=1e-4)
    assert close(b.raw, a.raw * (b.scores / a.scores)[:, None, None, None])
    stated = dataclasses.replace(Target(DEGREES), pre_activation=True)
    c = explain(SteeringModel(head, Card(Preprocess(LARGE, scale=1 / 255), stated)), images, epsilon=1e-9)
    assert close(c.raw, a.raw)


def test_explaining_one_class_or_one_filter():
    layers, images = keras().layers, pictures(3, LARGE)
    convolution = layers.Conv2D(4, 5, use_bias=False, activation="relu", name="seen")
    network = chained(convolution, layers.Flatten(), layers.Dense(3, activation="softmax", use_bias=False))
    card = Card(Preprocess(LARGE, scale=1 / 255), Target(DEGREES))
    model = SteeringModel(network, card, target=Class(1))
    result = explain(model, images, epsilon=1e-9)
    assert result.raw.sum(axis=(1, 2, 3)) == pytest.approx(result.scores, rel=2e-3)
    activation = explain(model.explaining(Filters("seen", (2,))), images, epsilon=1e-9)
    assert activation.raw.sum(axis=(1, 2, 3)) == pytest.approx(activation.scores, rel=2e-3)
    assert activation.scores.min() > 0


def test_explaining_one_of_two_outputs():
    layers, images = keras().layers, pictures(3, LARGE)
    inputs = layers.Input((*LARGE, 3))
    x = layers.Flatten()(layers.Conv2D(4, 5, strides=2, activation="relu", use_bias=False)(inputs))
    outputs = [layers.Dense(1, name=name, use_bias=False)(x) for name in ("angle", "throttle")]
    network = keras().Model(inputs, outputs)
    card = Card(Preprocess(LARGE, scale=1 / 255), Target(DEGREES, output="angle"))
    result = explain(SteeringModel(network, card), images, epsilon=1e-9)
    assert result.raw.sum(axis=(1, 2, 3)) == pytest.approx(network(images / 255)[0].numpy()[:, 0], rel=2e-3)
    both = Card(Preprocess(LARGE, scale=1 / 255), Target(DEGREES, output="0.5*angle+0.5*throttle"))
    with pytest.raises(ModelError, match="one number of the network's output"):
        explain(SteeringModel(network, both), images)


@pytest.mark.parametrize("rule", ["z-plus", "epsilon"])
def test_the_map_of_a_constant_model_is_0(rule):
    model = steering(linear(np.zeros((*SIZE, 3), np.float32)))
    assert not explain(model, pictures(2, SIZE), rule=rule).raw.any()


def refused(kind):
    layers = keras().layers
    inputs = layers.Input((*LARGE, 3))
    x = layers.Conv2D(3, 5, padding="same", activation="relu", name="first")(inputs)
    if kind == "add":
        x = layers.Add(name="plus")([x, inputs])
    elif kind == "concatenate":
        x = layers.Concatenate(name="both")([x, inputs])
    elif kind == "tanh":
        x = layers.Conv2D(3, 3, activation="tanh", name="curved")(x)
    elif kind == "gelu":
        x = layers.Activation("gelu", name="curved")(x)
    elif kind == "transposed":
        x = layers.Conv2DTranspose(3, 3, name="wide")(x)
    elif kind == "operation":
        x = x * 2.0
    x = layers.Flatten()(x)
    return keras().Model(inputs, layers.Dense(1, activation="sigmoid" if kind == "sigmoid" else None)(x))


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("add", r"plus \(Add\) joins"),
        ("concatenate", r"both \(Concatenate\) joins"),
        ("tanh", "tanh in curved"),
        ("gelu", "gelu in curved"),
        ("transposed", r"wide \(Conv2DTranspose\)"),
        ("operation", r"the input of flatten\w* \(Flatten\) is not"),
        ("sigmoid", "0 at 0"),
    ],
)
def test_layers_without_a_rule_are_refused_by_name(kind, named):
    with pytest.raises(ModelError, match=f"{named}.*; use gradient, integrated-gradients"):
        explain(steering(refused(kind)), pictures(1, LARGE))


def test_a_lambda_that_is_not_affine_is_refused():
    layers = keras().layers
    inputs = layers.Input((*LARGE, 3))
    x = layers.Lambda(lambda x: x * x)(inputs)
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    with pytest.raises(ModelError, match=r"recomputed from its layers' weights.*the weights give"):
        explain(steering(network, scale=1 / 255), pictures(2, LARGE))
    scaled = keras().Model(
        inputs, layers.Dense(1, use_bias=False)(layers.Flatten()(layers.Lambda(lambda x: x / 255)(inputs)))
    )
    result = explain(steering(scaled), pictures(2, LARGE))
    assert result.completeness_errors.max() < 0.01 * np.abs(result.scores).max()


def test_options_out_of_range_are_refused():
    for options in ({"epsilon": 0.0}, {"rule": "alpha"}):
        with pytest.raises(OptionError):
            method("lrp").settings(options)


@pytest.mark.parametrize("rule", ["z-plus", "epsilon"])
def test_traced_once(rule):
    model, images = steering(convolutional(), scale=1 / 255), pictures(5, LARGE)
    traced, inside = [], model.score_and_calls
    model.score_and_calls = lambda *arguments: traced.append(1) or inside(*arguments)
    lrp = method("lrp")
    for epsilon in (0.001, 0.1):
        attribute = lrp.build(model, context(images), rule=rule, epsilon=epsilon)
        for count in (1, 5, 2):
            attribute(seen(images[:count]))
    assert len(traced) == 1


def test_weights_are_read_at_run_time():
    network, images = rectifying(False), pictures(2, LARGE)
    lrp = method("lrp")
    attribute = lrp.build(steering(network, scale=1 / 255), context(images), **lrp.settings({}))
    before = attribute(seen(images))
    dense = network.layers[-1]
    dense.set_weights([2 * w for w in dense.get_weights()])
    assert close(attribute(seen(images)).raw, 2 * before.raw)
