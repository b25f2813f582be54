"""The list: every class that a model's file may name, with the arguments that it may be given.

What is not here is refused by name. None of it runs code of a file or opens another file. The arguments are
those of Keras 3; what older generations called otherwise is renamed before (`legacy.renaming`), and what does
nothing to an answer (initialisers, regularisers, seeds) is checked and then left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivesal.model.readers.arguments import (
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

_LINEAR: Arguments = {"activation": anything, "use_bias": flag}
_SLIDING: Arguments = {
    "kernel_size": SIDES,
    "strides": SIDES,
    "padding": PADDING,
    "dilation_rate": one_or_several(whole(1, 256), 3),
}
_CONV: Arguments = {"filters": COUNT, "groups": COUNT, **_SLIDING, **_LINEAR}
_TRANSPOSED: Arguments = {
    "filters": COUNT,
    "output_padding": optional(one_or_several(whole(0, 64), 3)),
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
"""Layers with an order of rows, columns and channels."""

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
    "Activation": {"activation": anything},
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
    "GroupNormalization": {**_NORM, "groups": whole(-1)},
    "LayerNormalization": _NORM,
    "Masking": {"mask_value": number},
    "MaxPooling1D": POOL,
    "MultiHeadAttention": {
        "num_heads": whole(1, 1024),
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
    "Permute": {"dims": several(whole(1, 8))},
    "PReLU": {"shared_axes": AXES},
    "RepeatVector": {"n": COUNT},
    "Reshape": {"target_shape": several(whole(-1))},
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
    "UpSampling1D": {"size": whole(1, 4096)},
    "ZeroPadding1D": {"padding": PAD},
}

LAYERS: Mapping[str, Arguments] = {**SPATIAL, **MERGES, **ELEMENTWISE, **RECURRENT, **WRAPPERS, **_OTHERS}
"""Layers of `keras.layers`."""

ONLY_TRAINING = words(
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
"""What may be named and is never made: it does nothing to an answer once the weights are there."""

OWN = {"drivesal>Head", "drivesal>hard_sigmoid_of_keras_2"}
"""What drivesal itself writes into a model that it saves."""
