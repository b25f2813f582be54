"""Attribution methods: one file a family, one registered function a method."""

from drivesal.attribution.registry import (
    Attributed,
    Attributor,
    Context,
    Method,
    Option,
    Seen,
    method,
    methods,
    register,
)

__all__ = ["Attributed", "Attributor", "Context", "Method", "Option", "Seen", "method", "methods", "register"]
