"""Overlay elements, one file each; the registry finds every module in this package."""
