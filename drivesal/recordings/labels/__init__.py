"""Steering labels: read from tables, put on frames, compared with a model's angle."""
