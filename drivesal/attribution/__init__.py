"""Attribution methods: one file a family, one registered function a method."""

from drivesal.attribution.registry import Attributed, Attributor, Method, Option, method, methods, register

__all__ = ["Attributed", "Attributor", "Method", "Option", "method", "methods", "register"]
