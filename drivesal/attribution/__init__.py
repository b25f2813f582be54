"""Attribution methods: one file a family, one registered function a method."""

from drivesal.attribution.registry import Attributed, Attributor, Method, method, methods

__all__ = ["Attributed", "Attributor", "Method", "method", "methods"]
