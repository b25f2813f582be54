"""Interfaces of other packages, for code written for them."""
