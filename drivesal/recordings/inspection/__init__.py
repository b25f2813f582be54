"""Inspection of a recording: its contents, and whether its labels match its images."""
