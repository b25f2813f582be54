"""The allowlist of operations: every `keras.ops` operation that a model file may name, with its arguments."""

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
)
from drivesal.model.readers.common_arguments import (
    AXES,
    AXIS,
    CHANNELS_LAST,
    COUNT,
    DTYPE,
    FILL,
    INTERPOLATION,
    NONE,
    POOL,
    SHIFT,
    Arguments,
    words,
)

_REDUCING: Arguments = {"axis": AXES, "keepdims": flag}
_EXTREME: Arguments = {**_REDUCING, "initial": optional(number)}
_ONE_AXIS: Arguments = {"axis": AXIS}
_TYPED: Arguments = {"dtype": DTYPE}
_SOME_AXES: Arguments = {"axis": AXES}
_POOL_OPERATION: Arguments = {**POOL, "data_format": CHANNELS_LAST}

OPERATIONS: Mapping[str, Mapping[str, Arguments]] = {
    "keras.src.ops.numpy": {
        **dict.fromkeys(
            words(
                "Absolute Add Arccos Arcsin Arcsinh Arctan Arctan2 Arctanh Ceil Cos Cosh Divide Equal Exp "
                "Expm1 Floor FloorDivide GetItem Greater GreaterEqual Hypot Less LessEqual Log Log10 Log1p "
                "Log2 LogicalAnd LogicalNot LogicalOr Matmul Maximum Minimum Mod Multiply Negative NotEqual "
                "Power Ravel Reciprocal Sign Sin Sinh Sqrt Square Subtract Tan Tanh TrueDivide Where"
            ),
            NONE,
        ),
        **dict.fromkeys(("All", "Any", "Mean", "Std", "Sum", "Var"), _REDUCING),
        **dict.fromkeys(("OnesLike", "ZerosLike"), _TYPED),
        **dict.fromkeys(("Max", "Min"), _EXTREME),
        **dict.fromkeys(("Concatenate", "Stack"), _ONE_AXIS),
        "Clip": {"x_min": optional(numbers), "x_max": optional(numbers)},
        "ExpandDims": {"axis": AXES},
        "Flip": {"axis": AXES},
        "Moveaxis": {"source": AXES, "destination": AXES},
        "Pad": {
            "pad_width": one_or_several(one_or_several(integer(0, 4096), 2)),
            "mode": one_of("constant", "reflect", "symmetric"),
        },
        "Prod": {**_REDUCING, "dtype": DTYPE},
        "Repeat": {"repeats": one_or_several(integer(0, 4096), 4096), "axis": optional(AXIS)},
        "Reshape": {"newshape": several(optional(integer(-1)))},
        "Round": {"decimals": integer(-10, 10)},
        "Roll": {"shift": one_or_several(SHIFT), "axis": AXES},
        "Split": {"indices_or_sections": one_or_several(integer(1, 4096), 4096), "axis": AXIS},
        "Squeeze": {"axis": AXES},
        "Swapaxes": {"axis1": AXIS, "axis2": AXIS},
        "Take": {"axis": optional(AXIS)},
        "Tile": {"repeats": one_or_several(integer(1, 4096))},
        "Transpose": {"axes": AXES},
    },
    "keras.src.ops.nn": {
        **dict.fromkeys(
            words("HardSigmoid HardSilu HardTanh LogSigmoid Relu Relu6 Selu Sigmoid Silu Softplus Softsign"),
            NONE,
        ),
        **dict.fromkeys(("AveragePool", "MaxPool"), _POOL_OPERATION),
        **dict.fromkeys(("LogSoftmax", "Softmax"), _SOME_AXES),
        "Celu": {"alpha": number},
        "Elu": {"alpha": number},
        "Gelu": {"approximate": flag},
        "LeakyRelu": {"negative_slope": number},
        "Normalize": {"axis": AXES, "order": number, "epsilon": optional(number)},
    },
    "keras.src.ops.core": {
        "Cast": {"dtype": DTYPE},
        "StopGradient": NONE,
        "Unstack": {"num": optional(integer(1, 4096)), "axis": AXIS},
    },
    "keras.src.ops.math": {"Erf": NONE, "Logsumexp": _REDUCING, "Rsqrt": NONE},
    "keras.src.ops.image": {
        "RGBToGrayscale": {"data_format": CHANNELS_LAST},
        "Resize": {
            "size": several(COUNT, 2),
            "interpolation": INTERPOLATION,
            "antialias": flag,
            "crop_to_aspect_ratio": flag,
            "pad_to_aspect_ratio": flag,
            "fill_mode": FILL,
            "fill_value": number,
            "data_format": CHANNELS_LAST,
        },
    },
}
"""Operations of `keras.ops`, by the module under which Keras saves them."""
