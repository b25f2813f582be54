"""Training of steering networks."""
