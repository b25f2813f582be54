"""Steering labels: read from tables, assigned to frames, compared with predictions."""
