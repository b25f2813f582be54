"""The default steering model and its card, shipped in the wheel."""
