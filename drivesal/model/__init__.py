"""A steering model: network, preprocessing, target and card."""
