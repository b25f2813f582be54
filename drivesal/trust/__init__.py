"""Tests of attribution maps."""
