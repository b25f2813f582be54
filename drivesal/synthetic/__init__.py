"""Synthetic road: procedural frames whose steering angle and evidence are known exactly."""
