"""Results on disk, one module per kind."""
