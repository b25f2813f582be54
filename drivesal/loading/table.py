"""The list: every class that a model's file may name, with the arguments that it may be given.

What is not here is refused by name. None of it runs code of a file or opens another file. The arguments are
those of Keras 3; what older generations called otherwise is renamed before (`legacy.renaming`), and what does
nothing to an answer (initialisers, regularisers, seeds) is checked and then left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivesal.loading.arguments import (
    Kind,
    anything,
    flag,
    number,
    numbers,
    one_or_several,
    optional,
    several,
    whole,
    word,
)

Arguments = Mapping[str, Kind]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COUNT = whole(1)
_SIDES = one_or_several(whole(1, 4096), 3)
_AXIS = whole(-8, 8)
_AXES = optional(one_or_several(_AXIS))
_PAD = one_or_several(one_or_several(whole(0, 4096), 2), 8)
_PADDING = word("valid", "same", "causal")
_INTERPOLATION = word("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")
_CHANNELS_LAST = optional(word("channels_last"))
_DTYPE = optional(
    word("bool", "float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64")
)
_SHIFT = whole(-4096, 4096)
_FILL = word("constant", "reflect", "wrap", "nearest")

_LINEAR: Arguments = {"activation": anything, "use_bias": flag}
_SLIDING: Arguments = {
    "kernel_size": _SIDES,
    "strides": _SIDES,
    "padding": _PADDING,
    "dilation_rate": one_or_several(whole(1, 256), 3),
}
_CONV: Arguments = {"filters": _COUNT, "groups": _COUNT, **_SLIDING, **_LINEAR}
_TRANSPOSED: Arguments = {
    "filters": _COUNT,
    "output_padding": optional(one_or_several(whole(0, 64), 3)),
    **_SLIDING,
    **_LINEAR,
}
_DEPTHWISE: Arguments = {"depth_multiplier": _COUNT, **_SLIDING, **_LINEAR}
_SEPARABLE: Arguments = {"filters": _COUNT, **_DEPTHWISE}
_POOL: Arguments = {"pool_size": _SIDES, "strides": optional(_SIDES), "padding": _PADDING}
_GLOBAL: Arguments = {"keepdims": flag}
_NORM: Arguments = {"axis": _AXES, "epsilon": number, "center": flag, "scale": flag}
_RATE: Arguments = {"rate": number}
_NONE: Arguments = {}
_RECURRENT: Arguments = {
    "units": _COUNT,
    "recurrent_activation": anything,
    "return_sequences": flag,
    "return_state": flag,
    "go_backwards": flag,
    "zero_output_for_mask": flag,
    **_LINEAR,
}

SPATIAL: Mapping[str, Arguments] = {
    "Conv2D": _CONV,
    "Conv2DTranspose": _TRANSPOSED,
    "SeparableConv2D": _SEPARABLE,
    "DepthwiseConv2D": _DEPTHWISE,
    "MaxPooling2D": _POOL,
    "AveragePooling2D": _POOL,
    "AdaptiveAveragePooling2D": {"output_size": _SIDES},
    "AdaptiveMaxPooling2D": {"output_size": _SIDES},
    "GlobalMaxPooling2D": _GLOBAL,
    "GlobalAveragePooling2D": _GLOBAL,
    "UpSampling2D": {"size": _SIDES, "interpolation": _INTERPOLATION},
    "ZeroPadding2D": {"padding": _PAD},
    "Cropping2D": {"cropping": _PAD},
    "SpatialDropout2D": _RATE,
}
"""Layers with an order of rows, columns and channels."""

MERGES: Mapping[str, Arguments] = {
    "Add": _NONE,
    "Average": _NONE,
    "Concatenate": {"axis": _AXIS},
    "Maximum": _NONE,
    "Minimum": _NONE,
    "Multiply": _NONE,
    "Subtract": _NONE,
    "Dot": {"axes": one_or_several(_AXIS, 2), "normalize": flag},
}

ELEMENTWISE: Mapping[str, Arguments] = {
    "Activation": {"activation": anything},
    "ActivityRegularization": _NONE,
    "AlphaDropout": _RATE,
    "Dropout": _RATE,
    "ELU": {"alpha": number},
    "GaussianDropout": _RATE,
    "GaussianNoise": {"stddev": number},
    "Identity": _NONE,
    "LeakyReLU": {"negative_slope": number},
    "ReLU": {"max_value": optional(number), "negative_slope": number, "threshold": number},
    "Rescaling": {"scale": numbers, "offset": numbers},
}
"""Layers for which the order of rows, columns and channels is all one."""

RECURRENT: Mapping[str, Arguments] = {
    "GRU": {**_RECURRENT, "reset_after": flag},
    "LSTM": _RECURRENT,
    "SimpleRNN": {key: kind for key, kind in _RECURRENT.items() if key != "recurrent_activation"},
}

WRAPPERS: Mapping[str, Arguments] = {
    "Bidirectional": {
        "layer": anything,
        "backward_layer": anything,
        "merge_mode": optional(word("sum", "mul", "concat", "ave")),
    },
    "TimeDistributed": {"layer": anything},
}
"""Layers round another layer."""

_OTHERS: Mapping[str, Arguments] = {
    "AdditiveAttention": {"use_scale": flag},
    "Attention": {"use_scale": flag, "score_mode": word("dot", "concat")},
    "AveragePooling1D": _POOL,
    "BatchNormalization": {**_NORM, "axis": _AXIS, "momentum": number},
    "CenterCrop": {"height": _COUNT, "width": _COUNT},
    "Conv1D": _CONV,
    "Conv1DTranspose": _TRANSPOSED,
    "Cropping1D": {"cropping": _PAD},
    "Dense": {"units": _COUNT, **_LINEAR},
    "DepthwiseConv1D": _DEPTHWISE,
    "Embedding": {"input_dim": _COUNT, "output_dim": _COUNT, "mask_zero": flag},
    "Flatten": _NONE,
    "GlobalAveragePooling1D": _GLOBAL,
    "GlobalMaxPooling1D": _GLOBAL,
    "GroupNormalization": {**_NORM, "groups": whole(-1)},
    "LayerNormalization": _NORM,
    "Masking": {"mask_value": number},
    "MaxPooling1D": _POOL,
    "MultiHeadAttention": {
        "num_heads": whole(1, 1024),
        "key_dim": _COUNT,
        "value_dim": optional(_COUNT),
        "use_bias": flag,
        "output_shape": optional(one_or_several(_COUNT, 4)),
        "attention_axes": _AXES,
    },
    "Normalization": {
        "axis": _AXES,
        "mean": optional(numbers),
        "variance": optional(numbers),
        "invert": flag,
    },
    "Permute": {"dims": several(whole(1, 8))},
    "PReLU": {"shared_axes": _AXES},
    "RepeatVector": {"n": _COUNT},
    "Reshape": {"target_shape": several(whole(-1))},
    "Resizing": {
        "height": _COUNT,
        "width": _COUNT,
        "interpolation": _INTERPOLATION,
        "crop_to_aspect_ratio": flag,
        "pad_to_aspect_ratio": flag,
        "fill_mode": _FILL,
        "fill_value": number,
        "antialias": flag,
    },
    "RMSNormalization": {"axis": _AXES, "epsilon": number},
    "SeparableConv1D": _SEPARABLE,
    "Softmax": {"axis": _AXES},
    "SpatialDropout1D": _RATE,
    "UnitNormalization": {"axis": _AXES},
    "UpSampling1D": {"size": whole(1, 4096)},
    "ZeroPadding1D": {"padding": _PAD},
}

LAYERS: Mapping[str, Arguments] = {**SPATIAL, **MERGES, **ELEMENTWISE, **RECURRENT, **WRAPPERS, **_OTHERS}
"""Layers of `keras.layers`."""

ONLY_TRAINING = _words(
    "RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomErasing "
    "RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPosterization "
    "RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom"
)
"""Layers of `keras.layers` that pass their input on once a network is trained: Identity takes their place."""

MODELS = {
    "Functional": (
        "keras",
        "keras.models",
        "keras.src.models.functional",
        "keras.src.engine.functional",
        "keras.engine.functional",
        "tf_keras.src.engine.functional",
    ),
    "Model": ("keras", "keras.models"),
    "Sequential": ("keras", "keras.models"),
}
"""Models, and the modules under which Keras has saved each."""

CODE = {
    "Lambda": ("keras.layers",),
    "SlicingOpLambda": (
        "keras.layers.core.tf_op_layer",
        "keras.src.layers.core.tf_op_layer",
        "tf_keras.src.layers.core.tf_op_layer",
    ),
    "TFOpLambda": (
        "keras.layers.core.tf_op_layer",
        "keras.src.layers.core.tf_op_layer",
        "tf_keras.src.layers.core.tf_op_layer",
    ),
    "TensorFlowOpLayer": (),
}
"""Layers of code: never made, a formula may take their place."""

_REDUCING: Arguments = {"axis": _AXES, "keepdims": flag}
_EXTREME: Arguments = {**_REDUCING, "initial": optional(number)}
_ONE_AXIS: Arguments = {"axis": _AXIS}
_TYPED: Arguments = {"dtype": _DTYPE}
_SOME_AXES: Arguments = {"axis": _AXES}
_POOL_OPERATION: Arguments = {**_POOL, "data_format": _CHANNELS_LAST}

OPERATIONS: Mapping[str, Mapping[str, Arguments]] = {
    "keras.src.ops.numpy": {
        **dict.fromkeys(
            _words(
                "Absolute Add Arccos Arcsin Arcsinh Arctan Arctan2 Arctanh Ceil Cos Cosh Divide Equal Exp "
                "Expm1 Floor FloorDivide GetItem Greater GreaterEqual Hypot Less LessEqual Log Log10 Log1p "
                "Log2 LogicalAnd LogicalNot LogicalOr Matmul Maximum Minimum Mod Multiply Negative NotEqual "
                "Power Ravel Reciprocal Sign Sin Sinh Sqrt Square Subtract Tan Tanh TrueDivide Where"
            ),
            _NONE,
        ),
        **dict.fromkeys(("All", "Any", "Mean", "Std", "Sum", "Var"), _REDUCING),
        **dict.fromkeys(("OnesLike", "ZerosLike"), _TYPED),
        **dict.fromkeys(("Max", "Min"), _EXTREME),
        **dict.fromkeys(("Concatenate", "Stack"), _ONE_AXIS),
        "Clip": {"x_min": optional(numbers), "x_max": optional(numbers)},
        "ExpandDims": {"axis": _AXES},
        "Flip": {"axis": _AXES},
        "Moveaxis": {"source": _AXES, "destination": _AXES},
        "Pad": {
            "pad_width": one_or_several(one_or_several(whole(0, 4096), 2)),
            "mode": word("constant", "reflect", "symmetric"),
        },
        "Prod": {**_REDUCING, "dtype": _DTYPE},
        "Repeat": {"repeats": one_or_several(whole(0, 4096), 4096), "axis": optional(_AXIS)},
        "Reshape": {"newshape": several(optional(whole(-1)))},
        "Round": {"decimals": whole(-10, 10)},
        "Roll": {"shift": one_or_several(_SHIFT), "axis": _AXES},
        "Split": {"indices_or_sections": one_or_several(whole(1, 4096), 4096), "axis": _AXIS},
        "Squeeze": {"axis": _AXES},
        "Swapaxes": {"axis1": _AXIS, "axis2": _AXIS},
        "Take": {"axis": optional(_AXIS)},
        "Tile": {"repeats": one_or_several(whole(1, 4096))},
        "Transpose": {"axes": _AXES},
    },
    "keras.src.ops.nn": {
        **dict.fromkeys(
            _words("HardSigmoid HardSilu HardTanh LogSigmoid Relu Relu6 Selu Sigmoid Silu Softplus Softsign"),
            _NONE,
        ),
        **dict.fromkeys(("AveragePool", "MaxPool"), _POOL_OPERATION),
        **dict.fromkeys(("LogSoftmax", "Softmax"), _SOME_AXES),
        "Celu": {"alpha": number},
        "Elu": {"alpha": number},
        "Gelu": {"approximate": flag},
        "LeakyRelu": {"negative_slope": number},
        "Normalize": {"axis": _AXES, "order": number, "epsilon": optional(number)},
    },
    "keras.src.ops.core": {
        "Cast": {"dtype": _DTYPE},
        "StopGradient": _NONE,
        "Unstack": {"num": optional(whole(1, 4096)), "axis": _AXIS},
    },
    "keras.src.ops.math": {"Erf": _NONE, "Logsumexp": _REDUCING, "Rsqrt": _NONE},
    "keras.src.ops.image": {
        "RGBToGrayscale": {"data_format": _CHANNELS_LAST},
        "Resize": {
            "size": several(_COUNT, 2),
            "interpolation": _INTERPOLATION,
            "antialias": flag,
            "crop_to_aspect_ratio": flag,
            "pad_to_aspect_ratio": flag,
            "fill_mode": _FILL,
            "fill_value": number,
            "data_format": _CHANNELS_LAST,
        },
    },
}
"""Operations of `keras.ops` by the module under which Keras saves them."""

ACTIVATIONS = _words(
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu "
    "linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus "
    "softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink"
)
"""Functions of `keras.activations`."""

UNUSED = {
    "keras.initializers": _words(
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal "
        "LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal "
        "VarianceScaling Zeros"
    ),
    "keras.regularizers": frozenset(["L1", "L1L2", "L2", "OrthogonalRegularizer"]),
    "keras.constraints": frozenset(["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"]),
    "keras": frozenset({"DTypePolicy"}),
    "keras.dtype_policies": frozenset({"DTypePolicy"}),
    "keras.mixed_precision": frozenset({"Policy"}),
}
"""What may be named and is never made: it does nothing to an answer once the weights are there."""

OWN = {"drivesal>Head", "drivesal>hard_sigmoid_of_keras_2"}
"""What drivesal itself writes into a model that it saves."""
