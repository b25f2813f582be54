"""The gradient with its magnitude raised to a power."""

import numpy as np

from drivesal.attribution.registry import Attributed, Option, method, register


@register(
    name="power-gradient",
    title="Gradient to a power",
    paper="none, an example",
    equation="A = sign(g) |g|^p with g = ∂S/∂x",
    kind="relative",
    signed=True,
    antisymmetric=True,
    uses_head=True,
    options=(Option("power", float, 0.5, "exponent of the gradient's magnitude", low=0.1, high=2.0),),
)
def power_gradient(model, context, power):
    gradient = method("gradient").build(model, context)

    def attribute(inputs):
        plain = gradient(inputs)
        return Attributed(plain.scores, np.sign(plain.signed) * np.abs(plain.signed) ** power)

    return attribute
