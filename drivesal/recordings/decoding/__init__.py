"""Decoding of video and image files, and reports of data that could not be decoded."""
