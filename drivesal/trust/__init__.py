"""Tests of whether attribution maps can be trusted."""
