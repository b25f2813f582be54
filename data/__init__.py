"""The sample drive and its labels, shipped in the wheel."""
