"""Computes frames, explanations and timelines for a review."""
