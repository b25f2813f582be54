"""Prediction errors against recorded labels, and searches for better settings; `run` is the entry point."""
