"""The allowlist: every class that a model file may name, with the arguments that it may have.

A class that is not listed is refused by name. None of the listed classes runs code of a file or opens another
file. The arguments are those of Keras 3; names of older versions are translated first (`legacy.renaming`), and
arguments without effect on predictions (initialisers, regularisers, seeds) are checked and then dropped.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivesal.model.readers.arguments import (
    flag,
    integer,
    number,
    numbers,
    one_of,
    one_or_several,
    optional,
    several,
    unchecked,
)
from drivesal.model.readers.common_arguments import (
    AXES,
    AXIS,
    COUNT,
    FILL,
    INTERPOLATION,
    NONE,
    PAD,
    PADDING,
    POOL,
    SIDES,
    Arguments,
    words,
)

_LINEAR: Arguments = {"activation": unchecked, "use_bias": flag}
_SLIDING: Arguments = {
    "kernel_size": SIDES,
    "strides": SIDES,
    "padding": PADDING,
    "dilation_rate": one_or_several(integer(1, 256), 3),
}
_CONV: Arguments = {"filters": COUNT, "groups": COUNT, **_SLIDING, **_LINEAR}
_TRANSPOSED: Arguments = {
    "filters": COUNT,
    "output_padding": optional(one_or_several(integer(0, 64), 3)),
    **_SLIDING,
    **_LINEAR,
}
_DEPTHWISE: Arguments = {"depth_multiplier": COUNT, **_SLIDING, **_LINEAR}
_SEPARABLE: Arguments = {"filters": COUNT, **_DEPTHWISE}
_GLOBAL: Arguments = {"keepdims": flag}
_NORM: Arguments = {"axis": AXES, "epsilon": number, "center": flag, "scale": flag}
_RATE: Arguments = {"rate": number}
_RECURRENT: Arguments = {
    "units": COUNT,
    "recurrent_activation": unchecked,
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
    "MaxPooling2D": POOL,
    "AveragePooling2D": POOL,
    "AdaptiveAveragePooling2D": {"output_size": SIDES},
    "AdaptiveMaxPooling2D": {"output_size": SIDES},
    "GlobalMaxPooling2D": _GLOBAL,
    "GlobalAveragePooling2D": _GLOBAL,
    "UpSampling2D": {"size": SIDES, "interpolation": INTERPOLATION},
    "ZeroPadding2D": {"padding": PAD},
    "Cropping2D": {"cropping": PAD},
    "SpatialDropout2D": _RATE,
}
"""Layers whose computation depends on the order of rows, columns and channels."""

MERGES: Mapping[str, Arguments] = {
    "Add": NONE,
    "Average": NONE,
    "Concatenate": {"axis": AXIS},
    "Maximum": NONE,
    "Minimum": NONE,
    "Multiply": NONE,
    "Subtract": NONE,
    "Dot": {"axes": one_or_several(AXIS, 2), "normalize": flag},
}

ELEMENTWISE: Mapping[str, Arguments] = {
    "Activation": {"activation": unchecked},
    "ActivityRegularization": NONE,
    "AlphaDropout": _RATE,
    "Dropout": _RATE,
    "ELU": {"alpha": number},
    "GaussianDropout": _RATE,
    "GaussianNoise": {"stddev": number},
    "Identity": NONE,
    "LeakyReLU": {"negative_slope": number},
    "ReLU": {"max_value": optional(number), "negative_slope": number, "threshold": number},
    "Rescaling": {"scale": numbers, "offset": numbers},
}
"""Layers whose computation does not depend on the order of rows, columns and channels."""

RECURRENT: Mapping[str, Arguments] = {
    "GRU": {**_RECURRENT, "reset_after": flag},
    "LSTM": _RECURRENT,
    "SimpleRNN": {key: kind for key, kind in _RECURRENT.items() if key != "recurrent_activation"},
}

WRAPPERS: Mapping[str, Arguments] = {
    "Bidirectional": {
        "layer": unchecked,
        "backward_layer": unchecked,
        "merge_mode": optional(one_of("sum", "mul", "concat", "ave")),
    },
    "TimeDistributed": {"layer": unchecked},
}
"""Layers that wrap another layer."""

_OTHER_LAYERS: Mapping[str, Arguments] = {
    "AdditiveAttention": {"use_scale": flag},
    "Attention": {"use_scale": flag, "score_mode": one_of("dot", "concat")},
    "AveragePooling1D": POOL,
    "BatchNormalization": {**_NORM, "axis": AXIS, "momentum": number},
    "CenterCrop": {"height": COUNT, "width": COUNT},
    "Conv1D": _CONV,
    "Conv1DTranspose": _TRANSPOSED,
    "Cropping1D": {"cropping": PAD},
    "Dense": {"units": COUNT, **_LINEAR},
    "DepthwiseConv1D": _DEPTHWISE,
    "Embedding": {"input_dim": COUNT, "output_dim": COUNT, "mask_zero": flag},
    "Flatten": NONE,
    "GlobalAveragePooling1D": _GLOBAL,
    "GlobalMaxPooling1D": _GLOBAL,
    "GroupNormalization": {**_NORM, "groups": integer(-1)},
    "LayerNormalization": _NORM,
    "Masking": {"mask_value": number},
    "MaxPooling1D": POOL,
    "MultiHeadAttention": {
        "num_heads": integer(1, 1024),
        "key_dim": COUNT,
        "value_dim": optional(COUNT),
        "use_bias": flag,
        "output_shape": optional(one_or_several(COUNT, 4)),
        "attention_axes": AXES,
    },
    "Normalization": {
        "axis": AXES,
        "mean": optional(numbers),
        "variance": optional(numbers),
        "invert": flag,
    },
    "Permute": {"dims": several(integer(1, 8))},
    "PReLU": {"shared_axes": AXES},
    "RepeatVector": {"n": COUNT},
    "Reshape": {"target_shape": several(integer(-1))},
    "Resizing": {
        "height": COUNT,
        "width": COUNT,
        "interpolation": INTERPOLATION,
        "crop_to_aspect_ratio": flag,
        "pad_to_aspect_ratio": flag,
        "fill_mode": FILL,
        "fill_value": number,
        "antialias": flag,
    },
    "RMSNormalization": {"axis": AXES, "epsilon": number},
    "SeparableConv1D": _SEPARABLE,
    "Softmax": {"axis": AXES},
    "SpatialDropout1D": _RATE,
    "UnitNormalization": {"axis": AXES},
    "UpSampling1D": {"size": integer(1, 4096)},
    "ZeroPadding1D": {"padding": PAD},
}

LAYERS: Mapping[str, Arguments] = {**SPATIAL, **MERGES, **ELEMENTWISE, **RECURRENT, **WRAPPERS, **_OTHER_LAYERS}
"""Layers of `keras.layers`."""

ONLY_TRAINING = words(
    "RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomErasing "
    "RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPosterization "
    "RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom"
)
"""Layers of `keras.layers` that pass their input through at inference; they are replaced by Identity."""

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
"""Model classes, and the modules under which versions of Keras saved each."""

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
"""Layers that contain code. They are never instantiated; a formula may replace them."""

ACTIVATIONS = words(
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu "
    "linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus "
    "softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink"
)
"""Functions of `keras.activations`."""

UNUSED = {
    "keras.initializers": words(
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
"""Classes that may be named but are never instantiated: they have no effect once the weights are loaded."""

OWN = {"drivesal>Head", "drivesal>hard_sigmoid_of_keras_2"}
"""Registered names that drivesal itself writes into the models that it saves."""
